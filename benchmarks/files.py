"""Files: this library, the least code that writes a file as safely by hand, and others.

The hand-written one replaces a file as this library does: a lock, a temporary file in the same
folder, ``fsync``, ``rename``, ``fsync`` of the folder. It does nothing else: no check of keys and
values, no checksum, no merging of what another process saved, no second collection.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.by_hand import locked, replace, sync
from benchmarks.contestants import Ours
from benchmarks.files_of_others import (
    Cached,
    CachedWhole,
    Pickled,
    PickledFile,
    Shelf,
    SyncedShelf,
)
from benchmarks.measure import Contestant, Heat, Operation, Round, Suite, Value
from napixd_store import Store, connections

SIZES = (1_000, 10_000)
FILES = 1_000
WRITES = 4
"""Few, in many rounds: what else the disk does hits one contestant of a round, not another."""
LIMIT = 1.3

NOTE = (
    "The second contestant is written by hand with msgspec, and is as safe against a power cut: a "
    "lock, a temporary file in the same folder, `fsync`, `rename`, `fsync` of the folder. It does "
    "nothing else: it checks no key and no value, writes no checksum, and overwrites what another "
    "process saved meanwhile; reading, it verifies nothing. The limits are against it.\n\n"
    "The others promise less, so their figures are for information. In brackets: what an "
    "acknowledged write survives.\n\n"
    "- `cachelib` (`FileSystemCache`) replaces a file, without `fsync`: `process`. Its `inc()` "
    "loses increments of several processes, and it cannot list its keys.\n"
    "- `pickledb` has all data in memory; `save()` replaces the file, without `fsync`: `process`. "
    "Without `save()`: `memory`.\n"
    "- `shelve` over `dbm.dumb`, which is what each Python has, writes into its files in place. "
    "`sync()` moves the index away before it writes the new one, and who is killed in between has "
    "an empty shelf: so `memory`, with or without."
)


def heats() -> Iterator[Heat]:
    """Yield one heat for each size of a file, one for the folder, one for the counter."""
    for size in SIZES:
        yield Heat(
            f"FileStore: {size:,} values in one file",
            "One value is changed in a store that was just loaded, and saved with all others.",
            [File, FileByHand, CachedWhole, PickledFile, SyncedShelf],
            [Operation("`store[key] = value; store.save()`", LIMIT, "save", Round.pairs)],
            size,
            WRITES,
        )
    yield Heat(
        f"DirectoryStore: {FILES:,} values in a file each",
        "`pickledb` and `shelve` do not save here.",
        [directory, DirectoryByHand, Cached, Pickled, Shelf],
        [
            Operation("`store[key]`", LIMIT, "get", Round.some_keys),
            Operation("`store[key] = value`, overwriting", LIMIT, "set", Round.pairs),
            Operation("`store[key] = value`, a new key", LIMIT, "set", Round.new_pairs),
            Operation("`del store[key]`", None, "delete", Round.new_keys),
            Operation("`store.items()`, a pair", None, "iterate", Round.all_places),
        ],
        FILES,
        WRITES,
    )
    yield Heat(
        "FileCounter",
        "`pickledb` and `shelve` do not save here either, and have no counter: it is a value.",
        [directory, DirectoryByHand, Cached, Pickled, Shelf],
        [Operation("`counter.increment()`", LIMIT, "increment", Round.times)],
        0,
        WRITES,
    )


# --- this library ----------------------------------------------------------------------------


class File(Contestant):
    """`Store` with the backend File: write-back."""

    name = "napixd-store"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = self._open()
        self.durability = self.store.durability

    def _open(self) -> Any:
        return Store("benchmark", "File", root=self.folder)

    def update(self, pairs: Mapping[str, Value]) -> None:
        with self.store as store:
            store.update(pairs)
        self.store = self._open()  # as a service finds it after its start

    def ready(self) -> None:
        self.store.reload()
        len(self.store)

    def save(self, pairs: Iterable[tuple[str, Value]]) -> None:
        store = self.store
        for key, value in pairs:
            store[key] = value
            store.save()

    def close(self) -> None:
        connections.close_all()


def directory(folder: Path) -> Ours:
    """Return `Store` with the backend Directory, and its counter."""
    return Ours("Directory", root=folder)


# --- by hand ---------------------------------------------------------------------------------


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


SUITE = Suite(
    page="benchmarks-files.md",
    title="Benchmarks of files",
    extra="bench",
    packages=("msgspec", "cachelib", "pickledb"),
    note=NOTE,
    heats=heats,
)
