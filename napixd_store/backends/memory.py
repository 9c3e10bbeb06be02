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
from napixd_store.records import Records

V = TypeVar("V")


class Memory(Connection):
    """All collections and counters of this process. `lock` guards every change."""

    place = "the memory of this process"
    holds_data = True

    def __init__(self) -> None:
        super().__init__()
        self.collections: dict[str, Records] = {}
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
        return self._connection.counters.get(self._name, 0)

    def _increment(self, by: int) -> int:
        return self._connection.exclusively(self._add, by)

    def _reset(self, to: int) -> int:
        return self._connection.exclusively(self._replace, to)

    def _add(self, by: int) -> int:
        counters = self._connection.counters
        value = in_range(counters.get(self._name, 0) + by, self._where())
        counters[self._name] = value
        return value

    def _replace(self, to: int) -> int:
        counters = self._connection.counters
        old = counters.get(self._name, 0)
        counters[self._name] = to
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

    def _get(self, text: str) -> bytes | None:
        return self._kept().get(text)

    def _load(self, keys: Collection[str] | None = None) -> Mapping[str, bytes]:
        if keys is None:
            return dict(self._kept())
        with self._connection.lock:
            return self._kept().found(keys)

    def _write(self, changes: Changes, expected: Expected) -> None:
        self._connection.exclusively(self._apply, changes, expected)

    def _apply(self, changes: Changes, expected: Expected) -> None:
        records = self._kept()
        if expected and (refused := unmet(expected, records)):
            raise self._conflict(refused)
        self._connection.collections[self._collection] = records.changed(changes)

    def _scan(self) -> Iterator[tuple[str, bytes]]:
        kept, name, none = self._connection.collections.get, self._collection, Records()
        for text in kept(name, none).texts():
            record = kept(name, none).get(text)
            if record is not None:  # deleted since the keys were listed
                yield text, record

    def _count(self) -> int:
        return len(self._kept())

    def _drop(self) -> None:
        self._connection.exclusively(self._connection.collections.pop, self._collection, None)

    def _kept(self) -> Records:
        return self._connection.collections.get(self._collection) or Records()

    @classmethod
    def collections(cls, options: Mapping[str, Any]) -> list[str]:
        """Return the names of the collections that hold something."""
        (own,) = bind(cls.__name__, options, open_memory)
        memory = connect(open_memory, own)
        assert isinstance(memory, Memory)
        with memory.lock:
            return sorted(name for name, records in memory.collections.items() if records)
