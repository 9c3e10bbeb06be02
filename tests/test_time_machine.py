"""A store against a dict of deadlines: random operations, while a clock moves that the test holds.

The shadow knows of each key its value and until when it lives; what is over is taken out of it at
once. So whatever a store still shows, or no longer shows, differs from it in that very step.
"""

import copy
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from napixd_store import DELETE, LimitReached
from tests.machines import CountedMachine, run_steps
from tests.media import BACKENDS, POLICIES, Medium
from tests.sizes import size

_numbers = itertools.count()

keys = st.sampled_from(["a", "b", 1, "1"])
numbers = st.integers(0, 3)
lifetimes = st.sampled_from([None, 0.001, 1, 2, 60])
"""Seconds; None: for ever."""

Shadow = dict[Any, tuple[Any, int | None]]
"""Key -> value, and until when it lives, in milliseconds."""


class TimeMachine(CountedMachine):
    """The steps. Subclasses say where the data is and how long it lives."""

    medium: Medium
    expires_in: float | None
    now: list[int]

    def __init__(self) -> None:
        super().__init__()
        name = f"time-machine-{next(_numbers)}"
        self.store = self.medium.store(name, expires_in=self.expires_in)
        self.watcher = self.medium.store(name, writeback=False)
        self.content: Shadow = {}
        self.saved = self.content if not self.medium.writeback else {}

    def teardown(self) -> None:
        self.watcher.drop()

    def until(self, expires_in: float | None) -> int | None:
        return None if expires_in is None else self.now[0] + round(expires_in * 1000)

    def put_in_shadow(self, key: Any, value: Any, *expires_in: float | None) -> None:
        """Put it there as an assignment does, or so that it lives for *expires_in*."""
        self.content[key] = value, self.until(*(expires_in or (self.expires_in,)))

    def change_in_shadow(self, key: Any, value: Any, *expires_in: float | None) -> None:
        """Let what is there keep its deadline; put it there if it is not."""
        if key in self.content:
            self.content[key] = value, self.content[key][1]
        else:
            self.put_in_shadow(key, value, *expires_in)

    def value(self, key: Any, default: Any = None) -> Any:
        return self.content.get(key, (default,))[0]

    # --- what puts, and what it puts -----------------------------------------------------

    @rule(key=keys, value=numbers)
    def set(self, key, value):
        self.store[key] = value
        self.put_in_shadow(key, value)

    @rule(pairs=st.dictionaries(keys, numbers, max_size=3))
    def update(self, pairs):
        self.store.update(pairs)
        for key, value in pairs.items():
            self.put_in_shadow(key, value)

    @rule(key=keys, value=numbers, expires_in=lifetimes)
    def put(self, key, value, expires_in):
        self.store.put(key, value, expires_in=expires_in)
        self.put_in_shadow(key, value, expires_in)

    @rule(key=keys, value=numbers, expires_in=lifetimes)
    def add(self, key, value, expires_in):
        assert self.store.add(key, value, expires_in=expires_in) == (key not in self.content)
        if key not in self.content:
            self.put_in_shadow(key, value, expires_in)

    @rule(key=keys, value=numbers)
    def setdefault(self, key, value):
        assert self.store.setdefault(key, value) == self.value(key, value)
        self.change_in_shadow(key, self.value(key, value))

    @rule(key=keys, expires_in=lifetimes)
    def touch(self, key, expires_in):
        assert self.store.touch(key, expires_in=expires_in) == (key in self.content)
        if key in self.content:
            self.put_in_shadow(key, self.content[key][0], expires_in)

    # --- what changes, and keeps the deadline ----------------------------------------------

    @rule(key=keys, by=st.integers(-1, 2))
    def incr(self, key, by):
        total = self.value(key, 0) + by
        assert self.store.incr(key, by) == total
        self.change_in_shadow(key, total)

    @rule(key=keys, by=st.integers(-1, 2), at_most=st.integers(0, 4), expires_in=lifetimes)
    def incr_at_most(self, key, by, at_most, expires_in):
        total = self.value(key, 0) + by
        if total > at_most and by >= 0:
            with pytest.raises(LimitReached) as caught:
                self.store.incr(key, by, at_most=at_most, expires_in=expires_in)
            until = self.content.get(key, (0, None))[1]
            after = None if until is None else (until - self.now[0]) / 1000
            assert caught.value.retry_after == after
        else:
            assert self.store.incr(key, by, at_most=at_most, expires_in=expires_in) == total
            self.change_in_shadow(key, total, expires_in)

    @rule(key=keys, deletes=st.booleans())
    def compute(self, key, deletes):
        old = self.value(key, 7)
        new = self.store.compute(key, lambda value: DELETE if deletes else value + 1, 7)
        if deletes:
            assert new is None
            self.content.pop(key, None)
        else:
            assert new == old + 1
            self.change_in_shadow(key, new)

    @rule(key=keys, fails=st.booleans())
    def edit(self, key, fails):
        """Of what can change in place, which is put there first."""
        self.change_in_shadow(key, [])
        self.store.compute(key, lambda _value: [], None)
        try:
            with self.store.edit(key) as draft:
                draft.append(1)
                _ = 1 / (not fails)
            self.change_in_shadow(key, [1])
        except ZeroDivisionError:
            assert fails
        number = len(self.content[key][0])
        assert self.store.compute(key, len) == number
        self.change_in_shadow(key, number)

    # --- what deletes ----------------------------------------------------------------------

    @rule(key=keys)
    def delete(self, key):
        if key in self.content:
            del self.store[key], self.content[key]
        else:
            with pytest.raises(KeyError):
                del self.store[key]

    @rule(key=keys)
    def pop(self, key):
        assert self.store.pop(key, None) == self.value(key)
        self.content.pop(key, None)

    @rule()
    def popitem(self):
        if self.content:
            key, value = self.store.popitem()
            assert self.content.pop(key)[0] == value
        else:
            with pytest.raises(KeyError):
                self.store.popitem()

    @rule(some=st.lists(keys, max_size=3, unique=True))
    def delete_many(self, some):
        there = [key for key in some if key in self.content]
        assert self.store.delete_many(some) == len(there)
        for key in there:
            del self.content[key]

    @rule()
    def clear(self):
        self.store.clear()
        self.content.clear()

    @rule()
    def sweep(self):
        self.store.sweep()
        assert self.store.sweep() == 0

    # --- time, and the working copy --------------------------------------------------------

    @rule(milliseconds=st.sampled_from([1, 500, 1000, 60_000]))
    def advance(self, milliseconds):
        self.now[0] += milliseconds
        for shadow in (self.content, self.saved):
            for key, (_value, until) in list(shadow.items()):
                if until is not None and until <= self.now[0]:
                    del shadow[key]

    @rule()
    def save(self):
        self.store.save()
        if self.medium.writeback:
            self.saved = copy.deepcopy(self.content)

    @rule()
    def reload(self):
        self.store.reload()
        if self.medium.writeback:
            self.content = copy.deepcopy(self.saved)

    # --- always ----------------------------------------------------------------------------

    @invariant()
    def each_key_is_there_until_its_deadline(self):
        self.count[0] += 1
        for store, shadow in ((self.store, self.content), (self.watcher, self.saved)):
            values = {key: value for key, (value, _until) in shadow.items()}
            assert store.snapshot() == dict(store.items()) == values
            assert len(store) == len(list(store)) == len(values)
            for key in ("a", "b", 1, "1"):
                assert (key in store, store.get(key)) == (key in values, values.get(key))
            for key, (_value, until) in shadow.items():
                left = None if until is None else (until - self.now[0]) / 1000
                assert store.expires_in(key) == left


@pytest.mark.parametrize(
    "steps",
    [size(quick=240, full=1_200), pytest.param(20_000, marks=pytest.mark.torture)],
    ids="{:,}".format,
)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.usefixtures("unmeasured")
def test_a_store_differs_from_a_dict_of_deadlines_in_no_step(
    quick_path: Path, backend: str, steps: int, monkeypatch: pytest.MonkeyPatch
):
    """So many steps on each backend, half of them where the store says how long values live."""
    cases = [(policy, lifetime) for policy in POLICIES.values() for lifetime in (None, 2.0)]
    for writeback, lifetime in cases:
        there = Medium(backend, quick_path, writeback)
        # A day ahead, or a server would in earnest remove what lives by a clock that stands still.
        clock = [there.store()._connection.now() + 86_400_000]
        monkeypatch.setattr(type(there.store()._connection), "now", _stopped(clock))
        monkeypatch.setattr(type(there.store()._connection), "latest", _stopped(clock))

        class Machine(TimeMachine):
            medium = there
            expires_in = lifetime
            now = clock

        run_steps(Machine, steps // len(cases), search=steps >= 20_000)
        monkeypatch.undo()


def _stopped(clock: list[int]) -> Callable[[Any], int]:
    return lambda _connection: clock[0]
