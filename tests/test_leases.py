"""Leased counters of many processes, and of forks; and how a lease is asked for."""

import json
import os
import threading
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest

from napixd_store import (
    ConfigError,
    Counter,
    CounterBackend,
    OutcomeUnknown,
    Store,
    Unavailable,
    configure,
)
from napixd_store.connections import close_all
from napixd_store.operations import Place, copy, place_of
from napixd_store.testing.moments import at, not_for_ever, spread
from tests.crowds import gather
from tests.media import OPTIONS, Medium
from tests.processes import fork, run
from tests.sizes import size

LEASE = 7
SHARED = [name for name in OPTIONS if name not in ("Memory", "Directory", "RedisHash", "RedisKey")]
"""The backends whose counters processes share, each once."""

shared = pytest.mark.parametrize("keeper", SHARED, indirect=True)


@pytest.fixture
def leased(keeper: str, quick_path) -> CounterBackend:
    return Medium(keeper, quick_path, writeback=False).counter("ids", lease=LEASE)


def count(counter: CounterBackend, times: int) -> list[int]:
    return [counter.increment() for _ in range(times)]


@shared
def test_eight_processes_are_given_different_numbers_each_in_order(keeper, quick_path):
    medium, times = Medium(keeper, quick_path, writeback=False), size(quick=200, full=1_000)

    def open_and_count(who: int) -> list[int]:
        numbers = count(medium.counter("ids", lease=LEASE + who), times)
        return [*numbers, medium.counter("ids", lease=LEASE).increment(by=2)]

    each = run(open_and_count, [(who,) for who in range(8)])

    numbers = sorted(sum(each, []))
    assert all(mine == sorted(mine) for mine in each)
    assert all(after > before for before, after in pairwise(numbers))
    assert numbers[-1] <= medium.counter("ids").value <= 8 * (times + 2 + 2 * (LEASE + 8))


def test_threads_that_change_often_are_given_all_of_a_lease_in_order(quick_path):
    crowd = gather("16 threads on SQLite", quick_path)

    each = crowd.run(open_and_count, size(quick=500, full=2_500))

    numbers = sorted(sum(each, []))
    assert numbers == list(range(1, len(numbers) + 1))
    assert all(mine == sorted(mine) for mine in each)


def open_and_count(options: dict[str, Any], who: int, times: int) -> list[int]:
    return count(Counter("ids", lease=LEASE + who, **options), times)


