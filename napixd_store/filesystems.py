"""File systems: which kind holds a place, and so what a write there survives; see proc(5)."""

import os
import re
import stat
from collections.abc import Iterable
from functools import cache, partial
from pathlib import Path

from napixd_store.disk import NotThere, attempt, is_of_the_system, opened
from napixd_store.errors import ConfigError, ReadOnly

_ESCAPE = re.compile(r"\\([0-7]{3})")
_IN_MEMORY = ("tmpfs", "ramfs")
_REMOTE = ("nfs", "cifs", "smb", "9p", "fuse", "afs", "ceph", "glusterfs", "lustre", "ncpfs")


def remote_filesystem(folder: Path) -> str | None:
    """Return the type of the file system of *folder* if it is a remote one (or FUSE).

    There locks and renames do not keep what they promise; see proc(5), ``mountinfo``.
    """
    kind = filesystem(os.path.realpath(folder), _mounts())
    return kind if kind.startswith(_REMOTE) else None


def open_to_others(place: Path) -> list[str]:
    """Return, in words, whether others than its owner may read or write *place*."""
    try:
        mode = attempt(str(place), os.stat, place).st_mode
    except NotThere:
        return []
    if not mode & 0o077:
        return []
    return [f"{place} is open to others than its owner ({stat.filemode(mode)}): chmod go= it"]


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
        except OSError as exc:  # not there yet
            if not is_of_the_system(exc):
                raise
            if place == place.parent:
                return 0
            place = place.parent


@cache
def _kind(device: int) -> str:
    """Return the type of the file system on *device*; empty if the system does not tell."""
    number = f"{os.major(device)}:{os.minor(device)}"
    for before, _, after in (line.partition(" - ") for line in _mounts()):
        if before.split(" ")[2:3] == [number]:
            return after.split(" ")[0]
    return ""


def _mounts() -> list[str]:
    table = "/proc/self/mountinfo"
    try:
        lines: bytes = attempt(table, opened, table, os.O_RDONLY, _all_of)
    except (NotThere, ReadOnly):  # not Linux, or a jail
        return []
    return lines.decode(errors="surrogateescape").strip().split("\n")


def _all_of(descriptor: int) -> bytes:
    return b"".join(iter(partial(os.read, descriptor, 2**16), b""))


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
