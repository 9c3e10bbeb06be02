"""Who keeps a dict in files, as contestants: their notes are in `suites.files`."""

import shelve
from collections.abc import Iterable, Mapping
from dbm import dumb
from pathlib import Path
from typing import Any

from benchmarks.contestants.kinds import AsADict, OnCachelib
from benchmarks.measure import Contestant
from benchmarks.rounds import Value


class Cached(OnCachelib):
    """cachelib, without a limit of entries and time."""

    name = "cachelib"
    durability = "process"

    def __init__(self, folder: Path) -> None:
        cachelib = self.need("cachelib")
        self.cache = cachelib.FileSystemCache(str(folder), threshold=0, default_timeout=0)


class CachedWhole(Cached):
    """cachelib, with all values as one entry."""

    values: dict[str, Value]

    def update(self, pairs: Mapping[str, Value]) -> None:
        self.values = dict(pairs)
        self.cache.set("values", self.values)

    def save(self, pairs: Iterable[tuple[str, Value]]) -> None:
        for key, value in pairs:
            self.values[key] = value
            self.cache.set("values", self.values)


class Pickled(Contestant):
    """pickledb, never saved."""

    name = "pickledb"
    durability = "memory"

    def __init__(self, folder: Path) -> None:
        self.database = self.need("pickledb").PickleDB(str(folder / "values.json"))
        self.database.load()

    def get(self, keys: Iterable[str]) -> None:
        get = self.database.get
        for key in keys:
            get(key)

    def set(self, pairs: Iterable[tuple[str, Value]]) -> None:
        put = self.database.set
        for key, value in pairs:
            put(key, value)

    def update(self, pairs: Mapping[str, Value]) -> None:
        self.set(pairs.items())
        self.database.save()

    def delete(self, keys: Iterable[str]) -> None:
        remove = self.database.remove
        for key in keys:
            remove(key)

    def iterate(self, places: range) -> None:
        self.get(self.database.all())

    def increment(self, times: range) -> None:
        database = self.database
        for _ in times:
            database.set("counter", database.get("counter", 0) + 1)


class PickledFile(Pickled):
    """pickledb, saved after each write."""

    durability = "process"

    def save(self, pairs: Iterable[tuple[str, Value]]) -> None:
        database = self.database
        for key, value in pairs:
            database.set(key, value)
            database.save()


class Shelf(AsADict):
    """shelve over dbm.dumb, never synced."""

    name = "shelve"
    durability = "memory"

    def __init__(self, folder: Path) -> None:
        database: Any = dumb.open(str(folder / "values"), "c")  # noqa: SIM115 - the shelf closes it
        self.store: shelve.Shelf[Any] = shelve.Shelf(database)

    def update(self, pairs: Mapping[str, Value]) -> None:
        super().update(pairs)
        self.store.sync()

    def increment(self, times: range) -> None:
        shelf = self.store
        for _ in times:
            shelf["counter"] = shelf.get("counter", 0) + 1

    def close(self) -> None:
        self.store.close()


class SyncedShelf(Shelf):
    """shelve over dbm.dumb, synced after each write."""

    def save(self, pairs: Iterable[tuple[str, Value]]) -> None:
        shelf = self.store
        for key, value in pairs:
            shelf[key] = value
            shelf.sync()
