"""The server's clock, by which records end: asked now and then, and counted on from there."""

import time
from collections.abc import Callable
from math import ceil
from typing import NamedTuple

from napixd_store.errors import OutcomeUnknown, Unavailable

Ask = Callable[[], list[bytes]]

_TRUSTED = 60.0
"""Seconds after which it is asked again: clocks drift, are set, and a machine may have slept."""

_SPARED = 1.0
"""Seconds for which a server that failed is not asked again."""

_SLOW = 0.02
"""Seconds of a round trip after which another may tell more."""

_TRIES = 3


class _Sample(NamedTuple):
    """What one reply told."""

    round_trip: float
    """Seconds: the server read its clock at some moment of it."""
    ahead: float
    """Its time less ours, at least."""
    until: float
    """When it is asked again, by our clock."""


class Clock:
    """What is known of a server's clock, wherever ours stands."""

    def __init__(self) -> None:
        self._known: _Sample | None = None

    def earliest(self, ask: Ask) -> int:
        """Return the earliest that it may be there, in milliseconds since 1970.

        *ask* returns the reply to TIME. Where it fails, what was known counts on for a while: what
        is at hand can be read while the server is away.
        """
        return int((self._sample(ask).ahead + time.monotonic()) * 1000)

    def latest(self, ask: Ask) -> int:
        """Return the latest that it may be there."""
        sample = self._sample(ask)
        return ceil((sample.ahead + sample.round_trip + time.monotonic()) * 1000)

    def _sample(self, ask: Ask) -> _Sample:
        known = self._known
        if known is None or time.monotonic() > known.until:
            try:
                known = min(_samples(ask))
            except (Unavailable, OutcomeUnknown):
                if known is None:
                    raise
                known = known._replace(until=time.monotonic() + _SPARED)
            self._known = known
        return known

    def distrust(self) -> None:
        """Ask anew: the server that is there now may be another one."""
        known = self._known
        self._known = known and known._replace(until=0.0)


def _samples(ask: Ask) -> list[_Sample]:
    """Return several where the first reply was late, as one that came with a new connection."""
    samples: list[_Sample] = []
    while not samples or (samples[-1].round_trip > _SLOW and len(samples) < _TRIES):
        asked = time.monotonic()
        seconds, microseconds = map(int, ask())
        ours = time.monotonic()
        ahead = seconds + microseconds / 1e6 - ours
        samples.append(_Sample(ours - asked, ahead, ours + _TRUSTED))
    return samples
