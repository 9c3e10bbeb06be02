"""The list of collections: sets in the server, kept true by whoever writes and drops.

No write can be made together with its entry, which may lie on another node. So an entry is made
before the write, and again once a second, for the collection may have been dropped, or all be
flushed, by anybody. Who lists collections looks whether they exist.
"""

import time
from collections.abc import Callable
from typing import Any

from napixd_store.backends.redis.names import Kind, registry

Exchange = Callable[..., Any]

_TRUSTED = 1.0
"""Seconds for which an entry is taken to be there."""

_MOST = 10_000
"""So many are remembered."""


class Listing:
    """The sets of collections of a prefix, one for each kind, and what was entered of late.

    *exchange* is the server's, and may repeat what it sends: an entry made twice is as good as
    once. It is given each time, for whoever kept it here would keep the server's connections.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._entered: dict[tuple[Kind, str], float] = {}  # until when that is trusted

    def entered(self, kind: Kind) -> set[str]:
        """Return the collections that this process has entered of late."""
        return {name for known, name in list(self._entered) if known == kind}

    def enter(
        self, exchange: Exchange, where: Any, kind: Kind, collection: str, *, anew: bool = False
    ) -> None:
        """Make an entry for *collection*, unless that was done just now; *anew*: in any case."""
        now = time.monotonic()
        if anew or self._entered.get((kind, collection), 0.0) < now:
            name = registry(self._prefix, kind)
            exchange(where, name, "SADD", name, collection)
            if len(self._entered) > _MOST:
                self._entered.clear()
            self._entered[kind, collection] = now + _TRUSTED

    def remove(self, exchange: Exchange, where: Any, kind: Kind, collection: str) -> None:
        """Take out the entry of *collection*. Whoever goes on writing to it enters it anew."""
        name = registry(self._prefix, kind)
        self._entered.pop((kind, collection), None)
        exchange(where, name, "SREM", name, collection)

    def distrust(self) -> None:
        """Enter all anew: the server that is there now may be another one, or have lost data."""
        self._entered.clear()
