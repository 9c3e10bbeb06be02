"""What the benchmarks say that others survive is what a killed process leaves behind."""

import dbm.dumb
import os
import random
import re
import shelve
import signal
import sys
from collections.abc import Callable
from datetime import date
from functools import partial
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from benchmarks import __main__ as program
from benchmarks import plots, report
from benchmarks.compare import compare, laid_out
from benchmarks.contestants import embedded
from benchmarks.contestants import files as others
from benchmarks.contestants.sqlite import ByHand
from benchmarks.crowd import crowd, in_processes, in_threads
from benchmarks.load import load, mixed
from benchmarks.measure import DIFFERENCE, RATIO, Comparison, Heat, LeftOut, Operation
from benchmarks.race import race, row
from benchmarks.results import Crowd, Curves, Page, Section
from benchmarks.rounds import Round
from benchmarks.suites import (
    beside,
    files,
    leases,
    memory,
    plugin,
    redis,
    service,
    sizes,
    sqlite,
)
from benchmarks.waits import BOUNDS, Waits, below
from tests.harness.syscalls import need_strace, trace
from tests.labs import need
from tests.processes import fork

ROOT = Path(__file__).resolve().parent.parent
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


def set_up_and_die(build: Any, durability: str, folder: Path) -> None:
    write_and_die(partial(build, durability=durability), "set", folder)


@pytest.mark.parametrize("durability", ["process", "power"])
def test_who_embeds_survives_what_it_is_set_up_for(durability: str, tmp_path: Path):
    """A power cut is not for this test; what survives one survives this too."""
    for number, build in enumerate((embedded.Diskcache, embedded.Sqlitedict)):
        folder = tmp_path / str(number)
        folder.mkdir()
        with fork(set_up_and_die, build, durability, folder) as child:
            assert child.wait() == -signal.SIGKILL
        one = build(folder, durability)
        assert one.durability in ("process", durability)
        assert one.store["key"] == NEW
        one.close()


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
    taken = {"ours": [12e-6] * 3, "other": [8e-6] * 3}
    found = row(operation, taken, ["ours", "other"], comparison)
    assert found.compared == pytest.approx([compared] * 3)
    assert found.missed == missed
    assert found.micros == {"ours": (12.0,) * 3, "other": (8.0,) * 3}


def overwriting(build: Any, durability: str, folder: Path) -> Callable[[], None]:
    folder.mkdir()
    one = build(folder, durability=durability)
    one.update({"key": OLD})
    return partial(one.set, [("key", {"text": str(number)}) for number in range(5)])


@pytest.mark.lab
def test_who_is_said_to_survive_a_power_cut_syncs_each_write_and_nobody_else(tmp_path: Path):
    need_strace()
    for number, build in enumerate((sqlite.ours, ByHand, embedded.Diskcache)):
        for durability, syncs in (("power", 5), ("process", 0)):
            folder = tmp_path / f"{number}-{durability}"
            calls = trace(tmp_path / "log", overwriting, build, durability, folder)
            assert sum(call.name in ("fsync", "fdatasync") for call in calls) == syncs


class Absent(others.Shelf):
    """Who needs what is not there."""

    name = "absent"

    def __init__(self, folder: Path) -> None:
        self.need("no_such_module")


def test_who_cannot_take_part_is_named_with_the_reason():
    heat = next(iter(memory.heats()))._replace(size=5, writes=5)
    contestants = [*heat.contestants[:2], Absent]
    table = race(heat._replace(contestants=contestants), 2, random.Random(1))
    assert list(table.durabilities) == ["napixd-store", "dict of msgspec's bytes"]
    assert table.left_out == ["absent: No module named 'no_such_module'"]
    with pytest.raises(LeftOut):
        Absent(Path())


def test_a_commit_is_held_against_the_tree_and_a_limit():
    found = compare("plugin", "HEAD", str(ROOT), 2, random.Random(1), limit=0.0)
    assert len(found.rows) == 6
    assert all(len(each.micros) == 2 for each in found.rows)
    assert len(report.missed([found])) == 6  # nothing takes no time at all


def test_the_service_is_the_same_by_hand_and_with_a_commit_before(tmp_path):
    before = service.Contestant("ours", laid_out("HEAD", tmp_path / "before"))
    for one in (*service.CONTESTANTS.values(), before):
        with service.running(service.WAITRESS, one) as socket:
            ((_worker, worked),) = load(socket, mixed, 2, 0.05).items()
            assert sum(worked.counts) >= 2
            assert 0 < worked.longest < worked.seconds


