"""Values that end: crowds, the medium that is swept, clocks that jump, and what peers get wrong."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from napixd_store import LimitReached, Store
from tests.crowds import Crowd
from tests.labs import need
from tests.media import BACKENDS, OPTIONS, POLICIES, Medium
from tests.processes import run
from tests.sizes import size

PROCESSES = size(quick=4, full=8)
TIMES = size(quick=25, full=200)
WRITTEN_BY_PROCESSES = [name for name in BACKENDS if name != "Memory"]


DAY = 86_400
"""Seconds."""


class Clock:
    """The clock of every connection of a kind, held by the test."""

    def __init__(self, medium: Medium, monkeypatch: pytest.MonkeyPatch) -> None:
        connection = medium.store()._connection
        self.now = connection.now() + DAY * 1000  # lest a server in earnest removes anything
        monkeypatch.setattr(type(connection), "now", lambda _connection: self.now)
        monkeypatch.setattr(type(connection), "latest", lambda _connection: self.now)

    def advance(self, seconds: float) -> None:
        self.now += round(seconds * 1000)


@pytest.fixture(params=BACKENDS)
def medium(request: pytest.FixtureRequest, tmp_path: Path) -> Medium:
    return Medium(request.param, tmp_path, writeback=False)


@pytest.fixture
def clock(medium: Medium, monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(medium, monkeypatch)


# --- crowds -------------------------------------------------------------------------------


def crowd_at(backend: str, tmp_path: Path) -> Crowd:
    options = {"backend": backend, "writeback": False, **OPTIONS[backend](tmp_path)}
    return Crowd(PROCESSES, options, run)


@pytest.fixture(params=WRITTEN_BY_PROCESSES)
def crowd(request: pytest.FixtureRequest, tmp_path: Path) -> Crowd:
    return crowd_at(request.param, tmp_path)


def test_of_processes_that_add_a_key_one_wins_also_when_it_has_ended(tmp_path):
    crowds = {backend: crowd_at(backend, tmp_path) for backend in WRITTEN_BY_PROCESSES}
    for _round in range(2):
        won = {backend: sorted(crowd.run(_add)) for backend, crowd in crowds.items()}
        assert won == dict.fromkeys(crowds, [False] * (PROCESSES - 1) + [True])
        for crowd in crowds.values():  # one wait for all of them
            store = Store("once", **crowd.options)
            while "key" in store:
                time.sleep(0.01)


def _add(options: dict[str, Any], who: int) -> Any:
    return Store("once", **options).add("key", who, expires_in=1.5)


def test_compute_loses_nothing_that_processes_do_at_once(crowd):
    crowd.run(_compute, TIMES)
    assert Store("sums", **crowd.options)["sum"] == PROCESSES * TIMES


def _compute(options: dict[str, Any], who: int, times: int) -> None:
    store = Store("sums", **options)
    for _ in range(times):
        store.compute("sum", lambda total: total + 1, 0)


def test_a_bound_admits_so_many_of_a_crowd_and_no_more(crowd):
    each, bound = size(quick=10, full=50), size(quick=17, full=100)
    said = crowd.run(_hit, each, bound)
    admitted = [number for numbers, _refused in said for number in numbers]
    refused = [after for _numbers, refused in said for after in refused]
    assert sorted(admitted) == [*range(1, bound + 1)]
    assert len(refused) == PROCESSES * each - bound
    assert all(0 < after < 601 for after in refused)
    assert Store("hits", **crowd.options)["ip"] == bound


def _hit(options: dict[str, Any], who: int, times: int, bound: int) -> tuple[list[int], list[Any]]:
    store = Store("hits", **options)
    admitted, refused = [], []
    for _ in range(times):
        try:
            admitted.append(store.incr("ip", at_most=bound, expires_in=600))
        except LimitReached as exc:
            refused.append(exc.retry_after)
    return admitted, refused


# --- what is over leaves the medium ---------------------------------------------------------


@pytest.mark.parametrize(
    "many",
    [size(quick=1_500, full=5_000), pytest.param(100_000, marks=pytest.mark.torture)],
    ids="{:,}".format,
)
def test_ordinary_traffic_leaves_no_more_dead_than_living_and_a_thousand(many, medium, clock):
    """Sessions come and end all the time; each request opens the store anew."""
    store = medium.store("sessions")
    for number in range(0, many, 10):
        store = medium.store("sessions", expires_in=100)
        store.update({f"session {each}": each for each in range(number, number + 10)})
        clock.advance(10)
    living = len(store)
    kept = len(store._load())
    assert living == 90
    assert kept <= 2 * living + 1_000
    store.sweep()
    assert len(store._load()) == living


def test_what_others_put_with_a_deadline_is_swept_by_who_meets_it(medium, clock):
    for n in range(10):
        medium.store("shared").put(n, n, expires_in=10)
    clock.advance(10)
    plain = medium.store("shared")
    assert plain.get(1) is None
    plain._connection.sweeps.clear()
    assert plain.get(1) is None  # it meets one
    for n in range(0, 1_100, 50):
        plain.update({f"plain {each}": each for each in range(n, n + 50)})
    assert len(plain._load()) == len(plain) == 1_100


def test_a_write_is_acknowledged_though_the_sweep_fails(medium, clock, monkeypatch):
    store = medium.store(expires_in=10)
    store["old"] = 1
    clock.advance(10)
    store._connection.sweeps[store._swept] = 0
    asked = []

    def failing(limit: int) -> Any:
        asked.append(limit)
        raise LimitReached("of the kind that a medium raises")

    monkeypatch.setattr(store, "_sweep", failing)
    store["new"] = 2
    assert asked
    assert store.snapshot() == {"new": 2}


def test_a_dropped_collection_is_not_swept_for_ever(medium, clock):
    store = medium.store(expires_in=10)
    store["k"] = 1
    assert store._swept in store._connection.sweeps
    store.drop()
    assert store._swept not in store._connection.sweeps


# --- what users of other libraries complain of ----------------------------------------------


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(
    ("change", "after"),
    [
        (lambda s: s.incr("n"), 2),
        (lambda s: s.incr("n", at_most=5, expires_in=1), 2),
        (lambda s: s.compute("n", lambda n: n + 1), 2),
        (lambda s: s.setdefault("n", 9), 1),
        (lambda s: s.add("n", 9, expires_in=1), 1),
    ],
    ids=["incr", "incr at most", "compute", "setdefault", "add"],
)
def test_no_change_resets_or_loses_the_deadline(policy, medium, clock, change, after):
    """NATS lost it with an update, and Django's ``incr`` began it anew."""
    store = medium.store("n", writeback=POLICIES[policy])
    store.put("n", 1, expires_in=60)
    clock.advance(20)
    change(store)
    store.save()
    assert (store["n"], store.expires_in("n")) == (after, 40.0)
    assert medium.store("n").expires_in("n") == 40.0


