"""The SQLite file: how it comes to be, and what proves it ours.

A new file is built aside and linked into place whole, so an empty or half-made one at the path
is damage, never a beginning.
"""

import os
import secrets
import sqlite3
from pathlib import Path

from napixd_store.backends.sqlite import layout, log
from napixd_store.backends.sqlite.faults import UNTOUCHED
from napixd_store.backends.sqlite.faults import may_write as may_write
from napixd_store.backends.sqlite.faults import translated as translated
from napixd_store.disk import make_private_folder, sync_folder
from napixd_store.errors import ConfigError, CorruptData

MINIMUM_SQLITE = (3, 37, 0)
"""STRICT tables, which keep an integer from turning into a float at 2**63."""

_PRIVATE_FILE = 0o600


def ensure(path: Path) -> None:
    """Create the database at *path* unless something is there already.

    Raises:
        CorruptData: a log is there already, of a file that is gone: SQLite would play it in.
        ReadOnly, StoreFull, Unavailable: it cannot be created; nothing is left behind.
    """
    if os.path.lexists(path):
        return
    left = [side for side in (f"{path}-wal", f"{path}-journal") if _has_content(side)]
    if left and not os.path.lexists(path):  # else another process made it, and wrote to it
        raise CorruptData(
            f"{path} is gone, but {left[0]} holds the last writes to it; nothing was changed: put "
            f"the file back, or move that away to begin with an empty one"
        )
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
        database.executescript(f"BEGIN; {layout.SCHEMA} COMMIT;")
        database.execute(f"PRAGMA application_id = {layout.APPLICATION_ID}")
        database.execute(f"PRAGMA user_version = {layout.VERSION}")
        database.execute(f"PRAGMA schema_version = {log.first_cookie()}")
        database.execute("PRAGMA journal_mode=WAL")
    finally:
        database.close()


def _has_content(path: str) -> bool:
    return os.path.exists(path) and os.path.getsize(path) > 0


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
        raise CorruptData(f"{path} is empty: a database was truncated here; {UNTOUCHED}")
    log.check(path)
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
    if application != layout.APPLICATION_ID:
        raise CorruptData(f"{path} is another program's SQLite database; {UNTOUCHED}")
    if cut:
        raise CorruptData(f"{path} was truncated inside its last page; {UNTOUCHED}")
    if version != layout.VERSION:
        raise CorruptData(
            f"{path} was written by a newer napixd-store (schema {version}; this one knows "
            f"{layout.VERSION}): upgrade napixd-store; {UNTOUCHED}"
        )


def _is_cut(database: sqlite3.Connection, path: Path) -> bool:
    """Whether the file ends inside a page, which SQLite takes for a whole one."""
    (page_size,) = database.execute("PRAGMA page_size").fetchone()
    if path.stat().st_size % page_size == 0:
        return False
    if not _has_content(log.beside(path)):
        return True
    # A page that was being copied from the log when the machine stopped is whole in the log.
    return bool(database.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok")
