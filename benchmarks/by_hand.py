"""What a person would write for one service, without this library, to be as safe as it is."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SYNCHRONOUS = {"power": "FULL", "process": "NORMAL"}


def open_sqlite(path: Path, durability: str) -> sqlite3.Connection:
    """Open *path* as this library does: WAL, autocommit, the ``synchronous`` of *durability*."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute(f"PRAGMA synchronous={SYNCHRONOUS[durability]}")
    return database


@contextmanager
def locked(folder: str) -> Iterator[None]:
    """Keep other writers out of *folder*."""
    descriptor = os.open(f"{folder}/.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def replace(path: str, data: bytes) -> None:
    """Put *data* at *path*, whole and safe from power cuts; call it under the lock."""
    aside = f"{path}.aside"
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.rename(aside, path)
    sync(os.path.dirname(path))


def sync(folder: str) -> None:
    """Make the names in *folder* safe from power cuts."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
