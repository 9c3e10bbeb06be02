"""The footing of an iteration: the server that its cursor means something to.

A cursor is a place in one server's table, which a restart, a failover or the move of a slot makes
anew. None of these leaves the way there as it was: so an answer that came from another server, or
by a connection that is younger than the cursor, ends its meaning.
"""

import itertools
from typing import Any

from napixd_store.backends.redis.wires import Wire

_births = itertools.count()


def note_birth(wire: Wire) -> None:
    """Note that *wire* has just been connected."""
    wire.born = next(_births)


class Footing:
    """What the answers to one iteration came from."""

    def __init__(self) -> None:
        self._begun, self._link = next(_births), None
        self.shifted = False
        """Whether the last answer may be another server's than those before."""

    def stand_on(self, link: Any, wire: Wire) -> None:
        """Take note that an answer came from *link*, by *wire*."""
        self.shifted = wire.born > self._begun or self._link not in (None, link)
        if self.shifted:
            self._begun = next(_births)
        self._link = link
