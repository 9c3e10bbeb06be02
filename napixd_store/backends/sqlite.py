"""SQLite: the default backend. One file, no server, safe for many processes.

WAL mode, ``synchronous=FULL`` unless less is asked, and ``BEGIN IMMEDIATE`` for every write, so
that a writer waits its turn instead of failing. The file's layout is in `sqlite_file`.
"""

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypeVar

from napixd_store.backends.sqlite_database import Database, open_database
from napixd_store.base import StoreBackend
from napixd_store.changes import Changes, Expected, unmet
from napixd_store.connections import connect
from napixd_store.counter import CounterBackend
from napixd_store.integers import overflow
from napixd_store.options import bind

V = TypeVar("V")

_AT_ONCE = 200  # keys in one statement, which is prepared once however many are asked
_ONE = "SELECT record FROM records WHERE collection = ? AND key = ?"
_ALL = "SELECT key, record FROM records WHERE collection = ? ORDER BY seq"
_PLACES = ",".join("?" * _AT_ONCE)
_MANY = f"SELECT key, record FROM records WHERE collection = ? AND key IN ({_PLACES})"  # noqa: S608
_NEXT = (
    "SELECT seq, key, record FROM records WHERE collection = ? AND seq > ? ORDER BY seq LIMIT 1000"
)
_PUT = (
    "INSERT INTO records (collection, key, record) VALUES (?, ?, ?) "
    "ON CONFLICT (collection, key) DO UPDATE SET record = excluded.record"
)
_DELETE = "DELETE FROM records WHERE collection = ? AND key = ?"
_NEWEST = "SELECT max(seq) FROM records"
_NEWER = "SELECT count(*) FROM records WHERE collection = ? AND seq > ?"
_RESIZE = (
    "INSERT INTO collections (name, size) VALUES (?, ?) "
    "ON CONFLICT (name) DO UPDATE SET size = size + excluded.size"
)
_SIZE = "SELECT size FROM collections WHERE name = ?"
_BATCH_BYTES = 2**20
_COLLECTIONS = "SELECT name FROM collections WHERE size > 0 ORDER BY name"
_VALUE = "SELECT value FROM counters WHERE name = ?"
_ADD = (
    "INSERT INTO counters (name, value) VALUES (?, ?) "
    "ON CONFLICT (name) DO UPDATE SET value = value + excluded.value RETURNING value"
)
_SET = (
    "INSERT INTO counters (name, value) VALUES (?, ?) "
    "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)


class SQLiteCounter(CounterBackend):
    """An integer in a SQLite file.

    Guarantees: atomic among threads and processes; safe across forks. Durability ``power``:
    a number that was returned is never returned again, even after a power cut; with
    ``durability='process'`` a power cut may take the last numbers back.

    >>> ids = SQLiteCounter("ids", {"path": "doc.sqlite"})
    >>> ids.increment(), ids.increment(by=2), ids.value
    (1, 3, 3)
    """

    opener = staticmethod(open_database)
    _connection: Database

    def _value(self) -> int:
        rows = self._connection.read(_VALUE, (self.name,))
        return int(rows[0][0]) if rows else 0

    def _increment(self, by: int) -> int:
        with self._connection.transaction() as handle:
            try:
                ((value,),) = handle.execute(_ADD, (self.name, by)).fetchall()
            except sqlite3.IntegrityError:  # STRICT: the sum became a float
                raise overflow(self._where()) from None
        return int(value)

    def _reset(self, to: int) -> int:
        with self._connection.transaction() as handle:
            row = handle.execute(_VALUE, (self.name,)).fetchone()
            handle.execute(_SET, (self.name, to))
        return int(row[0]) if row else 0


class SQLiteStore(StoreBackend[V]):
    """A dict in a SQLite file; write-through by default. Iterates in the order of insertion.

    Guarantees: atomic among threads and processes; safe across forks. Durability ``power``:
    what was acknowledged survives a power cut; with ``durability='process'`` it survives
    kill -9, and a power cut may take the last writes back, never more. `update` is one
    transaction. Iterating takes constant memory and holds no lock between batches.

    >>> users = SQLiteStore("users", {"path": "doc.sqlite"})
    >>> users["alice"] = {"mail": "alice@example.com"}
    >>> SQLiteStore("users", {"path": "doc.sqlite"})["alice"]
    {'mail': 'alice@example.com'}
    >>> users.durability
    'power'
    """

    opener = staticmethod(open_database)
    counter = SQLiteCounter
    _connection: Database

    def _load(self, keys: Collection[str] | None = None) -> Mapping[str, bytes]:
        read = self._connection.read
        if keys is None:
            return dict(read(_ALL, (self.collection,)))
        if len(keys) == 1:
            (text,) = keys
            rows = read(_ONE, (self.collection, text))
            return {text: rows[0][0]} if rows else {}
        return dict(read(_MANY, *self._in_parts(keys)))

    def _write(self, changes: Changes, expected: Expected) -> None:
        gone = [(self.collection, text) for text, record in changes.items() if record is None]
        put = [
            (self.collection, text, record)
            for text, record in changes.items()
            if record is not None
        ]
        with self._connection.transaction() as handle:
            if expected:
                current: dict[str, bytes] = {}
                for parameters in self._in_parts(expected):
                    current.update(handle.execute(_MANY, parameters))
                refused = unmet(expected, current)
                if refused:
                    raise self._conflict(refused)
            growth = 0
            if gone:
                growth -= handle.executemany(_DELETE, gone).rowcount
            if put:
                # An upsert does not tell an insert from an update, but a new row is a newer one.
                newest = handle.execute(_NEWEST).fetchone()[0] or 0
                handle.executemany(_PUT, put)
                growth += handle.execute(_NEWER, (self.collection, newest)).fetchone()[0]
            if growth:
                handle.execute(_RESIZE, (self.collection, growth))

    def _scan(self) -> Iterator[tuple[str, bytes]]:
        last = 0
        while True:
            batch = self._connection.read_until(_NEXT, (self.collection, last), _BATCH_BYTES)
            if not batch:
                return
            for _seq, text, record in batch:
                yield text, record
            last = batch[-1][0]

    def _count(self) -> int:
        rows = self._connection.read(_SIZE, (self.collection,))
        return int(rows[0][0]) if rows else 0

    def _drop(self) -> None:
        with self._connection.transaction() as handle:
            handle.execute("DELETE FROM records WHERE collection = ?", (self.collection,))
            handle.execute("DELETE FROM collections WHERE name = ?", (self.collection,))

    @classmethod
    def collections(cls, options: Mapping[str, Any]) -> list[str]:
        """Return the names of the collections that hold something."""
        (own,) = bind(cls.__name__, options, open_database)
        database = connect(open_database, own)
        assert isinstance(database, Database)
        return [name for (name,) in database.read(_COLLECTIONS, ())]

    def _in_parts(self, texts: Collection[str]) -> Iterator[tuple[str, ...]]:
        """Yield the parameters of _MANY; the last part repeats a key until it has the length."""
        listed = list(texts)
        for start in range(0, len(listed), _AT_ONCE):
            part = listed[start : start + _AT_ONCE]
            yield (self.collection, *part, *[part[-1]] * (_AT_ONCE - len(part)))
