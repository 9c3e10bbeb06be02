"""Memory: shared by the whole process, gone with it.

Values are encoded as everywhere else, so that what works here works on every other backend and
what one handler does to a value it read never reaches another.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar

from napixd_store.base import StoreBackend
from napixd_store.changes import Changes, Expected, unmet
from napixd_store.connections import Connection
from napixd_store.counter import CounterBackend
from napixd_store.engine.records import Records, between
from napixd_store.integers import in_range
from napixd_store.names import Span

V = TypeVar("V")


class Memory(Connection):
    """All collections and counters of this process. `lock` guards every change."""

    place = "the memory of this process"
    holds_data = True

    def __init__(self) -> None:
        super().__init__()
        self.collections: dict[str, Records] = {}
        self.counters: dict[str, int] = {}

    def write_all(self, writes: Sequence[tuple["MemoryStore[Any]", Changes, Expected]]) -> None:
        """Make the *writes* of several stores in one step."""
        self.exclusively(self._apply_all, writes)

    def _apply_all(self, writes: Sequence[tuple["MemoryStore[Any]", Changes, Expected]]) -> None:
        for store, _changes, expected in writes:
            store._check(expected)
        changed = {
            store.collection: store._kept().copied(changes)
            for store, changes, _expected in writes
            if changes
        }
        self.collections.update(changed)  # the step that decides


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

    def _drop(self) -> None:
        self._connection.exclusively(self._connection.counters.pop, self._name, None)

    @classmethod
    def counters(cls, options: Mapping[str, Any]) -> list[str]:
        """Return the names of the counters of this process."""
        return sorted(cls._reached(options).counters)

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

    _front = _get

    def _load(self, keys: Collection[str] | None = None) -> Mapping[str, bytes]:
        if keys is None:
            return dict(self._kept())
        with self._connection.lock:
            return self._kept().found(keys)

    def _write(self, changes: Changes, expected: Expected) -> None:
        self._connection.exclusively(self._apply, changes, expected)

    def _apply(self, changes: Changes, expected: Expected) -> None:
        self._check(expected)
        self._connection.collections[self._collection] = self._kept().changed(changes)

    def _check(self, expected: Expected) -> None:
        if expected and (refused := unmet(expected, self._kept())):
            raise self._conflict(refused)

    def _scan(self) -> Iterator[tuple[str, bytes]]:
        return self._still_there(self._kept().texts())

    def _range(self, span: Span, reverse: bool, limit: int | None) -> Iterator[tuple[str, bytes]]:
        return self._still_there(between(list(self._kept()), span, reverse))

    def _still_there(self, texts: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        kept, name, none = self._connection.collections.get, self._collection, Records()
        for text in texts:
            record = kept(name, none).get(text)
            if record is not None:  # deleted since the keys were listed
                yield text, record

    def _count(self) -> int:
        records = self._kept()
        if self._swept not in self._connection.sweeps:  # none here was given a deadline
            return len(records)
        return sum(1 for _ in self._living(records.copy().items()))

    def _delete(self, text: str) -> bool:
        return self._connection.exclusively(self._remove, text)

    def _remove(self, text: str) -> bool:
        records = self._kept()
        if text not in records or self._is_over(records[text]):
            return False
        self._connection.collections[self._collection] = records.changed({text: None})
        return True

    def _drop(self) -> None:
        self._connection.exclusively(self._connection.collections.pop, self._collection, None)

    def _kept(self) -> Records:
        return self._connection.collections.get(self._collection) or Records()

    @classmethod
    def collections(cls, options: Mapping[str, Any]) -> list[str]:
        """Return the names of the collections in which something lives."""
        names = sorted(cls._reached(options).collections)
        return [name for name in names if cls(name, options)._has_living()]
