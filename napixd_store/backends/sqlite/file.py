"""The SQLite file: how it comes to be, what proves it ours, and how it is opened.

A new file is built aside and linked into place whole, so an empty or half-made one at the path
is damage, never a beginning.
"""

import os
import re
import secrets
import sqlite3
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from napixd_store import disk
from napixd_store.backends.sqlite import layout, log, note
from napixd_store.backends.sqlite.faults import UNTOUCHED, check_length, translated
from napixd_store.errors import ConfigError, CorruptData, StoreError

MINIMUM_SQLITE = (3, 37, 0)
"""STRICT tables, which keep an integer from turning into a float at 2**63."""

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_ASIDE = re.compile(r"\.sqlite-[0-9a-f]{16}\.new(-journal)?")
_ABANDONED = 3600
"""Seconds after which nobody builds a file any more."""


# --- creation -------------------------------------------------------------------------------------


def ensure(path: Path) -> None:
    """Create the database at *path* unless something is there already.

    Raises:
        ConfigError: the path is too long.
        CorruptData: a log is there already, of a file that is gone: SQLite would play it in.
        ReadOnly, StoreFull, Unavailable: it cannot be created; nothing is left behind.
    """
    if os.path.lexists(path):
        return
    left = [side for side in (f"{path}-wal", f"{path}-journal") if note.has_content(side)]
    if left and not os.path.lexists(path):  # else another process made it, and wrote to it
        raise CorruptData(
            f"{path} is gone, but {left[0]} holds the last writes to it; nothing was changed: put "
            f"the file back, or move that away to begin with an empty one"
        )
    check_length(path)
    aside = path.with_name(f".sqlite-{secrets.token_hex(8)}.new")
    try:
        disk.make_private_folder(path.parent)
        _clear(path)
        try:
            disk.opened(str(aside), _NEW, partial(disk.give_to_owner_of, str(path.parent)))
            _build(aside)
            with suppress(FileExistsError):  # another process was faster; its file is as good
                os.link(aside, path)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(aside)
    except (OSError, sqlite3.Error) as exc:
        if isinstance(exc, OSError) and not disk.is_of_the_system(exc):
            raise
        raise translated(exc, path, writing=False) from exc
    disk.sync_folder(str(path.parent))


def _build(path: Path) -> None:
    database = sqlite3.connect(path, isolation_level=None)
    try:
        database.execute("PRAGMA synchronous=FULL")
        database.executescript(f"BEGIN; {layout.SCHEMA} COMMIT;")
        database.execute(f"PRAGMA application_id = {layout.APPLICATION_ID}")
        database.execute(f"PRAGMA user_version = {layout.VERSION}")
        database.execute(f"PRAGMA schema_version = {log.first_cookie()}")
        database.execute("PRAGMA journal_mode=WAL")
    finally:  # not by `closing`: interrupted as it begins, it would leave the file open
        database.close()


def _clear(path: Path) -> None:
    """Remove what processes left that were killed while they built a file in this folder."""
    with disk.Lenient(), os.scandir(path.parent) as entries:
        for entry in filter(partial(_is_left, path), entries):
            os.unlink(entry.path)


def _is_left(path: Path, entry: "os.DirEntry[str]") -> bool:
    aside = entry.path
    if not _ASIDE.fullmatch(entry.name):
        return False
    if os.path.exists(path) and os.path.samestat(os.stat(aside), os.stat(path)):
        return True  # in place
    return time.time() - os.lstat(aside).st_mtime > _ABANDONED


# --- proof ----------------------------------------------------------------------------------------


def check(path: Path) -> None:
    """Make sure that *path* is a database of ours that this version understands.

    A foreign file keeps every byte.

    Raises:
        CorruptData: it is no SQLite file, damaged, another program's, or from a newer version, or
            its log is another file's.
        ReadOnly, Unavailable: it cannot be opened.
    """
    _check_facts(path)
    try:
        cookie = _prove(path, layout.ALONE)  # the file alone, which is soon done
    except StoreError:
        if is_unchanging(path):
            raise
        log.check(path, layout.cookie_of(path))
        _prove(path, "mode=ro")  # others write to it, or it takes the log to make sense of it
    else:
        log.check(path, cookie)


def _check_facts(path: Path) -> None:
    with disk.Lenient():  # SQLite will say what is wrong
        facts = os.stat(path)
        if stat.S_ISDIR(facts.st_mode):
            raise ConfigError(f"{path} is a folder, not a file: check path=")
        if stat.S_ISREG(facts.st_mode) and facts.st_size == 0:
            raise CorruptData(f"{path} is empty: a database was truncated here; {UNTOUCHED}")
        if facts.st_nlink > 1:
            _clear(path)


def _prove(path: Path, way: str) -> int:
    """Look at *path* in a *way* that writes nothing; return the cookie that is found there."""
    try:
        database = sqlite3.connect(f"{path.absolute().as_uri()}?{way}", uri=True)
        try:
            application = database.execute("PRAGMA application_id").fetchone()[0]
            version = database.execute("PRAGMA user_version").fetchone()[0]
            cut, cookie = _is_cut(database, path), layout.cookie_in(database)
        finally:
            database.close()
    except sqlite3.Error as exc:
        raise translated(exc, path, writing=False) from exc
    if application != layout.APPLICATION_ID:
        raise CorruptData(f"{path} is another program's SQLite database; {UNTOUCHED}")
    if cut:
        raise CorruptData(f"{path} was truncated inside its last page; {UNTOUCHED}")
    if version != layout.VERSION:
        raise CorruptData(
            f"{path} was written by a newer napixd-store (schema {version}; this one knows "
            f"{layout.VERSION}): upgrade napixd-store; {UNTOUCHED}"
        )
    return cookie


def _is_cut(database: sqlite3.Connection, path: Path) -> bool:
    """Whether the file ends inside a page, which SQLite takes for a whole one."""
    (page_size,) = database.execute("PRAGMA page_size").fetchone()
    if os.path.getsize(path) % page_size == 0:
        return False
    if not note.has_content(note.beside(path)):
        return True
    # A page that was being copied from the log when the machine stopped is whole in the log.
    return bool(database.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok")


# --- handles --------------------------------------------------------------------------------------


def connecting(path: Path, timeout: float) -> Callable[[], sqlite3.Connection]:
    """Return what opens a handle on the database at *path*, and never creates one."""
    way = layout.ALONE if is_unchanging(path) else "mode=rw"
    return partial(
        sqlite3.connect,
        f"{path.as_uri()}?{way}",
        uri=True,
        timeout=timeout,
        isolation_level=None,
        check_same_thread=False,  # a fork closes the handles of all threads
    )


def is_unchanging(path: Path) -> bool:
    """Whether the file is on a read-only mount, and all that was written is in it.

    There SQLite cannot make the files by which processes see each other, so it must be told that
    nobody writes. Elsewhere the same file may be mounted writable: a handle that was opened so
    may serve one operation, and nothing it read is kept.
    """
    try:
        read_only = os.statvfs(path).f_flag & os.ST_RDONLY
    except OSError as exc:
        if not disk.is_of_the_system(exc):
            raise
        return False  # SQLite will say what is wrong
    return bool(read_only) and not note.has_content(note.beside(path))
