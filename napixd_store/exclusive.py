"""One at a time: what only one of this process's threads may do, however it is interrupted."""

import threading
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

from napixd_store.errors import Unavailable
from napixd_store.processes import notice, on_new_process

T = TypeVar("T")

owned: Callable[[threading.RLock], bool] = type(threading.RLock())._is_owned  # type: ignore[attr-defined]
"""Whether this very thread has the lock, as `threading.Condition` asks; in C, for signals' sake."""


class Exclusive:
    """A thing that many threads use, and one at a time changes.

    Guarantees: in a process that was forked off, told or not, `lock` is a new one.
    """

    place = "this process"
    """Where the data is, for messages: a path, or host:port."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        _all.add(self)

    @property
    def lock(self) -> threading.RLock:
        """The lock of this process; take it with ``with``, which no signal can tear apart."""
        notice()
        return self._lock

    def exclusively(self, work: Callable[..., T], *arguments: Any, timeout: float = -1) -> T:
        """Return ``work(*arguments)``, run while no other thread of this process is in here.

        A function, no context manager: a frame that an exception leaves gives the lock back
        at once, while a suspended generator keeps it as long as somebody keeps the traceback.

        Raises:
            Unavailable: this very thread is in here already (it is a signal handler or a
                finaliser, run in the middle of a write), or *timeout* seconds were not enough.
        """
        notice()
        lock = self._lock
        if owned(lock):
            raise Unavailable(
                f"{self.place}: this thread is in the middle of a write here, which a signal "
                f"handler or a finaliser interrupted; nothing was changed: do it outside of them"
            )
        try:
            if not lock.acquire(True, timeout):
                raise Unavailable(
                    f"{self.place}: other threads were writing for longer than timeout=; nothing "
                    f"was changed: try again"
                )
            return work(*arguments)
        finally:
            # First of all: a signal between the two would leave it taken, and one comes when a
            # function is entered, so not even `suppress` may stand before it. RuntimeError: it
            # was not got. Whether it was cannot be noted, for a signal may come before the note.
            try:  # noqa: SIM105 - see above
                lock.release()
            except RuntimeError:
                pass

    def is_in_use_here(self) -> bool:
        """Whether this very thread is in the middle of something here; it is in a handler then."""
        return owned(self._lock)

    def begin_anew(self) -> None:
        """Leave the parent what is its own, in a process that was forked off.

        No other thread is alive here, and none was told before if the fork was not: take no
        lock, replace it. May be called again when an interrupt cut it short.
        """
        self._lock = threading.RLock()


_all: weakref.WeakSet[Exclusive] = weakref.WeakSet()


def _begin_anew() -> None:
    for each in list(_all):
        each.begin_anew()


on_new_process(_begin_anew)
