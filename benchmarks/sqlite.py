"""SQLite: this library, and the least code that does the same by hand.

Both write the same JSON with msgspec into a SQLite file in WAL mode, under the same
``synchronous`` setting. The hand-written one has what a person would write for one dict in a
service: one table, one statement an operation, statements prepared once. It checks no key and no
value, knows no other collection, keeps no order and no count.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

import msgspec

from benchmarks import beside
from benchmarks.by_hand import SYNCHRONOUS, open_sqlite
from benchmarks.contestants import Ours
from benchmarks.measure import Contestant, Heat, Operation, Round, Suite, Value

NOTE = (
    "The other contestant is `sqlite3` of the standard library with msgspec, by hand: one "
    "table `kv (key TEXT PRIMARY KEY, value BLOB)`, WAL, the same `synchronous`, one prepared "
    "statement an operation. It checks no key and no value, and keeps no second collection, no "
    "order and no count. So it is the price list of SQLite itself, and what is above 1 is the "
    "price of what this library adds."
)

KEYS = 10_000
WRITES = {"power": 200, "process": 2000}
"""Single writes a round: as many as take a while, and several of SQLite's checkpoints."""

_SURVIVES = {"power": "a power cut", "process": "`kill -9`, but not a power cut"}


def heats() -> Iterator[Heat]:
    """Yield one heat for each durability."""
    for durability, synchronous in SYNCHRONOUS.items():
        yield Heat(
            f"Durability `{durability}`: an acknowledged write survives {_SURVIVES[durability]}",
            f"Both contestants: WAL, `synchronous={synchronous}`.",
            [partial(ours, durability=durability), partial(ByHand, durability=durability)],
            operations(),
            KEYS,
            WRITES[durability],
        )


def operations() -> list[Operation]:
    """Return them in an order in which what is set anew is deleted afterwards."""
    return [
        Operation("`store[key]`", 1.35, "get", Round.some_keys),
        Operation("`key in store`", None, "contains", Round.some_keys),
        Operation("`store[key] = value`, overwriting", 1.4, "set", Round.pairs),
        Operation("`store[key] = value`, a new key", 1.4, "set", Round.new_pairs),
        Operation("`del store[key]`", None, "delete", Round.new_keys),
        Operation(f"`store.update()` of {KEYS:,} pairs, a pair", 1.5, "update", Round.all_pairs),
        Operation(f"`store.items()` of {KEYS:,} pairs, a pair", 1.6, "iterate", Round.all_places),
        Operation(f"`len(store)` of {KEYS:,} pairs", None, "length", lambda _: range(100)),
        Operation("`counter.increment()`", 1.35, "increment", Round.times),
    ]


def ours(folder: Path, durability: str) -> Ours:
    """Return this library on a file in *folder*."""
    return Ours("SQLite", path=folder / "ours.sqlite", durability=durability)


class ByHand(Contestant):
    """``sqlite3`` of the standard library and msgspec, written by hand."""

    name = "sqlite3 + msgspec by hand"

    _PUT = (
        "INSERT INTO kv (key, value) VALUES (?, ?) "
        "ON CONFLICT (key) DO UPDATE SET value = excluded.value"
    )
    _ADD = (
        "INSERT INTO counters (name, value) VALUES (?, 1) "
        "ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value"
    )

    def __init__(self, folder: Path, durability: str) -> None:
        self.durability = durability
        self.database = open_sqlite(folder / "by-hand.sqlite", durability)
        self.database.execute("CREATE TABLE kv (key TEXT PRIMARY KEY, value BLOB)")
        self.database.execute("CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER)")
        self.encode = msgspec.json.Encoder().encode
        self.decode = msgspec.json.Decoder().decode

    def get(self, keys: Iterable[str]) -> None:
        execute, decode = self.database.execute, self.decode
        for key in keys:
            decode(execute("SELECT value FROM kv WHERE key = ?", (key,)).fetchone()[0])

    def contains(self, keys: Iterable[str]) -> None:
        execute = self.database.execute
        for key in keys:
            execute("SELECT 1 FROM kv WHERE key = ?", (key,)).fetchone()

    def set(self, pairs: Iterable[tuple[str, Value]]) -> None:
        execute, encode = self.database.execute, self.encode
        for key, value in pairs:
            execute(self._PUT, (key, encode(value)))

    def update(self, pairs: Mapping[str, Value]) -> None:
        encode = self.encode
        with self.database:
            self.database.execute("BEGIN IMMEDIATE")
            self.database.executemany(self._PUT, [(k, encode(v)) for k, v in pairs.items()])

    def iterate(self, places: range) -> None:
        decode = self.decode
        for _key, value in self.database.execute("SELECT key, value FROM kv"):
            decode(value)

    def length(self, times: range) -> None:
        execute = self.database.execute
        for _ in times:
            execute("SELECT count(*) FROM kv").fetchone()

    def delete(self, keys: Iterable[str]) -> None:
        execute = self.database.execute
        for key in keys:
            execute("DELETE FROM kv WHERE key = ?", (key,))

    def increment(self, times: range) -> None:
        execute = self.database.execute
        for _ in times:
            execute(self._ADD, ("benchmark",)).fetchone()

    def close(self) -> None:
        self.database.close()


SUITE = Suite(
    page="benchmarks.md",
    title="Benchmarks",
    extra="cli",
    packages=("msgspec",),
    note=NOTE,
    heats=heats,
    facts=beside.measure,
)
