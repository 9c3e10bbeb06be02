"""The write-ahead log: a mark tells which file the ``-wal`` beside a SQLite file belongs to.

A process that dies leaves its last writes in the log alone, and SQLite plays a log into whatever
file stands beside it: a new one, or an older one that was moved or copied there. Then pages of
two states are mixed, without an error. Neither names the other, so each log begins with a mark.

The mark raises the *schema cookie*, a number on the file's first page, by `STEP`. What else
becomes of that number is told from it: a statement that changes the layout adds one, so does
VACUUM INTO, and a copy by SQLite's backup begins at one. So the file that a log belongs to holds
the number that its mark raised or, as a checkpoint may have copied any page by now, one that the
log holds (https://www.sqlite.org/fileformat2.html, sections 1.3 and 4).

SQLite begins a log anew, over the old one, with the first write after all of it was copied to the
file, and tells nobody. So here it is copied before SQLite would, and the mark written at once.

The file itself is looked at through SQLite alone: to close a descriptor of it would give up all
locks that this process has on it. Nobody locks a log.
"""

import os
import secrets
import sqlite3
from contextlib import suppress
from pathlib import Path

from napixd_store import disk
from napixd_store.backends.sqlite import layout, note

STEP = 2**10
"""What the mark adds to the cookie; see `recovery` for how it is known again."""

HEADER = 32
FRAME = 24
"""The lengths of what stands at the beginning of a log, and before each page of it."""

_LONG = 1_000
"""So many pages in a log are copied to the file, as SQLite itself does."""

LATEST = 4 * _LONG
"""So many make SQLite do it, after a commit that was large by itself."""

_ROWS = 100


def first_cookie() -> int:
    """Return a cookie for a new file, which no log of another one holds."""
    return STEP + secrets.randbelow(layout.COOKIES // 2)


class Log:
    """What this process knows of the log of a file: whether it has begun with its mark."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._marked = b""
        self.due = 0
        """So many rows may be written until it is looked at again."""

    def tend(self, handle: sqlite3.Connection) -> None:
        """See to it that the log bears its mark; call it before a write, as the only writer here.

        Raises:
            sqlite3.Error: the mark cannot be written, so neither can what was to follow.
        """
        if self.due > 0:
            return
        begun, far_in = self._salts()
        if begun != self._marked or not begun or (begun == far_in and _copied(handle)):
            before = note.describe(self._path)
            _mark(handle)
            note.keep(self._path, before)
            self._marked, _ = self._salts()
        self.due = _ROWS

    def _salts(self) -> tuple[bytes, bytes]:
        """Return what differs each time a log begins, and the same of the page far inside."""
        with disk.Lenient(), open(note.beside(self._path), "rb", buffering=0) as log:
            header = log.read(HEADER)
            if len(header) == HEADER:
                log.seek(_LONG * (FRAME + int.from_bytes(header[8:12], "big")), os.SEEK_CUR)
                return header[16:24], log.read(FRAME)[8:16]
        return b"", b""


def _copied(handle: sqlite3.Connection) -> bool:
    """Copy the log to the file; say whether all of it is there, so that the next begins."""
    with suppress(sqlite3.Error):  # nothing is lost: it stays in the log
        _busy, pages, copied = handle.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        return bool(pages == copied)
    return False


def _mark(handle: sqlite3.Connection) -> None:
    try:
        handle.execute("BEGIN IMMEDIATE")
        (cookie,) = handle.execute("PRAGMA schema_version").fetchone()
        handle.execute(f"PRAGMA schema_version = {(cookie + STEP) % layout.COOKIES}")
        handle.execute("COMMIT")
    finally:
        if handle.in_transaction:
            handle.execute("ROLLBACK")
