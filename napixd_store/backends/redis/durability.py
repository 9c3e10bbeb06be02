"""What the server's own settings say about keeping data: asked once a connection is made.

A backend that cannot give the durability that was asked refuses to work, and says which setting
is missing.
"""

import time
import warnings
from collections.abc import Callable
from typing import Any

from napixd_store.backends.redis.driver import DriverConnection
from napixd_store.backends.redis.exchanges import PAUSE, exchange
from napixd_store.backends.redis.failures import Failure, Refused
from napixd_store.errors import ConfigError, EvictingWarning, NotReplicated

Ask = Callable[..., Any]
"""Exchange one command with the server."""

_MARGIN = 0.2
"""Seconds that a server may take to count, which it does in tenths."""

Wanted = Callable[[str], bool]

_SYNCED: dict[str, tuple[str, Wanted]] = {
    "appendonly": ("yes", lambda said: said == "yes"),
    "appendfsync": ("everysec or always", lambda said: said in ("everysec", "always")),
}
_ALWAYS: dict[str, tuple[str, Wanted]] = {
    "appendonly": ("yes", lambda said: said == "yes"),
    "appendfsync": ("always", lambda said: said == "always"),
    "no-appendfsync-on-rewrite": ("no", lambda said: said == "no"),
}


def warn_of_eviction(ask: Ask, place: str, *, strict: bool) -> None:
    """Warn once if the server drops data when it needs room; silent if it will not tell.

    Raises:
        ConfigError: it does, and the option ``strict`` is set.
    """
    try:
        told = ask("INFO", "memory")
    except Refused:  # no right to ask
        return
    message = eviction(told, place)
    if message and strict:
        raise ConfigError(f"{message}; nothing was changed")
    if message:
        warnings.warn(message, EvictingWarning, stacklevel=2)


def eviction(told: bytes, place: str) -> str | None:
    """Return what is to be said of a server that evicts, by what it *told* of its memory."""
    for line in told.decode().splitlines():
        name, _, policy = line.partition(":")
        if name == "maxmemory_policy" and policy != "noeviction":
            return (
                f"{place}: the server drops data when it needs room (maxmemory-policy {policy}): "
                f"set it to noeviction, or keep nothing here that must last"
            )
    return None


def check_durability(ask: Ask, place: str, durability: str, replicas: int) -> None:
    """Make sure that the server grants *durability*.

    Raises:
        ConfigError: it does not, or will not tell; names the setting.
    """
    for setting, (wanted, is_enough) in _needed(durability, replicas).items():
        try:
            told = ask("CONFIG", "GET", setting)
        except Refused:
            raise ConfigError(
                f"{place}: durability={durability!r} cannot be granted: the setting {setting} "
                f"cannot be read; nothing was changed: give the user +config|get"
            ) from None
        said = told[1].decode() if told else "missing"
        if not is_enough(said):
            raise ConfigError(
                f"{place}: durability={durability!r} needs the server's setting {setting} to be "
                f"{wanted}, and it is {said!r}; nothing was changed"
            )


def wait_for_replicas(
    connection: DriverConnection, replicas: int, end: float, where: Callable[[], str]
) -> None:
    """Wait until so many *replicas* confirm what was written on *connection*.

    Raises:
        NotReplicated: fewer did, or the master did not say how many, until *end*.
    """
    # Less than the socket waits, so that the answer comes first: a server counts in tenths.
    now = time.monotonic()
    left = max(end - now, 2 * PAUSE)
    waits = max(left - _MARGIN, left / 2)
    try:
        confirmed = exchange(connection, ("WAIT", replicas, int(waits * 1000)), now + left)
    except Failure as exc:
        failed = exc.with_traceback(None)
    else:
        if confirmed >= replicas:
            return
        raise NotReplicated(
            f"{where()}: applied on the master, but only {confirmed} of {replicas} "
            f"replicas confirmed it in time; a failover may lose it: read it back"
        )
    raise NotReplicated(
        f"{where()}: applied on the master, which then did not say whether its replicas "
        f"have it ({failed.text}); a failover may lose it: read it back"
    ) from failed.shown


def _needed(durability: str, replicas: int) -> dict[str, tuple[str, Wanted]]:
    if durability == "process":
        return _SYNCED
    if durability == "power":
        return _ALWAYS
    if durability == "replicated":
        # Without it a master cut off from its replicas goes on handing out numbers.
        enough = f"{replicas} or more"
        return {
            "min-replicas-to-write": (enough, lambda said: int(said) >= replicas),
            "min-replicas-max-lag": ("1 or more", lambda said: int(said) > 0),  # 0 switches it off
        }
    return {}
