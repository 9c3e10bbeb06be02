"""Large collections: memory stays flat while iterating, and len() does not count."""

import gc
import statistics
import time
from pathlib import Path
from typing import Any

import pytest

from napixd_store import Store
from napixd_store.connections import close_all
from tests.processes import spawn
from tests.sizes import size

RECORDS = size(quick=200_000, full=1_000_000)
MANY = 10_000
BIG = 2**20
MOST_GROWTH = size(quick=12, full=32) * 2**20


def options(path: Path) -> dict[str, Any]:
    return {"backend": "SQLite", "path": path, "durability": "process"}


@pytest.fixture(scope="module")
def million(tmp_path_factory) -> Path:
    """A collection ``million`` of a million small records, written in batches."""
    path: Path = tmp_path_factory.mktemp("large") / "million.sqlite"
    store = Store("million", **options(path))
    for start in range(0, RECORDS, 50_000):
        store.update({number: number for number in range(start, start + 50_000)})
    close_all()
    return path


def _memory(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"/proc/self/status has no {field}")


def _growth(path: Path, collection: str, what: str) -> tuple[int, int, int]:
    """Iterate in a process of its own; return how many there were, and what memory it took."""
    store = Store(collection, **options(path))
    assert len(store)
    gc.collect()
    before = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak is measured from here on
    count, added = 0, 0
    for each in {"keys": store, "items": store.items(), "values": store.values()}[what]:
        count += 1
        added += each if isinstance(each, int) else 0
    return count, added, _memory("VmHWM") - before


@pytest.mark.parametrize("what", ["keys", "items"])
def test_iterating_over_a_million_records_takes_little_memory(million, what):
    with spawn(_growth, million, "million", what) as fresh:
        count, added, growth = fresh.result(120)

    assert count == RECORDS
    assert added == (sum(range(RECORDS)) if what == "keys" else 0)
    assert growth < MOST_GROWTH


@pytest.mark.parametrize("what", ["keys", "values"])
def test_iterating_over_records_of_a_mebibyte_takes_little_memory(tmp_path, what):
    path = tmp_path / "big.sqlite"
    store = Store("big", **options(path))
    for number in range(100):
        store[number] = "x" * BIG
    close_all()

    with spawn(_growth, path, "big", what) as fresh:
        count, _added, growth = fresh.result()

    assert count == 100
    assert growth < MOST_GROWTH


def test_the_length_of_a_million_records_is_known_at_once(million):
    store = Store("million", **options(million))
    took = []
    for _ in range(9):
        began = time.perf_counter()
        assert len(store) == RECORDS
        took.append(time.perf_counter() - began)
    assert statistics.median(took) < 0.005


def test_10000_keys_of_a_million_are_got_at_once(million):
    store = Store("million", **options(million))
    step = RECORDS // MANY
    began = time.perf_counter()

    got = store.get_many([*range(0, RECORDS, step), "missing", -1, RECORDS])

    assert got == {number: number for number in range(0, RECORDS, step)}
    assert time.perf_counter() - began < 2


def test_the_first_of_a_million_comes_at_once(million):
    store = Store("million", **options(million))
    took = []
    for _ in range(9):
        began = time.perf_counter()
        assert next(iter(store)) == 0
        assert next(iter(store.items())) == (0, 0)
        took.append(time.perf_counter() - began)
    assert statistics.median(took) < 0.05


def test_changes_during_the_iteration_neither_stop_it_nor_repeat_a_key(million):
    """Others write while one iterates: each key that stays is seen once."""
    store, other = Store("million", **options(million)), Store("other", **options(million))
    seen = set()
    for turn, key in enumerate(store):
        assert key not in seen
        seen.add(key)
        if turn % 100_000 == 50_000:
            store[key] = key  # an overwritten key keeps its place
            other[turn] = turn
    assert len(seen) == RECORDS
    other.drop()


def test_a_collection_of_a_million_is_dropped_whole(tmp_path):
    """And its neighbours are untouched. (Smaller: what counts is that it is one step.)"""
    store, other = (Store(name, **options(tmp_path / "doc.sqlite")) for name in ("big", "other"))
    store.update(dict.fromkeys(range(100_000), 1))
    other["a"] = 1
    store.drop()
    assert (len(store), list(store), other.snapshot()) == (0, [], {"a": 1})
