"""Files and folders that are whole or not there: private, never followed, never left open.

What is here raises `OSError` as the system says; `attempt` makes it one of ours, which says
whether the change was applied.
"""

import errno
import os
import secrets
import stat
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from functools import partial
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

from napixd_store.errors import (
    ConfigError,
    CorruptData,
    OutcomeUnknown,
    ReadOnly,
    StoreError,
    StoreFull,
    Unavailable,
)

T = TypeVar("T")

PLAIN = os.O_NOFOLLOW | os.O_NONBLOCK
"""How to open what may be a planted link or pipe: it is neither followed nor waited for."""

NEW = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
"""How to open a file that is made by this: whatever stands there is refused."""

_PRIVATE_FOLDER = 0o700
_PRIVATE_FILE = 0o600

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_MISPLACED = (errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP)
_TOO_MANY_OPEN = (errno.EMFILE, errno.ENFILE)


# --- errors ---------------------------------------------------------------------------------------


class NotThere(Unavailable):
    """Nothing stands at the path."""


def attempt(path: str, call: Callable[..., T], *arguments: Any, **options: Any) -> T:
    """Return ``call(*arguments, **options)``: a system call, or a function of this module.

    What a signal handler raises in it comes out as it is, even an `OSError`: Python runs handlers
    when a system call has returned, so by then the change may be made. *path* is for messages.

    Raises:
        NotThere: nothing stands there.
        StoreFull, ReadOnly, ConfigError, Unavailable: the system refused; nothing was changed.
    """
    try:
        return call(*arguments, **options)
    except OSError as exc:
        if isinstance(exc, StoreError) or not is_of_the_system(exc):
            raise
        raise translated(exc, path) from exc


def is_of_the_system(exc: BaseException) -> bool:
    """Return whether *exc* is the system's: raised in this module, or in the one that caught it.

    What a signal handler raises has a frame of the handler's.
    """
    if not isinstance(exc, OSError):
        return False
    here = last = exc.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    if here is None or last is None:
        return True
    module = last.tb_frame.f_globals
    return module is globals() or module is here.tb_frame.f_globals


class Lenient(AbstractContextManager[None, bool]):
    """Passes over what the system refuses in a block, and over nothing that a handler raises."""

    def __exit__(self, kind: object, exc: BaseException | None, traceback: object) -> bool:
        return exc is not None and is_of_the_system(exc)


def translated(exc: OSError, path: str | Path) -> StoreError:
    """Return what *exc* means to a caller; the change was not applied."""
    reason = exc.strerror or str(exc)
    if exc.errno in _FULL:
        return StoreFull(
            f"{path}: {reason}; nothing was changed and the old data is intact: free some space "
            f"and repeat"
        )
    if exc.errno in _FORBIDDEN:
        return ReadOnly(f"{path}: {reason}; nothing was changed: check the rights and the mount")
    if exc.errno in _MISPLACED:
        return ConfigError(f"{path}: {reason}; nothing was changed: check the path")
    if exc.errno in _TOO_MANY_OPEN:
        return Unavailable(
            f"{path}: {reason}; nothing was changed: this process may have "
            f"{os.sysconf('SC_OPEN_MAX')} at once (ulimit -n): close some, or raise the limit"
        )
    if exc.errno == errno.ENOENT:
        return NotThere(f"{path}: {reason}; nothing was changed")
    return Unavailable(f"{path}: {reason}; nothing was changed")


def check_plain(path: str, facts: os.stat_result) -> None:
    """Raise `CorruptData` if *facts* are not those of a plain file of one name."""
    if stat.S_ISREG(facts.st_mode) and facts.st_nlink <= 1:
        return
    kind = stat.filemode(facts.st_mode)[0]
    what = {"l": "a symbolic link", "d": "a folder", "p": "a named pipe", "s": "a socket"}
    shown = what.get(kind, "a device" if kind in "bc" else "a file with several hard links")
    raise CorruptData(f"{path}: {shown} stands where a file of ours belongs; it was left as it is")


def refuse_to_replace(path: Path, is_ours: Callable[[Path], bool], what: str) -> None:
    """Raise `ConfigError` if at *path*, where a *what* is to be, something else stands by now.

    It may be the settings, a file of the service itself, or a device: a slip must not cost it.
    """
    try:
        facts = os.lstat(path)
    except OSError:  # whoever writes there says what is wrong
        return
    if not stat.S_ISREG(facts.st_mode) or (facts.st_size > 0 and not is_ours(path)):
        raise ConfigError(
            f"what stands at {path} is no {what}, and was left as it is: name another file"
        )


