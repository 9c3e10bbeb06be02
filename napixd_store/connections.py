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
from typing import Any, ClassVar

from napixd_store.errors import ConfigError
from napixd_store.exclusive import Exclusive
from napixd_store.processes import notice, on_new_process


class Connection(Exclusive):
    """The shared live client of a medium; a backend subclasses it and adds its own verbs.

    Guarantees: a connection is used by many threads at once. `lock` is held across a fork, so
    that whoever holds it while it works is never copied half done; in a process that was forked
    off, told or not, it is a new one.
    """

    durability = "memory"
    """What an acknowledged write survives: ``memory``, ``process``, ``power``, ``replicated``."""

    timeout: float = 30.0
    """Seconds that an operation may spend on waiting for others."""

    holds_data: ClassVar[bool] = False
    """Whether the data itself is in here, so that it stays when no store uses it any more."""

    def close(self) -> None:
        """Release what the connection holds; the next operation opens it anew."""

    def before_fork(self) -> None:
        """Wait for what is under way, and keep new operations waiting until after the fork."""
        self._lock.acquire()

    def after_fork_in_parent(self) -> None:
        """Let the operations that waited go on."""
        self._lock.release()


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


on_new_process(_begin_anew)
os.register_at_fork(
    before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=notice
)
