"""What SQLite's errors mean to a caller."""

import os
import shutil
from pathlib import Path

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

UNTOUCHED = "it was left untouched: move it away or name another path"

_A_PAGE_OR_TWO = 64 * 1024


def translated(exc: Exception, path: Path, *, writing: bool) -> StoreError:
    """Return what *exc* means to a caller; *writing* says whether a commit was under way."""
    said = str(exc)
    text = said.lower()
    if isinstance(exc, OSError):
        return of_the_system(exc, path)
    if "not a database" in text or "malformed" in text or "no such table" in text:
        return CorruptData(f"{path}: {said}; {UNTOUCHED}")
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


def may_write(path: Path) -> bool:
    """Say whether SQLite can write here, which takes rights in the folder as well."""
    return os.access(path.parent, os.W_OK) and (not path.exists() or os.access(path, os.W_OK))


def _is_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < _A_PAGE_OR_TWO
    except OSError:
        return False
