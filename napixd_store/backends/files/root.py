"""The root: the folder that holds all files of a backend, and the queue of its writers.

Readers take no lock: files are only ever replaced whole. Writers lock the folder itself, which
nobody can remove without the data. The kernel holds the lock, so that a crash releases it.
"""

import fcntl
import os
import stat
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

from napixd_store import disk, filesystems
from napixd_store.backends.files.folder import Folder, View
from napixd_store.connections import Connection
from napixd_store.disk import NotThere, attempt
from napixd_store.errors import ConfigError
from napixd_store.places import home
from napixd_store.processes import notice

T = TypeVar("T")

_FOLDER = os.O_RDONLY | os.O_DIRECTORY


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

    def listed(self, suffix: str) -> list[str]:
        """Return the names, without *suffix*, of all that ends with it."""
        return [
            name[: -len(suffix)]
            for name in self.view.names()
            if name.endswith(suffix) and not name.startswith(".")
        ]

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
            raise NotThere(f"{self.place}: another folder stands there by now")
        if folder.identity != self._examined:
            self._examine()
        folder.clear()
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
