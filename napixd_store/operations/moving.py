"""``copy()`` and ``move()``: collections and counters from one place to another.

Nothing is dropped before all of it has arrived and was compared, record by record, and then each
record is deleted on the condition that it is still what has arrived. So whatever breaks it off, and
whoever writes meanwhile, nothing is lost; and to begin again passes over what has arrived.
"""

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from napixd_store.counter import CounterBackend
from napixd_store.errors import ConfigError, Unavailable
from napixd_store.integers import LARGEST
from napixd_store.operations.passage import Passage
from napixd_store.operations.place import Place
from napixd_store.operations.streams import batches
from napixd_store.progress import Passed, Progress

_ROUNDS = 10
"""So many times what others write meanwhile is brought over before it is given up."""


class Moved(NamedTuple):
    """What is at the target now, of what was asked for."""

    collections: int
    records: int
    counters: int


def copy(
    source: Place,
    target: Place,
    *,
    collections: Collection[str] | None = None,
    counters: Collection[str] | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Moved:
    """Copy *collections* and *counters*, all when None, and compare what has arrived.

    Records and deadlines arrive as they stand, byte for byte; what has ended stays behind. What
    is equal at the target is passed over, and its other keys and names are left alone. A counter
    is never lowered: where the target's is higher, it stays. To copy beside writers is safe, but
    no copy of one moment: to have that, stop them. *progress* is called with how many records are
    done and of how many; each counts once for each time that it is passed.

    Guarantees: streams, in constant memory where both media do. May be broken off at any moment
    and begun again.

    Raises:
        Conflict: a key holds another value at the target, and *overwrite* does not say that the
            source's is to stand; if it was there before, nothing was written to the collection.
        ConfigError: both are one place, by whatever names; or a pickle is signed for the source's
            backend alone.
        CorruptData: a record is no JSON; see `check`.

    >>> from napixd_store import Store
    >>> Store("users", "SQLite", path="desk.sqlite")["ann"] = 1
    >>> copy(Place("SQLite", path="desk.sqlite"), Place("File", root="desk"))
    Moved(collections=1, records=1, counters=0)
    >>> Store("users", "File", root="desk")["ann"]
    1
    """
    return _Transfer(source, target, overwrite, progress).copied(collections, counters)


def move(
    source: Place,
    target: Place,
    *,
    collections: Collection[str] | None = None,
    counters: Collection[str] | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Moved:
    """Do as `copy`, and when all of it has arrived and is equal, remove it from the source.

    A record that changes at the source meanwhile is brought over once more. But one that has
    arrived and is deleted there may stay at the target, and a number that is counted there in the
    last moment may come again here: stop who deletes and who counts.

    Raises:
        Unavailable: others go on writing at the source; what they wrote last is still there.
        ConfigError, Conflict, CorruptData: as `copy` does.

    >>> from napixd_store import Counter
    >>> Counter("ids", "File", root="desk").increment(7)
    7
    >>> move(Place("File", root="desk"), Place("SQLite", path="moved.sqlite"), collections=[])
    Moved(collections=0, records=0, counters=1)
    >>> Counter("ids", "File", root="desk").value, Counter("ids", path="moved.sqlite").value
    (0, 7)
    """
    return _Transfer(source, target, overwrite, progress, passes=3).moved(collections, counters)


def raise_to(counter: CounterBackend, value: int, there: Collection[str]) -> None:
    """Have *counter*, which others may be counting on, be at *value* at least.

    Unless it is among those that are *there*, it begins at *value*.
    """
    if value < 0 and counter.name not in there:
        counter.increment(value)
    while (lacks := value - counter.value) > 0:
        counter.increment(min(lacks, LARGEST))
    counter.increment(0)


class _Transfer:
    def __init__(
        self,
        source: Place,
        target: Place,
        overwrite: bool,
        progress: Progress | None,
        passes: int = 2,
    ) -> None:
        if source.has_stores_of(target):
            raise ConfigError(
                f"the source and the target are one place: {source} is {target}; nothing was "
                f"changed"
            )
        self._source, self._target, self._overwrite = source, target, overwrite
        self._same_counters = source.has_counters_of(target)
        self._progress, self._passes = progress, passes

    def copied(
        self, collections: Collection[str] | None, counters: Collection[str] | None
    ) -> Moved:
        names = self._source.collections() if collections is None else collections
        self._counters = self._source.counters() if counters is None else list(counters)
        self._passages = [
            Passage(self._source.records(name), self._target.records(name), self._overwrite)
            for name in names
        ]
        total = self._passes * sum(len(each.source) for each in self._passages)
        self._passed = Passed(total, self._progress)
        for each in self._passages:
            each.look()
        for each in self._passages:
            self._pass(each.living(), each.put)
        records = sum(self._pass(each.living(), each.settle) for each in self._passages)
        there = self._target.counters() if self._counters else []
        for name in () if self._same_counters else self._counters:
            raise_to(self._target.counter(name), self._source.counter(name).value, there)
        return Moved(len(self._passages), records, len(self._counters))

    def moved(self, collections: Collection[str] | None, counters: Collection[str] | None) -> Moved:
        moved = self.copied(collections, counters)
        for each in self._passages:
            self._removed(each)
        for name in () if self._same_counters else self._counters:
            source, target = self._source.counter(name), self._target.counter(name)
            raise_to(target, source.value, [name])
            if source.value > target.value:
                raise Unavailable(f"{source!r} goes on counting: stop who counts, and repeat")
            source.drop()
        return moved

    def _removed(self, passage: Passage) -> None:
        for _ in range(_ROUNDS):
            if not self._pass(passage.source._stream(), passage.remove):
                return
        raise Unavailable(
            f"{passage.source!r}: others go on writing there; what they wrote last is still there, "
            f"and all else has moved: stop them, and repeat"
        )

    def _pass(self, pairs: Iterable[tuple[str, bytes]], work: Any) -> int:
        records = 0
        for batch in self._passed.each(batches(pairs)):
            work(batch)
            records += len(batch)
        return records
