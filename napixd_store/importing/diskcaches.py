"""Folders of ``diskcache``: a ``Cache``, an ``Index``, or a ``FanoutCache`` of several."""

import re
import sqlite3
import time
import zlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from napixd_store.errors import ConfigError, StoreError
from napixd_store.importing import files
from napixd_store.importing.entries import Entry, Malformed, Pair, Source, Unreadable, shown
from napixd_store.importing.jsons import parsed
from napixd_store.importing.pickles import LARGEST, check_encoding, loads

_DATABASE = "cache.db"
_ROWS = "SELECT key, raw, expire_time, mode, filename, value FROM Cache ORDER BY rowid"
_NAME = re.compile(r"[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{28}\.val")
_RAW, _BINARY, _TEXT, _PICKLE = 1, 2, 3, 4


def diskcache(folder: str | Path, *, json: bool = False, encoding: str = "utf-8") -> Source:
    """Return what reads the cache in *folder*; what has a deadline keeps it, what is over is gone.

    *json* is for one with a ``JSONDisk``; *encoding* is that of the strings of Python 2.

    Raises, when it is read:
        ConfigError: no cache is there.
        CorruptData: it is damaged.
    """
    return partial(_entries, Path(folder), json, check_encoding(encoding))


def _entries(folder: Path, json: bool, encoding: str) -> Iterator[Entry]:
    parts = [folder] if (folder / _DATABASE).exists() else sorted(folder.glob("[0-9][0-9][0-9]"))
    if not parts:
        raise ConfigError(f"{folder} is no folder of diskcache: there is no {_DATABASE} in it")
    for part in parts:
        yield from _Cache(part, json, encoding).entries()


def _lives(row: Sequence[Any]) -> bool:
    ends = row[2]
    return ends is None or ends > time.time()


class _Cache:
    def __init__(self, folder: Path, json: bool, encoding: str) -> None:
        self._folder, self._json, self._encoding = folder, json, encoding

    def entries(self) -> Iterator[Entry]:
        path = self._folder / _DATABASE
        with files.database(path) as handle:
            try:
                for key, raw, ends, *held in filter(_lives, handle.execute(_ROWS)):
                    yield self._entry(key, raw, ends, held)
            except sqlite3.Error as exc:
                raise files.damaged(path, exc) from exc

    def _entry(self, key: Any, raw: int, ends: float | None, held: list[Any]) -> Entry:
        where = f"{self._folder}, an encoded key"
        try:
            if self._json:
                key = _from_json(key)
            elif not raw:
                key = loads(key, self._encoding)
            where = f"{self._folder}, {shown(key)}"
            value = self._value(*held)
            return Pair(where, key, _from_json(value) if self._json else value, ends)
        except (Malformed, StoreError) as exc:
            return Unreadable(where, str(exc))

    def _value(self, mode: int, name: Any, value: Any) -> Any:
        if mode == _RAW:
            return value
        if name is not None:
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                raise Malformed("its value is not in a file of the cache")
            value = files.read(self._folder / name, LARGEST)
        if type(value) is not bytes:
            raise Malformed("it has no value")
        if mode == _BINARY:
            return value
        if mode == _PICKLE:
            return loads(value, self._encoding)
        if mode == _TEXT:
            try:
                return value.decode()
            except UnicodeDecodeError as exc:
                raise Malformed("its text is not UTF-8") from exc
        raise Malformed("its mode is unknown")


def _from_json(packed: Any) -> Any:
    """Return what compressed JSON says."""
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(packed, LARGEST + 1)
    except (TypeError, zlib.error) as exc:
        raise Malformed("it is not compressed JSON: see json=") from exc
    if len(text) > LARGEST:
        raise Malformed(f"it would take more than {LARGEST} bytes")
    if not unpacking.eof:
        raise Malformed("it is not compressed JSON: see json=")
    return parsed(text)
