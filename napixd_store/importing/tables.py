"""A table of a SQLite database: a column for the keys, and one or more for the values."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from napixd_store.errors import ConfigError
from napixd_store.importing import files
from napixd_store.importing.entries import Entry, Malformed, Pair, Source, Unreadable, shown
from napixd_store.importing.jsons import json_object, parsed
from napixd_store.importing.pickles import check_encoding, loads
from napixd_store.options import nearest


def sqlite_table(
    path: str | Path, table: str, key: str, values: Sequence[str] | str | None = None
) -> Source:
    """Return what reads the rows of *table*: the column *key*, and those of the *values*.

    A name of a column is a value that stands by itself; several names, or None for all other
    columns, make a dict of each row.

    >>> import sqlite3
    >>> with sqlite3.connect("desk.sqlite") as desk:
    ...     _ = desk.execute("CREATE TABLE users (name, mail)")
    ...     _ = desk.execute("INSERT INTO users VALUES ('ann', 'ann@example.com')")
    >>> desk.close()
    >>> [pair] = sqlite_table("desk.sqlite", "users", "name")()
    >>> pair.key, pair.value
    ('ann', {'mail': 'ann@example.com'})

    Raises, when it is read:
        ConfigError: there is no such file, table or column.
        CorruptData: the database is damaged.
    """
    return partial(_rows, Path(path), table, key, values)


def sqlitedict(
    path: str | Path, table: str | None = None, *, json: bool = False, encoding: str = "utf-8"
) -> Source:
    """Return what reads a ``SqliteDict``: *table* need be named where there are several.

    *json* is for one that was opened with ``encode=json.dumps, decode=json.loads``; *encoding* is
    that of the strings of Python 2.

    Raises, when it is read: as `sqlite_table`.
    """
    take = _from_json if json else partial(_from_pickle, check_encoding(encoding))
    return partial(_encoded, Path(path), table, take)


def pickledb(path: str | Path, table: str = "kv") -> Source:
    """Return what reads a ``PickleDB``, a JSON file, or the *table* of a ``PickleDBSQLite``.

    Raises, when it is read: as `json_object` or `sqlite_table`.
    """
    return partial(_pickledb, Path(path).expanduser(), table)


def _rows(path: Path, table: str, key: str, values: Sequence[str] | str | None) -> Iterator[Entry]:
    for place, found, row in _selected(path, table, key, values):
        yield Pair(f"{place}, {shown(found)}", found, row)


def _encoded(path: Path, table: str | None, take: Callable[[Any], Any]) -> Iterator[Entry]:
    for place, key, value in _selected(path, table, "key", "value"):
        where = f"{place}, {shown(key)}"
        try:
            yield Pair(where, key, take(value))
        except Malformed as exc:
            yield Unreadable(where, str(exc))


def _pickledb(path: Path, table: str) -> Iterator[Entry]:
    if files.begins(path, files.SQLITE_MAGIC):
        return _encoded(path, table, _from_json)
    return json_object(path)()


def _selected(
    path: Path, table: str | None, key: str, values: Sequence[str] | str | None
) -> Iterator[tuple[str, Any, Any]]:
    """Yield of each row the place, the key, and the value."""
    with files.database(path) as handle:
        table, columns = _asked(path, files.tables(handle, path), table, key, values)
        names = ", ".join(map(files.quoted, (key, *columns)))
        try:
            for found, *row in handle.execute(f"SELECT {names} FROM {files.quoted(table)}"):  # noqa: S608
                value = row[0] if isinstance(values, str) else dict(zip(columns, row, strict=True))
                yield f"{path}, table {table!r}", found, value
        except sqlite3.Error as exc:
            raise files.damaged(path, exc) from exc


def _asked(
    path: Path,
    known: dict[str, list[str]],
    table: str | None,
    key: str,
    values: Sequence[str] | str | None,
) -> tuple[str, list[str]]:
    """Return the table and its columns beside *key* that are asked for, if they are *known*."""
    if table is None:
        if len(known) != 1:
            raise ConfigError(f"{path} has the tables {', '.join(sorted(known))}: say which")
        (table,) = known
    if table not in known:
        raise ConfigError(f"{path} has no table {table!r}{nearest(table, known)}")
    others = [name for name in known[table] if name != key]
    columns = [values] if isinstance(values, str) else list(others if values is None else values)
    for name in (key, *columns):
        if name not in known[table]:
            hint = nearest(name, known[table])
            raise ConfigError(f"{path}: the table {table!r} has no column {name!r}{hint}")
    return table, columns


def _from_pickle(encoding: str, value: Any) -> Any:
    if type(value) is not bytes:
        raise Malformed(f"a {type(value).__name__} stands where a pickle should, see json=")
    return loads(value, encoding)


def _from_json(value: Any) -> Any:
    if not isinstance(value, (str, bytes)):
        raise Malformed(f"a {type(value).__name__} stands where JSON text should")
    return parsed(value)
