"""SQLite: this library, the least code that does the same by hand, and others that embed.

The first two write the same JSON with msgspec into a SQLite file in WAL mode, under the same
``synchronous`` setting. The hand-written one has what a person would write for one dict in a
service. It checks no key and no value, knows no other collection, keeps no order and no count.
"""

import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.contestants.by_hand import SYNCHRONOUS
from benchmarks.contestants.embedded import (
    Diskcache,
    KeyValueDisk,
    Lmdb,
    Rocks,
    Sqlitedict,
    SqliteShelf,
)
from benchmarks.contestants.kinds import Ours
from benchmarks.contestants.sqlite import ByHand
from benchmarks.measure import Heat, Operation, Plan, Suite
from benchmarks.race import races
from benchmarks.results import Section
from benchmarks.rounds import PAGE, Round
from benchmarks.suites import beside

NOTE = (
    "The second contestant is `sqlite3` of the standard library with msgspec, by hand: one "
    "table `kv (key TEXT PRIMARY KEY, value BLOB)`, WAL, the same `synchronous`, one prepared "
    "statement an operation. It checks no key and no value, and keeps no second collection, no "
    "order and no count. So it is the price list of SQLite itself, and what is above 1 is the "
    "price of what this library adds. The limits are against it.\n\n"
    "The others are for information. In brackets: what an acknowledged write survives; each is "
    "set up for what the heat promises, and one that cannot be has less in its brackets.\n\n"
    "- `diskcache` (`Index`) pickles values into SQLite, WAL, with the same `synchronous`.\n"
    "- `lmdb` maps its file; `sync=False` for `process`. One writer at a time, each write copies "
    "pages. It keeps bytes: the values are encoded with msgspec beside it.\n"
    "- `rocksdict` (RocksDB), with `sync=True` for `power`. One process at a time. It keeps bytes "
    "too, and has no exact `len`.\n"
    "- `sqlitedict` pickles, and hands each statement to a thread of its own. It commits each "
    "write here; it always sets `synchronous=OFF`, so no setting survives a power cut.\n"
    "- `shelve` over `dbm.sqlite3`, of Python 3.13 and newer, pickles; it has no transaction of "
    "several writes, so its `update` pays for each, and stands under `power` alone.\n"
    "- `py-key-value` on disk is on diskcache, with `synchronous=NORMAL`, and async; one loop "
    "runs all calls of a round. It cannot list what it holds."
)

KEYS = 10_000
WRITES = {"power": 200, "process": 2000}
"""Single writes a round: as many as take a while, and several of SQLite's checkpoints."""

_SURVIVES = {"power": "a power cut", "process": "`kill -9`, but not a power cut"}
_PEERS = {
    "power": [Diskcache, Lmdb, Rocks, SqliteShelf],
    "process": [Diskcache, Lmdb, Rocks, Sqlitedict, KeyValueDisk],
}


def measure(plan: Plan) -> Iterator[Section]:
    """Yield a table for each durability, and what has no contestant."""
    yield from races(heats(), plan)
    yield beside.measure(random.Random(plan.seed))


def heats() -> Iterator[Heat]:
    """Yield one heat for each durability."""
    for durability, synchronous in SYNCHRONOUS.items():
        yield Heat(
            f"Durability `{durability}`: an acknowledged write survives {_SURVIVES[durability]}",
            f"SQLite: WAL, `synchronous={synchronous}`.",
            [partial(each, durability=durability) for each in (ours, ByHand, *_PEERS[durability])],
            operations(),
            KEYS,
            WRITES[durability],
        )


def operations() -> list[Operation]:
    """Return them in an order in which what is set anew is deleted afterwards."""
    return [
        Operation("`store[key]`", 1.35, "get", Round.some_keys),
        Operation("`key in store`", None, "contains", Round.some_keys),
        Operation(f"`store.get_many()` of {PAGE} keys", None, "get_many", Round.pages),
        Operation("`store[key] = value`, overwriting", 1.4, "set", Round.pairs),
        Operation("`store[key] = value`, a new key", 1.4, "set", Round.new_pairs),
        Operation("`del store[key]`", None, "delete", Round.new_keys),
        Operation("`store.add(key, value)`, the key is there", None, "add", Round.pairs),
        Operation("`with store.edit(key)`", None, "edit", Round.few_keys),
        Operation(f"`store.update()` of {KEYS:,} pairs, a pair", 1.5, "update", Round.all_pairs),
        Operation(f"`store.items()` of {KEYS:,} pairs, a pair", 1.6, "iterate", Round.all_places),
        Operation(f"`store.range()`, a page of {PAGE}", None, "page", Round.few_keys),
        Operation(f"`len(store)` of {KEYS:,} pairs", None, "length", lambda _: range(100)),
        Operation("`counter.increment()`", 1.35, "increment", Round.times),
    ]


def ours(folder: Path, durability: str) -> Ours:
    """Return this library on a file in *folder*."""
    return Ours("SQLite", path=folder / "ours.sqlite", durability=durability)


SUITE = Suite(
    title="Benchmarks",
    packages=("msgspec", "diskcache", "lmdb", "rocksdict", "sqlitedict", "py-key-value-aio"),
    note=NOTE,
    measure=measure,
)
