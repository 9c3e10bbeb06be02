"""What SQLite's errors mean to a caller."""

import os
import shutil
from pathlib import Path

from napixd_store import disk
from napixd_store.disk import translated as of_the_system
from napixd_store.errors import (
    ConfigError,
    CorruptData,
    InvalidValue,
    OutcomeUnknown,
    ReadOnly,
    StoreError,
    StoreFull,
    Unavailable,
)

UNTOUCHED = "it was left untouched: move it away or name another path"

_A_PAGE_OR_TWO = 64 * 1024

_LARGEST = 1_000_000_000  # https://www.sqlite.org/limits.html
_LONGEST_NAME = 251  # 255 with "-wal"
_LONGEST_PATH = 470  # SQLite's limit is 512, for the longest of all names beside it


def translated(exc: Exception, path: Path, *, writing: bool) -> StoreError:
    """Return what *exc* means to a caller; *writing* says whether a commit was under way."""
    said = str(exc)
    text = said.lower()
    if isinstance(exc, OSError):
        return of_the_system(exc, path)
    if "not a database" in text or "malformed" in text or "no such table" in text:
        return CorruptData(f"{path}: {said}; {UNTOUCHED}")
    if "full" in text or ("i/o error" in text and _is_full(path)):
        return StoreFull(_FULL.format(path=path))
    if "readonly" in text:
        return ReadOnly(_READ_ONLY.format(path=path))
    if "unable to open" in text:
        return _not_opened(said, path)
    if "locked" in text:
        return Unavailable(LOCKED.format(path=path))
    # Before Python 3.11 a record of 2 GiB is an "Error binding parameter".
    if "too big" in text or "error binding" in text or isinstance(exc, OverflowError):
        return InvalidValue(
            f"{path}: {said}: SQLite keeps up to {_LARGEST:,} bytes a record; nothing was changed"
        )
    if writing:
        return OutcomeUnknown(f"{path}: {said}; the change may or may not be stored: read it back")
    return Unavailable(f"{path}: {said}; nothing was changed")


LOCKED = "{path}: locked by other writers for longer than timeout=; nothing was changed: try again"
_FULL = (
    "{path}: the disk is full; nothing was changed and the old data is intact: free some space "
    "and repeat"
)
_READ_ONLY = (
    "{path}: no right to write it, or to make SQLite's -wal and -shm files beside it, which "
    "reading needs as well; nothing was changed: check the rights of the file and its folder"
)


def _not_opened(said: str, path: Path) -> StoreError:
    """Find out what SQLite does not say: why it could not open a file."""
    try:
        disk.opened(os.devnull, os.O_RDONLY, os.fstat)
    except OSError as exc:
        return of_the_system(exc, path)  # too many are open
    if _is_full(path):
        return StoreFull(_FULL.format(path=path))
    if not may_write(path):
        return ReadOnly(_READ_ONLY.format(path=path))
    return ConfigError(f"{path}: {_too_long(path) or said}; nothing was changed: check path=")


def check_length(path: Path) -> None:
    """Raise `ConfigError` if *path* is longer than SQLite, and what we make beside it, can take."""
    said = _too_long(path)
    if said:
        raise ConfigError(f"{path}: {said}; nothing was changed: check path=")


def _too_long(path: Path) -> str:
    whole = os.fsencode(os.path.realpath(path))
    if len(os.path.basename(whole)) <= _LONGEST_NAME and len(whole) <= _LONGEST_PATH:
        return ""
    return f"too long: a name may have {_LONGEST_NAME} bytes, the whole path {_LONGEST_PATH}"


def may_write(path: Path) -> bool:
    """Say whether SQLite can write here, which takes rights in the folder as well."""
    return os.access(path.parent, os.W_OK) and (not path.exists() or os.access(path, os.W_OK))


def _is_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < _A_PAGE_OR_TWO
    except OSError:
        return False
