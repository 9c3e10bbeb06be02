"""The root: the folder that holds all files of a backend, and the queue of its writers.

Readers take no lock: files are only ever replaced whole. Writers lock the folder itself, which
nobody can remove without the data. The kernel holds the lock, so that a crash releases it.
"""

import fcntl
import os
import stat
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, TypeVar

from napixd_store import disk, filesystems
from napixd_store.backends.files import copying, document, journal
from napixd_store.backends.files.folder import Folder, View
from napixd_store.changes import Changes, Expected
from napixd_store.connections import Connection
from napixd_store.disk import NotThere, attempt
from napixd_store.errors import ConfigError
from napixd_store.places import home
from napixd_store.processes import notice

T = TypeVar("T")

_FOLDER = os.O_RDONLY | os.O_DIRECTORY
_WHAT = {"folder": "root"}


def open_root(
    *,
    root: Path | None = None,
    durability: Literal["power"] | None = None,
    any_filesystem: bool = False,
) -> "Root":
    """Return the folder *root*; it is created by the first write.

    Args:
        root: the folder; ``stores`` in the home folder when not given.
        durability: every write is synced; nothing less is offered, for it would save little. When
            not given, a folder in memory (tmpfs) is taken as well, and survives no power cut.
        any_filesystem: use a network file system all the same. Most lock a folder among the
            processes of one machine only, and then two machines lose each other's writes.
    """
    return Root(root or home() / "stores", durability, any_filesystem)


class Root(Connection):
    """A folder of files."""

    def __init__(self, folder: Path, durability: str | None, any_filesystem: bool) -> None:
        self._held: list[int] = []
        super().__init__()
        self.place, self._asked = str(folder), durability
        self.settled: dict[str, float] = {}
        """Folder of a collection -> until when no reader need look for a write half done."""

        self._any_filesystem = any_filesystem
        self._view = View(self.place)
        self._examined: tuple[int, int] | None = None

    @property
    def durability(self) -> str:  # type: ignore[override]  # nobody sets it
        """What is asked for, or else what the file system has."""
        return filesystems.durability(Path(self.place), self._asked)

    @property
    def view(self) -> View:
        """The folder as readers see it.

        Raises:
            ConfigError: it is on a file system where it cannot do what it promises.
        """
        notice()  # who only reads has no lock to take, but may have inherited a copy of one
        if self._examined is None:
            self._examine()
        return self._view

    @property
    def settled_view(self) -> View:
        """As `view`, with no write of several collections left half done in it."""
        view = self.view
        if view.has(journal.NAME):
            self.alone(Folder.stands)  # to enter settles it
        return view

    def apart(self, stores: Sequence[Any]) -> str | None:
        """As the base: what fills a folder of its own is not of one journal with others."""
        if all(hasattr(store, "_replacement") for store in stores):
            return None
        return "a DirectoryStore writes one collection at a time; FileStore, SQLiteStore can"

    def write_all(self, writes: Sequence[tuple[Any, Changes, Expected]]) -> None:
        """Make the *writes* of several `FileStore`, all of them or none."""
        self.alone(self._write_each, writes)

    def _write_each(self, root: Folder, writes: Sequence[tuple[Any, Changes, Expected]]) -> None:
        files = [store._replacement(root, *change) for store, *change in writes]
        journal.replace_all(root, filter(None, files), _WHAT)

    def owners(self, suffix: str, what: str) -> list[str]:
        """Return the names of each *what* (``collection``, ``counter``) with a file of *suffix*."""
        stems = self.listed(suffix)
        found = [document.owner_of(self.view, stem + suffix, stem, what) for stem in stems]
        return sorted(name for name in found if name is not None)

    def listed(self, suffix: str) -> list[str]:
        """Return the names, without *suffix*, of all that ends with it."""
        return [
            name[: -len(suffix)]
            for name in self.settled_view.names()
            if name.endswith(suffix) and not name.startswith(".")
        ]

    def examine(self) -> list[str]:
        """Return what the folder's rights allow to others."""
        return filesystems.open_to_others(Path(self.view.path))

    def sizes(self) -> dict[str, int]:
        """Return the bytes of all files below the folder."""
        found = 0
        for folder, _folders, files in os.walk(self.place):
            for each in files:
                with suppress(FileNotFoundError):  # somebody drops it just now
                    found += os.lstat(os.path.join(folder, each)).st_size
        return {"files": found}

    def back_up(self, target: Path) -> None:
        """Copy all that is ours here to the new folder *target*; who writes waits meanwhile."""
        self.alone(copying.copy_to, target)

    def alone(self, work: Callable[..., T], *arguments: Any) -> T:
        """Return ``work(folder, *arguments)`` for the root, held open while no other writes in it.

        Raises:
            Unavailable: this very thread is in here already, see `Connection.exclusively`.
        """
        answer: T = self.exclusively(self._alone, work, arguments)
        return answer

    def _alone(self, work: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        path = self.view.path
        answer: T
        while True:
            try:
                answer = attempt(path, disk.opened, path, _FOLDER, self._locked, work, arguments)
                return answer
            except NotThere:  # there is no folder yet, or the one that was locked is there no more
                attempt(path, disk.make_private_folder, Path(path))

    def _locked(self, descriptor: int, work: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        held = self._held = [descriptor]
        try:
            attempt(self.place, fcntl.flock, descriptor, fcntl.LOCK_EX)
            return work(self._entered(descriptor), *arguments)
        finally:
            try:
                for one in held:  # to close it alone would leave the lock to a forked copy of it
                    fcntl.flock(one, fcntl.LOCK_UN)
            except OSError as exc:
                if not disk.is_of_the_system(exc):
                    raise  # else: what it guarded is done, whatever becomes of the lock
            finally:
                self._held = []

    def _entered(self, descriptor: int) -> Folder:
        folder = Folder(self.place, descriptor)
        if not folder.stands():
            raise NotThere(f"{self.place}: another folder stands there now")
        if folder.identity != self._examined:
            self._examine()
        journal.tidy(folder, _WHAT)
        return folder

    def begin_anew(self) -> None:
        """Close the copy of a lock that a thread of the parent held; to unlock it is for that."""
        super().begin_anew()
        held = self._held
        # In one call: an interrupt between the two would close another's descriptor later.
        list(map(os.close, map(held.pop, [0] * len(held))))

    def _examine(self) -> None:
        path = self.place
        filesystems.durability(Path(path), self._asked)
        remote = attempt(path, filesystems.remote_filesystem, Path(path))
        if remote and not self._any_filesystem:
            raise ConfigError(
                f"{path} is on {remote}, where locks and renames cannot be relied on; use a local "
                f"folder, or any_filesystem=True at your own risk"
            )
        try:
            facts = attempt(path, os.stat, path)
        except NotThere:
            self._examined = (0, 0)  # so that the first writer examines it once more
            return
        if facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            warnings.warn(
                f"{path} may be written by others than its owner: chmod go-w it", stacklevel=2
            )
        self._examined = facts.st_dev, facts.st_ino
