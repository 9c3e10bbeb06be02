"""A folder of files that are never written to, only ever replaced whole, while others read.

`Folder.replace` is the protocol that survives a power cut: a file aside, written whole,
``fsync``, ``rename``, ``fsync`` of the folder. Leaving out any step loses acknowledged data on
some file system (Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014).

What lies aside is numbered from 0. Only one writer at a time is at work in a folder, so whatever
the next one finds there was left by one that was killed or interrupted; and to find it takes one
look, however many files are in the folder.
"""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count, filterfalse, takewhile
from typing import Any, TypeVar

from napixd_store import disk
from napixd_store.disk import NotThere, attempt
from napixd_store.errors import CorruptData, OutcomeUnknown, StoreError

T = TypeVar("T")

_READING = os.O_RDONLY | disk.PLAIN
_NEW = os.O_WRONLY | disk.NEW
_OUR_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class View:
    """A folder as readers see it: whatever its path leads to. It need not be there."""

    descriptor: int | None = None
    """What is asked for is asked of this one, when it is open, else of the path."""

    def __init__(self, path: str) -> None:
        self.path = path

    def path_of(self, name: str) -> str:
        """Return the whole path of *name*, for messages."""
        return f"{self.path}/{name}"

    def read(self, name: str, size: int | None = None) -> bytes | None:
        """Return the bytes of the file *name*, the first *size*; None only if nothing is there.

        Raises:
            CorruptData: a link, a folder or a pipe stands there instead of a file.
            ReadOnly, Unavailable: it cannot be read.
        """
        path = self.path_of(name)
        try:
            if size is not None:
                return self.opened(name, _READING, disk.beginning, path, size)
            return self.opened(name, _READING, disk.whole, path)
        except NotThere:
            return None
        except StoreError:
            facts = self.facts(name)
            if facts is not None:  # what it is says more than why it cannot be opened
                disk.check_plain(self.path_of(name), facts)
            raise

    def facts(self, name: str) -> os.stat_result | None:
        """Return what *name* itself is, were it a link; None if nothing is there."""
        path, within = self.path_of(name), self.descriptor
        place = path if within is None else name
        try:
            return attempt(path, os.stat, place, dir_fd=within, follow_symlinks=False)
        except NotThere:
            return None

    def has(self, name: str) -> bool:
        """Return whether anything is there."""
        return self.facts(name) is not None

    def has_folder(self, name: str) -> bool:
        """Return whether a folder is there; raise `CorruptData` if something else is."""
        facts = self.facts(name)
        if facts is not None and not stat.S_ISDIR(facts.st_mode):
            raise CorruptData(
                f"{self.path_of(name)}: what stands there is not our folder; it was left as it is"
            )
        return facts is not None

    def names(self) -> Iterator[str]:
        """Yield all names in the folder, those in it when the second one is asked for.

        So whoever renames files meanwhile comes to an end, and to ask for one costs little.
        Nothing is open in between, for somebody may keep what is half done: a traceback does.
        """
        place = self.path if self.descriptor is None else self.descriptor
        try:
            for first in attempt(self.path, disk.names, place, 1):
                yield first
                yield from filter(first.__ne__, attempt(self.path, disk.names, place))
        except NotThere:
            return

    def opened(self, name: str, flags: int, work: Callable[..., T], *arguments: Any) -> T:
        """Open *name* and return ``work(descriptor, *arguments)``; it is closed in any case."""
        path, within = self.path_of(name), self.descriptor
        place = path if within is None else name
        answer: T = attempt(path, disk.opened, place, flags, work, *arguments, within=within)
        return answer


