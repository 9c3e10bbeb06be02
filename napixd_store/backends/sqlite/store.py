"""SQLiteStore: a row a key."""

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from operator import itemgetter
from typing import Any, TypeVar

from napixd_store.backends.sqlite.counter import SQLiteCounter
from napixd_store.backends.sqlite.database import Database, open_database
from napixd_store.base import StoreBackend
from napixd_store.changes import ABSENT, Changes, Expectation, Expected, unmet
from napixd_store.connections import connect
from napixd_store.options import bind

V = TypeVar("V")

_AT_ONCE = 200  # keys in one statement, which is prepared once however many are asked
_BATCH_BYTES = 2**20
_PLACES = ",".join("?" * _AT_ONCE)

_ID = "SELECT id FROM collections WHERE name = ?"
_NEW_ID = "INSERT INTO collections (name) VALUES (?) ON CONFLICT DO NOTHING"
_COLLECTIONS = (
    "SELECT name FROM collections WHERE EXISTS "
    "(SELECT 1 FROM entries WHERE seq > id << 40 AND seq < (id + 1) << 40) ORDER BY name"
)

_ONE = "SELECT record FROM entries WHERE collection = ? AND key = ?"
_MANY = f"SELECT key, record FROM entries WHERE collection = ? AND key IN ({_PLACES})"
_ALL = "SELECT key, record FROM entries WHERE seq > ? AND seq < ? ORDER BY seq"
_NEXT = "SELECT seq, key, record FROM entries WHERE seq > ? AND seq < ? ORDER BY seq LIMIT 1000"
_NEWEST = "SELECT max(seq) FROM entries WHERE seq > ? AND seq < ?"
_NEWER = "SELECT count(*), max(seq) FROM entries WHERE seq > ? AND seq < ?"
_SIZE = f"SELECT ({_NEWEST}) - (id << 40) - holes FROM collections WHERE id = ?"
_HOLES = "UPDATE collections SET holes = holes + ? WHERE id = ?"

_INSERT = (
    "INSERT INTO entries (collection, key, record, seq) "
    f"VALUES (?, ?, ?, 1 + coalesce(({_NEWEST}), ?)) "
)
_OR_REPLACE = "ON CONFLICT (collection, key) DO UPDATE SET record = excluded.record"
_PUT = _INSERT + _OR_REPLACE
_PUT_NEW = _INSERT + "ON CONFLICT DO NOTHING"
_PUT_MANY = "INSERT INTO entries (record, collection, key, seq) VALUES (?, ?, ?, ?) " + _OR_REPLACE
_REPLACE = "UPDATE entries SET record = ? WHERE collection = ? AND key = ?"
_DELETE = "DELETE FROM entries WHERE collection = ? AND key = ?"
_IF_STILL = " AND record = ?"
_CLEAR = "DELETE FROM entries WHERE seq > ? AND seq < ?"