def test_the_dead_are_not_counted(medium, clock):
    """As diskcache counts them until somebody culls."""
    store = medium.store()
    store.update(a=1, b=2)
    store.put("c", 3, expires_in=5)
    assert len(store) == 3
    clock.advance(5)
    assert (len(store), len(list(store)), bool(medium.store())) == (2, 2, False)
    store.delete_many(["a", "b"])
    assert not store


# --- clocks that jump -----------------------------------------------------------------------

LIBFAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


@pytest.mark.lab
def test_a_clock_that_is_set_forward_ends_what_it_passes_and_back_lets_it_live(tmp_path):
    need(LIBFAKETIME is not None, "libfaketime is missing (Debian: faketime)")
    clock = tmp_path / "clock"
    clock.write_text("+0")
    env = {
        **os.environ,
        "LD_PRELOAD": str(LIBFAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path]),
    }
    # One process for all: to import what a test needs takes longer than what it does.
    backends = ("Memory", "File", "Directory", "SQLite")
    jumps = [f"_jump({each!r}, {str(tmp_path)!r})" for each in backends]
    program = "; ".join(["from tests.test_time import _jump", *jumps])
    subprocess.run([sys.executable, "-c", program], env=env, check=True, timeout=60)


def _jump(backend: str, folder: str) -> None:
    """Set the clock of this process to and fro."""

    def jump(days: int) -> None:
        Path(folder, "clock").write_text(f"{days * DAY:+d}")

    store = Store("it", backend, writeback=False, **OPTIONS[backend](Path(folder)))
    store.put("hour", 1, expires_in=3_600)
    store.put("week", 2, expires_in=7 * DAY)
    store["ever"] = 3
    jump(+1)
    assert store.snapshot() == {"week": 2, "ever": 3}
    assert 5.9 * DAY < (store.expires_in("week") or 0) <= 6 * DAY
    jump(0)  # what nobody removed meanwhile is there again, and as long as it was to be
    assert store.snapshot() == {"hour": 1, "week": 2, "ever": 3}
    jump(-1)
    assert DAY < (store.expires_in("hour") or 0) <= DAY + 3_600
    store.put("new", 4, expires_in=3_600)
    jump(0)
    assert store.snapshot() == {"hour": 1, "week": 2, "ever": 3}
    assert store.sweep() == 1
    store.incr("count")
    assert store["count"] == 1
