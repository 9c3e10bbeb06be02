"""Memory: this library, a dict of encoded values, and others that keep copies in a process."""

from collections.abc import Iterator

from benchmarks.contestants.memory import CachelibSimple, InMemory, KeyValueMemory, Records
from benchmarks.measure import Heat, Operation, Plan, Suite
from benchmarks.race import races
from benchmarks.results import Section
from benchmarks.rounds import Round

KEYS = 10_000
WRITES = 1000

NOTE = (
    "The second contestant is a dict whose values msgspec encodes, since who reads a value must "
    "not change what is kept. It has no lock, and a thread that does two steps may lose one; it "
    "checks nothing, and ends nothing. The others are for information: `cachelib` "
    "(`SimpleCache`) pickles values; `py-key-value` is async, and one loop runs all calls of a "
    "round. No limits: whoever needs a dict has one."
)


def measure(plan: Plan) -> Iterator[Section]:
    """Yield the one table."""
    yield from races(heats(), plan)


def heats() -> Iterator[Heat]:
    """Yield the one heat."""
    operations = [
        Operation("`store[key]`", None, "get", Round.some_keys),
        Operation("`key in store`", None, "contains", Round.some_keys),
        Operation("`store[key] = value`, overwriting", None, "set", Round.pairs),
        Operation("`store[key] = value`, a new key", None, "set", Round.new_pairs),
        Operation("`del store[key]`", None, "delete", Round.new_keys),
        Operation(f"`store.update()` of {KEYS:,} pairs, a pair", None, "update", Round.all_pairs),
        Operation(f"`store.items()` of {KEYS:,} pairs, a pair", None, "iterate", Round.all_places),
        Operation("`counter.increment()`", None, "increment", Round.times),
    ]
    builders = [InMemory, Records, CachelibSimple, KeyValueMemory]
    yield Heat("In one process", "Nothing is shared.", builders, operations, KEYS, WRITES)


SUITE = Suite(
    title="Benchmarks of memory",
    packages=("msgspec", "cachelib", "py-key-value-aio"),
    note=NOTE,
    measure=measure,
)
