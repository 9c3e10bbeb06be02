"""Connections: one live client per opener and options, shared by all stores and counters.

An *opener* is a function whose keyword-only arguments are a backend's connection options and
which returns a `Connection`. `connect` hands the same one to whoever asks for equal options and
comes to the same place, from any thread. Opening does no I/O: a service starts while
its medium is down, and the first operation finds out.

Across a ``fork`` every connection is told before and after, so that none is copied in the
middle of an operation (see `Connection.before_fork`).
"""

import os
import threading
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from napixd_store.errors import ConfigError


class Connection:
    """The shared live client of a medium; a backend subclasses it and adds its own verbs.

    Guarantees: a connection is used by many threads at once. `lock` is held across a fork, so
    that whoever holds it while it works is never copied half done.
    """

    durability = "memory"
    """What an acknowledged write survives: ``memory``, ``process``, ``power``, ``replicated``."""

    place = "this process"
    """Where the data is, for messages: a path, or host:port."""

    def __init__(self) -> None:
        self.lock = threading.RLock()

    def close(self) -> None:
        """Release what the connection holds; the next operation opens it anew."""

    def before_fork(self) -> None:
        """Wait for what is under way, and keep new operations waiting until after the fork."""
        self.lock.acquire()

    def after_fork_in_parent(self) -> None:
        """Let the operations that waited go on."""
        self.lock.release()

    def after_fork_in_child(self) -> None:
        """Begin anew in the child, where no other thread is alive."""
        self.lock.release()


Opener = Callable[..., Connection]

_live: dict[Hashable, Connection] = {}
_lock = threading.RLock()


def connect(opener: Opener, options: Mapping[str, Any]) -> Connection:
    """Return the connection for *opener* and *options*, the same as long as the process lives.

    Raises:
        ConfigError: the opener refuses, or an option cannot be compared with others.
    """
    said = {**(getattr(opener, "__kwdefaults__", None) or {}), **options}
    candidate = opener(**options)  # costs little, and resolves what depends on the environment
    identity = (opener, candidate.place, *sorted(said.items()))
    try:
        with _lock:
            return _live.setdefault(identity, candidate)
    except TypeError as exc:
        raise ConfigError(f"{opener.__name__}: an option has an unhashable value") from exc


def close_all() -> None:
    """Close every connection; a store or counter that is used afterwards opens its own again."""
    with _lock:
        closing = list(_live.values())
    for connection in closing:
        connection.close()


_forking: list[Connection] = []


def _before_fork() -> None:
    _lock.acquire()
    _forking[:] = _live.values()
    for connection in _forking:
        connection.before_fork()


def _after_fork_in_parent() -> None:
    for connection in reversed(_forking):
        connection.after_fork_in_parent()
    _forking.clear()
    _lock.release()


def _after_fork_in_child() -> None:
    for connection in reversed(_forking):
        connection.after_fork_in_child()
    _forking.clear()
    _lock.release()


os.register_at_fork(
    before=_before_fork,
    after_in_parent=_after_fork_in_parent,
    after_in_child=_after_fork_in_child,
)
