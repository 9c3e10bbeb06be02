"""A file of an earlier layout is brought up to this one, when it is first opened."""

import sqlite3
from contextlib import suppress
from pathlib import Path

from napixd_store.backends.sqlite import layout
from napixd_store.backends.sqlite.faults import UNTOUCHED, may_write, translated
from napixd_store.backends.sqlite.log import Log
from napixd_store.errors import CorruptData, InvalidKey, ReadOnly
from napixd_store.names import encode_key


def upgrade(path: Path, timeout: float) -> None:
    """Bring the file at *path* up to this layout, in one transaction.

    Other processes may be doing the same, or working with the file: whoever comes second finds
    it done. A process that is killed leaves the earlier layout.

    Raises:
        CorruptData: it has an int key of more than 64 bits; it is as it was.
        ReadOnly: it may not be written.
        StoreFull, Unavailable: it cannot be written now; it is as it was.
    """
    if not may_write(path):
        raise ReadOnly(
            f"{path} has an earlier layout, and may not be written; {UNTOUCHED}: open it once "
            f"where it may be written"
        )
    try:
        handle = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=timeout, isolation_level=None
        )
        try:
            handle.create_function("int_text", 1, _int_text, deterministic=True)
            _refuse_large_keys(handle, path)  # before a byte of the file is changed
            handle.execute("PRAGMA synchronous=FULL")
            Log(path).tend(handle)
            _upgrade(handle, path)
            # Whoever opens it next looks at the file alone. A reader may hold this up for a while.
            with suppress(sqlite3.Error):
                handle.execute("PRAGMA wal_checkpoint(PASSIVE)")
        finally:
            handle.close()
    except sqlite3.Error as exc:
        raise translated(exc, path, writing=False) from exc


def _upgrade(handle: sqlite3.Connection, path: Path) -> None:
    try:
        handle.execute("BEGIN IMMEDIATE")
        (version,) = handle.execute("PRAGMA user_version").fetchone()
        if version < layout.VERSION:
            _refuse_large_keys(handle, path)  # somebody may have put one there meanwhile
        for each in range(version, layout.VERSION):
            for statement in layout.UPGRADES[each]:
                handle.execute(statement)
        handle.execute(f"PRAGMA user_version = {layout.VERSION}")
        handle.execute("COMMIT")
    finally:
        if handle.in_transaction:
            handle.execute("ROLLBACK")


def _refuse_large_keys(handle: sqlite3.Connection, path: Path) -> None:
    for name, text in handle.execute(layout.TOO_LARGE).fetchall():
        raise CorruptData(
            f"{path}: it has an earlier layout, and in its collection {name!r} the key {text[1:]}, "
            f"which is outside −2**63 … 2**63−1, where keys of this layout are; nothing was "
            f"changed: delete that key with the version that wrote it"
        )


def _int_text(old: str) -> str | None:
    try:
        key = int(old[1:])
        return encode_key(key) if old == f"={key}" else None
    except InvalidKey:
        return ""
    except ValueError:
        return None
