"""Forks, whoever makes them: what belongs to one process begins anew in the next.

Sockets, file handles and locks must not cross a fork. Python tells of its own forks
(`os.register_at_fork`); uWSGI forks in C and tells nobody, or the child alone. So whoever takes
such a thing calls `notice` first. It reads a byte that the kernel clears in a child (madvise(2),
MADV_WIPEONFORK, Linux 4.14), which takes a tenth of the time of asking for the process's id.
"""

import mmap
import os
import threading
from collections.abc import Callable
from typing import Any

_WIPE_ON_FORK = 18  # <linux/mman.h>; the module mmap does not name it
_NO_ADVICE = -1


def notice() -> None:
    """Begin anew if this process was forked off since the last call, told or not.

    Guarantees: of many threads that notice at once, all wait until one has renewed everything.
    """
    if not _here[0]:
        _begin_anew()


def on_new_process(renew: Callable[[], None]) -> None:
    """Call *renew* in every new process, before anything in it goes on.

    It must take no lock that existed before, for a thread that is not here may hold it; and it
    may be called again when an interrupt cut it short.
    """
    _renewals.append(renew)


class _ByProcessId:
    """What stands in for the byte on a system that cannot clear it."""

    def __init__(self) -> None:
        self[0] = True

    def __getitem__(self, place: int) -> bool:
        return self._pid == os.getpid()

    def __setitem__(self, place: int, here: bool) -> None:
        self._pid = os.getpid()


def _cleared_by_a_fork() -> "mmap.mmap | _ByProcessId":
    page = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    try:
        page.madvise(_NO_ADVICE)
        return _ByProcessId()  # an emulator that takes any advice, and follows none
    except (OSError, AttributeError):
        pass
    try:
        page.madvise(_WIPE_ON_FORK)
    except (OSError, AttributeError):
        return _ByProcessId()
    page[0] = True
    return page


_here = _cleared_by_a_fork()


def is_new(here: Any = _here) -> bool:  # bound, for finalisers when this module may be gone
    """Whether this process was forked off and nothing has begun anew in it yet.

    Python finalises what belonged to the parent's other threads before it tells of a fork.
    """
    return not here[0]


_renewals: list[Callable[[], None]] = []
_renewing: dict[int, threading.RLock] = {}


def _begin_anew() -> None:
    pid = os.getpid()
    # The process before had another key, so no thread that is not here can hold this lock.
    with _renewing.setdefault(pid, threading.RLock()):
        if _here[0]:
            return
        for renew in _renewals:
            renew()
        for other in _renewing.keys() - {pid}:
            _renewing.pop(other, None)
        _here[0] = True
