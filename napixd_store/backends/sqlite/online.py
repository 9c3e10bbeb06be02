"""A copy of the whole file while others write to it, by SQLite's online backup.

It is read through a handle of the pool. Whoever opened and closed the file by another way would
give up all the locks that this process has on it (https://www.sqlite.org/howtocorrupt.html, 2.2).
"""

import os
import sqlite3
from collections.abc import Callable
from io import FileIO
from pathlib import Path

from napixd_store import disk
from napixd_store.backends.sqlite import create, faults, file, log, note
from napixd_store.backends.sqlite.session import Session, identity
from napixd_store.disk import attempt
from napixd_store.errors import ConfigError, CorruptData, Unavailable

_BEGIN = b"SQLite format 3\0"


def copy_to(session: Session, target: Path, timeout: float) -> None:
    """Have a copy of what the session reads stand at *target*, whole, private and synced.

    Raises:
        CorruptData: what was copied is damaged; what stood at *target* does so still.
        StoreFull, ReadOnly, ConfigError, Unavailable: it cannot be written; as above.
    """
    _refuse_used(session, target)
    aside = create.aside_of(target)
    try:
        attempt(str(target), create.begin, aside)
        try:
            _copy(session, aside)
        except sqlite3.Error as exc:
            raise faults.translated(exc, target, writing=False) from exc
        file.check(aside, timeout)
        attempt(str(target), os.rename, aside, target)
    finally:
        with disk.Lenient():
            os.unlink(aside)
    disk.sync_folder(str(target.parent))


def _refuse_used(session: Session, target: Path) -> None:
    """Raise if *target* is the file itself, or one that somebody works with."""
    standing = identity(str(target))
    if standing is not None and (standing == session.file or note.has_content(note.beside(target))):
        raise ConfigError(f"{target} is in use, so nothing was written there: name another file")
    disk.refuse_to_replace(target, _is_database, "file of SQLite")


def _is_database(path: Path) -> bool:
    if os.path.lexists(note.beside(path)):  # who uses it has locks, which to look would give up
        return True
    with attempt(str(path), FileIO, str(path)) as file:
        return file.read(len(_BEGIN)) == _BEGIN


def _copy(session: Session, aside: Path) -> None:
    assert session.handle is not None
    copy = sqlite3.connect(aside, isolation_level=None)
    try:
        copy.execute("PRAGMA synchronous=FULL")
        session.handle.backup(copy)  # in one step: of one moment, and no writer waits
        copy.execute("PRAGMA journal_mode=DELETE")  # all of it is in the file then
        copy.execute(f"PRAGMA schema_version = {log.first_cookie()}")
        (said,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
    finally:
        copy.close()
    if said != "ok":
        raise CorruptData(f"{aside}: what was copied is damaged ({said}); check the place")


def refuse_others(path: Path, connect: Callable[[], sqlite3.Connection]) -> None:
    """Raise `Unavailable` if any other handle on the file at *path* is open, in any process.

    Who leaves the mode of the log must be alone with the file, and SQLite sees to that.
    """
    handle = connect()
    try:
        (mode,) = handle.execute("PRAGMA journal_mode=DELETE").fetchone()
    except sqlite3.OperationalError:
        mode = "wal"
    finally:
        handle.close()
    if mode != "delete":
        raise Unavailable(
            f"{path}: others have the file open; nothing was changed: stop the service, and repeat"
        )
