"""SQLiteStore: a row a key."""

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from operator import itemgetter
from typing import Any, TypeVar

from napixd_store.backends.sqlite.counter import SQLiteCounter
from napixd_store.backends.sqlite.database import Database, open_database
from napixd_store.base import StoreBackend
from napixd_store.changes import ABSENT, PRESENT, Changes, Expectation, Expected, unmet
from napixd_store.connections import connect
from napixd_store.options import bind

V = TypeVar("V")

_AT_ONCE = 200  # keys in one statement, which is prepared once however many are asked
_BATCH_BYTES = 2**20
_FEWEST, _MOST = 10, 1000  # rows in the first batch of an iteration, and in a late one
_PLACES = ",".join("?" * _AT_ONCE)

# A collection's number belongs to the file, and another file may give it to another collection.
# So each statement looks it up, which costs no more than to be told it.
_ID = "SELECT id FROM collections WHERE name = ?"
_NEW_ID = "INSERT INTO collections (name) VALUES (?) RETURNING id"
_OWN = "seq > id << 40 AND seq < (id + 1) << 40"
_COLLECTIONS = (
    f"SELECT name FROM collections WHERE EXISTS (SELECT 1 FROM entries WHERE {_OWN}) ORDER BY name"
)

_ONE = f"SELECT record FROM entries WHERE collection = ({_ID}) AND key = ?"
_MANY = f"SELECT key, record FROM entries WHERE collection = ({_ID}) AND key IN ({_PLACES})"
_ALL = f"SELECT key, record FROM collections JOIN entries ON {_OWN} WHERE name = ? ORDER BY seq"
_NEXT = (
    "SELECT seq - (id << 40), key, record FROM collections JOIN entries "
    "ON seq > (id << 40) + ? AND seq <= (id << 40) + ? WHERE name = ? ORDER BY seq LIMIT ?"
)
_LAST = f"coalesce((SELECT max(seq) FROM entries WHERE {_OWN}) - (id << 40), 0)"
_NEWEST = f"SELECT {_LAST} FROM collections WHERE name = ?"
_SIZE = f"SELECT max(0, {_LAST} - holes) FROM collections WHERE name = ?"

_INSERT = (
    f"INSERT INTO entries (collection, key, record, seq) VALUES (({_ID}), ?, ?, "
    f"(SELECT (id << 40) + 1 + {_LAST} FROM collections WHERE name = ?)) "
)
_OR_REPLACE = "ON CONFLICT (collection, key) DO UPDATE SET record = excluded.record"
_PUT = _INSERT + _OR_REPLACE
_PUT_NEW = _INSERT + "ON CONFLICT DO NOTHING"
_REPLACE = f"UPDATE entries SET record = ? WHERE collection = ({_ID}) AND key = ?"
_REPLACE_IF = f"{_REPLACE} AND record = ?"
_DELETE = f"DELETE FROM entries WHERE collection = ({_ID}) AND key = ?"
_DELETE_IF = f"{_DELETE} AND record = ?"
_CLEAR = f"DELETE FROM entries WHERE seq > ({_ID}) << 40 AND seq < (({_ID}) + 1) << 40"

# Inside a transaction the number stays what it is.
_PUT_MANY = "INSERT INTO entries (record, collection, key, seq) VALUES (?, ?, ?, ?) " + _OR_REPLACE
_REPLACE_MANY = "UPDATE entries SET record = ? WHERE collection = ? AND key = ?"
_DELETE_MANY = "DELETE FROM entries WHERE collection = ? AND key = ?"
_NEWER = "SELECT count(*), max(seq) FROM entries WHERE seq > ? AND seq < ?"
_HOLES = "UPDATE collections SET holes = holes + ? WHERE id = ?"

_pair = itemgetter(1, 2)


