"""Where the original Napix store kept its data, which is never taken for an empty store.

It wrote pickles under the bare names of its collections, into the folder that was its option
``root``, else into one named after the class of its backend, in ``stores`` in the home folder:
the very folder in which ours stand by default.
"""

import os
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from pathlib import Path
from typing import Final, TypeVar

from napixd_store.errors import CorruptData

T = TypeVar("T")

CLASSES: Final = ("FileBackend", "DirectoryBackend", "FileStore", "DirectoryStore")
"""Folders that it made by default; the last two are of its early versions."""

_SIDES = ("", "-wal", "-shm", "-journal", "-note", "-queue")
_OURS = (".store", ".json", *(f".sqlite{side}" for side in _SIDES))

_importing: ContextVar[bool] = ContextVar("importing", default=False)


def roots(stores: Path) -> list[Path]:
    """Return the folders in *stores* in which the original kept collections by default."""
    return [stores / name for name in CLASSES]


def may_be(name: str) -> bool:
    """Return whether the original may have named a file or folder so; ours it never did."""
    return bool(name) and name[0] != "." and not name.endswith(_OURS)


def importing(work: Callable[..., T], *arguments: object) -> T:
    """Return ``work(*arguments)``, which takes over the data that stands there."""
    context = copy_context()
    context.run(_importing.set, True)
    return context.run(work, *arguments)


def refuse(folder: str, collection: str) -> None:
    """Raise `CorruptData` if the original kept *collection* in *folder*, or by default below it."""
    if is_importing() or not may_be(collection) or "/" in collection or "\0" in collection:
        return
    for path in (f"{folder}/{collection}", *(f"{folder}/{each}/{collection}" for each in CLASSES)):
        if os.path.lexists(path):
            raise _foreign(path)


def refuse_all(folder: str) -> None:
    """Raise `CorruptData` if the original kept anything by default in a folder below *folder*."""
    if is_importing():
        return
    for root in roots(Path(folder)):
        if root.is_dir() and any(map(may_be, os.listdir(root))):
            raise _foreign(str(root))


def is_importing() -> bool:
    """Return whether this is done to take the data over."""
    return _importing.get()


def told(what: str, place: str) -> str:
    """Return the message for *what* is the original's, and is imported from *place*."""
    return (
        f"{what}: this is data of the original Napix store, in pickles, which are never read here; "
        f"it was left as it is: take it over with `napixd-store import napix {place} --to URL`, "
        f"and then move it away; or take another place"
    )


def _foreign(path: str) -> CorruptData:
    return CorruptData(told(path, path))
