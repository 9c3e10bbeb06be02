"""SQLite files whose opening or making is interrupted; `test_interrupts.py` has the operations.

What is interrupted runs in a process of its own, as there, and at one in a few moments.
"""

import gc
import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from napixd_store import Store, StoreBackend
from napixd_store.connections import close_all
from tests.descriptors import descriptors
from tests.harness.interrupts import Alarm, Ended, interruptions
from tests.processes import fork

pytestmark = pytest.mark.usefixtures("unmeasured")


def at(path: Path) -> StoreBackend[int]:
    return Store("a", "SQLite", path=path, durability="process")


@pytest.fixture(autouse=True)
def little_garbage() -> Iterator[None]:
    """Leave the rest of the suite out of each collection."""
    gc.freeze()
    yield
    gc.unfreeze()


def assert_closed(folder: Path) -> None:
    close_all()
    gc.collect()  # a handle that was opened, and that nobody got, is in a cycle with its cache
    assert descriptors(folder) == 0


def test_however_opening_for_a_read_is_interrupted_no_descriptor_is_left(quick_path):
    with fork(_open_and_read, quick_path) as child:
        assert child.result() > 20


def _open_and_read(folder: Path) -> int:
    store, kept = at(folder / "doc.sqlite"), list[Ended]()
    store["a"] = 1

    def act() -> int:
        close_all()
        return store["a"]

    for ended in interruptions(act, Alarm, every=4):
        kept.append(ended)  # with its traceback, whose frames hold what they held
        assert_closed(folder)
        assert store["a"] == 1
    return len(kept)


def test_however_opening_for_a_write_is_interrupted_no_lock_is_left(quick_path):
    with fork(_open_and_write, quick_path / "doc.sqlite") as child:
        assert child.result() > 20


def _open_and_write(path: Path) -> int:
    store, kept = at(path), list[Ended]()
    store["a"] = 0

    def act() -> None:
        close_all()
        store.update(a=len(kept) + 1, b=len(kept) + 1)

    for ended in interruptions(act, Alarm, every=4):
        kept.append(ended)
        gc.collect()
        with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as raw:
            raw.execute("BEGIN IMMEDIATE")
            raw.execute("ROLLBACK")
            assert raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
        found = store.snapshot()
        assert found["a"] == found.get("b", 0)
        assert ended.error or found["a"] == len(kept)
    return len(kept)


def test_however_making_a_file_is_interrupted_it_is_whole_or_absent(quick_path):
    with fork(_make, quick_path) as child:
        assert child.result() > 20


def _make(folder: Path) -> int:
    numbers, kept = itertools.count(), list[Ended]()
    path = folder / "0"

    def act() -> None:
        at(path)["a"] = 1

    for ended in interruptions(act, Alarm, every=20):
        kept.append(ended)
        assert at(path).snapshot() in [{"a": 1}, {}][: 1 + (ended.error is not None)]
        at(path)["a"] = 2
        assert at(path).snapshot() == {"a": 2}
        assert_closed(folder)
        path = folder / f"{next(numbers)} next"
    return len(kept)
