"""How long calls took, counted: so that millions of them are a few dozen numbers."""

import bisect
from collections.abc import Sequence

BOUNDS = [10 ** (power / 5) / 1e6 for power in range(5, 36)]
"""Seconds, from 10 µs to 10 s, five a decade: what parts the counts, the last is open."""


class Waits:
    """What one thread waited for; add() is all that stands between two of its calls."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.longest = 0.0

    def add(self, seconds: float) -> None:
        """Count a call that took so long."""
        self.counts[bisect.bisect(BOUNDS, seconds)] += 1
        if seconds > self.longest:
            self.longest = seconds


def below(counts: Sequence[int], share: float) -> float:
    """Return seconds that *share* of the calls did not exceed: the bound of their part."""
    wanted = share * sum(counts)
    for count, bound in zip(counts, BOUNDS, strict=False):
        wanted -= count
        if wanted <= 0:
            return bound
    return BOUNDS[-1]


def together(all_counts: Sequence[Sequence[int]]) -> list[int]:
    """Return the sum of several counts."""
    return [sum(each) for each in zip(*all_counts, strict=True)]
