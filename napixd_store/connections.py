"""Connections: one live client per opener and options, shared by all stores and counters.

An *opener* is a function whose keyword-only arguments are a backend's connection options and
which returns a `Connection`. `connect` hands the same one to whoever asks for equal options and
comes to the same place, from any thread. Opening does no I/O: a service starts while
its medium is down, and the first operation finds out.

Before a ``fork`` every connection is told, so that none is copied in the middle of an operation
(see `Connection.before_fork`). A fork that Python does not tell of is noticed by whoever touches
a connection next (see ``napixd_store.processes``), and so is one that is made in the middle of an
operation, by a signal handler or a finaliser: another thread that forks may be waiting for that
operation.
"""

import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import ExitStack
from operator import methodcaller
from typing import TYPE_CHECKING, Any, ClassVar

from napixd_store.errors import ConfigError
from napixd_store.exclusive import Exclusive, owned
from napixd_store.leases import Leases
from napixd_store.processes import notice, on_new_process

if TYPE_CHECKING:
    import pathlib


class Connection(Exclusive):
    """The shared live client of a medium; a backend subclasses it and adds its own verbs.

    Guarantees: a connection is used by many threads at once. ``lock`` is held across a fork, so
    that whoever holds it while it works is never copied half done; in a process that was forked
    off, told or not, it is a new one.
    """

    durability = "memory"
    """What an acknowledged write survives, one of ``memory process power replicated``."""

    timeout: float = 30.0
    """Seconds that an operation may spend on waiting for others."""

    holds_data: ClassVar[bool] = False
    """Whether the data itself is in here, so that it stays when no store uses it any more."""

    def __init__(self) -> None:
        self.sweeps: dict[Hashable, int] = {}
        """Collections in which records end -> how many writes there are until the next sweep."""
        self.leases = Leases()
        """Numbers of counters that this process took, and has yet to give."""
        super().__init__()

    def now(self) -> int:
        """Return the time by which records end, in milliseconds since 1970: the machine's.

        Where it is not known for certain, it is the earliest that it may be.
        """
        return time.time_ns() // 1_000_000

    def latest(self) -> int:
        """Return the latest that it may be, from which what is written now lives."""
        return self.now() + 1  # that is rounded down

    def apart(self, stores: Sequence[Any]) -> str | None:
        """Return why *stores*, which have this connection, cannot be written as one, or None.

        They can where a backend's connection has the optional verb ``write_all(writes)``. It does
        what each store's ``_write(changes, expected)`` does, for ``[(store, changes, expected),
        ...]``, as one atomic step: all of it, or nothing and the `Conflict` of one of them.
        """
        return None if hasattr(self, "write_all") else "its backend writes one store at a time"

    def close(self) -> None:
        """Release what the connection holds; the next operation opens it anew."""

    def back_up(self, target: "pathlib.Path") -> None:
        """Copy all that is here to *target*, of one moment, beside those who use it.

        What has no way of its own to do so raises ``NotImplementedError``, and is read instead.
        """
        raise NotImplementedError(f"{type(self).__name__} has no back_up(target)")

    def examine(self) -> list[str]:
        """Return, in words, what is wrong with the medium as a whole; nothing, if all is well."""
        return []

    def sizes(self) -> dict[str, int]:
        """Return how many bytes the medium takes, by what takes them; nothing where none knows."""
        return {}

    def vacuum(self) -> None:
        """Give what is free back to the file system; most media do so at once by themselves."""

    def refuse_others(self) -> None:
        """Raise `Unavailable` if other processes have this open, where that can be known."""

    def before_fork(self) -> None:
        """Wait for what is under way, and keep new operations waiting: ``hold`` what they take."""
        hold(self._lock)


Opener = Callable[..., Connection]

_KEPT = 32
"""So many connections stay open that no store uses: the next request may ask for them again."""

_lock = threading.RLock()
_live: weakref.WeakValueDictionary[Hashable, Connection] = weakref.WeakValueDictionary()
_holding: set[Connection] = set()
_recent: dict[Connection, None] = {}


def connect(opener: Opener, options: Mapping[str, Any]) -> Connection:
    """Return the connection for *opener* and *options*, the same as long as anybody uses it.

    One that no store or counter uses any more is closed when more than a few dozen others have
    been used since.

    Raises:
        ConfigError: the opener refuses, or an option cannot be compared with others.
    """
    notice()
    said = {**(getattr(opener, "__kwdefaults__", None) or {}), **options}
    candidate = opener(**options)  # costs little, and resolves what depends on the environment
    identity = (opener, candidate.place, *sorted(said.items()))
    try:
        with _lock:
            return _used(_live.setdefault(identity, candidate))
    except TypeError as exc:
        raise ConfigError(f"{opener.__name__}: an option has an unhashable value") from exc


def _used(connection: Connection) -> Connection:
    if connection.holds_data:
        _holding.add(connection)
    _recent.pop(connection, None)
    _recent[connection] = None
    while len(_recent) > _KEPT:
        del _recent[next(iter(_recent))]
    return connection


def close_all() -> None:
    """Close every connection; a store or counter that is used afterwards opens its own again.

    Numbers that counters with ``lease=`` hold are given up.
    """
    notice()
    for connection in _connections():
        connection.leases.forget()
        connection.close()


def _connections() -> list[Connection]:
    # The references are copied in one step, for another thread may be adding one.
    return [each for each in (reference() for reference in _live.valuerefs()) if each is not None]


# --- forks that Python makes, and tells of --------------------------------------------------------


class _Forks(threading.local):
    """The locks that each fork of this thread holds: a handler may fork beside another fork."""

    def __init__(self) -> None:
        self.held: list[list[threading.RLock]] = []


_forks = _Forks()


def hold(lock: threading.RLock) -> None:
    """Take *lock* until this process has made the fork that is under way."""
    _forks.held[-1].append(lock)  # first, for an interrupt may come once it is taken
    lock.acquire()


def _before_fork() -> None:
    notice()
    _forks.held.append([])
    if owned(_lock) or any(connection.is_in_use_here() for connection in _connections()):
        return
    hold(_lock)
    with ExitStack() as told:  # all of them, whatever one of them raises
        for connection in _connections():
            told.callback(connection.before_fork)


def _release() -> None:
    if _forks.held:
        # In one call: an interrupt in between would leave some of them taken.
        deque(map(methodcaller("release"), filter(owned, _forks.held[-1])), 0)


def _after_fork() -> None:
    _release()
    del _forks.held[-1:]


def _begin_anew() -> None:
    global _lock
    _lock = threading.RLock()
    _forks.held.clear()


on_new_process(_begin_anew)
os.register_at_fork(before=_before_fork, after_in_parent=_release, after_in_child=notice)
os.register_at_fork(after_in_parent=_after_fork)  # an interrupt may come as the first one begins
