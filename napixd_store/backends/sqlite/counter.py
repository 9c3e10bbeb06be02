"""SQLiteCounter: a row a counter."""

import sqlite3
from collections.abc import Mapping
from typing import Any

from napixd_store.backends.sqlite.database import Database, open_database
from napixd_store.counter import CounterBackend
from napixd_store.integers import overflow

_VALUE = "SELECT value FROM counters WHERE name = ?"
_ADD = (
    "INSERT INTO counters (name, value) VALUES (?, ?) "
    "ON CONFLICT (name) DO UPDATE SET value = value + excluded.value RETURNING value"
)
_SET = (
    "INSERT INTO counters (name, value) VALUES (?, ?) "
    "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)

_DROP = "DELETE FROM counters WHERE name = ?"
_COUNTERS = "SELECT name FROM counters ORDER BY name"


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
        try:
            ((value,),), _changed = self._connection.write(_ADD, (self.name, by))
        except sqlite3.IntegrityError:  # STRICT: the sum became a float
            raise overflow(self._where()) from None
        return int(value)

    def _reset(self, to: int) -> int:
        return self._connection.transaction(self._exchange, to)

    def _drop(self) -> None:
        self._connection.write(_DROP, (self.name,))

    @classmethod
    def counters(cls, options: Mapping[str, Any]) -> list[str]:
        """Return the names of the counters in the file."""
        database: Database = cls._reached(options)
        return [name for (name,) in database.read(_COUNTERS, ())]

    def _exchange(self, cursor: sqlite3.Cursor, to: int) -> int:
        row = cursor.execute(_VALUE, (self.name,)).fetchone()
        cursor.execute(_SET, (self.name, to))
        return int(row[0]) if row else 0
