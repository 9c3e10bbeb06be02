"""Records that were read from a server and still stand there, as far as it has told.

Before a record is asked for, a *mark* is set under the name that the server will call when that
changes; who learns of a change takes the mark away. A record counts while its own mark stands.
So one that was asked for before a change and comes after it never counts, whoever was faster, and
one step takes away all records of a hash. Nobody needs a lock for it: each step is one of C.
"""

from collections import OrderedDict
from collections.abc import Iterable
from enum import Enum
from typing import Final, Literal, TypeAlias


class _Missing(Enum):
    MISSING = "missing"


MISSING: Final = _Missing.MISSING
"""Nothing is known; that there is no record, which may be known too, is None."""

Found: TypeAlias = bytes | Literal[_Missing.MISSING] | None

_BESIDE = 450
"""Bytes that a record takes here besides its own and those of its place."""

_SPARE = 1_000
"""So many marks more than records may stand: a hash's stays when its records have gone."""


class Records:
    """At most so many bytes; those that were not used for the longest time go first.

    One thread at a time puts; any may get and forget meanwhile.
    """

    def __init__(self, most: int) -> None:
        self._most, self._size = most, 0
        self._entries: OrderedDict[str, tuple[object, bytes | None]] = OrderedDict()
        self._marks: dict[str, object] = {}

    def get(self, name: str, place: str) -> Found:
        """Return what is known of *place*, of which the server tells under *name*."""
        entry = self._entries.get(place)
        if entry is None or entry[0] is not self._marks.get(name):
            return MISSING
        try:  # noqa: SIM105 - this is what a hit costs
            self._entries.move_to_end(place)
        except KeyError:  # it has just gone
            pass
        return entry[1]

    def mark(self, name: str) -> object:
        """Return the mark under *name*, before what is to be `put` is asked for."""
        if len(self._marks) > len(self._entries) + _SPARE:
            self._marks.clear()
        return self._marks.setdefault(name, object())

    def put(self, place: str, mark: object, record: bytes | None) -> None:
        """Keep what was found, which counts if its *mark* still stands."""
        before = self._entries.pop(place, None)
        if before is not None:
            self._size -= _cost(place, before[1])
        cost = _cost(place, record)
        if cost > self._most:  # all others would go for it, and then it too
            return
        self._entries[place] = mark, record
        self._size += cost
        while self._size > self._most:
            gone, (_mark, was) = self._entries.popitem(last=False)
            self._size -= _cost(gone, was)
            self._marks.pop(gone, None)  # of a record that the server calls by its place

    def forget(self, names: Iterable[str]) -> None:
        """Let nothing count any more of which the server tells under one of *names*."""
        for name in names:
            self._marks.pop(name, None)

    def forget_all(self) -> None:
        """Let nothing count any more."""
        self._marks.clear()


def _cost(place: str, record: bytes | None) -> int:
    return _BESIDE + len(place) + (len(record) if record else 0)
