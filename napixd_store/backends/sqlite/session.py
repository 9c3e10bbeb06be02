"""A thread's session: its handle on the file, and whether that is still the file at the path.

A file can be removed, renamed or replaced under an open handle, which then goes on with what no
other process finds any more.
"""

import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterable, Sequence
from itertools import starmap
from pathlib import Path
from typing import Any

from napixd_store import disk
from napixd_store.backends.sqlite import note
from napixd_store.backends.sqlite.layout import ALL
from napixd_store.backends.sqlite.log import LATEST
from napixd_store.backends.sqlite.queue import Queue
from napixd_store.errors import Unavailable
from napixd_store.exclusive import owned

Identity = tuple[int, int] | None
"""What tells a file from any other that exists: device and inode; None where no file is."""

_SYNCHRONOUS = {"power": "FULL", "process": "NORMAL"}  # https://www.sqlite.org/pragma.html

NOTHING = "SELECT 1 WHERE 0"
"""Ends what the cursor was reading."""

sessions: "weakref.WeakSet[Session]" = weakref.WeakSet()
"""All of this process, whatever files they are on."""


def identity(path: str) -> Identity:
    """Return the identity of the file that stands at *path* now."""
    try:
        facts = os.stat(path)
    except OSError as exc:
        if not disk.is_of_the_system(exc):
            raise
        return None
    return facts.st_dev, facts.st_ino


class Session:
    """One thread's handle and its only cursor; `lock` is held while the thread works with them.

    A cursor of one's own would go on reading for as long as somebody keeps the traceback of an
    interrupt; and to make one takes a tenth of the time of a read.
    """

    cursor: sqlite3.Cursor

    def __init__(self, path: str, queue: Queue) -> None:
        self.queue = queue
        self.lock = threading.RLock()
        self.handle: sqlite3.Connection | None = None
        self.file: Identity = None
        self.writable = True
        self.trusted_until = 0.0
        """When to look next at handle and file before using them, by the monotonic clock."""
        self.passing = False
        """Whether the handle serves one operation only, see `file.is_unchanging`."""
        self.hurries = False
        """Whether SQLite waits for other writers for less than ``timeout=``."""
        self.path = path
        self._log_path = ""
        self._log: Identity = None
        sessions.add(self)

    def open(
        self, file: Identity, connect: Callable[[], sqlite3.Connection], durability: str
    ) -> None:
        """Open a handle on *file*, which is expected at the path, by *connect*.

        Raises:
            sqlite3.Error: as SQLite says.
            Unavailable: another file stands there by now.
        """
        self.file, self.hurries = file, False
        opened: list[sqlite3.Connection] = []
        try:
            # No signal comes between the connecting and the list.
            opened.extend(starmap(connect, ((),)))
            # Each by a cursor that nobody keeps: what one was interrupted in ends with it.
            opened[0].execute(f"PRAGMA synchronous={_SYNCHRONOUS[durability]}")
            opened[0].execute(f"PRAGMA wal_autocheckpoint={LATEST}")
            opened[0].execute(ALL)  # before anything is written to what may be damaged
            if self.writable:
                opened[0].execute("PRAGMA journal_mode=WAL")  # VACUUM INTO loses it
            opened[0].execute("PRAGMA user_version")  # a first read opens the log
            self.cursor = opened[0].cursor()
            self._note_log()
            self.queue.file.join(self)
            self.handle = opened[0]
        finally:
            if self.handle is None:
                for handle in opened:
                    handle.close()
                self.close()

    def _note_log(self) -> None:
        self._log_path = note.beside(Path(self.path))
        self._log = identity(self._log_path)
        if not self.is_found():
            raise Unavailable(
                f"{self.path}: replaced while it was opened; nothing was changed: repeat"
            )

    # --- queries -----------------------------------------------------------------------------

    def rows(self, sql: str, parameters: Sequence[Any]) -> list[Any]:
        """Return the rows of a query."""
        return self.cursor.execute(sql, parameters).fetchall()

    def rows_of_parts(self, sql: str, parts: Iterable[Sequence[Any]]) -> list[Any]:
        """Return the rows of a query, run once for each of *parts* over one state."""
        rows: list[Any] = []
        begun = self.begin("BEGIN")
        for parameters in parts:
            rows += self.rows(sql, parameters)
        self.end("ROLLBACK", begun)
        return rows

    def rows_until(self, sql: str, asked: tuple[Sequence[Any], int]) -> list[Any]:
        """Return rows until their last columns (bytes) add up to enough; no more is fetched."""
        parameters, enough = asked
        rows, size = [], 0
        for row in self.cursor.execute(sql, parameters):
            rows.append(row)
            size += len(row[-1])
            if size >= enough:
                self.cursor.execute(NOTHING)
                break
        return rows

    # --- whether they are right --------------------------------------------------------------

    def is_found(self) -> bool:
        """Whether the file stands at its path."""
        return identity(self.path) == self.file

    def is_whole(self) -> bool:
        """Whether the file stands at its path, and its log beside it."""
        return self.is_found() and identity(self._log_path) == self._log

    def wait(self, seconds: float, enough: float) -> None:
        """Have SQLite wait *seconds* for other writers; fewer than *enough*, for one write."""
        self.hurries = True
        self.cursor.execute(f"PRAGMA busy_timeout = {max(0, int(seconds * 1000))}")
        self.hurries = seconds < enough

    def begin(self, sql: str) -> float:
        """Begin a transaction by *sql*; return what `end` needs.

        The handle is looked at before its next use, unless `end` was reached: whatever came in
        between, nothing joins what was broken off.
        """
        trusted_until, self.trusted_until = self.trusted_until, 0.0
        self.cursor.execute(sql)
        return trusted_until

    def end(self, sql: str, begun: float) -> None:
        """End the transaction by *sql*."""
        self.cursor.execute(sql)
        self.trusted_until = begun

    def settle(self) -> None:
        """Leave no statement and no transaction open, whatever was broken off."""
        self.trusted_until = 0.0
        if self.handle is not None:
            try:
                self.cursor.execute("ROLLBACK" if self.handle.in_transaction else NOTHING)
            except sqlite3.Error:
                self.close()

    def close(self) -> None:
        """Close the handle, if one is open; whoever calls this holds `lock`."""
        self.trusted_until = 0.0
        try:
            if self.handle is not None:
                try:
                    self.cursor.close()  # or its statement keeps the file open
                finally:
                    self.handle.close()
                note.drop(Path(self.path))
                self.queue.file.drop()
        finally:
            self.handle = self.file = None
            self.queue.file.leave(self)

    def close_if_idle(self) -> None:
        """Close the handle unless somebody is using or closing it."""
        try:
            if self.lock.acquire(blocking=False):
                self.close()
        finally:
            # First of all, as a signal may tear everything else. RuntimeError: it was not got.
            try:  # noqa: SIM105 - to enter `suppress` is something else
                self.lock.release()
            except RuntimeError:
                pass

    def is_in_use_elsewhere(self) -> bool:
        """Whether another thread is using it."""
        if owned(self.lock) or not self.lock.acquire(blocking=False):
            return not owned(self.lock)
        self.lock.release()
        return False
