"""A new file is built aside and linked into place whole.

So an empty or half-made one at the path is damage, never a beginning.
"""

import os
import re
import secrets
import sqlite3
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

from napixd_store import disk, original
from napixd_store.backends.sqlite import layout, log, note
from napixd_store.backends.sqlite.faults import check_length, translated
from napixd_store.errors import CorruptData

_ASIDE = re.compile(r"\.sqlite-[0-9a-f]{16}\.new(-journal)?")
_ABANDONED = 3600
"""Seconds after which nobody builds a file any more."""


def ensure(path: Path) -> None:
    """Create the database at *path* unless something is there already.

    Raises:
        ConfigError: the path is too long.
        CorruptData: a log is there already, of a file that is gone: SQLite would play it in. Or
            the original kept its collections here, which are not in a new file.
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
    original.refuse_all(str(path.parent))
    check_length(path)
    aside = aside_of(path)
    try:
        disk.make_private_folder(path.parent)
        clear(path)
        try:
            begin(aside)
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
    # It is there, but what it is made for has not begun. Its first log has the folder synced again.
    disk.attempt(str(path), disk.sync, str(path.parent))


def aside_of(path: Path) -> Path:
    """Return a place beside *path* for a file that is to stand there once whole, see `clear`."""
    return path.with_name(f".sqlite-{secrets.token_hex(8)}.new")


def begin(aside: Path) -> None:
    """Make the private file *aside*, empty: SQLite itself would give it other rights."""
    disk.opened(str(aside), os.O_RDWR | disk.NEW, partial(disk.give_to_owner_of, str(aside.parent)))


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


def clear(path: Path) -> None:
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
