"""Who is compared: this library, and the least code that does the same by hand.

Both write the same JSON with msgspec into a SQLite file in WAL mode, under the same
``synchronous`` setting. The hand-written one has what a person would write for one dict in a
service: one table, one statement an operation, statements prepared once. It checks no key and no
value, knows no other collection, keeps no order and no count.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec

from napixd_store import Counter, Store, connections

Value = dict[str, Any]

SYNCHRONOUS = {"power": "FULL", "process": "NORMAL"}


class Contestant(Protocol):
    """A dict and a counter that outlive the process. Loops stand inside: a call costs time too."""

    name: str
    durability: str

    def get(self, keys: Iterable[str]) -> None:
        """Read the value of each of *keys*."""

    def contains(self, keys: Iterable[str]) -> None:
        """Ask for each of *keys* whether it is there."""

    def set(self, pairs: Iterable[tuple[str, Value]]) -> None:
        """Write *pairs* one by one, each acknowledged before the next."""

    def update(self, pairs: Mapping[str, Value]) -> None:
        """Write *pairs* in one atomic step."""

    def iterate(self) -> None:
        """Read every pair."""

    def length(self, times: Iterable[int]) -> None:
        """Ask *times* for the number of pairs."""

    def delete(self, keys: Iterable[str]) -> None:
        """Delete *keys* one by one."""

    def increment(self, times: Iterable[int]) -> None:
        """Add one to the counter, *times*, and use the number each call produced."""


class Ours:
    """`Store` and `Counter` with the backend SQLite."""

    name = "napixd-store"

    def __init__(self, folder: Path, durability: str) -> None:
        place: dict[str, Any] = {"path": folder / "ours.sqlite", "durability": durability}
        self.store = Store("benchmark", "SQLite", **place)
        self.counter = Counter("benchmark", "SQLite", **place)
        self.durability = self.store.durability

    def get(self, keys: Iterable[str]) -> None:
        store = self.store
        for key in keys:
            store[key]

    def contains(self, keys: Iterable[str]) -> None:
        store = self.store
        for key in keys:
            key in store  # noqa: B015 - asking is what is measured

    def set(self, pairs: Iterable[tuple[str, Value]]) -> None:
        store = self.store
        for key, value in pairs:
            store[key] = value

    def update(self, pairs: Mapping[str, Value]) -> None:
        self.store.update(pairs)

    def iterate(self) -> None:
        for _pair in self.store.items():
            pass

    def length(self, times: Iterable[int]) -> None:
        store = self.store
        for _ in times:
            len(store)

    def delete(self, keys: Iterable[str]) -> None:
        store = self.store
        for key in keys:
            del store[key]

    def increment(self, times: Iterable[int]) -> None:
        increment = self.counter.increment
        for _ in times:
            increment()


class ByHand:
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
        self.database = open_by_hand(folder / "by-hand.sqlite", durability)
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

    def iterate(self) -> None:
        decode = self.decode
        for _key, value in self.database.execute("SELECT key, value FROM kv"):
            decode(value)

    def length(self, times: Iterable[int]) -> None:
        execute = self.database.execute
        for _ in times:
            execute("SELECT count(*) FROM kv").fetchone()

    def delete(self, keys: Iterable[str]) -> None:
        execute = self.database.execute
        for key in keys:
            execute("DELETE FROM kv WHERE key = ?", (key,))

    def increment(self, times: Iterable[int]) -> None:
        execute = self.database.execute
        for _ in times:
            execute(self._ADD, ("benchmark",)).fetchone()


CONTESTANTS: tuple[Callable[[Path, str], Contestant], ...] = (Ours, ByHand)


def open_by_hand(path: Path, durability: str) -> sqlite3.Connection:
    """Open *path* as `Ours` does: WAL, autocommit, the ``synchronous`` of *durability*."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute(f"PRAGMA synchronous={SYNCHRONOUS[durability]}")
    return database


def close(contestant: Contestant) -> None:
    """Release the files of *contestant*."""
    if isinstance(contestant, ByHand):
        contestant.database.close()
    connections.close_all()
