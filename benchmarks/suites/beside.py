"""What has no contestant, for information: importing, opening, and reading from memory."""

import itertools
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.contestants.by_hand import open_sqlite
from benchmarks.results import Facts
from benchmarks.rounds import Round
from napixd_store import Store, StoreBackend, connections

KEYS = 10_000
REPEAT = 11


Fact = tuple[str, float, str]


def measure(dice: random.Random) -> Facts:
    """Return the facts of this machine."""
    pairs = Round(0, dice, KEYS, 0).all_pairs()
    return Facts("Beside it", [*_importing(), *_opening(), *_memory(pairs), *_write_back(pairs)])


def _importing() -> list[Fact]:
    alone, ours = _import_time("msgspec"), _import_time("napixd_store")
    return [
        ("`import msgspec`", alone * 1e3, "ms"),
        ("`import napixd_store`, msgspec included", ours * 1e3, "ms"),
    ]


def _import_time(module: str) -> float:
    code = (
        "import time; start = time.perf_counter(); "
        f"import {module}; print(time.perf_counter() - start)"
    )
    command = [sys.executable, "-c", code]
    return statistics.median(float(subprocess.check_output(command)) for _ in range(REPEAT))


def _opening() -> list[Fact]:
    with tempfile.TemporaryDirectory() as folder:
        path, by_hand_path = Path(folder) / "ours.sqlite", Path(folder) / "by-hand.sqlite"
        store = Store("benchmark", backend="SQLite", path=path)
        store["key"] = "value"
        database = open_sqlite(by_hand_path, "power")
        database.execute("CREATE TABLE kv (key TEXT PRIMARY KEY, value BLOB)")

        def ours() -> None:
            assert store["key"] == "value"
            connections.close_all()

        def by_hand() -> None:
            one = open_sqlite(by_hand_path, "power")
            one.execute("SELECT value FROM kv WHERE key = 'key'").fetchone()
            one.close()

        database.close()
        return [
            ("SQLite: open, read, close", _micros(ours, times=20), "µs"),
            ("the same by hand", _micros(by_hand, times=20), "µs"),
        ]


def _memory(pairs: dict[str, Any]) -> list[Fact]:
    store = Store("benchmark", backend="Memory")
    store.update(pairs)
    keys, values = list(pairs), itertools.cycle(pairs.values())
    some = random.Random(1).choices(keys, k=1000)

    def read() -> None:
        for key in some:
            store[key]

    def write() -> None:
        for key in some:
            store[key] = next(values)

    facts = [
        ("Memory: `store[key]`", _micros(read, each=len(some)), "µs"),
        ("Memory: `store[key] = value`", _micros(write, each=len(some)), "µs"),
    ]
    store.drop()
    return facts


def _write_back(pairs: dict[str, Any]) -> list[Fact]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.sqlite"
        Store("benchmark", backend="SQLite", path=path).update(pairs)
        store: StoreBackend[Any] = Store("benchmark", backend="SQLite", path=path, writeback=True)
        some = random.Random(1).choices(list(pairs), k=1000)

        def load() -> None:
            store.reload()
            len(store)

        def read() -> None:
            for key in some:
                store[key]

        loading = _micros(load, each=KEYS, times=1)
        read()  # values are decoded when first touched
        facts = [
            (f"write-back over SQLite: loading {KEYS:,} pairs, a pair", loading, "µs"),
            ("write-back over SQLite: `store[key]`, read before", _micros(read, each=1000), "µs"),
        ]
        connections.close_all()
        return facts


def _micros(work: Callable[[], None], *, each: int = 1, times: int = 5) -> float:
    measured = []
    for _ in range(REPEAT):
        start = time.perf_counter()
        for _ in range(times):
            work()
        measured.append((time.perf_counter() - start) / times / each)
    return statistics.median(measured) * 1e6
