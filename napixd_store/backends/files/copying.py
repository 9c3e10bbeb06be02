"""A copy of a root: of one moment, since its only writer makes it."""

import os
import shutil
from functools import partial
from pathlib import Path

from napixd_store import disk
from napixd_store.backends.files import filenames
from napixd_store.backends.files.folder import Folder
from napixd_store.disk import NotThere, attempt
from napixd_store.errors import ConfigError, Unavailable

_OURS = (filenames.STORE_FILE, filenames.COUNTER_FILE, filenames.STORE_FOLDER)
_NEW = os.O_WRONLY | disk.NEW
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def copy_to(root: Folder, target: Path) -> None:
    """Have a copy of what is ours in *root* stand at *target*, whole, private and synced.

    A file of another program in the root, as one of SQLite may be, is left alone: to open and
    close that would give up the locks that this process has on it.

    Raises:
        ConfigError: something stands at *target*.
        CorruptData: a link, or something else that is none of ours, stands where a file should.
        StoreFull, ReadOnly, Unavailable: it cannot be written; nothing is left behind.
    """
    if os.path.lexists(target):
        raise ConfigError(f"{target} is there already, so nothing was written: name a new folder")
    aside = disk.aside(target)
    try:
        attempt(str(target), os.mkdir, aside, 0o700)
        attempt(str(target), disk.opened, str(aside), _FOLDER, partial(_copied, root, str(aside)))
        attempt(str(target), os.rename, aside, target)
    except BaseException as exc:
        shutil.rmtree(aside, ignore_errors=True)
        if isinstance(exc, NotThere):  # the root, which is there, would be looked for again
            raise Unavailable(str(exc)) from exc
        raise
    disk.sync_folder(str(target.parent))


def _copied(root: Folder, path: str, descriptor: int) -> None:
    copy = Folder(path, descriptor)
    attempt(path, disk.give_to_owner_of, os.path.dirname(path), descriptor)
    for name in root.names():
        if name.endswith(_OURS) and not name.startswith("."):
            if name.endswith(filenames.STORE_FOLDER) and root.has_folder(name):
                copy.make(name)
                root.inside(name, lambda inner, name=name: copy.inside(name, _copy_all, inner))
            else:
                _copy(copy, root, name)
    attempt(path, os.fsync, descriptor)


def _copy_all(copy: Folder, folder: Folder) -> None:
    """Copy also what is aside: a journal may name it."""
    for name in folder.names():
        _copy(copy, folder, name)
    attempt(copy.path, os.fsync, copy.descriptor)


def _copy(copy: Folder, folder: Folder, name: str) -> None:
    data = folder.read(name)
    if data is not None:
        copy.opened(name, _NEW, _fill, copy, data)


def _fill(descriptor: int, copy: Folder, data: bytes) -> None:
    disk.give_to_owner_of(copy.descriptor, descriptor)
    disk.stage(descriptor, data)
