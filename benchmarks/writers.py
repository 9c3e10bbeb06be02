"""Many processes that write to one SQLite file: ``python -m benchmarks.writers``.

How many writes the slowest of them gets for one of the fastest, how long the unluckiest write
waits, and what all of them get done together; with the queue of writers, and without it, as other
programs write. Greedy ones write all the time; a polite one rests between its writes.
"""

import argparse
import os
import pickle
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks.by_hand import SYNCHRONOUS
from napixd_store import StoreBackend
from napixd_store.backends.sqlite import SQLiteStore
from napixd_store.backends.sqlite.database import Database

REST = 0.005
"""Seconds between two writes of a polite process."""

QUEUED = Database._queued
UNQUEUED = Database._until
_WAYS: dict[str, Callable[..., Any]] = {"without": UNQUEUED, "with": QUEUED}


class Writer(NamedTuple):
    """What one process got done."""

    writes: int
    longest_wait: float
    longest_turn: float
    """Seconds for which one write kept all others waiting, as far as is known."""


class Crowd(NamedTuple):
    """Who writes; the polite ones are some of all."""

    durability: str
    processes: int
    polite: int

    def writers(self, way: str, seconds: float) -> list[Writer]:
        """Have all of them write for some *seconds*, queueing or not."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "store.sqlite"
            _store(path, self.durability)["key"] = "value"
            begin = time.monotonic() + 0.5
            ends = [
                _forked(_write, path, self.durability, way, who < self.polite, begin, seconds)
                for who in range(self.processes)
            ]
            writers = [pickle.loads(os.read(end, 1000)) for end in ends]
            for end in ends:
                os.close(end)
                os.wait()
            return writers


def _store(path: Path, durability: str) -> StoreBackend[Any]:
    options = {"path": path, "durability": durability, "timeout": 600}
    return SQLiteStore("benchmark", options)


def _forked(work: Callable[..., Any], *arguments: Any) -> int:
    end, report = os.pipe()
    if not os.fork():
        with suppress(BaseException):
            os.write(report, pickle.dumps(work(*arguments)))
        os._exit(0)
    os.close(report)
    return end


def _write(
    path: Path, durability: str, way: str, polite: bool, begin: float, seconds: float
) -> Writer:
    Database._queued = _WAYS[way]  # type: ignore[method-assign]
    turns = _timed_turns() if way == "with" else [0.0]
    store = _store(path, durability)
    key, writes, longest = str(os.getpid()), 0, 0.0
    store[key] = {"n": 0}
    time.sleep(max(0.0, begin - time.monotonic()))
    turns[0], now = 0.0, time.monotonic()
    end = now + seconds
    while now < end:
        store[key] = {"n": writes, "text": "x" * 100}
        writes, before, now = writes + 1, now, time.monotonic()
        longest = max(longest, now - before)
        if polite:
            time.sleep(REST)
            now = time.monotonic()
    return Writer(writes, longest, turns[0])


def _timed_turns() -> list[float]:
    longest = [0.0]

    def timed(*arguments: Any) -> Any:
        begin = time.monotonic()
        try:
            return UNQUEUED(*arguments)
        finally:
            longest[0] = max(longest[0], time.monotonic() - begin)

    Database._until = timed  # type: ignore[assignment,method-assign]
    return longest


# --- the tables -----------------------------------------------------------------------------------


def _row(crowd: Crowd, way: str, races: list[list[Writer]], seconds: float) -> list[str]:
    greedy = [[one.writes for one in writers[crowd.polite :]] for writers in races]
    together = [sum(one.writes for one in writers) / seconds for writers in races]
    fair = statistics.median(min(each) / max(each) for each in greedy)
    worst = [max(one.longest_wait for one in writers) * 1e3 for writers in races]
    turn = [max(one.longest_turn for one in writers) * 1e3 for writers in races]
    who = f"{crowd.processes} processes" + (f", {crowd.polite} polite" if crowd.polite else "")
    return [
        crowd.durability, who, way, f"{fair:.2f}", f"{statistics.median(worst):.0f}",
        f"{statistics.median(turn):.0f}" if any(turn) else "",
        f"{max(wait - held for wait, held in zip(worst, turn, strict=True)):.0f}",
        f"{statistics.median(together):,.0f}",
    ]  # fmt: skip


def crowds(rounds: int, seconds: float) -> Table:
    """Return how crowds fare."""
    table = Table("durability", "who", "queue", "slowest/fastest", "worst wait, ms",
                  "longest turn, ms", "wait less turn, at most", "writes/s together")  # fmt: skip
    for durability in SYNCHRONOUS:
        for processes, polite in ((4, 0), (8, 0), (8, 1)):
            crowd = Crowd(durability, processes, polite)
            races: dict[str, list[list[Writer]]] = {way: [] for way in _WAYS}
            for _ in range(rounds):
                for way in random.sample(list(_WAYS), len(_WAYS)):
                    races[way].append(crowd.writers(way, seconds))
            for way, each in races.items():
                table.add_row(*_row(crowd, way, each, seconds))
    return table


def alone(rounds: int) -> Table:
    """Return what a write of a process costs with nobody beside it."""
    table = Table("durability", "queue", "µs a write")
    for durability in SYNCHRONOUS:
        with tempfile.TemporaryDirectory() as folder:
            store = _store(Path(folder) / "store.sqlite", durability)
            took: dict[str, list[float]] = {way: [] for way in _WAYS}
            writes = 1000 if durability == "process" else 50
            for number in range(rounds * 20):
                for way in random.sample(list(_WAYS), len(_WAYS)):
                    Database._queued = _WAYS[way]  # type: ignore[method-assign]
                    begin = time.perf_counter()
                    for n in range(writes):
                        store["key"] = (number, way, n)
                    took[way].append((time.perf_counter() - begin) / writes)
            store.drop()
        for way, each in took.items():
            table.add_row(durability, way, f"{statistics.median(each) * 1e6:.1f}")
    return table


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.writers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="more are steadier (default 5)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each crowd in each round")
    asked = parser.parse_args()
    Console().print(crowds(asked.rounds, asked.seconds), alone(asked.rounds))


if __name__ == "__main__":
    main()
