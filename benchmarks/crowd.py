"""How a crowd is measured: everybody does the same for a while, and how long each call took."""

import multiprocessing
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.measure import Builder, Contestant, LeftOut
from benchmarks.results import Point
from benchmarks.rounds import Round
from benchmarks.waits import Waits, together

KEYS = 1000
PATIENCE = 60
"""Seconds, for the slowest to be there."""


class Worked(NamedTuple):
    """What one of the crowd did, and for how long."""

    counts: list[int]
    longest: float
    seconds: float

    @property
    def rate(self) -> float:
        """Calls a second."""
        return sum(self.counts) / self.seconds


Run = Callable[[Builder, Path, int, float], "list[Worked]"]
"""Lets so many work in a folder for so many seconds."""


def crowd(
    builders: Iterable[Builder],
    run: Run,
    numbers: Sequence[int],
    seconds: float,
    rounds: int,
    dice: random.Random,
) -> tuple[list[Point], list[str]]:
    """Return a point for each contestant and each of *numbers*, and who is left out."""
    points, left_out = [], []
    present = {}
    for build in builders:
        try:
            present[named(build)] = build
        except LeftOut as exc:
            left_out.append(str(exc))
    for number in numbers:
        worked: dict[str, list[list[Worked]]] = {name: [] for name in present}
        for _ in range(rounds):
            for name in dice.sample(list(present), len(present)):
                with tempfile.TemporaryDirectory() as folder:
                    _fill(present[name], Path(folder))
                    worked[name].append(run(present[name], Path(folder), number, seconds))
        points += [point(name, number, each) for name, each in worked.items()]
    return points, left_out


def named(build: Builder) -> str:
    """Return the name of whom *build* makes, or raise why it cannot."""
    with tempfile.TemporaryDirectory() as folder:
        one = build(Path(folder))
        one.close()
        return one.name


def point(name: str, number: int, rounds: Sequence[Sequence[Worked]]) -> Point:
    """Return what *number* did in several rounds: medians, and all waits."""
    rates = [[one.rate for one in each] for each in rounds]
    return Point(
        name,
        number,
        statistics.median(map(sum, rates)),
        statistics.median(min(each) / max(each) if max(each) else 0.0 for each in rates),
        max(one.longest for each in rounds for one in each),
        together([one.counts for each in rounds for one in each]),
    )


def _fill(build: Builder, folder: Path) -> None:
    """Make the files: who finds none is not to race for that."""
    one = build(folder)
    one.update(Round(0, random.Random(1), KEYS, 0).all_pairs())
    one.close()


def in_threads(build: Builder, folder: Path, number: int, seconds: float) -> list[Worked]:
    """Let *number* threads of this process write."""
    gate = threading.Barrier(number)
    with ThreadPoolExecutor(number, initializer=_enter, initargs=(gate,)) as pool:
        return _all_work(pool, build, folder, number, seconds)


def in_processes(build: Builder, folder: Path, number: int, seconds: float) -> list[Worked]:
    """Let *number* processes write."""
    # No fork: nothing of this process is to be in them.
    context = multiprocessing.get_context("spawn")
    gate = context.Barrier(number)
    with ProcessPoolExecutor(number, context, initializer=_enter, initargs=(gate,)) as pool:
        return _all_work(pool, build, folder, number, seconds)


def _all_work(
    pool: Executor, build: Builder, folder: Path, number: int, seconds: float
) -> list[Worked]:
    each = [pool.submit(_work, build, folder, seed, seconds) for seed in range(number)]
    return [one.result() for one in each]


_own = threading.local()


def _enter(gate: Any) -> None:
    """Keep what cannot be sent with a job."""
    _own.gate = gate


def _work(build: Builder, folder: Path, seed: int, seconds: float) -> Worked:
    one = build(folder)
    pairs = Round(0, random.Random(seed), KEYS, KEYS).pairs()
    _own.gate.wait(PATIENCE)
    worked = _write(one, pairs, seconds)
    _own.gate.wait(PATIENCE)  # who closes closes for all
    one.close()
    return worked


def _write(one: Contestant, pairs: Sequence[Any], seconds: float) -> Worked:
    waits = Waits()
    work, clock = one.set, time.perf_counter  # type: ignore[attr-defined]
    begun = now = clock()
    count = 0
    while now - begun < seconds:
        key, value = pairs[count % len(pairs)]
        value["id"] = count  # never the same bytes: SQLite would skip them
        work([(key, value)])
        before, now = now, clock()
        waits.add(now - before)
        count += 1
    return Worked(waits.counts, waits.longest, now - begun)
