"""Shelves of Python's ``shelve``, in whichever `dbm` of this Python they are."""

import dbm
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from napixd_store.errors import ConfigError, CorruptData
from napixd_store.importing import files
from napixd_store.importing.entries import Entry, Malformed, Pair, Source, Unreadable, shown
from napixd_store.importing.pickles import check_encoding, loads

_ROWS = "SELECT key, value FROM Dict ORDER BY rowid"

_DAMAGED = (*dbm.error, ValueError, TypeError, OverflowError, MemoryError, RecursionError)
"""What a dbm may raise that takes what stands there as it is."""


def shelve(path: str | Path, *, encoding: str = "utf-8") -> Source:
    """Return what reads the shelf at *path*, as it was given to ``shelve.open``.

    *encoding* is that of keys, and of the strings of Python 2.

    Raises, when it is read:
        ConfigError: no shelf is there, or this Python lacks the ``dbm`` that it was made with.
        CorruptData: it is damaged.
    """
    return partial(_pairs, Path(path), check_encoding(encoding))


def _pairs(path: Path, encoding: str) -> Iterator[Entry]:
    for key, value in _raw(path):
        try:
            text = key if encoding == "bytes" else key.decode(encoding)
        except UnicodeDecodeError:
            yield Unreadable(f"{path}, {shown(key)}", f"the key is not {encoding}")
            continue
        where = f"{path}, {shown(text)}"
        try:
            yield Pair(where, text, loads(value, encoding))
        except Malformed as exc:
            yield Unreadable(where, str(exc))


def _raw(path: Path) -> Iterator[tuple[bytes, bytes]]:
    if files.begins(path, files.SQLITE_MAGIC):  # what Python 3.13 makes, for any Python to read
        with files.database(path) as handle:
            try:
                yield from handle.execute(_ROWS)
            except sqlite3.Error as exc:
                raise files.damaged(path, exc) from exc
        return
    made_with = dbm.whichdb(str(path))
    if not made_with:
        why = "nothing is there" if made_with is None else "no dbm of this Python knows its format"
        raise ConfigError(f"{path}: {why}: check the path, which is without .db or .dat")
    try:
        shelf: Any = dbm.open(str(path), "r")  # noqa: SIM115 - closed below
    except dbm.error as exc:
        raise ConfigError(f"{path} was made with {made_with}: {exc}") from exc
    with closing(shelf):
        try:
            for key in shelf.keys():  # noqa: SIM118 - all that a dbm has
                yield key, shelf[key]
        except _DAMAGED as exc:
            raise CorruptData(f"{path}: {made_with} cannot read it ({exc})") from exc