_pair = itemgetter(1, 2)


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

    _id: int | None = None  # never changes once it is given, whoever drops the collection

    def _get(self, text: str) -> bytes | None:
        rows = self._connection.read(_ONE, (self._id or self._find(), text))
        return rows[0][0] if rows else None

    def _load(self, keys: Collection[str] | None = None) -> Mapping[str, bytes]:
        if keys is None:
            return dict(self._connection.read(_ALL, self._range(self._id or self._find())))
        return dict(self._connection.read_parts(_MANY, self._in_parts(keys)))

    def _write(self, changes: Changes, expected: Expected) -> None:
        if len(changes) != 1 or expected.keys() - changes.keys():
            self._write_many(changes, expected)
            return
        ((text, record),) = changes.items()
        wanted = expected.get(text)
        if not self._write_one(text, record, wanted) and wanted is not None:
            raise self._conflict([text])

    def _write_one(
        self, text: str, record: bytes | None, wanted: bytes | Expectation | None
    ) -> int:
        """Make one change, by one statement that itself checks for *wanted*; 0 if it does not hold.

        To delete a key that is wanted to be absent is to change nothing, wherever it holds.
        """
        id = self._id or self._given()
        if record is None and wanted is ABSENT:
            return self._get(text) is None
        if record is not None and (wanted is None or wanted is ABSENT):
            first, end = self._range(id)
            put = _PUT if wanted is None else _PUT_NEW
            return self._connection.write(put, (id, text, record, first, end, first))[1]
        still, row = (_IF_STILL, (id, text, wanted)) if type(wanted) is bytes else ("", (id, text))
        if record is None:
            return self._connection.write(_DELETE + still, row)[1]
        return self._connection.write(_REPLACE + still, (record, *row))[1]

    def _write_many(self, changes: Changes, expected: Expected) -> None:
        id = self._id or self._given()
        with self._connection.transaction() as handle:
            if expected:
                current: dict[str, bytes] = {}
                for parameters in self._in_parts(expected):
                    current.update(handle.execute(_MANY, parameters))
                refused = unmet(expected, current)
                if refused:
                    raise self._conflict(refused)
            gone = [(id, text) for text, record in changes.items() if record is None]
            if gone:
                handle.executemany(_DELETE, gone)
            put = [(record, id, text) for text, record in changes.items() if record is not None]
            # Most batches are all known or all new. The first key tells which is worth a try.
            known = put and handle.execute(_ONE, put[0][1:]).fetchone() is not None
            if not known or handle.executemany(_REPLACE, put).rowcount < len(put):
                self._put_all(handle, id, put)

    def _put_all(self, handle: sqlite3.Connection, id: int, put: list[tuple[Any, ...]]) -> None:
        first, end = self._range(id)
        newest = handle.execute(_NEWEST, (first, end)).fetchone()[0] or first
        handle.executemany(_PUT_MANY, [(*row, seq) for seq, row in enumerate(put, newest + 1)])
        # A key that was there keeps its place, so the number meant for it stays free.
        new, last = handle.execute(_NEWER, (newest, end)).fetchone()
        if new and last - newest > new:
            handle.execute(_HOLES, (last - newest - new, id))

    def _scan(self) -> Iterator[tuple[str, bytes]]:
        last, end = self._range(self._id or self._find())
        while True:
            batch = self._connection.read_until(_NEXT, (last, end), _BATCH_BYTES)
            if not batch:
                return
            yield from map(_pair, batch)
            last = batch[-1][0]

    def _count(self) -> int:
        id = self._id or self._find()
        rows = self._connection.read(_SIZE, (*self._range(id), id))
        return rows[0][0] or 0 if rows else 0

    def _drop(self) -> None:
        self._connection.write(_CLEAR, self._range(self._id or self._find()))

    @classmethod
    def collections(cls, options: Mapping[str, Any]) -> list[str]:
        """Return the names of the collections that hold something."""
        (own,) = bind(cls.__name__, options, open_database)
        database = connect(open_database, own)
        assert isinstance(database, Database)
        return [name for (name,) in database.read(_COLLECTIONS, ())]

    def _find(self) -> int:
        """Return the collection's id; 0, which no collection has, before its first write."""
        rows = self._connection.read(_ID, (self.collection,))
        if not rows:
            return 0
        self._id = int(rows[0][0])
        return self._id

    def _given(self) -> int:
        """Return the collection's id, given to it now if need be."""
        if not self._find():
            self._connection.write(_NEW_ID, (self.collection,))
        return self._find()

    @staticmethod
    def _range(id: int) -> tuple[int, int]:
        """Return the numbers between which the seq of all entries of a collection is."""
        return id << 40, (id + 1) << 40

    def _in_parts(self, texts: Collection[str]) -> Iterator[tuple[Any, ...]]:
        """Yield the parameters of _MANY; the last part repeats a key until it has the length."""
        id, listed = self._id or self._find(), list(texts)
        for start in range(0, len(listed), _AT_ONCE):
            part = listed[start : start + _AT_ONCE]
            yield (id, *part, *[part[-1]] * (_AT_ONCE - len(part)))
