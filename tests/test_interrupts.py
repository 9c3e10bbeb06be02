"""An exception out of a signal handler leaves no lock, transaction or descriptor, and no half.

The operations that are interrupted run in a process of their own, for a crash is a finding too.
"""

import itertools
import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.descriptors import targets
from tests.harness.interrupted import Subject, everything, neighbour
from tests.harness.interrupts import EXCEPTIONS, Alarms, interruptions
from tests.media import BACKENDS, POLICIES, Medium
from tests.processes import Signal, fork
from tests.sizes import size

pytestmark = pytest.mark.usefixtures("unmeasured")

HANG = 300.0
"""Seconds for what takes a few; on a machine that is busy with others."""


def at_moments(medium: Medium, every: int, exceptions: tuple[type[BaseException], ...]) -> int:
    """Interrupt each operation at its moments, one in *every* few; return how many there were."""
    subject = Subject(medium)
    for kept in (subject.mine, subject.counter, subject.shared):
        for which in range(len(kept.steps(random.Random(0)))):
            step = kept.steps(random.Random(which))[which]
            subject.mine.refill()
            for ended in interruptions(step.act, *exceptions, every=every):
                subject.check(kept, step, ended)
                subject.mine.refill()
            subject.check_descriptors()
    return subject.interrupts


def test_an_interrupt_at_a_moment_of_an_operation_leaves_all_or_nothing(medium):
    with fork(at_moments, medium, size(quick=9, full=3), EXCEPTIONS) as subject:
        assert subject.result(HANG) > 60


@pytest.mark.torture
@pytest.mark.parametrize("exception", EXCEPTIONS)
def test_an_interrupt_at_any_moment_leaves_all_or_nothing(medium, exception):
    with fork(at_moments, medium, 1, (exception,)) as subject:
        assert subject.result(HANG) > 300


def test_a_save_is_in_no_conflict_with_two_before_it_that_were_interrupted(backend: Medium):
    store = backend.store(writeback=True)
    write = store._write

    def save(*, done: bool) -> None:
        def interrupted(changes: Any, expected: Any) -> None:
            if done:
                write(changes, expected)
            raise KeyboardInterrupt

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(store, "_write", interrupted)
            with pytest.raises(KeyboardInterrupt):
                store.save()

    store["a"] = 1
    save(done=True)
    store["a"] = 2
    save(done=False)
    store.save()
    assert backend.store(store.collection)["a"] == 2


OPERATIONS: dict[str, Callable[[Any], object]] = {
    "set": lambda store: store.__setitem__("a", 2),
    "update": lambda store: store.update(a=3, b=3),
    "get": lambda store: store["a"],
}


@pytest.mark.parametrize("backend", ["Memory", "SQLite", "File", "Directory"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_os_error_that_a_handler_raises_comes_out_as_it_is(backend, name, quick_path):
    """So a time limit is kept, and is no fault of the disk's."""
    store = Medium(backend, quick_path, False).store()
    store["a"] = 1
    *ends, last = interruptions(lambda: OPERATIONS[name](store), TimeoutError)
    assert [ended for ended in ends if ended.error is not ended.interrupt] == []
    assert last.error is None


def test_an_iteration_that_is_broken_off_keeps_nothing_open(medium):
    """As long as anybody keeps it, as the traceback of an interrupt does."""
    store = medium.store()
    store.update(a=1, b=2, c=3)
    store.save()
    assert len(list(store)) == 3
    before = sorted(targets())
    for take in (iter, lambda store: iter(store.items()), lambda store: iter(store.values())):
        kept = take(store)
        next(kept)
        assert sorted(targets()) == before
        next(kept)
        assert sorted(targets()) == before


def at_random_moments(
    medium: Medium, seed: int, alarms: int, done: Signal, end: Signal
) -> tuple[list[int], int, dict[str, Any], Any]:
    """Interrupt random operations, then wait with all open while the neighbour goes on."""
    chance = random.Random(seed)
    alarm, subject = Alarms(chance), Subject(medium)
    for turn in itertools.count():
        if turn % 500 == 0:
            subject.check_descriptors()
        if subject.interrupts >= alarms:
            break
        (kept,) = chance.choices(subject.all, [4, 2, 1, 1, 1])
        step = chance.choice(kept.steps(chance))
        ended = alarm.during(f"{step.name} of {type(kept).__name__}", step.act)
        subject.check(kept, step, ended)
    done.send()
    end.wait(HANG)
    subject.check_descriptors()
    leased = subject.leased.numbers
    assert len(set(leased)) == len(leased) > 0
    shared = subject.shared
    return shared.numbers, shared.unknown, subject.ours.state[1], everything(medium)


@pytest.mark.parametrize(
    "alarms",
    [size(quick=1_000, full=8_000), pytest.param(500_000, marks=pytest.mark.torture)],
    ids="{:,}".format,
)
def test_alarms_at_random_moments_leave_all_or_nothing(medium, alarms):
    """So many on all backends and policies together."""
    seed = random.randrange(2**32)
    print(f"{seed=}")  # noqa: T201 - pytest shows it if the test fails
    share = alarms // (len(BACKENDS) * len(POLICIES)) + 1
    done, stop, end = Signal(), Signal(), Signal()
    with (
        fork(neighbour, medium, stop) as beside,
        fork(at_random_moments, medium, seed, share, done, end) as subject,
    ):
        subject.wait_for(done, HANG + share / 10)
        stop.send()
        try:
            theirs, written = beside.result(HANG)
        finally:
            end.send()
            mine, unknown, kept, final = subject.result(HANG)  # first of all, what it found

    if medium.backend == "Memory":
        theirs, written = [], {}  # in a memory of its own
    else:
        assert everything(medium) == final
    numbers = mine + theirs
    assert len(set(numbers)) == len(numbers)
    assert max(numbers) <= final[0] <= len(numbers) + unknown
    assert final[1] == kept | written
