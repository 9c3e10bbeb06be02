"""Files: this library, the least code that writes a file as safely by hand, and others.

The hand-written one replaces a file as this library does: a lock, a temporary file in the same
folder, ``fsync``, ``rename``, ``fsync`` of the folder. It does nothing else: no check of keys and
values, no checksum, no merging of what another process saved, no second collection.
"""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.contestants.by_hand import DirectoryByHand, FileByHand
from benchmarks.contestants.files import (
    Cached,
    CachedWhole,
    Pickled,
    PickledFile,
    Shelf,
    SyncedShelf,
)
from benchmarks.contestants.kinds import Ours, OursWhole
from benchmarks.measure import Heat, Operation, Plan, Suite
from benchmarks.race import races
from benchmarks.results import Section
from benchmarks.rounds import PAGE, Round

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


def measure(plan: Plan) -> Iterator[Section]:
    """Yield a table for each heat."""
    yield from races(heats(), plan)


def heats() -> Iterator[Heat]:
    """Yield one heat for each size of a file, one for the folder, one for the counter."""
    for size in SIZES:
        yield Heat(
            f"FileStore: {size:,} values in one file",
            "One value is changed in a store that was just loaded, and saved with all others.",
            [file, FileByHand, CachedWhole, PickledFile, SyncedShelf],
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
            Operation("`key in store`", None, "contains", Round.some_keys),
            Operation(f"`store.get_many()` of {PAGE} keys", None, "get_many", Round.pages),
            Operation("`store[key] = value`, overwriting", LIMIT, "set", Round.pairs),
            Operation("`store[key] = value`, a new key", LIMIT, "set", Round.new_pairs),
            Operation("`del store[key]`", None, "delete", Round.new_keys),
            Operation("`with store.edit(key)`", None, "edit", Round.few_keys),
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


def file(folder: Path) -> OursWhole:
    """Return `Store` with the backend File."""
    return OursWhole("File", root=folder)


def directory(folder: Path) -> Ours:
    """Return `Store` with the backend Directory, and its counter."""
    return Ours("Directory", root=folder)


SUITE = Suite(
    title="Benchmarks of files",
    packages=("msgspec", "cachelib", "pickledb"),
    note=NOTE,
    measure=measure,
)
