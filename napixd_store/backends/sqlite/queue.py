"""The queue of the processes that write to a SQLite file: who came first is served first.

SQLite's own waiters sleep for longer and longer and look again, so whoever has just written is
mostly the next one, too. Here each process that waits holds a lock on one byte of a file beside
the database, and the byte's number is the time at which it came; so whoever finds no earlier byte
taken is the next. The one whose turn it is holds the first byte of all.

A turn is no single write but a few milliseconds, in which a process need not queue again: handing
over takes as long as ten writes that are not synced. Who met nobody for a while takes no turns, and
looks twice a millisecond whether somebody has come, who finds SQLite's own lock taken then, once,
and sleeps for a millisecond. A byte says who that is, so there is one such process at most.

It is a courtesy, and SQLite's own lock is what protects: whoever knows nothing of the queue, cannot
open its file, or waits no longer, just writes. So nothing here needs to be right about others, and
what is wrong with the file is passed over. A process that is stopped while it waits is overtaken.

These are POSIX locks: the kernel gives back those of a process that ends, and no child inherits
them. To close any descriptor of the file gives back all of them, which costs the turn and no more.
No byte below `_ALONE` is touched: were a descriptor another file's by now, SQLite's locks stay.
"""

import fcntl
import os
import struct
from collections.abc import Callable
from pathlib import Path
from time import monotonic, monotonic_ns, sleep
from typing import Any, TypeVar

from napixd_store import disk
from napixd_store.backends.sqlite.faults import LOCKED
from napixd_store.backends.sqlite.queue_file import QueueFile
from napixd_store.errors import StoreError, Unavailable

T = TypeVar("T")

SLICE = 0.005
"""Seconds for which a process need not queue again once it had its turn."""

_NEXT, _LATER = 0.0002, 0.002
"""Seconds between two looks of whoever is the next, and of those behind."""

_PATIENCE = 0.05
"""Seconds for which nobody writes until those who came earlier are overtaken."""

_LOOK = 0.0005
"""Seconds between two looks of one who is alone; SQLite's waiters sleep for 1 ms at first."""

_COMPANY = 0.1
"""Seconds after which one who met nobody is alone."""

# --- locks ----------------------------------------------------------------------------------------

_LOCK = struct.Struct("hhqqi0q")
"""The kernel's struct flock: kind, whence, the first byte, how many, the owner. On Linux."""

_ALONE = 2**61
_TURN = _ALONE + 2
_FIRST = _TURN + 2
"""Bytes: of who is alone, of whose turn it is, and of who came at time 0. The kernel merges locks
that touch."""


def _asking(kind: int, first: int, many: int) -> bytes:
    """Return what asks for as *many* bytes; 0 is all that follow."""
    return _LOCK.pack(kind, os.SEEK_SET, first, many, 0)


_TAKE_TURN, _LEAVE_TURN = (_asking(kind, _TURN, 1) for kind in (fcntl.F_WRLCK, fcntl.F_UNLCK))
_TAKE_ALONE, _LEAVE_ALONE = (_asking(kind, _ALONE, 1) for kind in (fcntl.F_WRLCK, fcntl.F_UNLCK))
_TAKE_ALL = _asking(fcntl.F_WRLCK, _TURN, 0)
_FREE = struct.pack("h", fcntl.F_UNLCK)


def _taken(descriptor: int, first: int, many: int) -> int | None:
    """Return a byte of these that another process has, or None."""
    answer = fcntl.fcntl(descriptor, fcntl.F_GETLK, _asking(fcntl.F_WRLCK, first, many))
    kind, _whence, byte, _many, _owner = _LOCK.unpack(answer)
    return None if kind == fcntl.F_UNLCK else byte


def _take(descriptor: int, asked: bytes = _TAKE_TURN) -> bool:
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLK, asked)
    except (BlockingIOError, PermissionError) as exc:  # EAGAIN or EACCES, as POSIX has it
        if not disk.is_of_the_system(exc):
            raise
        return False
    return True


# --- the queue ------------------------------------------------------------------------------------


class GivesWay(Exception):
    """The process is about to fork, so nothing was done: call again when it has."""


