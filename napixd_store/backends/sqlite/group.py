"""Group commit: writes of threads that wait for one another become durable together.

A commit that survives a power cut waits for the disk, which is as soon done with sixteen writes as
with one. So threads that write at once line up, and the first in the line makes the writes of all
who stand in it by then, in one transaction. While it waits for the disk, the next group gathers.

Each gets the result, or the error, of its own write. If a group cannot be committed, it is as if it
had never been, and each makes its own write alone, and is told what came of that.

Nobody relies on others: whoever waits for longer than usual makes the write himself, once he has
the lock of those who write, and knows then whether somebody did. So whoever is interrupted leaves
nobody waiting, and nothing is written twice.
"""

import queue
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from operator import methodcaller
from typing import Any

Result = tuple[list[Any], int]
"""The rows of a statement, and how many it changed."""

_PATIENCE = 0.05
"""Seconds until somebody who was not served looks himself; a sync takes less, mostly."""

wake = methodcaller("wake", None)
"""Wake the thread of a write; in C, and more than once if need be."""


class Write:
    """One statement that a thread wants to be made durable, and what came of it."""

    __slots__ = ("committed", "led", "outcome", "parameters", "sql", "wake", "woken")

    def __init__(self, sql: str, parameters: Sequence[Any]) -> None:
        self.sql, self.parameters = sql, parameters
        self.committed: Sequence[Any] = ()
        """Empty until the transaction that it was made in is."""
        self.led = False
        """Whether its own thread was the one to make it."""
        self.outcome: Result | Exception
        # Unlike a lock's, its waking may come twice; gevent's stands in for it where it is told to.
        self.woken: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.wake = self.woken.put

    def run(self, cursor: sqlite3.Cursor, committed: Sequence[Any]) -> None:
        """Run the statement in the transaction of a group."""
        self.committed = committed
        try:
            rows = cursor.execute(self.sql, self.parameters).fetchall()
            self.outcome = rows, cursor.rowcount
        except sqlite3.IntegrityError as exc:  # it alone is undone
            if not cursor.connection.in_transaction:  # or all, as somebody's trigger may have it
                raise
            self.outcome = exc

    def result(self) -> Result:
        """Return the rows and how many were changed, or raise what came of it."""
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


class Line:
    """The writes of this process's threads that nobody has begun with, in the order they came."""

    def __init__(self) -> None:
        # No deque: to say what it does not hold it asks for a `repr`, which lets signals in.
        self.waiting: list[Write] = []
        self.passing: list[None] = []
        """One for each thread that came when nobody was there, and has no need of a line."""

    def join(self, write: Write, timeout: float) -> bool:
        """Line up; return whether *write* is made, or else its thread should make it."""
        waiting = self.waiting
        waiting.append(write)
        try:
            if waiting[0] is write:
                return False
        except IndexError:
            pass  # somebody has begun with it by now
        try:
            write.woken.get(timeout=min(_PATIENCE, timeout))
        except queue.Empty:
            return False  # whoever is making it may not be done with it
        return bool(write.committed)

    def leave(self, write: Write) -> None:
        """Leave the line, unless somebody took *write*, and was interrupted."""
        with suppress(ValueError):
            self.waiting.remove(write)

    def move_to(self, taken: list[Write]) -> None:
        """Move all that stand in the line to *taken*."""
        first = partial(self.waiting.pop, 0)
        with suppress(IndexError):
            # In one call, so that no signal comes between a write's leaving and its being there.
            taken.extend(iter(first, None))


def commit(writes: list[Write], cursor: sqlite3.Cursor) -> None:
    """Run the *writes* in the transaction that is open, and commit it."""
    committed: list[Any] = []
    for each in writes:
        each.run(cursor, committed)
    # In one call: a signal finds it committed and noted, or neither.
    committed.extend(map(cursor.execute, ("COMMIT",)))
