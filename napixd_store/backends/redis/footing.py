"""The footing of an iteration: the server that its cursor means something to.

A cursor is a place in one server's table, which a restart, a failover or the move of a slot makes
anew. None of these leaves the way there as it was: so an answer that came from another server, or
by a connection that is younger than the cursor, ends its meaning.
"""

import itertools
from typing import Any

from napixd_store.backends.redis.driver import DriverConnection

_births = itertools.count()


def note_birth(connection: DriverConnection) -> None:
    """Note that *connection* has just been connected."""
    connection.born = next(_births)


class Footing:
    """What the answers to one iteration came from."""

    def __init__(self) -> None:
        self._begun, self._pool = next(_births), None
        self.shifted = False
        """Whether the last answer may be another server's than those before."""

    def stand_on(self, pool: Any, connection: DriverConnection) -> None:
        """Take note that an answer came from *pool*, by *connection*."""
        self.shifted = connection.born > self._begun or self._pool not in (None, pool)
        if self.shifted:
            self._begun = next(_births)
        self._pool = pool
