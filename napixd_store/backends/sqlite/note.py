"""The note beside a SQLite file: what the file alone is like while it needs its log.

A log that is lost leaves the file as it was when the log began, and nothing in it tells that these
pages are old ones. So whoever begins a log keeps a note of the file as it is before; and as long
as it is still so, nothing of that log has come into it: not even the first page, which the log
begins with (see `log`).

It is out of date as soon as the log is copied to the file, by any program, or the file is replaced
by another one: its inode, its ctime (which nobody can set), and its schema cookie are noted. So it
may stay; whoever closes the file as the last of all removes it with the log. It is never synced,
for a power cut may only make it an older one.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path

from napixd_store import disk
from napixd_store.backends.sqlite import layout
from napixd_store.errors import CorruptData

_ONLY_WRITE = os.O_WRONLY | os.O_CREAT | disk.PLAIN


def beside(path: Path, what: str = "-wal") -> str:
    """Return where the log of *path* is: beside the file itself, wherever a link to it stands.

    So are the note, and *what* else belongs to the file and not to one of its names.
    """
    return f"{os.path.realpath(path) if _is_link(path) else path}{what}"


def _is_link(path: Path) -> bool:
    """Do as ``os.path.islink``, which takes what a signal handler raises for the system's."""
    with disk.Lenient():
        return stat.S_ISLNK(os.lstat(path).st_mode)
    return False


def describe(path: Path) -> bytes:
    """Return what the file is like without its log, in as many bytes each time; b"" if unknown."""
    cookie = layout.cookie_of(path)  # through SQLite, see `log`
    with disk.Lenient():
        facts = os.stat(path)
        if cookie is not None:
            return b"%20d %20d %10d\n" % (facts.st_ino, facts.st_ctime_ns, cookie)
    return b""


def keep(path: Path, description: bytes) -> None:
    """Note that the file needs its log as long as it is like *description*."""
    with disk.Lenient():  # without a note a lost log is not noticed, and that is all
        disk.opened(_place(path), _ONLY_WRITE, _write, path, description)


def drop(path: Path) -> None:
    """Remove the note if the log is gone; call it when a handle was closed."""
    with disk.Lenient():
        if not has_content(beside(path)):  # else another process has the file open
            os.unlink(_place(path))


def check(path: Path) -> None:
    """Make sure that the log of *path* is there if the file needs it.

    Raises:
        CorruptData: it is gone, with what was written last.
    """
    while not has_content(beside(path)):
        noted = _read(path)
        if not noted or noted != describe(path):
            return
        if not has_content(beside(path)):  # else another process began it meanwhile
            raise CorruptData(
                f"{path} lacks its log, which held the last writes to it: {beside(path)} is gone "
                f"or empty; nothing was changed: put it back, or move {_place(path)} away to go "
                f"on without them"
            )


def _place(path: Path) -> str:
    return beside(path, "-note")


def _write(descriptor: int, path: Path, description: bytes) -> None:
    os.write(descriptor, description)
    disk.give_to_owner_of(str(path.parent), descriptor)


def _read(path: Path) -> bytes:
    with suppress(CorruptData), disk.Lenient():
        return disk.opened(_place(path), disk.PLAIN, disk.whole, _place(path))
    return b""


def has_content(path: str) -> bool:
    """Whether a file with something in it stands at *path*."""
    with disk.Lenient():
        return os.stat(path).st_size > 0
    return False
