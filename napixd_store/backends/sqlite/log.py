"""The write-ahead log: which file the ``-wal`` beside a SQLite file belongs to.

A process that dies leaves its last writes in the log alone, and SQLite plays a log into whatever
file stands beside it: a new one, or an older one that was moved or copied there. Then pages of
two states are mixed, without an error. Neither names the other, so each log begins with a mark.

The mark raises the *schema cookie*, a number on the file's first page, by `_STEP`. What else
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
import struct
from collections.abc import Iterator
from contextlib import suppress
from io import FileIO
from pathlib import Path

from napixd_store import disk
from napixd_store.backends.sqlite import layout, note
from napixd_store.errors import CorruptData

_STEP = 2**10
_STATEMENTS = 2**9
"""So many times another program may change the layout in one transaction."""

_LONG = 1_000
"""So many pages in a log are copied to the file, as SQLite itself does."""

LATEST = 4 * _LONG
"""So many make SQLite do it, after a commit that was large by itself."""

_ROWS = 100


def first_cookie() -> int:
    """Return a cookie for a new file, which no log of another one holds."""
    return _STEP + secrets.randbelow(layout.COOKIES // 2)


# --- while it is written --------------------------------------------------------------------------


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
            header = log.read(_HEADER)
            if len(header) == _HEADER:
                log.seek(_LONG * (_FRAME + int.from_bytes(header[8:12], "big")), os.SEEK_CUR)
                return header[16:24], log.read(_FRAME)[8:16]
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
        handle.execute(f"PRAGMA schema_version = {(cookie + _STEP) % layout.COOKIES}")
        handle.execute("COMMIT")
    finally:
        if handle.in_transaction:
            handle.execute("ROLLBACK")


# --- before the file is opened --------------------------------------------------------------------

_HEADER = 32
_FRAME = 24
"""The length of what stands before each page of the log."""

_MAGIC = {b"\x37\x7f\x06\x82": "<", b"\x37\x7f\x06\x83": ">"}
"""What a log begins with -> the order of bytes in which its checksums are computed."""


def check(path: Path, cookie: int | None) -> None:
    """Make sure that the log beside *path* is that of the file, before SQLite plays it in.

    *cookie* is that of the file alone, if it could be read. Silent when there is no log, or one
    without a mark: another program began it.

    Raises:
        CorruptData: it is the log of another file, or of another state of this one; or there is
            none, and the file needs it.
    """
    note.check(path)
    log = note.beside(path)
    header: bytes | None = None
    while not _belongs(log, cookie):
        before, header = header, _header(log)
        if before == header:  # else others write here: it may have begun anew since
            raise CorruptData(
                f"{log} holds writes to another file, or to another state of it, than what stands "
                f"at {path} now; both were left untouched: put back the file that stood there, or "
                f"move the log away to go on without what is in it"
            )
        cookie = layout.cookie_of(path)


def _header(log: str) -> bytes:
    with disk.Lenient(), open(log, "rb", buffering=0) as stream:
        return stream.read(_HEADER)
    return b""


def _belongs(log: str, file: int | None) -> bool:
    with disk.Lenient(), open(log, "rb", buffering=0) as stream:
        first = next(_cookies(stream), None)
        if file is None or first is None or _fits(first, file):
            return True
        first = _first_that_counts(stream)
        return first is None or _fits(first, file) or file in _cookies(stream)
    return True


def _fits(first: int, file: int) -> bool:
    """Whether a log whose *first* cookie this is can have begun at a file that has that one."""
    raised = (first - file) % layout.COOKIES
    return raised == _STEP or raised < _STATEMENTS


def _frames(stream: FileIO) -> Iterator[bytes]:
    """Yield the pages of the log, with what stands before each."""
    stream.seek(0)
    header = stream.read(_HEADER)
    size = _FRAME + int.from_bytes(header[8:12], "big")
    if header[:4] in _MAGIC and size <= _FRAME + 2**16:
        while len(frame := stream.read(size)) == size and frame[8:16] == header[16:24]:
            yield frame  # what comes later is left from the log before


def _cookies(stream: FileIO) -> Iterator[int]:
    """Yield the cookie of each version of the file's first page in the log."""
    return (_cookie(frame) for frame in _frames(stream) if _is_first_page(frame))


def _is_first_page(frame: bytes) -> bool:
    return frame[:4] == b"\0\0\0\1"


def _cookie(frame: bytes) -> int:
    return int.from_bytes(frame[_FRAME + 40 : _FRAME + 44], "big") % layout.COOKIES


def _first_that_counts(stream: FileIO) -> int | None:
    """Return the first cookie; None if it is in no transaction that SQLite would play in."""
    stream.seek(0)
    header = stream.read(_HEADER)
    order, first = _MAGIC.get(header[:4], "<"), None
    sums = _sums(order, header[:24], (0, 0))
    for frame in _frames(stream) if sums == _read_sums(header[24:]) else ():
        sums = _sums(order, frame[:8] + frame[_FRAME:], sums)
        if sums != _read_sums(frame[16:_FRAME]):
            break
        if first is None and _is_first_page(frame):
            first = _cookie(frame)
        if first is not None and frame[4:8] != bytes(4):  # the last of a transaction
            return first
    return None


def _read_sums(data: bytes) -> tuple[int, ...]:
    return struct.unpack(">2I", data)


def _sums(order: str, data: bytes, sums: tuple[int, int]) -> tuple[int, int]:
    one, two = sums
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        one = (one + even + two) % 2**32
        two = (two + odd + one) % 2**32
    return one, two
