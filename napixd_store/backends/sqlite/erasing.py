"""Erasing collections that were dropped: in steps, between which others have their turn.

To drop a collection is to take its name from it, which everybody sees at once, whole or not at
all. Its entries are nobody's from then on, and its number is taken until none of them is left.
They are deleted in transactions of 20 milliseconds, or of 100 while no other process waits; those
of a small collection in the one that took its name. Where keys came in no order, each deletes from
almost every page of their index: the longer it is, the less is written in all.

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

_STEP, _LONGEST = 0.02, 0.1
"""Seconds for which a step deletes, so that nobody else writes: while others wait, and at most."""

_AT_ONCE = 100
"""Entries between two looks at the clock: their records may be small or large."""


def drop(database: Any, name: str) -> None:
    """Drop the collection *name* of a `database.Database`, and erase it.

    Raises:
        StoreError: nothing was changed. If only erasing it fails, it is gone, and this silent.
    """
    own, left = database.transaction(_drop, database.is_awaited, name)
    with suppress(StoreError):  # what was asked for is done
        _erase_rest(database, own, left)


def _erase_rest(database: Any, own: int, left: list[int]) -> None:
    while own in left:
        _give_way()
        left = database.transaction(_erase, database.is_awaited, own)


def finish(database: Any) -> None:
    """Erase all that is left there of what anybody dropped."""
    while database.transaction(_erase, database.is_awaited):
        _give_way()


def _give_way() -> None:
    """Let other threads of this process write, which are in no queue."""
    sleep(0.001)


def _drop(
    cursor: sqlite3.Cursor, is_awaited: Callable[[], bool], name: str
) -> tuple[int, list[int]]:
    rows = cursor.execute(sql.DROP, (name,)).fetchall()
    own = rows[0][0] if rows else 0
    return own, _erase(cursor, is_awaited, own)


def _erase(cursor: sqlite3.Cursor, is_awaited: Callable[[], bool], first: int = 0) -> list[int]:
    """Delete entries for a step, of the number *first* first; return the numbers that are left."""
    begun = monotonic()
    left = [id for (id,) in cursor.execute(sql.DROPPED, (first,)).fetchall()]
    while left:
        erased = cursor.execute(sql.ERASE, {"id": left[0], "many": _AT_ONCE}).rowcount
        if erased < _AT_ONCE:
            cursor.execute(sql.ERASED, (left.pop(0),))
        passed = monotonic() - begun
        if passed > _LONGEST or (passed > _STEP and is_awaited()):
            break
    return left
