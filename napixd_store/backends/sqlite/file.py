"""The SQLite file: what proves it ours, and how it is opened."""

import os
import sqlite3
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path

from napixd_store import disk
from napixd_store.backends.sqlite import create, layout, note, recovery
from napixd_store.backends.sqlite.faults import UNTOUCHED, translated
from napixd_store.backends.sqlite.upgrade import upgrade
from napixd_store.errors import ConfigError, CorruptData, StoreError

MINIMUM_SQLITE = (3, 37, 0)
"""STRICT tables, which keep an integer from turning into a float at 2**63."""


# --- proof ----------------------------------------------------------------------------------------


def check(path: Path, timeout: float) -> None:
    """Make sure that *path* is a database of ours that this version understands.

    A foreign file keeps every byte; one of an earlier layout is brought up to this one.

    Raises:
        CorruptData: it is no SQLite file, damaged, another program's, or from a newer version, or
            its log is another file's.
        ReadOnly, Unavailable: it cannot be opened.
    """
    _check_facts(path)
    try:
        cookie, version = _prove(path, layout.ALONE)  # the file alone, which is soon done
    except StoreError:
        if is_unchanging(path):
            raise
        recovery.check(path, layout.cookie_of(path))
        # Others write to it, or it takes the log to make sense of it.
        _cookie, version = _prove(path, "mode=ro")
    else:
        recovery.check(path, cookie)
    if version < layout.VERSION:
        upgrade(path, timeout)


def _check_facts(path: Path) -> None:
    with disk.Lenient():  # SQLite will say what is wrong
        facts = os.stat(path)
        if stat.S_ISDIR(facts.st_mode):
            raise ConfigError(f"{path} is a folder, not a file: check path=")
        if stat.S_ISREG(facts.st_mode) and facts.st_size == 0:
            raise CorruptData(f"{path} is empty: a database was truncated here; {UNTOUCHED}")
        if facts.st_nlink > 1:
            create.clear(path)


def _prove(path: Path, way: str) -> tuple[int, int]:
    """Look at *path* in a *way* that writes nothing; return its cookie and its version."""
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
    if version > layout.VERSION:
        raise CorruptData(
            f"{path} was written by a newer napixd-store (schema {version}; this one knows "
            f"{layout.VERSION}): upgrade napixd-store; {UNTOUCHED}"
        )
    return cookie, version


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
