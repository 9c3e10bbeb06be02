"""The contract of a counter with ``lease=``; a part of `CounterContract`."""

import copy
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest

from napixd_store.connections import close_all
from napixd_store.counter import MOST, CounterBackend
from napixd_store.errors import ConfigError, CounterOverflow, InvalidValue, Unavailable
from napixd_store.integers import LARGEST
from napixd_store.testing.cases import together
from napixd_store.testing.moments import Interrupted, at, interrupt, not_for_ever, spread

OpenCounter = Callable[..., CounterBackend]

LEASE = 10

GIVEN_UP: dict[str, Callable[[CounterBackend], Any]] = {
    "reset": lambda counter: counter.reset(40),
    "drop": lambda counter: counter.drop(),
    "close_all": lambda _counter: close_all(),
}
"""What gives up the numbers that a process holds."""


class LeasedCounterContract:
    """What holds of the numbers that a process took from a counter, and has yet to give."""

    @pytest.fixture
    def leased(self, open: OpenCounter) -> CounterBackend:
        """Return a counter that takes ten numbers at a time."""
        return open(lease=LEASE)

    def test_a_lease_is_taken_in_one_step_and_given_one_by_one(
        self, counter: CounterBackend, leased: CounterBackend
    ) -> None:
        assert (leased.lease, counter.lease, leased.value) == (LEASE, 1, 0)
        for number in range(1, 2 * LEASE + 2):
            assert leased.increment() == number
            taken = -(-number // LEASE) * LEASE
            assert leased.value == counter.value == taken

    def test_what_others_take_is_not_in_a_lease(
        self, open: OpenCounter, counter: CounterBackend, leased: CounterBackend
    ) -> None:
        counter.reset(-15)
        other = open("other", lease=LEASE)
        assert [leased.increment(), counter.increment(), other.increment()] == [-14, -4, 1]
        assert [leased.increment() for _ in range(10)] == [*range(-13, -4), -3]
        assert counter.value == 6

    def test_all_handles_of_a_process_share_what_it_holds(
        self, open: OpenCounter, leased: CounterBackend
    ) -> None:
        handles = [open(lease=LEASE), open(lease=3), copy.copy(leased)]
        assert [each.increment() for each in (leased, *handles)] == [1, 2, 3, 4]
        assert leased.value == LEASE

    def test_a_longer_step_is_made_within_a_lease_or_takes_another(
        self, leased: CounterBackend
    ) -> None:
        assert [leased.increment(4), leased.increment(by=6), leased.value] == [4, 10, 10]
        assert [leased.increment(3), leased.increment(9), leased.value] == [13, 29, 30]
        assert [leased.increment(25), leased.value, leased.decrement(-1)] == [55, 55, 56]

    def test_it_counts_up_only(self, counter: CounterBackend, leased: CounterBackend) -> None:
        leased.increment()
        for by in (0, -1, -LARGEST, True, 1.0, "1", None):
            with pytest.raises(InvalidValue):
                leased.increment(by)  # type: ignore[arg-type]
        for down in (leased.decrement, leased.__enter__):
            with pytest.raises(InvalidValue, match="lease=10"):
                down()
        assert (leased.increment(), counter.value) == (2, LEASE)

    def test_a_lease_that_leaves_64_bits_is_refused(self, leased: CounterBackend) -> None:
        leased.reset(LARGEST - LEASE)
        with pytest.raises(CounterOverflow):
            leased.increment(LEASE + 1)
        assert leased.increment() == LARGEST - LEASE + 1
        assert leased.increment(LEASE - 1) == leased.value == LARGEST
        for by in (1, LARGEST, 2**63):
            with pytest.raises(CounterOverflow):
                leased.increment(by)
        assert leased.value == LARGEST

    @pytest.mark.parametrize("name", GIVEN_UP)
    def test_what_is_given_up_is_given_to_nobody(
        self, open: OpenCounter, leased: CounterBackend, name: str
    ) -> None:
        for handle in (leased, open()):  # one that holds nothing gives up what others hold
            leased.reset()
            other = open("other", lease=LEASE)
            assert [leased.increment(), other.increment()] == [1, 1]
            GIVEN_UP[name](handle)
            before = leased.value
            assert leased.increment() == before + 1
            assert other.increment() == (11 if name == "close_all" else 2)
            other.drop()

    def test_a_reset_that_is_refused_gives_up_nothing(self, leased: CounterBackend) -> None:
        leased.increment()
        for to in (True, None, 2**63):
            with pytest.raises((InvalidValue, CounterOverflow)):
                leased.reset(to)  # type: ignore[arg-type]
        assert leased.increment() == 2

    def test_threads_are_given_all_of_a_lease_and_in_order(self, leased: CounterBackend) -> None:
        numbers = together(4, lambda _: [leased.increment() for _ in range(51)])
        assert sorted(n for each in numbers for n in each) == list(range(1, 205))
        assert all(each == sorted(each) for each in numbers)
        assert leased.value == 210

    def test_after_a_reset_no_thread_is_given_a_number_from_before(
        self, leased: CounterBackend
    ) -> None:
        begun = [0]

        def work(thread: int) -> list[int]:
            if thread:
                return [begun[0] - leased.increment() for _ in range(100)]
            for _ in range(20):
                leased.reset(begun[0] + 10_000)
                begun[0] += 10_000
            return []

        assert all(each < 0 for thread in together(4, work) for each in thread)

    def test_a_bad_lease_is_refused(self, open: OpenCounter) -> None:
        bad: list[Any] = [0, -1, True, 1.5, "0", "many", "", None, MOST + 1]
        for lease in bad:
            with pytest.raises(ConfigError, match="'lease'"):
                open(lease=lease)

    def test_the_shortest_lease_is_none_and_the_longest_one_is_taken(
        self, open: OpenCounter
    ) -> None:
        with open(lease=1) as number:
            assert number == 1
        longest = open(lease=str(MOST))  # as settings have it
        assert (longest.lease, longest.increment(), longest.value) == (MOST, 1, MOST)

    @not_for_ever()
    def test_an_interrupt_loses_numbers_and_repeats_none(self, open: OpenCounter) -> None:
        leased, numbers, interrupted = open(lease=2), [0], 0

        def count() -> None:
            for _ in range(3):  # of which one or two take a lease
                numbers.append(leased.increment())

        for moment in spread(count, 60):
            try:
                at(moment, interrupt, count)
            except Interrupted:
                interrupted += 1
            numbers += together(1, lambda _: leased.increment())
        assert interrupted
        assert all(after > before for before, after in pairwise(numbers))

    @pytest.mark.parametrize("name", ["reset", "drop"])
    @not_for_ever()
    def test_an_interrupted_change_that_was_made_leaves_nothing_held(
        self, leased: CounterBackend, name: str
    ) -> None:
        change = GIVEN_UP[name]
        for moment in spread(lambda: change(leased), 60):
            leased.reset(5)
            assert leased.increment() == 6
            with suppress(Interrupted):
                at(moment, interrupt, lambda: change(leased))
            made = leased.value != 5 + LEASE
            (number,) = together(1, lambda _: leased.increment())
            assert number in ((41, 1) if made else (7, 16))

    @not_for_ever()
    def test_a_handler_in_the_middle_is_refused_or_given_another_number(
        self, open: OpenCounter
    ) -> None:
        leased, numbers = open(lease=2), [0]

        def handle() -> None:
            with suppress(Unavailable):
                numbers.append(leased.increment())

        def count() -> None:
            numbers.extend(leased.increment() for _ in range(3))

        for moment in spread(count, 60):
            at(moment, handle, count)
        assert len(set(numbers)) == len(numbers)
        assert max(numbers) <= leased.value

    @not_for_ever()
    def test_a_reset_by_a_handler_in_the_middle_leaves_nothing_held(
        self, leased: CounterBackend
    ) -> None:
        done = []

        def handle() -> None:
            with suppress(Unavailable):
                done.append(leased.reset(1000))

        leased.increment()
        for moment in spread(leased.increment, 60):  # of one that is given from memory
            leased.reset()
            leased.increment()
            done.clear()
            at(moment, handle, leased.increment)
            assert (leased.increment() > 1000) == bool(done)
        assert leased.reset() >= LEASE
