"""Leases: a session is its thread's until that ends; then its handle is closed.

What a signal's handler raises in a finaliser is lost: ``sys.exit()`` on SIGTERM would end nothing.
Under gevent that is not rare: each request has a thread of its own, a greenlet, and all of them
run in the one thread that handles signals. So when a lease ends there, none of our code runs: it
is put on a list, in C, and whoever uses SQLite next closes the handle.
"""

import atexit
import os
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from napixd_store.backends.sqlite import forked
from napixd_store.backends.sqlite.session import Session
from napixd_store.processes import is_new, on_new_process


class Lease:
    """A thread's hold on its session; it goes with the thread.

    The session stays among *sessions* until its handle is closed, so that a fork, `Pool.close`
    and the end of the process wait for who is closing it.
    """

    def __init__(self, session: Session, sessions: set[Session]) -> None:
        self._held = session, sessions
        _held[weakref.ref(self, returned.append)] = self._held
        sessions.add(session)

    def _close(self, is_over: Callable[[], bool] = sys.is_finalizing) -> None:
        if not is_over():  # else our modules are gone, and SQLite's handles close by themselves
            _close(*self._held)


class _Closing(Lease):
    """One of a thread that handles no signals, so it closes the handle itself, and at once."""

    def __del__(self, is_new: Callable[[], bool] = is_new) -> None:  # this module may be gone
        if not is_new():  # else what is the parent's waits for `_begin_anew`
            self._close()


def lease(session: Session, sessions: set[Session]) -> Lease:
    """Return this thread's lease on *session*."""
    # Not by the ident: gevent gives each greenlet one of its own.
    handles_signals = threading.get_native_id() == threading.main_thread().native_id
    return (Lease if handles_signals else _Closing)(session, sessions)


_held: dict[weakref.ref[Lease], tuple[Session, set[Session]]] = {}
"""Lease -> what it holds, also when the lease is gone, until the handle is closed."""

returned: deque[weakref.ref[Lease]] = deque()
"""The leases of threads that have ended."""


def close_returned() -> None:
    """Close the sessions of threads that have ended."""
    for lease in list(returned):
        if held := _held.get(lease):
            _close(*held)
            _held.pop(lease, None)
        with suppress(ValueError):  # another thread was faster
            returned.remove(lease)


def _close(session: Session, sessions: set[Session]) -> None:
    # Who has the lock (a fork, `Pool.close`) closes the handle, and two at once would crash
    # Python 3.10.
    session.close_if_idle()
    sessions.discard(session)


def _begin_anew() -> None:
    for session, _sessions in list(_held.values()):
        forked.begin_anew(session)


def _at_exit() -> None:
    """Close all that is idle, and let leases do so themselves: nobody may come who does."""
    for session, _sessions in list(_held.values()):
        session.close_if_idle()
    Lease.__del__ = Lease._close  # type: ignore[attr-defined]  # until now it must have none
    close_returned()


on_new_process(_begin_anew)
os.register_at_fork(before=close_returned)
atexit.register(_at_exit)
