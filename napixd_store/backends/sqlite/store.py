"""SQLiteStore: a row a key."""

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from operator import itemgetter
from typing import Any, TypeVar

from napixd_store.backends.sqlite import erasing, sql
from napixd_store.backends.sqlite.counter import SQLiteCounter
from napixd_store.backends.sqlite.database import Database, open_database
from napixd_store.base import StoreBackend
from napixd_store.changes import ABSENT, PRESENT, Changes, Expectation, Expected, unmet
from napixd_store.engine.order import Pairs, paged
from napixd_store.names import Span

V = TypeVar("V")

_BATCH_BYTES = 2**20
_FEWEST, _MOST = 10, 1000  # rows in the first batch of an iteration, and in a late one
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
        rows = self._connection.read(sql.ONE, (self._collection, text))
        return rows[0][0] if rows else None

    def _load(self, keys: Collection[str] | None = None) -> Mapping[str, bytes]:
        if keys is None:
            return dict(self._connection.read(sql.ALL, (self._collection,)))
        return dict(self._connection.read_parts(sql.MANY, self._in_parts(keys)))

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
                return write(sql.DELETE_IF, (name, text, wanted))[1]
            if wanted is ABSENT:
                return self._get(text) is None
            return write(sql.DELETE, (name, text))[1]
        if wanted is None:
            return write(sql.PUT, (name, text, record, name))[1]
        if wanted is ABSENT:
            return write(sql.PUT_NEW, (name, text, record, name))[1]
        if wanted is PRESENT:
            return write(sql.REPLACE, (record, name, text))[1]
        return write(sql.REPLACE_IF, (record, name, text, wanted))[1]

    def _write_many(self, cursor: sqlite3.Cursor, changes: Changes, expected: Expected) -> None:
        if expected:
            current: dict[str, bytes] = {}
            for parameters in self._in_parts(expected):
                current.update(cursor.execute(sql.MANY, parameters))
            refused = unmet(expected, current)
            if refused:
                raise self._conflict(refused)
        if not changes:
            return
        name = (self._collection,)
        known = cursor.execute(sql.ID, name).fetchall()
        ((id,),) = known or cursor.execute(sql.NEW_ID, name).fetchall()
        gone = [(id, text) for text, record in changes.items() if record is None]
        if gone:
            cursor.executemany(sql.DELETE_MANY, gone)
        put = [(record, id, text) for text, record in changes.items() if record is not None]
        # Most batches are all known or all new. The first key tells which is worth a try.
        old = put and cursor.execute(sql.ONE, (self._collection, put[0][2])).fetchone() is not None
        if not old or cursor.executemany(sql.REPLACE_MANY, put).rowcount < len(put):
            self._put_all(cursor, id, put)

    def _put_all(self, cursor: sqlite3.Cursor, id: int, put: list[tuple[Any, ...]]) -> None:
        newest = (id << 40) + cursor.execute(sql.NEWEST, (self._collection,)).fetchone()[0]
        cursor.executemany(sql.PUT_MANY, [(*row, seq) for seq, row in enumerate(put, newest + 1)])
        # A key that was there keeps its place, so the number meant for it stays free.
        new, last = cursor.execute(sql.NEWER, (newest, (id + 1) << 40)).fetchone()
        if new and last - newest > new:
            cursor.execute(sql.HOLES, (last - newest - new, id))

    def _front(self, text: str) -> bytes | None:
        rows = self._connection.read(sql.ONE_IF_SHORT, (self._collection, text))
        if not rows:
            return None
        front: bytes | None = rows[0][0]
        return self._front_of_long(text) if front is None else front

    def _front_of_long(self, text: str) -> bytes | None:
        parameters = (self._connection.now(), self._collection, text)
        rows = self._connection.read(sql.ONE_FRONT, parameters)
        return rows[0][0] if rows else None

    def _scan(self) -> Iterator[tuple[str, bytes]]:
        return self._batches(sql.NEXT, ())

    def _fronts(self) -> Iterator[tuple[str, bytes]]:
        return self._batches(sql.NEXT_FRONTS, (self._connection.now(),))

    def _batches(self, statement: str, first: tuple[int, ...]) -> Iterator[tuple[str, bytes]]:
        # What is added from here on comes behind the newest: who renames as he iterates ends.
        rows = self._connection.read(sql.NEWEST, (self._collection,))
        last, newest = 0, rows[0][0] if rows else 0
        at_once = _FEWEST
        while last < newest:
            parameters = (*first, last, newest, self._collection, at_once)
            batch = self._connection.read_until(statement, parameters, _BATCH_BYTES)
            if not batch:
                return
            yield from map(_pair, batch)
            last, at_once = batch[-1][0], min(at_once * 10, _MOST)

    def _range(self, span: Span, reverse: bool, limit: int | None) -> Iterator[tuple[str, bytes]]:
        return paged(partial(self._page, sql.DOWN if reverse else sql.UP), span, reverse, limit)

    def _page(self, statement: str, span: Span, size: int) -> tuple[Pairs, str | None]:
        parameters = (self._collection, *span, size)
        rows = self._connection.read_until(statement, parameters, _BATCH_BYTES)
        more = len(rows) == size or sum(len(record) for _, record in rows) >= _BATCH_BYTES
        return rows, rows[-1][0] if more else None

    def _count(self) -> int:
        rows = self._connection.read(sql.SIZE, (self._connection.now(), self._collection))
        return rows[0][0] if rows else 0

    def _delete(self, text: str) -> bool:
        now = self._connection.now()
        return self._connection.write(sql.DELETE_LIVING, (self._collection, text, now))[1] > 0

    def _sweep(self, limit: int) -> tuple[int, int]:
        now = self._connection.now()
        swept = self._connection.write(sql.SWEEP, (self._collection, now, limit))[1]
        return swept, swept

    def sweep(self) -> int:
        """Do as every store does, and erase what a `drop` that was broken off has left."""
        swept = super().sweep()
        erasing.finish(self._connection)
        return swept

    def _drop(self) -> None:
        erasing.drop(self._connection, self._collection)

    @classmethod
    def collections(cls, options: Mapping[str, Any]) -> list[str]:
        """Return the names of the collections in which something lives."""
        database: Database = cls._reached(options)
        return [name for (name,) in database.read(sql.COLLECTIONS, (database.now(),))]

    def _in_parts(self, texts: Collection[str]) -> Iterator[tuple[Any, ...]]:
        """Yield the parameters of `sql.MANY`; the last part repeats a key to have the length."""
        listed = list(texts)
        for start in range(0, len(listed), sql.AT_ONCE):
            part = listed[start : start + sql.AT_ONCE]
            yield (self._collection, *part, *[part[-1]] * (sql.AT_ONCE - len(part)))
