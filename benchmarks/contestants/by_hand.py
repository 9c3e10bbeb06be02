"""What a person would write for one service, without this library, to be as safe as it is."""

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from benchmarks.measure import Contestant
from benchmarks.rounds import Value

SYNCHRONOUS = {"power": "FULL", "process": "NORMAL"}


def open_sqlite(path: Path, durability: str) -> sqlite3.Connection:
    """Open *path* as this library does: WAL, autocommit, the ``synchronous`` of *durability*."""
    database = sqlite3.connect(path, timeout=60, isolation_level=None)
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


class FileByHand(Contestant):
    """A dict in a JSON file, replaced as a whole."""

    name = "by hand"
    durability = "power"

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)
        self.values: dict[str, Value] = {}
        self.encode = msgspec.json.Encoder().encode

    def update(self, pairs: Mapping[str, Value]) -> None:
        self.values.update(pairs)
        self._save()

    def save(self, pairs: Iterable[tuple[str, Value]]) -> None:
        for key, value in pairs:
            self.values[key] = value
            self._save()

    def _save(self) -> None:
        with locked(self.folder):
            replace(f"{self.folder}/values.json", self.encode(self.values))


class DirectoryByHand(Contestant):
    """A dict in a folder, a JSON file a key; and a number in a file."""

    name = "by hand"
    durability = "power"

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)
        self.counter = folder / "counter"
        self.counter.write_text("0")
        self.encode = msgspec.json.Encoder().encode
        self.decode = msgspec.json.Decoder().decode

    def get(self, keys: Iterable[str]) -> None:
        folder, decode = self.folder, self.decode
        for key in keys:
            with open(f"{folder}/{key}.json", "rb") as stream:
                decode(stream.read())

    def contains(self, keys: Iterable[str]) -> None:
        folder = self.folder
        for key in keys:
            os.path.exists(f"{folder}/{key}.json")

    def get_many(self, pages: Iterable[list[str]]) -> None:
        for page in pages:
            self.get(page)

    def edit(self, keys: Iterable[str]) -> None:
        folder, encode, decode = self.folder, self.encode, self.decode
        for key in keys:
            with locked(folder):
                with open(f"{folder}/{key}.json", "rb") as stream:
                    value = decode(stream.read())
                value["score"] += 1
                replace(f"{folder}/{key}.json", encode(value))

    def set(self, pairs: Iterable[tuple[str, Value]]) -> None:
        folder, encode = self.folder, self.encode
        for key, value in pairs:
            with locked(folder):
                replace(f"{folder}/{key}.json", encode(value))

    def update(self, pairs: Mapping[str, Value]) -> None:
        self.set(pairs.items())

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            with locked(self.folder):
                os.unlink(f"{self.folder}/{key}.json")
                sync(self.folder)

    def iterate(self, places: range) -> None:
        self.get(name[: -len(".json")] for name in os.listdir(self.folder) if name[-5:] == ".json")

    def increment(self, times: range) -> None:
        for _ in times:
            with locked(self.folder):
                value = int(self.counter.read_bytes()) + 1
                replace(str(self.counter), b"%d" % value)