class Queue:
    """This process's place in the queue of the database at *path*; one thread at a time has it."""

    def __init__(self, path: Path) -> None:
        self.file = QueueFile(path)
        self._path = path
        self._until = 0.0
        """When the slice ends, by the monotonic clock."""
        self._met = 0.0
        """When another process was met last."""
        self._alone, self._looked_until = False, 0.0
        """Whether it met nobody, and when to look again."""
        self._since = _FIRST
        """Who came before is waited for no more."""

    def is_alone(self) -> bool:
        """Whether no other process writes, or waits, so that no turn is needed."""
        now = monotonic()
        if now < self._looked_until:
            return True
        known = self._alone and now < self._until and self.file.descriptor() is not None
        if not known or self.is_awaited():
            return False
        self._looked_until = now + _LOOK
        return True

    def is_awaited(self) -> bool:
        """Whether another process writes, or waits, as far as this one can tell."""
        descriptor = self.file.descriptor()
        if descriptor is None:
            return False
        try:
            return not fcntl.fcntl(descriptor, fcntl.F_GETLK, _TAKE_ALL).startswith(_FREE)
        except OSError as exc:
            _pass_over(exc)
            return False

    def in_turn(
        self,
        deadline: float,
        gives_way: Callable[[], bool],
        work: Callable[..., T],
        *arguments: Any,
    ) -> T:
        """Return ``work(*arguments)``, run when it is this process's turn.

        Raises:
            Unavailable: others were writing until the *deadline*, by the monotonic clock.
            GivesWay: *gives_way* said so while others were writing.
        """
        goes_on = monotonic() < self._until
        if not goes_on:
            self.file.look()
        descriptor = self.file.descriptor()
        if descriptor is None:
            if not goes_on:
                self._until = monotonic() + SLICE  # it is not looked for at each write
            return work(*arguments)
        try:
            try:
                self._come(descriptor, goes_on, deadline, gives_way)
            except OSError as exc:
                _pass_over(exc)
            return work(*arguments)
        finally:
            # First of all, as in `Exclusive.exclusively`; what it kept others from is done.
            try:
                fcntl.fcntl(descriptor, fcntl.F_SETLK, _LEAVE_TURN)
            except OSError as exc:
                _pass_over(exc)

    def _come(
        self, descriptor: int, goes_on: bool, deadline: float, gives_way: Callable[[], bool]
    ) -> None:
        free = goes_on or _taken(descriptor, self._since, 0) is None
        if not (free and _take(descriptor)):
            if self._alone:
                fcntl.fcntl(descriptor, fcntl.F_SETLK, _LEAVE_ALONE)
            self._alone, self._met = False, deadline  # until then, should this be broken off
            self._line_up(descriptor, deadline, gives_way)
            self._met = monotonic()
        elif goes_on:
            return
        now = monotonic()
        self._until = now + SLICE
        self._alone = now - self._met > _COMPANY and _take(descriptor, _TAKE_ALONE)

    def _line_up(self, descriptor: int, deadline: float, gives_way: Callable[[], bool]) -> None:
        place = _FIRST + monotonic_ns()
        take, leave = _asking(fcntl.F_WRLCK, place, 1), _asking(fcntl.F_UNLCK, place, 1)
        try:
            fcntl.fcntl(descriptor, fcntl.F_SETLK, take)
            self._wait(descriptor, place, deadline, gives_way)
        finally:
            try:
                fcntl.fcntl(descriptor, fcntl.F_SETLK, leave)
            except OSError as exc:
                _pass_over(exc)

    def _wait(
        self, descriptor: int, place: int, deadline: float, gives_way: Callable[[], bool]
    ) -> None:
        written = now = monotonic()
        while True:
            earlier = _taken(descriptor, self._since, place - self._since + 1)
            if (earlier is None or now >= deadline) and _take(descriptor):
                return
            if now >= deadline:
                raise Unavailable(LOCKED.format(path=self._path))
            if gives_way():
                raise GivesWay
            if earlier is None or _taken(descriptor, _TURN, 1) is not None:
                written = now
            elif now - written > _PATIENCE:
                self._since = earlier + 1
            sleep(min(_NEXT if earlier is None else _LATER, deadline - now))
            now = monotonic()


def _pass_over(exc: OSError) -> None:
    """Raise *exc* again, unless the system refused a lock: a courtesy less, and that is all."""
    if isinstance(exc, StoreError) or not disk.is_of_the_system(exc):
        raise exc
