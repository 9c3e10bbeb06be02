"""Counters under a crowd: no number is given twice, none is lost, and none leaves 64 bits."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from napixd_store import Counter, CounterOverflow, InvalidValue
from tests.crowds import COUNTING, Crowd, gather
from tests.processes import run, spawn
from tests.sizes import size

NAME = "crowded"
LARGEST, SMALLEST = 2**63 - 1, -(2**63)


@pytest.fixture(params=COUNTING)
def crowd(request, tmp_path) -> Iterator[Crowd]:
    crowd = gather(request.param, tmp_path)
    Counter(NAME, **crowd.options).reset()
    yield crowd
    Counter(NAME, **crowd.options).reset()


@pytest.fixture(params=["SQLite", "Memory"])
def counter(request, tmp_path):
    options = {"path": tmp_path / "one.sqlite"} if request.param == "SQLite" else {}
    counter = Counter("alone", backend=request.param, **options)
    counter.reset()
    return counter


INCREMENTS = size(quick=1_000, full=2_000)


def test_the_increments_of_each_are_all_different_and_leave_no_gap(crowd):
    numbers = crowd.run(_increment, INCREMENTS)

    assert sorted(sum(numbers, [])) == list(range(1, crowd.size * INCREMENTS + 1))
    assert all(mine == sorted(mine) for mine in numbers)
    assert Counter(NAME, **crowd.options).value == crowd.size * INCREMENTS


def _increment(options: dict[str, Any], who: int, times: int) -> list[int]:
    counter = Counter(NAME, **options)
    return [counter.increment() for _ in range(times)]


def test_steps_of_mixed_size_never_give_a_number_twice(crowd):
    turns = size(quick=150, full=500)
    numbers = sorted(sum(crowd.run(_stride, turns), []))

    assert len(set(numbers)) == crowd.size * turns
    assert numbers[-1] == Counter(NAME, **crowd.options).value
    assert numbers[-1] == crowd.size * sum(1 + turn % 7 for turn in range(turns))


def _stride(options: dict[str, Any], who: int, times: int) -> list[int]:
    counter = Counter(NAME, **options)
    return [counter.increment(by=1 + turn % 7) for turn in range(times)]


def test_a_reset_under_way_splits_the_numbers_without_losing_one(crowd):
    """Each member resets once: what the resets return adds up with what is left to all steps."""
    taken = crowd.run(_reset_half_way, 200)

    assert sum(taken) + Counter(NAME, **crowd.options).value == crowd.size * 200


def _reset_half_way(options: dict[str, Any], who: int, times: int) -> int:
    counter, taken = Counter(NAME, **options), 0
    for turn in range(times):
        counter.increment()
        if turn == times // 2:
            taken = counter.reset()
    return taken


def test_a_gauge_counts_who_is_inside_and_returns_to_zero(crowd):
    inside = crowd.run(_enter_and_leave, 100)

    assert all(1 <= seen <= crowd.size for seen in sum(inside, []))
    assert Counter(NAME, **crowd.options).value == 0


def _enter_and_leave(options: dict[str, Any], who: int, times: int) -> list[int]:
    gauge, seen = Counter(NAME, **options), []
    for turn in range(times):
        try:
            with gauge as inside:
                seen.append(inside)
                if turn % 2:
                    raise LookupError
        except LookupError:
            pass
    return seen


def test_at_power_durability_8_processes_get_their_numbers_and_none_waits_for_long(tmp_path):
    """The default, synced at each commit: nobody is kept waiting until the timeout of 30 s."""
    options = {"backend": "SQLite", "path": tmp_path / "power.sqlite"}
    assert Counter(NAME, **options).durability == "power"

    times = size(quick=200, full=1_000)
    results = run(_increment_and_time, [(options, times)] * 8, timeout=100)

    numbers = [number for mine, _longest in results for number in mine]
    assert sorted(numbers) == list(range(1, 8 * times + 1))
    assert max(longest for _mine, longest in results) < 25


def _increment_and_time(options: dict[str, Any], times: int) -> tuple[list[int], float]:
    counter, numbers, longest = Counter(NAME, **options), [], 0.0
    for _ in range(times):
        began = time.perf_counter()
        numbers.append(counter.increment())
        longest = max(longest, time.perf_counter() - began)
    return numbers, longest


def test_processes_that_share_no_memory_share_the_counter(tmp_path):
    """Fresh interpreters, as the workers of two services would be."""
    options = {"backend": "SQLite", "path": tmp_path / "fresh.sqlite", "durability": "process"}

    numbers = run(_increment, [(options, who, 300) for who in range(4)], start=spawn)

    assert sorted(sum(numbers, [])) == list(range(1, 1_201))


@pytest.mark.parametrize("edge", [LARGEST, SMALLEST])
def test_a_step_past_either_end_is_refused_and_changes_nothing(counter, edge):
    outwards = 1 if edge > 0 else -1
    counter.reset(edge)

    for step in (outwards, outwards * 2, outwards * 2**40, outwards * LARGEST):
        with pytest.raises(CounterOverflow, match="unchanged"):
            counter.increment(step)
        assert counter.value == edge
    with pytest.raises(OverflowError):
        counter.decrement(-outwards)

    assert counter.value == edge
    assert counter.increment(-outwards) == edge - outwards
    assert counter.increment(outwards) == edge


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**30, -(10**30)])
def test_a_step_or_a_start_that_is_itself_too_large_is_refused(counter, number):
    counter.reset(41)

    for call in (counter.increment, counter.reset):
        with pytest.raises(CounterOverflow):
            call(number)

    assert counter.increment() == 42


@pytest.mark.parametrize("number", [True, 1.0, "1", None, b"one"])
def test_a_step_that_is_no_int_is_refused(counter, number):
    counter.reset(41)

    for call in (counter.increment, counter.decrement, counter.reset):
        with pytest.raises(InvalidValue):
            call(number)

    assert counter.value == 41


def test_the_whole_range_is_exact_where_a_float_would_not_be(counter):
    counter.reset(2**53)

    assert [counter.increment() for _ in range(3)] == [2**53 + 1, 2**53 + 2, 2**53 + 3]
    assert counter.reset(SMALLEST) == 2**53 + 3
    assert counter.increment(LARGEST) == -1
    assert counter.decrement(LARGEST) == SMALLEST


def test_a_crowd_at_the_largest_number_gets_each_of_the_last_ones_once(crowd):
    Counter(NAME, **crowd.options).reset(LARGEST - 50)

    numbers = crowd.run(_increment_until_refused)

    assert sorted(sum(numbers, [])) == list(range(LARGEST - 49, LARGEST + 1))
    assert Counter(NAME, **crowd.options).value == LARGEST


def _increment_until_refused(options: dict[str, Any], who: int) -> list[int]:
    counter, mine = Counter(NAME, **options), []
    while True:
        try:
            mine.append(counter.increment())
        except CounterOverflow:
            return mine