@pytest.mark.parametrize("run", [in_threads, in_processes])
def test_a_crowd_is_counted_to_the_last_call(run: Any):
    builders = [partial(each, durability="process") for each in (sqlite.ours, ByHand)]
    points, left_out = crowd(builders, run, [2], 0.02, 1, random.Random(1))
    assert not left_out
    assert [point.contestant for point in points] == ["napixd-store", "sqlite3 + msgspec by hand"]
    for point in points:
        assert sum(point.waits) >= 2  # each of them wrote
        assert point.per_second > 0
        assert 0 < point.share <= 1
        assert below(point.waits, 1.0) >= min(point.longest, BOUNDS[-1]) * 0.999


def test_waits_are_parted_by_their_bounds():
    waits = Waits()
    for seconds in (BOUNDS[0] / 2, BOUNDS[3], 2 * BOUNDS[-1]):
        waits.add(seconds)
    assert [place for place, count in enumerate(waits.counts) if count] == [0, 4, len(BOUNDS)]
    assert waits.longest == 2 * BOUNDS[-1]
    assert below(waits.counts, 0.3) == BOUNDS[0]
    assert below(waits.counts, 0.6) == BOUNDS[4]


def test_each_kind_of_section_has_its_plot(tmp_path: Path):
    need(find_spec("matplotlib") is not None, "matplotlib is not installed, see the extra dev")
    heat: Heat = next(iter(memory.heats()))._replace(size=5, writes=5)
    table = race(heat, 2, random.Random(1))
    builders = [partial(each, durability="process") for each in (sqlite.ours, ByHand)]
    points, _ = crowd(builders, in_threads, [1, 2], 0.02, 1, random.Random(1))
    several = Crowd("Threads", "", "threads", [], points)
    curves = Curves("Sizes", "", [], {"get": {"ours": [(10, 1.0), (100, 2.0)]}})
    sections: list[Section] = [table, several, curves]
    told = Page("Title", "", "", 2, "", {}, date(2026, 1, 2), sections)
    drawn = plots.draw("some", told, tmp_path)
    assert list(drawn) == [section.title for section in sections]
    assert sorted(drawn.values()) == sorted(path.name for path in tmp_path.glob("*.svg"))
    plots.summarize(told, tmp_path)
    assert (tmp_path / "summary.svg").exists()


# --- pages ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "suite", ["sqlite", "files", "redis", "memory", "plugin", "leases", "sizes"]
)
def test_the_benchmarks_can_be_repeated(
    suite: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Two rounds of them, which write a page as the one in docs/ was written.

    One page has its plots, which take longer than the rest: each kind has a test of its own.
    """
    if suite != "memory":
        monkeypatch.setitem(sys.modules, "matplotlib", None)
    for module, small in (
        (program, {"DOCS": tmp_path}),
        (sqlite, {"KEYS": 100, "WRITES": {"power": 10, "process": 10}}),
        (files, {"SIZES": (10, 100), "FILES": 10, "WRITES": 2}),
        (redis, {"KEYS": 100, "WRITES": 10}),
        (memory, {"KEYS": 100, "WRITES": 10}),
        (plugin, {"REQUESTS": 10}),
        (leases, {"WRITES": dict.fromkeys(leases.WRITES, 10)}),
        (sizes, {"SMALLEST": 10, "WRITES": 2}),
        (beside, {"KEYS": 100, "REPEAT": 1}),
    ):
        for name, size in small.items():
            monkeypatch.setattr(module, name, size)
    asked = ["run", suite, "--rounds", "2", "--largest", "10000", "--write"]
    assert program.main(asked) in (0, 1)  # how fast it is, two rounds cannot tell
    (written,) = tmp_path.glob("*.md")
    shown, shipped = (
        [re.sub(r"[\d.,]+", "0", line) for line in page.read_text().splitlines() if "|" in line]
        for page in (written, ROOT / "docs" / written.name)
    )
    # The curves have as many rows of numbers as were asked for.
    told, ships = (
        [row for row, _ in groupby(line.split("|")[1] for line in page)]
        for page in (shown, shipped)
    )
    assert told == ships
    before = written.read_text()
    assert program.main(["draw"]) == 0
    assert written.read_text() == before
