"""Crowds: threads and processes that write into one SQLite file, all at once."""

import random
from collections.abc import Iterator
from functools import partial

from benchmarks.contestants.by_hand import SYNCHRONOUS
from benchmarks.contestants.embedded import Diskcache
from benchmarks.contestants.sqlite import ByHand
from benchmarks.crowd import crowd, in_processes, in_threads
from benchmarks.measure import Plan, Suite
from benchmarks.results import Crowd, Section
from benchmarks.suites.sqlite import ours

CROWDS = {
    "threads": (in_threads, (1, 2, 4, 8, 16)),
    "processes": (in_processes, (1, 2, 4, 8)),
}
SECONDS = 2.0
"""How long a crowd works in a round: longer than SQLite's busy handler lets anybody starve."""

NOTE = (
    "Everybody overwrites values of a thousand keys in one SQLite file, as fast as it goes: "
    "`store[key] = value` by this library, the same by hand with a connection for each thread "
    "and a busy timeout of a minute, and by `diskcache`, at the same `synchronous`. A second, "
    "together: the writes of all. Slowest / fastest: what the slowest wrote for each that the "
    "fastest did, 1 is fair; 0 means that somebody waited all the time. The waits are of all "
    "rounds, the longest one among them."
)


def measure(plan: Plan) -> Iterator[Section]:
    """Yield a crowd of threads and one of processes, for each durability."""
    for durability, synchronous in SYNCHRONOUS.items():
        builders = [partial(each, durability=durability) for each in (ours, ByHand, Diskcache)]
        for several, (run, numbers) in CROWDS.items():
            points, left_out = crowd(
                builders, run, numbers, SECONDS, plan.rounds, random.Random(plan.seed)
            )
            yield Crowd(
                f"{several.capitalize()} that write, durability `{durability}`",
                f"WAL, `synchronous={synchronous}`; {SECONDS:g} s a round.",
                several,
                left_out,
                points,
            )


SUITE = Suite(
    title="Benchmarks of crowds",
    packages=("msgspec", "diskcache"),
    note=NOTE,
    measure=measure,
    rounds=5,
)
