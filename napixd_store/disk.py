"""Files that are whole or not there: private, replaced and never overwritten, synced.

`replace` is the protocol that survives a power cut: a temporary file in the same folder, written
whole, ``fsync``, ``rename``, ``fsync`` of the folder. Leaving out any step loses acknowledged
data on some file system (Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014).

Every error is one of ours, and says whether the change was applied.
"""

import errno
import fcntl
import functools
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
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

_PRIVATE_FOLDER = 0o700
_PRIVATE_FILE = 0o600
_WARILY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_ASIDE = (".", ".aside")  # what a temporary file's name begins and ends with

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_MISPLACED = (errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG)
_ESCAPE = re.compile(r"\\([0-7]{3})")
_IN_MEMORY = ("tmpfs", "ramfs")
_REMOTE = ("nfs", "cifs", "smb", "9p", "fuse", "afs", "ceph", "glusterfs", "lustre", "ncpfs")


def make_private_folder(folder: Path) -> None:
    """Create *folder* and its missing parents, readable by their owner only, safe from power cuts.

    Folders that exist keep their rights. ``Path.mkdir(mode=…)`` would give the mode to the last
    one alone.

    Raises:
        OSError: as the system says; *folder* is not there.
    """
    if folder.is_dir():
        return
    make_private_folder(folder.parent)
    folder.mkdir(mode=_PRIVATE_FOLDER, exist_ok=True)
    try:
        sync(str(folder.parent))
    except OSError:
        with suppress(OSError):  # or the next call would take it for safe
            folder.rmdir()
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


def opened(
    path: str, flags: int, work: Callable[..., T], *arguments: Any, within: int | None = None
) -> T:
    """Open *path* and return ``work(descriptor, *arguments)``; it is closed in any case.

    With *within*, the descriptor of a folder, *path* is a name in it. A new file is private.
    """
    # `descriptor = os.open(…)` alone can lose it to an interrupt between the two. None comes while
    # `extend` fills the box, and none in the `finally` before its first call.
    box: list[int] = []
    try:
        way = functools.partial(os.open, dir_fd=within)
        box.extend(map(way, [path], [flags | os.O_CLOEXEC], [_PRIVATE_FILE]))
        return work(box[0], *arguments)
    finally:
        for descriptor in box:
            os.close(descriptor)


def read(path: str) -> bytes | None:
    """Return the bytes of the file at *path*; None only if nothing is there.

    Raises:
        CorruptData: a link, a folder or a pipe stands there instead of a file.
        ReadOnly, Unavailable: it cannot be read.
    """
    try:
        descriptor = _open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        facts = os.fstat(descriptor)
        _check(path, facts)
        size = facts.st_size  # it stays: a file of ours is never written to
        data = os.read(descriptor, size)
        while len(data) < size and (more := os.read(descriptor, size)):
            data += more  # read(2) gives 2 GiB at most
        return data
    except OSError as exc:
        raise translated(exc, path) from exc
    finally:
        os.close(descriptor)


def replace(path: str, data: bytes) -> None:
    """Put a file of *data* at *path*; readers see the old or the new one, never another.

    Raises:
        StoreFull, ReadOnly, Unavailable, CorruptData: the old file stands, nothing is left over.
        OutcomeUnknown: the new file stands, but may not survive a power cut.
    """
    refuse_foreign(path)
    aside = stage(path, data)
    try:
        os.rename(aside, path)
    except OSError as exc:
        discard(aside)
        raise translated(exc, path) from exc
    sync_folder(os.path.dirname(path))


def stage(path: str, data: bytes) -> str:
    """Write *data* aside, in the folder of *path*, whole and synced; return where.

    Raises:
        StoreFull, ReadOnly, Unavailable: nothing is left over.
    """
    aside = new_aside(os.path.dirname(path))
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(aside, flags, _PRIVATE_FILE)
        try:
            rest = memoryview(data)
            while rest:  # write(2) may take less than it is given, without an error
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as exc:
        discard(aside)
        raise translated(exc, path) from exc
    return aside


def discard(aside: str) -> None:
    """Remove what was staged; if even that fails, it stays invisible and is cleared later."""
    with suppress(OSError):
        os.unlink(aside)


def remove(path: str) -> None:
    """Remove the file at *path*; silent when absent. Raises as `replace` does."""
    refuse_foreign(path)
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    except OSError as exc:
        raise translated(exc, path) from exc
    sync_folder(os.path.dirname(path))


def remove_folder(folder: str) -> None:
    """Remove *folder* with all it holds, at one stroke: whole, or (after a crash) not at all."""
    aside = new_aside(os.path.dirname(folder))
    try:
        os.rename(folder, aside)
    except FileNotFoundError:
        return
    except OSError as exc:
        raise translated(exc, folder) from exc
    sync_folder(os.path.dirname(folder))
    shutil.rmtree(aside, ignore_errors=True)  # what stays is invisible, and cleared later


