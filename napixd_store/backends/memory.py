"""Memory: shared by the whole process, gone with it.

Values are encoded as everywhere else, so that what works here works on every other backend and
what one handler does to a value it read never reaches another.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Literal, TypeVar

from napixd_store.base import StoreBackend
from napixd_store.changes import Changes, Expected, unmet
from napixd_store.connections import Connection, connect
from napixd_store.counter import CounterBackend
from napixd_store.integers import in_range
from napixd_store.options import bind

V = TypeVar("V")


class Memory(Connection):
    """All collections and counters of this process. `lock` guards every change."""

    place = "the memory of this process"
    holds_data = True

    def __init__(self) -> None:
        super().__init__()
        self.collections: dict[str, dict[str, bytes]] = {}
        self.counters: dict[str, int] = {}


def open_memory(*, durability: Literal["memory"] = "memory") -> Memory:
    """Return the process's memory.

    Args:
        durability: nothing but ``memory`` can be promised here.
    """
    return Memory()


class MemoryCounter(CounterBackend):
    """An integer in the memory of this process: a restart begins at 0 again.

    Guarantees: atomic among threads. A forked child goes on with its own copy. Durability
    ``memory``: nothing survives the process.

    >>> hits = MemoryCounter("hits", {})
    >>> hits.increment(), hits.increment(by=2), hits.reset()
    (1, 3, 3)
    """

    opener = staticmethod(open_memory)
    _connection: Memory

    def _value(self) -> int:
        return self._connection.counters.get(self.name, 0)

    def _increment(self, by: int) -> int:
        memory = self._connection
        with memory.lock:
            value = in_range(memory.counters.get(self.name, 0) + by, self._where())
            memory.counters[self.name] = value
            return value

    def _reset(self, to: int) -> int:
        memory = self._connection
        with memory.lock:
            old = memory.counters.get(self.name, 0)
            memory.counters[self.name] = to
            return old


class MemoryStore(StoreBackend[V]):
    """A dict in the memory of this process; write-through by default.

    Iterates in the order of insertion.

    Guarantees: atomic among threads. A forked child goes on with its own copy. Durability
    ``memory``: nothing survives the process.

    >>> colours = MemoryStore("colours", {})
    >>> colours.update(red="#f00", blue="#00f")
    >>> list(colours)
    ['red', 'blue']
    >>> colours.drop()
    """

    opener = staticmethod(open_memory)
    counter = MemoryCounter
    _connection: Memory

    def _load(self, keys: Collection[str] | None = None) -> Mapping[str, bytes]:
        memory = self._connection
        with memory.lock:
            records = memory.collections.get(self.collection, {})
            if keys is None:
                return dict(records)
            return {text: records[text] for text in keys if text in records}

    def _write(self, changes: Changes, expected: Expected) -> None:
        memory = self._connection
        with memory.lock:
            records = memory.collections.setdefault(self.collection, {})
            refused = unmet(expected, records)
            if refused:
                raise self._conflict(refused)
            for text, record in changes.items():
                if record is None:
                    records.pop(text, None)
                else:
                    records[text] = record

    def _scan(self) -> Iterator[tuple[str, bytes]]:
        memory = self._connection
        with memory.lock:
            records = memory.collections.get(self.collection, {})
            texts = list(records)
        for text in texts:
            record = records.get(text)
            if record is not None:  # deleted since the keys were listed
                yield text, record

    def _count(self) -> int:
        return len(self._connection.collections.get(self.collection, ()))

    def _drop(self) -> None:
        with self._connection.lock:
            self._connection.collections.pop(self.collection, None)

    @classmethod
    def collections(cls, options: Mapping[str, Any]) -> list[str]:
        """Return the names of the collections that hold something."""
        (own,) = bind(cls.__name__, options, open_memory)
        memory = connect(open_memory, own)
        assert isinstance(memory, Memory)
        with memory.lock:
            return sorted(name for name, records in memory.collections.items() if records)
