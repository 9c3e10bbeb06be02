"""A thread's session: its handle on the file, and whether that is still the file at the path.

A file can be removed, renamed or replaced under an open handle, which then goes on with what no
other process finds any more. And a handle must not cross a fork
(https://www.sqlite.org/howtocorrupt.html, section 2.6).
"""

import os
import sqlite3
import threading
import weakref
from collections.abc import Callable
from itertools import starmap
from pathlib import Path

from napixd_store import disk
from napixd_store.backends.sqlite import note
from napixd_store.backends.sqlite.layout import ALL
from napixd_store.backends.sqlite.log import LATEST
from napixd_store.errors import Unavailable
from napixd_store.exclusive import owned

Identity = tuple[int, int] | None
"""What tells a file from any other that exists: device and inode; None where no file is."""

_SYNCHRONOUS = {"power": "FULL", "process": "NORMAL"}  # https://www.sqlite.org/pragma.html

NOTHING = "SELECT 1 WHERE 0"
"""Ends what the cursor was reading."""

_known: "weakref.WeakSet[Session]" = weakref.WeakSet()

_torn: dict[int, bool] = {}
"""Process id -> whether it, or one before it, was forked off beside a thread that used SQLite.

That thread may have held a lock of SQLite's own, such as that of its memory, which nobody gives
back here: whoever calls SQLite at all may wait for ever.
"""

_spoilt: set[Identity] = set()
"""Files that a handle from before a fork has open here for ever, so that no other handle is safe.

SQLite asks the kernel for the locks of a file once per process, and would take the old handle's
for its own. They are the parent's; when that ends, another process removes the log as nobody's.
"""


def identity(path: str) -> Identity:
    """Return the identity of the file that stands at *path* now."""
    try:
        facts = os.stat(path)
    except OSError as exc:
        if not disk.is_of_the_system(exc):
            raise
        return None
    return facts.st_dev, facts.st_ino


def check_usable(path: str) -> None:
    """Make sure that this process may work with the file at *path*, before SQLite is called.

    Raises:
        Unavailable: it was forked in the middle of an operation.
    """
    if True in _torn.values() or identity(path) in _spoilt:
        raise Unavailable(
            f"{path}: this process was forked in the middle of an operation, after which SQLite "
            f"cannot open the file in it; nothing was changed: fork while no operation is under "
            f"way"
        )


class Session:
    """One thread's handle and its only cursor; `lock` is held while the thread works with them.

    A cursor of one's own would go on reading for as long as somebody keeps the traceback of an
    interrupt; and to make one takes a tenth of the time of a read.
    """

    cursor: sqlite3.Cursor

    def __init__(self, path: str) -> None:
        self.lock = threading.RLock()
        self.handle: sqlite3.Connection | None = None
        self.file: Identity = None
        self.writable = True
        self.trusted_until = 0.0
        """When to look next at handle and file before using them, by the monotonic clock."""
        self.passing = False
        """Whether the handle serves one operation only, see `file.is_unchanging`."""
        self._path = path
        self._log_path = ""
        self._log: Identity = None
        _known.add(self)

    def open(
        self, file: Identity, connect: Callable[[], sqlite3.Connection], durability: str
    ) -> None:
        """Open a handle on *file*, which is expected at the path, by *connect*.

        Raises:
            sqlite3.Error: as SQLite says.
            Unavailable: another file stands there by now.
        """
        self.file = file
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
            self.handle = opened[0]
        finally:
            if self.handle is None:
                for handle in opened:
                    handle.close()
                self.close()

    def _note_log(self) -> None:
        self._log_path = note.beside(Path(self._path))
        self._log = identity(self._log_path)
        if not self.is_found():
            raise Unavailable(
                f"{self._path}: replaced while it was opened; nothing was changed: repeat"
            )

    def is_found(self) -> bool:
        """Whether the file stands at its path."""
        return identity(self._path) == self.file

    def is_whole(self) -> bool:
        """Whether the file stands at its path, and its log beside it."""
        return self.is_found() and identity(self._log_path) == self._log

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
                note.drop(Path(self._path))
        finally:
            self.handle = self.file = None

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

    def begin_anew(self) -> None:
        """Give up the parent's handle, in a process that was forked off.

        It is closed, or SQLite would take the parent's locks on the file for ours. But one in
        use, by the very thread that forks in a signal handler, is left open: to close it would
        undo what the parent is writing. So are all, if another thread was using one of them.
        """
        if self.file is not None and (owned(self.lock) or _is_torn()):
            _spoilt.add(self.file)
            if self.handle is not None:
                _give_up(self.handle, self.cursor, fails=owned(self.lock))
            self.handle = self.file = None
        self.close()
        self.lock = threading.RLock()

    def is_in_use_elsewhere(self) -> bool:
        """Whether another thread is using it."""
        if owned(self.lock) or not self.lock.acquire(blocking=False):
            return not owned(self.lock)
        self.lock.release()
        return False


def _is_torn() -> bool:
    """Return whether a thread that is not here was using SQLite; found out before all else."""
    pid = os.getpid()
    if pid not in _torn:
        _torn[pid] = True in _torn.values() or any(
            session.is_in_use_elsewhere() for session in list(_known)
        )
    return _torn[pid]


def _give_up(handle: sqlite3.Connection, cursor: sqlite3.Cursor, *, fails: bool) -> None:
    """Leave both open for ever; an operation that is under way *fails* here."""
    import ctypes  # takes 5 ms, and is hardly ever needed

    if fails:
        handle.set_authorizer(lambda *_asked: sqlite3.SQLITE_DENY)
    for each in (handle, cursor):  # to finalise either is to call SQLite
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(each))
