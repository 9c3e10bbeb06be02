"""Connections: one live client per opener and options, shared by all stores and counters.

An *opener* is a function whose keyword-only arguments are a backend's connection options and
which returns a `Connection`. `connect` hands the same one to whoever asks for equal options and
comes to the same place, from any thread. Opening does no I/O: a service starts while
its medium is down, and the first operation finds out.

Across a ``fork`` every connection is told before and after, so that none is copied in the
middle of an operation (see `Connection.before_fork`). A fork that Python is not told of is
noticed by whoever touches a connection next (see `processes`).
"""

import os
import threading
import weakref
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from typing import Any, ClassVar, TypeVar

from napixd_store.errors import ConfigError, Unavailable
from napixd_store.processes import notice, on_new_process

T = TypeVar("T")


class Connection:
    """The shared live client of a medium; a backend subclasses it and adds its own verbs.

    Guarantees: a connection is used by many threads at once. `lock` is held across a fork, so
    that whoever holds it while it works is never copied half done; in a process that was forked
    off, told or not, it is a new one.
    """

    durability = "memory"
    """What an acknowledged write survives: ``memory``, ``process``, ``power``, ``replicated``."""

    place = "this process"
    """Where the data is, for messages: a path, or host:port."""

    holds_data: ClassVar[bool] = False
    """Whether the data itself is in here, so that it stays when no store uses it any more."""

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
        lock = self.lock
        if lock._is_owned():  # type: ignore[attr-defined]  # as threading.Condition asks it
            raise Unavailable(
                f"{self.place}: this thread is in the middle of a write here, which a signal "
                f"handler or a finaliser interrupted; nothing was changed: do it outside of them"
            )
        try:
            if not lock.acquire(timeout=timeout):
                raise Unavailable(
                    f"{self.place}: other threads were writing for longer than timeout=; nothing "
                    f"was changed: try again"
                )
            return work(*arguments)
        finally:
            # First of all: a signal between the two would leave it taken. RuntimeError: it was
            # not got. Whether it was cannot be noted, for a signal may come before the note.
            with suppress(RuntimeError):
                lock.release()

    def close(self) -> None:
        """Release what the connection holds; the next operation opens it anew."""

    def before_fork(self) -> None:
        """Wait for what is under way, and keep new operations waiting until after the fork."""
        self._lock.acquire()

    def after_fork_in_parent(self) -> None:
        """Let the operations that waited go on."""
        self._lock.release()

    def begin_anew(self) -> None:
        """Leave the parent what is its own, in a process that was forked off.

        No other thread is alive here, and none was told before if the fork was not: take no
        lock, replace it. May be called again when an interrupt cut it short.
        """
        self._lock = threading.RLock()


Opener = Callable[..., Connection]

_KEPT = 32
"""So many connections stay open that no store uses: the next request may ask for them again."""

_lock = threading.RLock()
_all: weakref.WeakSet[Connection] = weakref.WeakSet()
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
            connection = _live.setdefault(identity, candidate)
            if connection.holds_data:
                _holding.add(connection)
            _recent.pop(connection, None)
            _recent[connection] = None
            if len(_recent) > _KEPT:
                del _recent[next(iter(_recent))]
            return connection
    except TypeError as exc:
        raise ConfigError(f"{opener.__name__}: an option has an unhashable value") from exc


def close_all() -> None:
    """Close every connection; a store or counter that is used afterwards opens its own again."""
    notice()
    for connection in list(_live.values()):
        connection.close()


# --- forks that Python makes, and tells of --------------------------------------------------------

_forking: list[Connection] = []


def _before_fork() -> None:
    notice()
    _lock.acquire()
    _forking[:] = _live.values()
    for connection in _forking:
        connection.before_fork()


def _after_fork_in_parent() -> None:
    for connection in reversed(_forking):
        connection.after_fork_in_parent()
    _forking.clear()
    _lock.release()


def _begin_anew() -> None:
    global _lock
    _lock = threading.RLock()
    _forking.clear()
    for connection in list(_all):
        connection.begin_anew()


on_new_process(_begin_anew)
os.register_at_fork(
    before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=notice
)
