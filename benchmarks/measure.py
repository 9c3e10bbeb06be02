"""How it is measured: rounds in which everybody does the same work, in a random order.

A machine's speed drifts while one measures. So the contestants take turns within each round, on
the same keys and values, and what is compared is the ratio *of one round*; its median over all
rounds is the result, and its quartiles say how much to believe it.
"""

import random
import statistics
import string
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.contestants import CONTESTANTS, Contestant, Value, close

KEYS = 10_000
WRITES = {"power": 200, "process": 2000}
"""Single writes a round: as many as take a while, and several of SQLite's checkpoints."""


class Work(NamedTuple):
    """What one contestant does in one round."""

    calls: int
    do: Callable[[Contestant], Any]


class Operation(NamedTuple):
    """One line of the table; *limit* is the ratio that this library promises to stay below."""

    name: str
    limit: float | None
    prepare: Callable[["Round"], Work]


@dataclass(frozen=True)
class Round:
    """The dice of one round; *writes* is how many single writes are made in it."""

    number: int
    dice: random.Random
    writes: int

    def keys(self, count: int) -> list[str]:
        """Return *count* keys that exist."""
        return [f"key-{self.dice.randrange(KEYS):05}" for _ in range(count)]

    def new_keys(self) -> list[str]:
        """Return keys that exist in no other round."""
        return [f"new-{self.number:04}-{n:04}" for n in range(self.writes)]

    def value(self) -> Value:
        """Return a dict of about 120 bytes of JSON, unlike all others.

        SQLite skips an overwrite with the very same bytes, so values must vary.
        """
        dice = self.dice
        return {
            "id": dice.randrange(10**9),
            "name": "".join(dice.choices(string.ascii_letters, k=20)),
            "mail": "".join(dice.choices(string.ascii_lowercase, k=12)) + "@example.com",
            "active": dice.random() < 0.5,
            "tags": ["alpha", "beta"],
            "score": round(dice.random(), 6),
        }


def _get(this: Round) -> Work:
    keys = this.keys(1000)
    return Work(len(keys), lambda one: one.get(keys))


def _contains(this: Round) -> Work:
    keys = this.keys(1000)
    return Work(len(keys), lambda one: one.contains(keys))


def _overwrite(this: Round) -> Work:
    pairs = [(key, this.value()) for key in this.keys(this.writes)]
    return Work(len(pairs), lambda one: one.set(pairs))


def _set_new(this: Round) -> Work:
    pairs = [(key, this.value()) for key in this.new_keys()]
    return Work(len(pairs), lambda one: one.set(pairs))


def _delete(this: Round) -> Work:
    keys = this.new_keys()
    return Work(len(keys), lambda one: one.delete(keys))


def _update(this: Round) -> Work:
    pairs = fill(this)
    return Work(len(pairs), lambda one: one.update(pairs))


def _iterate(this: Round) -> Work:
    return Work(KEYS, lambda one: one.iterate())


def _length(this: Round) -> Work:
    return Work(100, lambda one: one.length(range(100)))


def _increment(this: Round) -> Work:
    return Work(this.writes, lambda one: one.increment(range(this.writes)))


OPERATIONS = (
    Operation("`store[key]`", 1.35, _get),
    Operation("`key in store`", None, _contains),
    Operation("`store[key] = value`, overwriting", 1.4, _overwrite),
    Operation("`store[key] = value`, a new key", 1.4, _set_new),
    Operation("`del store[key]`", None, _delete),
    Operation(f"`store.update()` of {KEYS:,} pairs, a pair", 1.5, _update),
    Operation(f"`store.items()` of {KEYS:,} pairs, a pair", 1.6, _iterate),
    Operation(f"`len(store)` of {KEYS:,} pairs", None, _length),
    Operation("`counter.increment()`", 1.35, _increment),
)
"""In this order, since what is set anew is deleted afterwards."""


@dataclass(frozen=True)
class Row:
    """The result for one operation: µs per call (or pair) by contestant, and the ratio."""

    operation: Operation
    micros: Mapping[str, float]
    ratio: float
    quartiles: tuple[float, float]


def fill(this: Round) -> dict[str, Value]:
    """Return all the pairs of a store, with values of this round."""
    return {f"key-{n:05}": this.value() for n in range(KEYS)}


def measure(durability: str, rounds: int, dice: random.Random) -> list[Row]:
    """Let the contestants race, and return the results of the first against the second."""
    writes = WRITES[durability]
    with tempfile.TemporaryDirectory() as folder:
        contestants = [build(Path(folder), durability) for build in CONTESTANTS]
        pairs = fill(Round(0, dice, writes))
        for one in contestants:
            one.update(pairs)
        times: dict[str, dict[str, list[float]]] = {
            operation.name: {one.name: [] for one in contestants} for operation in OPERATIONS
        }
        for number in range(rounds):
            this = Round(number, dice, writes)
            for operation in OPERATIONS:
                work = operation.prepare(this)
                for one in dice.sample(contestants, len(contestants)):
                    times[operation.name][one.name].append(seconds(work, one) / work.calls)
        for one in contestants:
            close(one)
    return [_row(operation, times[operation.name]) for operation in OPERATIONS]


def seconds(work: Work, one: Contestant) -> float:
    """Return how long *one* takes for *work*."""
    start = time.perf_counter()
    work.do(one)
    return time.perf_counter() - start


def _row(operation: Operation, times: Mapping[str, Sequence[float]]) -> Row:
    ours, theirs = times.values()
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    low, ratio, high = statistics.quantiles(ratios, n=4)
    micros = {name: 1e6 * statistics.median(each) for name, each in times.items()}
    return Row(operation, micros, ratio, (low, high))
