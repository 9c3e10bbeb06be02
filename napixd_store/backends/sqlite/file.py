"""The SQLite file: how it comes to be, what proves it ours, and what its errors mean.

One file holds all collections and counters, to be read with any SQLite tool::

    SELECT key, record FROM records WHERE collection = 'tickets';
    SELECT name, value FROM counters;

A new file is built aside and linked into place whole, so an empty or half-made one at the path
is damage, never a beginning.
"""

import os
import secrets
import shutil
import sqlite3
from pathlib import Path

from napixd_store.disk import make_private_folder, sync_folder
from napixd_store.disk import translated as of_the_system
from napixd_store.errors import (
    ConfigError,
    CorruptData,
    OutcomeUnknown,
    ReadOnly,
    StoreError,
    StoreFull,
    Unavailable,
)

MINIMUM_SQLITE = (3, 37, 0)
"""STRICT tables, which keep an integer from turning into a float at 2**63."""

APPLICATION_ID = 0x4E50_5844  # "NPXD", in the header of every file of ours
SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE collections (
    id    INTEGER PRIMARY KEY,
    name  TEXT NOT NULL UNIQUE,
    holes INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE entries (
    seq        INTEGER PRIMARY KEY,
    collection INTEGER NOT NULL REFERENCES collections,
    key        TEXT NOT NULL,
    record     BLOB NOT NULL,
    UNIQUE (collection, key)
) STRICT;
CREATE TRIGGER holes AFTER DELETE ON entries BEGIN
    UPDATE collections SET holes = holes + 1 - max(0, old.seq - coalesce(
        (SELECT max(seq) FROM entries WHERE seq > id << 40 AND seq < (id + 1) << 40), id << 40
    )) WHERE id = old.collection;
END;
CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE VIEW records AS
    SELECT name AS collection, key, CAST(record AS TEXT) AS record
    FROM entries JOIN collections ON collections.id = entries.collection;
"""
# An entry's seq is its collection's id * 2**40 + n, with n counting up from 1. So the entries of a
# collection lie together in the order of insertion without an index for it, and its size is the
# newest n less the holes, the numbers below it that are free: a new entry, the commonest write of
# all, touches no second table. A collection's row outlives its drop, for other processes know
# its id.

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
        sync_folder(str(path.parent))
    except (OSError, sqlite3.Error) as exc:
        raise translated(exc, path, writing=False) from exc


def _build(path: Path) -> None:
    database = sqlite3.connect(path, isolation_level=None)
    try:
        database.execute("PRAGMA synchronous=FULL")
        database.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        database.execute("PRAGMA journal_mode=WAL")
    finally:
        database.close()


def check(path: Path) -> None:
    """Make sure that *path* is a database of ours that this version understands.

    Looks through a read-only connection, so that a foreign file keeps every byte.

    Raises:
        CorruptData: it is no SQLite file, damaged, another program's, or from a newer version.
        ReadOnly, Unavailable: it cannot be opened.
    """
    if path.is_dir():
        raise ConfigError(f"{path} is a folder, not a file: check path=")
    if path.is_file() and path.stat().st_size == 0:
        raise CorruptData(f"{path} is empty: a database was truncated here; {_UNTOUCHED}")
    try:
        database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            application = database.execute("PRAGMA application_id").fetchone()[0]
            version = database.execute("PRAGMA user_version").fetchone()[0]
            database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            cut = _is_cut(database, path)
        finally:
            database.close()
    except sqlite3.Error as exc:
        raise translated(exc, path, writing=False) from exc
    if application != APPLICATION_ID:
        raise CorruptData(f"{path} is another program's SQLite database; {_UNTOUCHED}")
    if cut:
        raise CorruptData(f"{path} was truncated inside its last page; {_UNTOUCHED}")
    if version != SCHEMA_VERSION:
        raise CorruptData(
            f"{path} was written by a newer napixd-store (schema {version}; this one knows "
            f"{SCHEMA_VERSION}): upgrade napixd-store; {_UNTOUCHED}"
        )


def _is_cut(database: sqlite3.Connection, path: Path) -> bool:
    """Whether the file ends inside a page, which SQLite takes for a whole one."""
    (page_size,) = database.execute("PRAGMA page_size").fetchone()
    if path.stat().st_size % page_size == 0:
        return False
    log = path.with_name(f"{path.name}-wal")
    if not log.exists() or log.stat().st_size == 0:
        return True
    # A page that was being copied from the log when the machine stopped is whole in the log.
    return bool(database.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok")


_UNTOUCHED = "it was left untouched: move it away or name another path"


def translated(exc: Exception, path: Path, *, writing: bool) -> StoreError:
    """Return what *exc* means to a caller; *writing* says whether a commit was under way."""
    said = str(exc)
    text = said.lower()
    if isinstance(exc, OSError):
        return of_the_system(exc, path)
    if "not a database" in text or "malformed" in text or "no such table" in text:
        return CorruptData(f"{path}: {said}; {_UNTOUCHED}")
    if "full" in text or (("i/o error" in text or "unable to open" in text) and _is_full(path)):
        return StoreFull(
            f"{path}: the disk is full; nothing was changed and the old data is intact: free "
            f"some space and repeat"
        )
    if "readonly" in text or ("unable to open" in text and not may_write(path)):
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
        return ConfigError(f"{path}: {said}; nothing was changed: check path=")
    if "too big" in text:
        return StoreFull(f"{path}: {said}; nothing was changed")
    if writing:
        return OutcomeUnknown(f"{path}: {said}; the change may or may not be stored: read it back")
    return Unavailable(f"{path}: {said}; nothing was changed")


def _is_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < _A_PAGE_OR_TWO
    except OSError:
        return False


def may_write(path: Path) -> bool:
    """Say whether SQLite can write here, which takes rights in the folder as well."""
    return os.access(path.parent, os.W_OK) and (not path.exists() or os.access(path, os.W_OK))
