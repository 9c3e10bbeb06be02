"""Erasing collections that were dropped: in steps, between which others have their turn.

To drop a collection is to take its name from it, which everybody sees at once, whole or not at
all. Its entries are nobody's from then on, and its number is taken until none of them is left.
They are deleted in transactions of a few milliseconds; those of a small collection in the one that
took its name.

Whoever is killed or interrupted in between leaves some. Each that drops a collection later deletes
of them what its last step has time for, after its own; to `finish` is to delete all. Several
processes may be doing so, each a step in its turn.
"""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from time import monotonic, sleep
from typing import Any

from napixd_store.backends.sqlite import sql
from napixd_store.errors import StoreError

_STEP = 0.02
"""Seconds for which a step deletes, while nobody else can write."""

_AT_ONCE = 500
"""Entries between two looks at the clock: their records may be small or large."""


def drop(transaction: Callable[..., Any], name: str) -> None:
    """Drop the collection *name*, and erase it, by `Database.transaction`.

    Raises:
        StoreError: nothing was changed. If only erasing it fails, it is gone, and this silent.
    """
    own, left = transaction(_drop, name)
    with suppress(StoreError):  # what was asked for is done
        while own in left:
            _give_way()
            left = transaction(_erase, own)


def finish(transaction: Callable[..., Any]) -> None:
    """Erase all that is left of what anybody dropped."""
    while transaction(_erase):
        _give_way()


def _give_way() -> None:
    """Let other threads of this process write, which are in no queue."""
    sleep(0.001)


def _drop(cursor: sqlite3.Cursor, name: str) -> tuple[int, list[int]]:
    rows = cursor.execute(sql.DROP, (name,)).fetchall()
    own = rows[0][0] if rows else 0
    return own, _erase(cursor, own)


def _erase(cursor: sqlite3.Cursor, first: int = 0) -> list[int]:
    """Delete entries for a step, of the number *first* first; return the numbers that are left."""
    until = monotonic() + _STEP
    left = [id for (id,) in cursor.execute(sql.DROPPED, (first,)).fetchall()]
    while left:
        erased = cursor.execute(sql.ERASE, {"id": left[0], "many": _AT_ONCE}).rowcount
        if erased < _AT_ONCE:
            cursor.execute(sql.ERASED, (left.pop(0),))
        if monotonic() > until:
            break
    return left