def sync(folder: str) -> None:
    """Make the names in *folder* survive a power cut, or raise OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: str) -> None:
    """Make the names in *folder* survive a power cut.

    Raises:
        OutcomeUnknown: the change is made, but may not survive.
    """
    try:
        sync(folder)
    except OSError as exc:
        raise OutcomeUnknown(
            f"{folder}: {exc.strerror}: the change was made, but a power cut may undo it: check "
            f"the disk, read the data back"
        ) from exc


def new_aside(folder: str) -> str:
    """Return a new name in *folder* for what is not yet, or no longer, to be seen."""
    begin, end = _ASIDE
    return os.path.join(folder, f"{begin}{secrets.token_hex(8)}{end}")


def clear_asides(folder: str) -> None:
    """Remove what crashed writers left in *folder*; call it only while no writer is at work."""
    begin, end = _ASIDE
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(begin) and entry.name.endswith(end):
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                else:
                    os.unlink(entry.path)


@contextmanager
def locked(path: str) -> Iterator[None]:
    """Hold the lock file at *path* against all other processes; a crash releases it.

    It is opened anew each time, since a descriptor that crossed a fork would share the lock.
    """
    try:
        descriptor = _open(path, os.O_RDWR | os.O_CREAT)
    except FileNotFoundError as exc:
        raise translated(exc, path) from exc
    try:
        _check(path, os.fstat(descriptor))
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as exc:
            raise translated(exc, path) from exc
        yield
    finally:
        with suppress(OSError):  # what it guarded is done, whatever becomes of the lock
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # a forked copy of it would go on holding it
        os.close(descriptor)


def refuse_foreign(path: str) -> None:
    """Raise `CorruptData` if something else than a plain file of one name stands at *path*."""
    with suppress(OSError):
        _check(path, os.lstat(path))


def remote_filesystem(folder: Path) -> str | None:
    """Return the type of the file system of *folder* if it is a remote one (or FUSE).

    There locks and renames do not keep what they promise; see proc(5), ``mountinfo``.
    """
    kind = ""
    with (
        suppress(OSError),
        open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as mounts,
    ):
        kind = filesystem(os.path.realpath(folder), mounts)
    return kind if kind.startswith(_REMOTE) else None


def durability(place: Path, asked: str | None) -> str:
    """Return what a synced write at *place* survives: ``power``; in memory only ``process``.

    Raises:
        ConfigError: ``power`` is *asked* for, and *place* is in memory.
    """
    if asked not in (None, "power"):
        return str(asked)
    kind = _kind(_device(place))
    if kind not in _IN_MEMORY:
        return "power"
    if asked:
        raise ConfigError(
            f"{place} is on {kind}, in memory, where nothing survives a power cut; nothing was "
            f"changed: name a place on a disk, or leave durability= out"
        )
    return "process"


def _device(place: Path) -> int:
    while True:
        try:
            return os.stat(place).st_dev
        except OSError:  # not there yet
            if place == place.parent:
                return 0
            place = place.parent


@functools.cache
def _kind(device: int) -> str:
    """Return the type of the file system on *device*; empty if the system does not tell."""
    number = f"{os.major(device)}:{os.minor(device)}"
    with (
        suppress(OSError),
        open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as mounts,
    ):
        for before, _, after in (line.partition(" - ") for line in mounts):
            if before.split(" ")[2] == number:
                return after.split(" ")[0]
    return ""


def filesystem(place: str, mounts: Iterable[str]) -> str:
    """Return the type of the file system that holds *place*, by the lines of ``mountinfo``."""
    best, kind = "", ""
    for line in mounts:
        before, _, after = line.partition(" - ")
        mounted = _ESCAPE.sub(lambda found: chr(int(found[1], 8)), before.split(" ")[4])
        inside = place == mounted or place.startswith(mounted.rstrip("/") + "/")
        if inside and len(mounted) >= len(best):  # a later mount covers an earlier one
            best, kind = mounted, after.split(" ")[0]
    return kind


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
    return Unavailable(f"{path}: {reason}; nothing was changed")


def _open(path: str, flags: int) -> int:
    """Open the file at *path*, never waiting; any error but its absence is ours."""
    try:
        return os.open(path, flags | _WARILY, _PRIVATE_FILE)
    except FileNotFoundError:
        raise
    except OSError as exc:
        refuse_foreign(path)
        raise translated(exc, path) from exc


def _check(path: str, facts: os.stat_result) -> None:
    if stat.S_ISREG(facts.st_mode) and facts.st_nlink <= 1:
        return
    kind = stat.filemode(facts.st_mode)[0]
    what = {"l": "a symbolic link", "d": "a folder", "p": "a named pipe", "s": "a socket"}
    shown = what.get(kind, "a device" if kind in "bc" else "a file with several hard links")
    raise CorruptData(f"{path}: {shown} stands where a file of ours belongs; it was left as it is")
