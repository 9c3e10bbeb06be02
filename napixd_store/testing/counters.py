"""The contract of a counter."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import pytest

from napixd_store.counter import CounterBackend
from napixd_store.errors import ConfigError, CounterOverflow, InvalidName
from napixd_store.integers import LARGEST, SMALLEST
from napixd_store.resolve import resolve_counter
from napixd_store.testing.cases import BAD_NAMES, NAMES, listed_or_skip, numbered, together
from napixd_store.testing.interrupted import InterruptedCounterContract
from napixd_store.testing.leased import LeasedCounterContract

OpenCounter = Callable[..., CounterBackend]


class CounterContract(InterruptedCounterContract, LeasedCounterContract):
    """What every counter does, whatever keeps it."""

    backend: ClassVar[type | str]
    """The class under test, or its name."""

    @pytest.fixture
    def options(self) -> Mapping[str, Any]:
        """Return the options to open the backend with; equal ones reach the same numbers."""
        return {}

    @pytest.fixture
    def open(self, options: Mapping[str, Any]) -> Iterator[OpenCounter]:
        """Open counters of the backend; those opened are dropped in the end."""
        opened: list[CounterBackend] = []

        def open(name: str = "contract", **more: Any) -> CounterBackend:
            cls = resolve_counter(self.backend)
            counter: CounterBackend = cls(name, {**options, **more})
            opened.append(counter)
            return counter

        yield open
        for counter in opened:
            counter.drop()

    @pytest.fixture
    def listed(self, options: Mapping[str, Any]) -> Callable[[], set[str]]:
        """List the backend's counters."""
        cls: type[CounterBackend] = resolve_counter(self.backend)
        return lambda: set(listed_or_skip(cls.counters, options))

    @pytest.fixture
    def counter(self, open: OpenCounter) -> CounterBackend:
        """Return a counter nobody has touched."""
        return open()

    def test_a_new_counter_is_zero(self, counter: CounterBackend) -> None:
        assert counter.value == 0

    def test_increment_returns_what_it_produced(
        self, open: OpenCounter, counter: CounterBackend
    ) -> None:
        assert [counter.increment(), counter.increment(), counter.increment(by=2)] == [1, 2, 4]
        assert [counter.increment(-5), counter.decrement(), counter.decrement(by=-3)] == [-1, -2, 1]
        assert counter.increment(by=0) == counter.value == open().value == 1

    def test_reset_returns_the_old_value(self, counter: CounterBackend) -> None:
        counter.increment(5)
        assert counter.reset() == 5
        assert counter.value == 0
        assert counter.reset(to=10) == 0
        assert counter.reset(-3) == 10
        assert counter.value == -3

    def test_a_dropped_counter_is_as_new(self, open: OpenCounter, counter: CounterBackend) -> None:
        counter.drop()
        counter.increment(5)
        open().drop()
        counter.drop()
        assert counter.value == open().value == 0
        assert [open().increment(), counter.increment()] == [1, 2]
        counter.drop()
        assert counter.reset(7) == 0

    def test_counters_are_listed_from_their_first_change_until_they_are_dropped(
        self, open: OpenCounter, listed: Callable[[], set[str]]
    ) -> None:
        before = listed()
        assert [open(name).value for name in NAMES] == [0] * len(NAMES)
        assert listed() == before
        for number, name in enumerate(NAMES):
            open(name).reset(number)
        assert listed() - before == set(NAMES)
        for name in NAMES[::2]:
            open(name).drop()
        assert listed() - before == set(NAMES[1::2])
        open(NAMES[0]).increment()
        assert listed() - before == {NAMES[0], *NAMES[1::2]}

    def test_a_drop_among_increments_loses_none_of_them(self, counter: CounterBackend) -> None:
        numbers = together(4, lambda n: [_dropped_or_counted(counter, n) for _ in range(50)])
        counted = [n for each in numbers for n in each if n is not None]
        assert counted.count(1) <= 51  # each of the 50 drops may begin it anew
        assert sorted(set(counted)) == list(range(1, max(counted) + 1))
        assert counter.value in (0, *counted)

    def test_a_gauge_comes_down_again(self, counter: CounterBackend) -> None:
        with counter as first, counter as second:
            assert (first, second, counter.value) == (1, 2, 2)
        with pytest.raises(ZeroDivisionError), counter:
            _ = 1 / 0
        assert counter.value == 0

    def test_names_do_not_meet(self, open: OpenCounter) -> None:
        for number, name in enumerate(NAMES):
            open(name).increment(number + 1)
        assert [open(name).value for name in NAMES] == list(range(1, len(NAMES) + 1))

    @pytest.mark.parametrize("name", BAD_NAMES, ids=numbered(BAD_NAMES))
    def test_a_bad_name_is_refused(self, open: OpenCounter, name: Any) -> None:
        with pytest.raises(InvalidName):
            open(name)

    @pytest.mark.parametrize("number", [True, 1.0, "1", None])
    def test_only_exact_integers_count(self, counter: CounterBackend, number: Any) -> None:
        counter.increment()
        for call in (counter.increment, counter.decrement, counter.reset):
            with pytest.raises(TypeError):
                call(number)
        assert counter.value == 1

    def test_the_range_ends_at_64_bits(self, counter: CounterBackend) -> None:
        counter.reset(LARGEST)
        for by in (1, LARGEST, 2**63, 10**30):
            with pytest.raises(CounterOverflow):
                counter.increment(by)
        assert counter.value == LARGEST
        counter.reset(SMALLEST)
        for by in (-1, SMALLEST, -(10**30)):
            with pytest.raises(CounterOverflow):
                counter.increment(by)
        with pytest.raises(CounterOverflow):
            counter.reset(2**63)
        assert counter.value == SMALLEST

    def test_threads_never_get_the_same_number(self, counter: CounterBackend) -> None:
        numbers = together(4, lambda _: [counter.increment() for _ in range(50)])
        assert sorted(n for each in numbers for n in each) == list(range(1, 201))

    def test_repr_asks_nobody(self, counter: CounterBackend) -> None:
        assert "contract" in repr(counter)

    def test_an_unknown_option_is_refused(self, options: Mapping[str, Any]) -> None:
        with pytest.raises(ConfigError, match="unknown option"):
            resolve_counter(self.backend)("contract", {**options, "no_such_option": 1})


def _dropped_or_counted(counter: CounterBackend, thread: int) -> int | None:
    if thread:
        return counter.increment()
    counter.drop()
    return None
