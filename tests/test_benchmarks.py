"""What the benchmarks say that others survive is what a killed process leaves behind."""

import dbm.dumb
import os
import shelve
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks import files_of_others as others
from benchmarks.measure import DIFFERENCE, RATIO, Comparison, Operation, Round, _row
from tests.processes import fork

OLD, NEW = {"text": "old"}, {"text": "new" * 1000}


def cached(folder: Path) -> Any:
    return others.Cached(folder).cache.get("key")


def cached_whole(folder: Path) -> Any:
    return others.Cached(folder).cache.get("values")["key"]


def pickled(folder: Path) -> Any:
    return others.Pickled(folder).database.get("key")


def shelved(folder: Path) -> Any:
    database: Any = dbm.dumb.open(str(folder / "values"), "c")  # noqa: SIM115 - the shelf closes it
    with shelve.Shelf[Any](database) as shelf:
        return shelf.get("key")


def write_and_die(build: Callable[[Path], Any], verb: str, folder: Path) -> None:
    one = build(folder)
    one.update({"key": OLD})
    getattr(one, verb)([("key", NEW)])
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    ("build", "verb", "read"),
    [
        (others.Cached, "set", cached),
        (others.CachedWhole, "save", cached_whole),
        (others.Pickled, "set", pickled),
        (others.PickledFile, "save", pickled),
        (others.Shelf, "set", shelved),
    ],
)
def test_who_is_said_to_survive_kill_9_does_and_nobody_else(
    build: Any, verb: str, read: Callable[[Path], Any], tmp_path: Path
):
    with fork(write_and_die, build, verb, tmp_path) as child:
        assert child.wait() == -signal.SIGKILL
    assert read(tmp_path) == (OLD if build.durability == "memory" else NEW)


def test_a_shelf_is_empty_once_its_process_was_killed_between_the_two_steps_of_sync(
    tmp_path: Path,
):
    """The index is moved away, and then written anew: so what was acknowledged is lost."""
    shelf = others.SyncedShelf(tmp_path)
    shelf.update({"key": OLD})
    shelf.save([("key", NEW)])
    shelf.close()
    assert shelved(tmp_path) == NEW
    os.rename(tmp_path / "values.dir", tmp_path / "values.bak")
    assert shelved(tmp_path) is None


@pytest.mark.parametrize(
    ("comparison", "limit", "compared", "missed"),
    [(RATIO, 1.6, 1.5, False), (RATIO, 1.4, 1.5, True), (DIFFERENCE, 5.0, 4.0, False),
     (DIFFERENCE, 0.2, 4.0, True), (DIFFERENCE, None, 4.0, False)],
)  # fmt: skip
def test_a_limit_is_held_against_what_its_heat_compares(
    comparison: Comparison, limit: float | None, compared: float, missed: bool
):
    operation = Operation("a request", limit, "text", Round.times)
    row = _row(operation, {"ours": [12e-6] * 3, "other": [8e-6] * 3}, ["ours", "other"], comparison)
    assert row.compared == pytest.approx(compared)
    assert row.missed == missed
    assert row.micros == pytest.approx({"ours": 12.0, "other": 8.0})
