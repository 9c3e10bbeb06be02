"""Real mounts, in the mount namespace of a forked child, so that they end with it in any case."""

import ctypes
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.labs import need
from tests.processes import fork

_CLONE_NEWNS = 0x0002_0000
_MS_RDONLY, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 0x1, 0x20, 0x1000, 0x4000, 0x4_0000

_libc = ctypes.CDLL(None, use_errno=True)


def with_mounts(work: Callable[..., Any], *args: Any) -> Any:
    """Return what *work* returns in a child that may mount; skip where no mount is allowed."""
    with fork(_may_mount) as child:
        need(child.result(), "mounting needs root with CAP_SYS_ADMIN")
    with fork(_in_a_namespace, work, args) as child:
        return child.result()


def mount_small(folder: Path, size: str) -> None:
    """Mount a file system in memory that takes *size* (``'1m'``) on the empty *folder*."""
    _mount("tmpfs", folder, "tmpfs", 0, f"size={size}")


def remount(folder: Path, *, read_only: bool) -> None:
    """Make what is mounted on *folder* read-only, or writable again."""
    _mount("none", folder, None, _MS_REMOUNT | (_MS_RDONLY if read_only else 0), None)


def show_read_only(folder: Path, at: Path) -> None:
    """Show *folder* at the empty folder *at* too, where nobody may write: a volume with ``:ro``."""
    _mount(str(folder), at, None, _MS_BIND, None)
    _mount("none", at, None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY, None)


def fill(folder: Path) -> Path:
    """Leave no byte free in *folder*'s file system; return the file that takes all the room."""
    filler = folder / "filler"
    with open(filler, "wb", buffering=0) as stream:
        for size in (2**16, 2**12, 1):
            try:
                while stream.write(b"\0" * size):
                    pass
            except OSError:
                continue
    assert os.statvfs(folder).f_bavail == 0
    return filler


def _in_a_namespace(work: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    _unshare()
    return work(*args)


def _may_mount() -> bool:
    try:
        _unshare()
        _mount("tmpfs", Path("/proc"), "tmpfs", 0, "size=4k")
    except OSError:
        return False
    return True


def _unshare() -> None:
    _checked(_libc.unshare(_CLONE_NEWNS))
    _mount("none", Path("/"), None, _MS_REC | _MS_PRIVATE, None)


def _mount(source: str, target: Path, kind: str | None, flags: int, data: str | None) -> None:
    words = [None if word is None else word.encode() for word in (source, str(target), kind, data)]
    source_, target_, kind_, data_ = words
    _checked(_libc.mount(source_, target_, kind_, ctypes.c_ulong(flags), data_))


def _checked(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