@shared
def test_children_hold_nothing_of_their_parents_nor_of_each_other(leased):
    """Forked while other threads of the parent are given numbers all the time."""
    stop, numbers = threading.Event(), []

    def go_on() -> None:
        while not stop.is_set():
            numbers.append(leased.increment())

    threads = [threading.Thread(target=go_on) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        theirs = [run(count, [(leased, 20)] * 4) for _ in range(size(quick=3, full=10))]
    finally:
        stop.set()
        for thread in threads:
            thread.join()

    for each in (mine for children in theirs for mine in children):
        assert each == sorted(each)
        numbers += each
    assert len(set(numbers)) == len(numbers)


def forked_at(moment: int, leased: CounterBackend) -> tuple[list[int], list[int]]:
    """Fork in the middle of an increment; return what the parent and the child are given then."""
    read, write = os.pipe()
    forks: list[int] = []
    mine: list[int] = []
    try:
        # The child is refused where SQLite itself was at work.
        with suppress(Unavailable, OutcomeUnknown):
            at(moment, lambda: forks.append(os.fork()), leased.increment)
            mine = count(leased, LEASE + 2)
    finally:
        if forks == [0]:  # which must never return into the test runner
            os.write(write, json.dumps(mine).encode())
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as stream:
        theirs = json.loads(stream.read() or "[]")
    for child in forks:
        os.waitpid(child, 0)
    return mine, theirs


@not_for_ever()
def test_a_child_forked_by_a_handler_in_the_middle_holds_nothing_of_its_parent(quick_path):
    leased = Medium("SQLite", quick_path, writeback=False).counter("ids", lease=LEASE)
    counted = leased.increment() - 1  # what is opened now is open
    leased.reset(leased.value)
    for moment in spread(leased.increment, size(quick=20, full=1_000)):
        for held in (0, 3):  # it takes a lease, or it does not
            leased.reset(leased.value)
            count(leased, held)
            mine, theirs = forked_at(moment, leased)
            assert len(mine) == LEASE + 2
            assert set(mine).isdisjoint(theirs)
            counted += bool(theirs)
    assert counted > 10


def test_a_lock_that_another_thread_has_does_not_reach_a_child(quick_path):
    counter = Medium("SQLite", quick_path, writeback=False).counter("ids", lease=LEASE)
    counter.increment()
    inside, end = threading.Event(), threading.Event()

    def wait(_by: int) -> int:
        inside.set()
        assert end.wait(60)
        return 1

    leases = counter._connection.leases
    thread = threading.Thread(target=leases.more, args=("x", 1, 1, wait), kwargs={"timeout": 60})
    thread.start()
    inside.wait(60)
    try:
        with fork(count, counter, 2) as child:
            assert child.result(20) == [LEASE + 1, LEASE + 2]
    finally:
        end.set()
        thread.join()


def test_who_waits_for_another_thread_s_lease_waits_no_longer_than_the_timeout(tmp_path):
    slow = Counter("ids", "SQLite", path=tmp_path / "it.sqlite", lease=LEASE, timeout=0.05)
    leases, inside, end = slow._connection.leases, threading.Event(), threading.Event()

    def wait(_by: int) -> int:
        inside.set()
        assert end.wait(60)
        return 1

    thread = threading.Thread(target=leases.more, args=("x", 1, 1, wait), kwargs={"timeout": 60})
    thread.start()
    inside.wait(60)
    try:
        for call in (slow.increment, slow.reset, slow.drop):
            with pytest.raises(ConnectionError, match="nothing was changed: try again"):
                call()
        assert slow.value == 0
    finally:
        end.set()
        thread.join()
    assert slow.increment() == 1


def test_a_lease_is_an_option_of_counters_in_every_kind_of_settings(tmp_path, monkeypatch):
    path = tmp_path / "it.sqlite"
    configure({"store": {"path": path}, "counter": {"lease": "100"}})
    Store("users")["ann"] = 1
    assert [Counter("ids").increment(), Counter("ids", lease=1).increment()] == [1, 101]
    configure({})
    close_all()
    monkeypatch.setenv("NAPIXD_STORE_URL", f"sqlite://{path}?lease=50")
    assert (Store("users")["ann"], Counter("ids").increment(), Counter("ids").value) == (
        1,
        102,
        151,
    )
    configure({"store": {"lease": "100"}})
    with pytest.raises(ConfigError, match="unknown option 'lease'"):
        Store("users")
    with pytest.raises(ConfigError, match=r"unknown option 'leas' \(did you mean 'lease'\?\)"):
        Counter("ids", leas=100)


def test_a_place_looks_at_what_the_medium_says(tmp_path):
    url, path = f"sqlite://{tmp_path}/it.sqlite?lease=100", tmp_path / "it.sqlite"
    leased = Counter("ids", "SQLite", path=path, lease=100)
    assert leased.increment() == 1
    place = place_of(url)
    counter = place.counter("ids")
    assert (place.counters(), counter.lease, counter.value) == (["ids"], 1, 100)
    assert counter.increment() == 101
    target = Place("File", root=tmp_path / "files", lease=100)
    copy(place, target)
    assert target.counter("ids").value == 101
    assert leased.increment() == 2


def test_a_copy_and_a_pickle_have_the_lease(tmp_path):
    import pickle

    leased = Counter("ids", "SQLite", path=tmp_path / "it.sqlite", lease=LEASE)
    elsewhere: Any = pickle.loads(pickle.dumps(leased))
    assert (elsewhere.lease, leased.increment(), elsewhere.increment()) == (LEASE, 1, 2)
