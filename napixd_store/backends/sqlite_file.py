"""The SQLite file: how it comes to be, what proves it ours, and what its errors mean.

One file holds all collections and counters, readable with any SQLite tool::

    SELECT key, CAST(record AS TEXT) FROM records WHERE collection = 'tickets';
    SELECT name, value FROM counters;

A new file is built aside and linked into place whole, so an empty or half-made one at the path
is damage, never a beginning.
"""

import os
import secrets
import shutil
import sqlite3
from pathlib import Path

from napixd_store.errors import (
    ConfigError,
    CorruptData,
    OutcomeUnknown,
    ReadOnly,
    StoreError,
    StoreFull,
    Unavailable,
)
from napixd_store.places import make_private_folder

MINIMUM_SQLITE = (3, 37, 0)
"""STRICT tables, which keep an integer from turning into a float at 2**63."""

APPLICATION_ID = 0x4E50_5844  # "NPXD", in the header of every file of ours
SCHEMA_VERSION = 1

_SCHEMA = f"""
CREATE TABLE records (
    seq        INTEGER PRIMARY KEY,
    collection TEXT NOT NULL,
    key        TEXT NOT NULL,
    record     BLOB NOT NULL,
    UNIQUE (collection, key)
) STRICT;
CREATE INDEX records_in_order ON records (collection, seq);
CREATE TABLE collections (
    name TEXT PRIMARY KEY,
    size INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
"""

_PRIVATE_FILE = 0o600
_A_PAGE_OR_TWO = 64 * 1024


def ensure(path: Path) -> None:
    """Create the database at *path* unless something is there already.

    Raises:
        ReadOnly, StoreFull, Unavailable: it cannot be created; nothing is left behind.
    """
    if os.path.lexists(path):
        return
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        make_private_folder(path.parent)
        os.close(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _PRIVATE_FILE))
        try:
            _build(aside)
            try:
                os.link(aside, path)
            except FileExistsError:
                return  # another process was faster; its file is as good
        finally:
            aside.unlink()
        _sync_folder(path.parent)
    except (OSError, sqlite3.Error) as exc:
        raise translated(exc, path, writing=False) from exc


def _build(path: Path) -> None:
    database = sqlite3.connect(path, isolation_level=None)
    try:
        database.execute("PRAGMA synchronous=FULL")
        database.executescript(f"BEGIN;{_SCHEMA}COMMIT;")
        database.execute("PRAGMA journal_mode=WAL")
    finally:
        database.close()


def _sync_folder(folder: Path) -> None:
    # The name itself must survive a power cut, not only what the file holds.
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check(path: Path) -> None:
    """Make sure that *path* is a database of ours that this version understands.

    Looks through a read-only connection, so that a foreign file keeps every byte.

    Raises:
        CorruptData: it is no SQLite file, damaged, another program's, or from a newer version.
        ReadOnly, Unavailable: it cannot be opened.
    """
    if path.is_file() and path.stat().st_size == 0:
        raise CorruptData(f"{path} is empty: a database was truncated here; {_UNTOUCHED}")
    try:
        database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            application = database.execute("PRAGMA application_id").fetchone()[0]
            version = database.execute("PRAGMA user_version").fetchone()[0]
            database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        finally:
            database.close()
    except sqlite3.Error as exc:
        raise translated(exc, path, writing=False) from exc
    if application != APPLICATION_ID:
        raise CorruptData(f"{path} is another program's SQLite database; {_UNTOUCHED}")
    if version != SCHEMA_VERSION:
        raise CorruptData(
            f"{path} was written by a newer napixd-store (schema {version}; this one knows "
            f"{SCHEMA_VERSION}): upgrade napixd-store; {_UNTOUCHED}"
        )


_UNTOUCHED = "it was left untouched: move it away or name another path"


def translated(exc: Exception, path: Path, *, writing: bool) -> StoreError:
    """Return what *exc* means to a caller; *writing* says whether a commit was under way."""
    said = str(exc)
    text = said.lower()
    if isinstance(exc, OSError):
        return _of_the_system(exc, path)
    if "not a database" in text or "malformed" in text or "no such table" in text:
        return CorruptData(f"{path}: {said}; {_UNTOUCHED}")
    if "full" in text or (("i/o error" in text or "unable to open" in text) and _is_full(path)):
        return StoreFull(
            f"{path}: the disk is full; nothing was changed and the old data is intact: free "
            f"some space and repeat"
        )
    if "readonly" in text or ("unable to open" in text and not _may_write(path)):
        return ReadOnly(
            f"{path}: no right to write it, or to make SQLite's -wal and -shm files beside it; "
            f"nothing was changed: check the rights of the file and its folder"
        )
    if "locked" in text:
        return Unavailable(
            f"{path}: locked by other writers for longer than timeout=; nothing was changed: "
            f"try again"
        )
    if "unable to open" in text:
        what = "a folder" if path.is_dir() else "no file that can be opened"
        return ConfigError(f"{path} is {what}: {said}; nothing was changed: check path=")
    if "too big" in text:
        return StoreFull(f"{path}: {said}; nothing was changed")
    if writing:
        return OutcomeUnknown(f"{path}: {said}; the change may or may not be stored: read it back")
    return Unavailable(f"{path}: {said}; nothing was changed")


def _of_the_system(exc: OSError, path: Path) -> StoreError:
    import errno

    reason = exc.strerror or str(exc)
    if exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreFull(f"{path}: {reason}; nothing was changed: free some space and repeat")
    if exc.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return ReadOnly(f"{path}: {reason}; nothing was changed: check the rights of its folder")
    if exc.errno in (errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP):
        return ConfigError(f"{path}: {reason}; nothing was changed: check path=")
    return Unavailable(f"{path}: {reason}; nothing was changed")


def _is_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < _A_PAGE_OR_TWO
    except OSError:
        return False


def _may_write(path: Path) -> bool:
    return os.access(path.parent, os.W_OK) and (not path.exists() or os.access(path, os.W_OK))