def aside(path: Path) -> Path:
    """Return a hidden place beside *path*, and nobody else's, for what is renamed once whole."""
    return path.with_name(f".{path.name[:200]}.{secrets.token_hex(8)}.aside")


# --- descriptors ----------------------------------------------------------------------------------


def opened(
    path: str, flags: int, work: Callable[..., T], *arguments: Any, within: int | None = None
) -> T:
    """Open *path* and return ``work(descriptor, *arguments)``; it is closed in any case.

    With *within*, the descriptor of a folder, *path* is a name in it. A new file is private.
    """
    # `descriptor = os.open(…)` can lose it: an interrupt comes when a call has returned. None comes
    # while an iterator is unpacked, nor before the first call that the `finally` makes.
    (descriptor,) = map(partial(os.open, dir_fd=within), (path,), (flags,), (_PRIVATE_FILE,))
    try:
        return work(descriptor, *arguments)
    finally:
        os.close(descriptor)


def whole(descriptor: int, path: str) -> bytes:
    """Return all bytes of the file; raise `CorruptData` if it is not a plain one."""
    facts = os.fstat(descriptor)
    check_plain(path, facts)
    size = facts.st_size  # it stays: a file of ours is never written to
    data = os.read(descriptor, size)
    while len(data) < size and (more := os.read(descriptor, size)):
        data += more  # read(2) gives 2 GiB at most
    return data


def beginning(descriptor: int, path: str, size: int) -> bytes:
    """Return the first *size* bytes of the file; raise `CorruptData` if it is not a plain one."""
    check_plain(path, os.fstat(descriptor))
    return os.read(descriptor, size)


def append(descriptor: int, data: bytes) -> None:
    """Write all of *data* to the file, behind what was written to it before."""
    rest = memoryview(data)
    while rest:  # write(2) may take less than it is given, without an error
        rest = rest[os.write(descriptor, rest) :]


def stage(descriptor: int, data: bytes) -> None:
    """Write all of *data* to the new file, safe from power cuts."""
    append(descriptor, data)
    os.fsync(descriptor)


# --- folders --------------------------------------------------------------------------------------


def names(folder: str | int, most: int | None = None) -> list[str]:
    """Return the names in *folder*, a path or a descriptor, or the first *most* of them."""
    (entries,) = map(os.scandir, (folder,))  # as in `opened`
    try:
        return list(map(attrgetter("name"), islice(entries, most)))
    finally:
        entries.close()


def make_private_folder(folder: Path) -> None:
    """Create *folder* and its missing parents, readable by their owner only, safe from power cuts.

    Folders that exist keep their rights. ``Path.mkdir(mode=…)`` would give the mode to the last
    one alone.
    """
    if os.path.isdir(folder):
        return
    make_private_folder(folder.parent)
    try:
        os.mkdir(folder, _PRIVATE_FOLDER)
    except FileExistsError:  # another process was faster
        if not os.path.isdir(folder):
            raise
    try:
        opened(str(folder), os.O_DIRECTORY | PLAIN, partial(give_to_owner_of, str(folder.parent)))
        sync(str(folder.parent))
    except BaseException:
        with suppress(OSError):  # or the next call would take it for safe
            os.rmdir(folder)
        raise


def give_to_owner_of(folder: str | int, descriptor: int) -> None:
    """Let what *descriptor* is, just made in *folder*, belong to whom that belongs.

    For root alone: else its maintenance script would lock the service's user out. SQLite does
    the same for the files that it makes beside a database. It takes a descriptor, for a name
    may be another file's by now.
    """
    if os.geteuid() == 0:
        owner = os.stat(folder)
        if owner.st_uid != 0:
            with suppress(PermissionError):  # a root without that right goes on as others do
                os.chown(descriptor, owner.st_uid, owner.st_gid)


def sync(folder: str) -> None:
    """Make the names in *folder* survive a power cut."""
    opened(folder, os.O_DIRECTORY, os.fsync)


def sync_folder(folder: str, descriptor: int | None = None) -> None:
    """Make the names in *folder*, which may be open as *descriptor*, survive a power cut.

    Raises:
        OutcomeUnknown: the change is made, but may not survive.
    """
    try:
        if descriptor is None:
            sync(folder)
        else:
            os.fsync(descriptor)
    except OSError as exc:
        if not is_of_the_system(exc):
            raise
        raise OutcomeUnknown(
            f"{folder}: {exc.strerror}: the change was made, but a power cut may undo it: check "
            f"the disk, read the data back"
        ) from exc
