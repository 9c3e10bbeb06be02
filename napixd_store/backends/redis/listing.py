"""The list of collections and counters: sets in the server, kept true by who writes and drops.

No write can be made together with its entry, which may lie on another node. So an entry is made
before the write, and again once a second, for the collection may have been dropped, or all be
flushed, by anybody. Who lists them looks whether they exist. A counter is noted after the write,
for a number that was counted must be returned, and what fails elsewhere must not stop it.
"""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from napixd_store.backends.redis.names import Kind, decoded, physical, registry
from napixd_store.errors import StoreError

Exchange = Callable[..., Any]

_TRUSTED = 1.0
"""Seconds for which an entry is taken to be there."""

_SPARED = 10.0
"""Seconds for which a server that failed is not asked to note anything."""

_MOST = 10_000
"""So many are remembered."""


class Listing:
    """The sets of names of a prefix, one for each kind, and what was entered of late.

    *exchange* is the server's, and may repeat what it sends: an entry made twice is as good as
    once. It is given each time, for whoever kept it here would keep the server's connections.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._entered: dict[tuple[Kind, str], float] = {}  # until when that is trusted
        self._ailing = 0.0  # until when nothing is noted

    def names(
        self,
        exchange: Exchange,
        existing: Callable[[Any, Iterable[str]], set[str]],
        place: str,
        kind: Kind,
    ) -> list[str]:
        """Return the names of all that is there; *existing* is the server's, *place* for messages.

        Raises:
            CorruptData: a name in the set is none of ours.
        """

        def where() -> str:
            return place

        known = registry(self._prefix, kind)
        names = {decoded(raw, place) for raw in exchange(where, known, "SMEMBERS", known)}
        of_late = {name for its_kind, name in list(self._entered) if its_kind == kind}
        lost = of_late - names  # somebody flushed the database
        places = {physical(self._prefix, kind, name): name for name in names | lost}
        found = {places[at] for at in existing(where, places)}
        for name in lost & found:
            self.enter(exchange, where, kind, name, anew=True)
        return sorted(found)

    def enter(
        self, exchange: Exchange, where: Any, kind: Kind, name: str, *, anew: bool = False
    ) -> None:
        """Make an entry for *name*, unless that was done just now; *anew*: in any case."""
        now = time.monotonic()
        if anew or self._entered.get((kind, name), 0.0) < now:
            known = registry(self._prefix, kind)
            exchange(where, known, "SADD", known, name)
            if len(self._entered) > _MOST:
                self._entered.clear()
            self._entered[kind, name] = now + _TRUSTED

    def note(
        self, exchange: Exchange, where: Any, kind: Kind, name: str, *, anew: bool = False
    ) -> None:
        """Make an entry for *name*, which was just written, if the server of the list is well.

        In a cluster it may be another one than that of the name, whose writers are to go on.
        """
        now = time.monotonic()
        if (anew or self._entered.get((kind, name), 0.0) < now) and self._ailing < now:
            try:
                self.enter(exchange, where, kind, name, anew=anew)
            except StoreError:  # what was asked for is done
                self._ailing = time.monotonic() + _SPARED

    def remove(self, exchange: Exchange, where: Any, kind: Kind, name: str) -> None:
        """Take out the entry of *name*, which is dropped. Whoever writes to it enters it anew."""
        known = registry(self._prefix, kind)
        self._entered.pop((kind, name), None)
        with suppress(StoreError):  # it is dropped, whatever comes now
            exchange(where, known, "SREM", known, name)

    def distrust(self) -> None:
        """Enter all anew: the server that is there now may be another one, or have lost data."""
        self._entered.clear()
