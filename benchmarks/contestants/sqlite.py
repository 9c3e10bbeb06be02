"""SQLite itself: ``sqlite3`` of the standard library with msgspec, written by hand."""

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

import msgspec

from benchmarks.contestants.by_hand import open_sqlite
from benchmarks.measure import Contestant
from benchmarks.rounds import PAGE, Value


class ByHand(Contestant):
    """One table, one statement an operation, statements prepared once."""

    name = "sqlite3 + msgspec by hand"

    PUT = (
        "INSERT INTO kv (key, value) VALUES (?, ?) "
        "ON CONFLICT (key) DO UPDATE SET value = excluded.value"
    )
    _ADD = "INSERT INTO kv (key, value) VALUES (?, ?) ON CONFLICT DO NOTHING"
    COUNT = (
        "INSERT INTO counters (name, value) VALUES (?, 1) "
        "ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value"
    )

    def __init__(self, folder: Path, durability: str) -> None:
        self.durability = durability
        self.open = partial(open_sqlite, folder / "by-hand.sqlite", durability)
        self.database = self.open()
        self.database.execute("CREATE TABLE IF NOT EXISTS kv (key TEXT PRIMARY KEY, value BLOB)")
        self.database.execute(
            "CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER)"
        )
        self.encode = msgspec.json.Encoder().encode
        self.decode = msgspec.json.Decoder().decode

    def get(self, keys: Iterable[str]) -> None:
        execute, decode = self.database.execute, self.decode
        for key in keys:
            decode(execute("SELECT value FROM kv WHERE key = ?", (key,)).fetchone()[0])

    def get_many(self, pages: Iterable[list[str]]) -> None:
        execute, decode = self.database.execute, self.decode
        for page in pages:
            marks = ", ".join("?" * len(page))
            sql = f"SELECT key, value FROM kv WHERE key IN ({marks})"
            _found = {key: decode(value) for key, value in execute(sql, page)}

    def contains(self, keys: Iterable[str]) -> None:
        execute = self.database.execute
        for key in keys:
            execute("SELECT 1 FROM kv WHERE key = ?", (key,)).fetchone()

    def set(self, pairs: Iterable[tuple[str, Value]]) -> None:
        execute, encode = self.database.execute, self.encode
        for key, value in pairs:
            execute(self.PUT, (key, encode(value)))

    def add(self, pairs: Iterable[tuple[str, Value]]) -> None:
        execute, encode = self.database.execute, self.encode
        for key, value in pairs:
            _added = execute(self._ADD, (key, encode(value))).rowcount == 1

    def edit(self, keys: Iterable[str]) -> None:
        database, encode, decode = self.database, self.encode, self.decode
        for key in keys:
            with database:
                database.execute("BEGIN IMMEDIATE")
                found = database.execute("SELECT value FROM kv WHERE key = ?", (key,))
                value = decode(found.fetchone()[0])
                value["score"] += 1
                database.execute(self.PUT, (key, encode(value)))

    def update(self, pairs: Mapping[str, Value]) -> None:
        encode = self.encode
        with self.database:
            self.database.execute("BEGIN IMMEDIATE")
            self.database.executemany(self.PUT, [(k, encode(v)) for k, v in pairs.items()])

    def iterate(self, places: range) -> None:
        decode = self.decode
        for _key, value in self.database.execute("SELECT key, value FROM kv"):
            decode(value)

    def page(self, keys: Iterable[str]) -> None:
        execute, decode = self.database.execute, self.decode
        sql = "SELECT key, value FROM kv WHERE key >= ? ORDER BY key LIMIT ?"
        for key in keys:
            for _key, value in execute(sql, (key, PAGE)):
                decode(value)

    def length(self, times: range) -> None:
        execute = self.database.execute
        for _ in times:
            execute("SELECT count(*) FROM kv").fetchone()

    def delete(self, keys: Iterable[str]) -> None:
        execute = self.database.execute
        for key in keys:
            execute("DELETE FROM kv WHERE key = ?", (key,))

    def cold(self, keys: Iterable[str]) -> None:
        for _key in keys:
            self.database.close()
            self.database = self.open()
            self.get(keys)

    def drop(self, times: range) -> None:
        for _ in times:
            self.database.execute("DELETE FROM kv")

    def increment(self, times: range) -> None:
        execute = self.database.execute
        for _ in times:
            execute(self.COUNT, ("benchmark",)).fetchone()

    def close(self) -> None:
        self.database.close()