class SQLiteStore(StoreBackend[V]):
    """A dict in a SQLite file; write-through by default. Iterates in the order of insertion.

    Guarantees: atomic among threads and processes; safe across forks. Durability ``power``:
    what was acknowledged survives a power cut; with ``durability='process'`` it survives
    kill -9, and a power cut may take the last writes back, never more. `update` is one
    transaction. Iterating takes constant memory, holds no lock between batches, and ends: what is
    added meanwhile is not met. If the file is removed, renamed or replaced, one operation raises
    `Unavailable` or, if it was writing, `OutcomeUnknown`; the next works on what is there then.

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

    def _get(self, text: str) -> bytes | None:
        rows = self._connection.read(_ONE, (self._collection, text))
        return rows[0][0] if rows else None

    def _load(self, keys: Collection[str] | None = None) -> Mapping[str, bytes]:
        if keys is None:
            return dict(self._connection.read(_ALL, (self._collection,)))
        return dict(self._connection.read_parts(_MANY, self._in_parts(keys)))

    def _write(self, changes: Changes, expected: Expected) -> None:
        if len(changes) != 1 or (expected and expected.keys() - changes.keys()):
            self._connection.transaction(self._write_many, changes, expected)
            return
        ((text, record),) = changes.items()
        wanted = expected.get(text)
        try:
            changed = self._write_one(text, record, wanted)
        except sqlite3.IntegrityError:  # the file has no number for this collection yet
            self._connection.transaction(self._write_many, changes, expected)
            return
        if not changed and wanted is not None:
            raise self._conflict([text])

    def _write_one(
        self, text: str, record: bytes | None, wanted: bytes | Expectation | None
    ) -> int:
        """Make one change, by one statement that itself checks for *wanted*; 0 if it does not hold.

        To delete a key that is wanted to be absent is to change nothing, wherever it holds.
        """
        name, write = self._collection, self._connection.write
        if record is None:
            if type(wanted) is bytes:
                return write(_DELETE_IF, (name, text, wanted))[1]
            return self._get(text) is None if wanted is ABSENT else write(_DELETE, (name, text))[1]
        if wanted is None:
            return write(_PUT, (name, text, record, name))[1]
        if wanted is ABSENT:
            return write(_PUT_NEW, (name, text, record, name))[1]
        if wanted is PRESENT:
            return write(_REPLACE, (record, name, text))[1]
        return write(_REPLACE_IF, (record, name, text, wanted))[1]

    def _write_many(self, cursor: sqlite3.Cursor, changes: Changes, expected: Expected) -> None:
        if expected:
            current: dict[str, bytes] = {}
            for parameters in self._in_parts(expected):
                current.update(cursor.execute(_MANY, parameters))
            refused = unmet(expected, current)
            if refused:
                raise self._conflict(refused)
        name = (self._collection,)
        ((id,),) = cursor.execute(_ID, name).fetchall() or cursor.execute(_NEW_ID, name).fetchall()
        gone = [(id, text) for text, record in changes.items() if record is None]
        if gone:
            cursor.executemany(_DELETE_MANY, gone)
        put = [(record, id, text) for text, record in changes.items() if record is not None]
        # Most batches are all known or all new. The first key tells which is worth a try.
        old = put and cursor.execute(_ONE, (self._collection, put[0][2])).fetchone() is not None
        if not old or cursor.executemany(_REPLACE_MANY, put).rowcount < len(put):
            self._put_all(cursor, id, put)

    def _put_all(self, cursor: sqlite3.Cursor, id: int, put: list[tuple[Any, ...]]) -> None:
        newest = (id << 40) + cursor.execute(_NEWEST, (self._collection,)).fetchone()[0]
        cursor.executemany(_PUT_MANY, [(*row, seq) for seq, row in enumerate(put, newest + 1)])
        # A key that was there keeps its place, so the number meant for it stays free.
        new, last = cursor.execute(_NEWER, (newest, (id + 1) << 40)).fetchone()
        if new and last - newest > new:
            cursor.execute(_HOLES, (last - newest - new, id))

    def _scan(self) -> Iterator[tuple[str, bytes]]:
        # What is added from here on comes behind the newest: who renames as he iterates ends.
        last, newest = 0, self._first(_NEWEST)
        at_once = _FEWEST
        while last < newest:
            parameters = (last, newest, self._collection, at_once)
            batch = self._connection.read_until(_NEXT, parameters, _BATCH_BYTES)
            if not batch:
                return
            yield from map(_pair, batch)
            last, at_once = batch[-1][0], min(at_once * 10, _MOST)

    def _count(self) -> int:
        return self._first(_SIZE)

    def _drop(self) -> None:
        self._connection.write(_CLEAR, (self._collection, self._collection))

    @classmethod
    def collections(cls, options: Mapping[str, Any]) -> list[str]:
        """Return the names of the collections that hold something."""
        (own,) = bind(cls.__name__, options, open_database)
        database = connect(open_database, own)
        assert isinstance(database, Database)
        return [name for (name,) in database.read(_COLLECTIONS, ())]

    def _first(self, sql: str) -> int:
        """Return the number that *sql* gives for this collection; 0 before its first write."""
        rows = self._connection.read(sql, (self._collection,))
        return rows[0][0] if rows else 0

    def _in_parts(self, texts: Collection[str]) -> Iterator[tuple[Any, ...]]:
        """Yield the parameters of _MANY; the last part repeats a key until it has the length."""
        listed = list(texts)
        for start in range(0, len(listed), _AT_ONCE):
            part = listed[start : start + _AT_ONCE]
            yield (self._collection, *part, *[part[-1]] * (_AT_ONCE - len(part)))