class Folder(View):
    """A folder that its only writer holds open: all is done in that very one.

    Its path may lead to another one by now, where another writer is at work.
    """

    descriptor: int

    def __init__(self, path: str, descriptor: int) -> None:
        super().__init__(path)
        self.descriptor = descriptor
        self.identity = _identity(os.fstat(descriptor))
        self._unused = map(_aside, count())

    def stands(self) -> bool:
        """Return whether the path leads to this very folder, and not to another one by now."""
        try:
            return _identity(attempt(self.path, os.stat, self.path)) == self.identity
        except NotThere:
            return False

    # --- what takes effect at once, whole, and survives a power cut --------------------------

    def replace(self, name: str, data: bytes) -> None:
        """Put a file of *data* there; readers see the old or the new one, never another.

        Whoever calls this has read the old one: so it is known to be ours.

        Raises:
            StoreFull, ReadOnly, Unavailable: the old file stands, and nothing is left over.
            OutcomeUnknown: see `settle`.
        """
        aside = self.stage(name, data)
        try:
            self.rename(aside, name)
        except BaseException:
            self.discard(aside)  # which is nowhere if an interrupt came after the renaming
            raise
        self.settle()

    def remove(self, name: str) -> None:
        """Remove the file, that the caller has read; silent when absent. Raises as `replace`."""
        self.unlink(name)
        self.settle()

    def make(self, name: str) -> None:
        """Make the folder; raises as `replace` does, but for `OutcomeUnknown`."""
        path = self.path_of(name)
        attempt(path, os.mkdir, name, 0o700, dir_fd=self.descriptor)
        try:
            self.inside(name, self._give)
            attempt(self.path, os.fsync, self.descriptor)
        except BaseException:
            with suppress(StoreError):  # or the next writer would take it for safe
                attempt(path, os.rmdir, name, dir_fd=self.descriptor)
            raise

    def remove_folder(self, name: str) -> None:
        """Remove the folder with all its files at one stroke. Raises as `replace` does."""
        aside = self._new_aside()
        self.rename(name, aside)
        self.settle()
        self.discard(aside)

    def settle(self) -> None:
        """Make what was done here survive a power cut, and be where the path leads.

        Raises:
            OutcomeUnknown: it was done, but one of the two cannot be had.
        """
        disk.sync_folder(self.path, self.descriptor)
        try:
            found = self.stands()
        except StoreError:
            found = False
        if found:
            return
        raise OutcomeUnknown(
            f"{self.path} was removed or replaced during the write, which went to the folder that "
            f"stood there before: read the data back"
        )

    # --- the steps that it takes -------------------------------------------------------------

    def stage(self, name: str, data: bytes) -> str:
        """Write aside, whole and synced, what is to be the file *name*; return where."""
        aside, path = self._new_aside(), self.path_of(name)
        try:
            attempt(path, disk.opened, aside, _NEW, self._fill, data, within=self.descriptor)
        except BaseException:
            self.discard(aside)
            raise
        return aside

    def rename(self, name: str, to: str) -> None:
        """Rename *name* to *to*, replacing what has that name."""
        within = self.descriptor
        attempt(self.path_of(to), os.rename, name, to, src_dir_fd=within, dst_dir_fd=within)
        self._unused = map(_aside, count())  # its number, too: `clear` looks for the first ones

    def unlink(self, name: str) -> None:
        """Remove the file; silent when absent."""
        with suppress(NotThere):
            attempt(self.path_of(name), os.unlink, name, dir_fd=self.descriptor)

    def discard(self, aside: str) -> None:
        """Remove what is aside; if even that fails, it is invisible, and cleared later."""
        with suppress(StoreError):
            facts = self.facts(aside)
            if facts is not None and stat.S_ISDIR(facts.st_mode):
                self.inside(aside, Folder._empty)
                attempt(self.path, os.rmdir, aside, dir_fd=self.descriptor)
            else:
                self.unlink(aside)

    def clear(self) -> None:
        """Remove what a writer left aside that was killed or interrupted."""
        left = takewhile(self.has, map(_aside, count()))
        for aside in reversed(list(left)):  # else who is killed here leaves what has no number 0
            self.discard(aside)

    def inside(self, name: str, work: Callable[..., T], *arguments: Any) -> T:
        """Return ``work(folder, *arguments)`` for the folder *name*, held open meanwhile."""

        def held(descriptor: int) -> T:
            return work(Folder(self.path_of(name), descriptor), *arguments)

        return self.opened(name, _OUR_FOLDER, held)

    def _new_aside(self) -> str:
        return next(filterfalse(self.has, self._unused))

    def _fill(self, descriptor: int, data: bytes) -> None:
        disk.give_to_owner_of(self.descriptor, descriptor)
        disk.stage(descriptor, data)

    def _give(self, folder: "Folder") -> None:
        attempt(folder.path, disk.give_to_owner_of, self.descriptor, folder.descriptor)

    def _empty(self) -> None:
        for name in self.names():
            self.unlink(name)


def _aside(number: int) -> str:
    return f".{number}.aside"


def _identity(facts: os.stat_result) -> tuple[int, int]:
    return facts.st_dev, facts.st_ino
