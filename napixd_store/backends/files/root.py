"""The root: the folder that holds all files of a backend, and the one lock of its writers.

Readers take no lock: files are only ever replaced whole. Writers queue for ``.lock``, which is
held by the kernel, so that a crash releases it.
"""

import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from napixd_store import disk
from napixd_store.connections import Connection
from napixd_store.errors import ConfigError
from napixd_store.places import home


def open_root(
    *,
    root: Path | None = None,
    durability: Literal["power"] = "power",
    any_filesystem: bool = False,
) -> "Root":
    """Return the folder *root*; it is created by the first write.

    Args:
        root: the folder; ``stores`` in the home folder when not given.
        durability: every write is synced; nothing less is offered, for it would save little.
        any_filesystem: use a network file system all the same; locks may not hold there.
    """
    return Root(root or home() / "stores", any_filesystem)


class Root(Connection):
    """A folder of files. `lock` is the queue of this process's threads before ``.lock``."""

    durability = "power"

    def __init__(self, folder: Path, any_filesystem: bool) -> None:
        super().__init__()
        self.folder, self.place = str(folder), str(folder)
        self._any_filesystem = any_filesystem
        self._examined = False
        self._cleared: set[str] = set()

    def begin_anew(self) -> None:
        """Clear once more: the child may be there because its predecessor crashed."""
        super().begin_anew()
        self._cleared.clear()

    def path(self, name: str) -> str:
        """Return the path of the file or folder *name*."""
        if not self._examined:
            self._examine()
        return f"{self.folder}/{name}"

    def listed(self, suffix: str) -> list[str]:
        """Return the names, without *suffix*, of all that ends with it."""
        try:
            names = os.listdir(self.path(""))
        except FileNotFoundError:
            return []
        except OSError as exc:
            raise disk.translated(exc, self.folder) from exc
        return [name[: -len(suffix)] for name in names if _is_ours(name, suffix)]

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keep all other writers of this root out, of every thread and process."""
        with self.lock:
            lock = self.path(".lock")
            self.make(self.folder)
            with disk.locked(lock):
                self.clear(self.folder)
                yield

    @staticmethod
    def make(folder: str) -> None:
        """Create *folder*, if it is not there."""
        if not os.path.isdir(folder):
            try:
                disk.make_private_folder(Path(folder))
            except OSError as exc:
                raise disk.translated(exc, folder) from exc

    def clear(self, folder: str) -> None:
        """Remove what crashed writers left in *folder*, once a process; for writers only."""
        if folder not in self._cleared:
            disk.clear_asides(folder)
            self._cleared.add(folder)

    def _examine(self) -> None:
        remote = disk.remote_filesystem(Path(self.folder))
        if remote and not self._any_filesystem:
            raise ConfigError(
                f"{self.folder} is on {remote}, where locks and renames cannot be relied on; use "
                f"a local folder, or any_filesystem=True at your own risk"
            )
        try:
            mode = os.stat(self.folder).st_mode
        except OSError:
            mode = 0  # it does not exist yet, or the operation itself will say what is wrong
        if mode & (stat.S_IWGRP | stat.S_IWOTH):
            warnings.warn(
                f"{self.folder} may be written by others than its owner: chmod go-w it",
                stacklevel=2,
            )
        self._examined = True


def _is_ours(name: str, suffix: str) -> bool:
    return name.endswith(suffix) and not name.startswith(".")
