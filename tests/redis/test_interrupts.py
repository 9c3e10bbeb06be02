"""A signal's exception at any moment: a command is sent once, and what is told of it is true.

An exception is raised at the N-th event of a call, for N = 1, 2, ... until the call ends without
one. An event is that a function of Python begins or one of C has returned: that is when CPython
runs signal handlers. Each exception is kept, with its traceback, to the end.
"""

import functools
import gc
import itertools
import os
import random
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any, NamedTuple

import pytest
import redis

from napixd_store import Counter, OutcomeUnknown, Store, Unavailable
from napixd_store.backends.redis import driver
from napixd_store.backends.redis.exchanges import connect
from tests.harness.interrupts import EXCEPTIONS, interruptions
from tests.redis.calls import Call, prepared
from tests.redis.servers import Running
from tests.sizes import size

BACKENDS = ["Redis", "RedisHash", "RedisKey"]
OPERATIONS = ["increment", "pop", "update"]
"""A command, a read and a write that depends on it, a write of several keys."""
Raiser = Callable[[], object]


class Alarm(Exception):
    """A time limit of the user's own."""


class Outcome(NamedTuple):
    """What came of a call; *reached* is whether it was interrupted."""

    reached: bool
    raised: BaseException | None
    returned: Any


def interrupted_at(number: int, run: Callable[[], Any], do: Raiser) -> Outcome:
    """Return what comes of *run* when something is done at its event of this *number*."""
    left, raised, returned = number, None, None

    def look(frame: FrameType, event: str, _argument: object) -> None:
        nonlocal left
        # No signal runs its handler in an expression that is thrown away half done.
        if event == "c_return" or (event == "call" and frame.f_code.co_name != "<genexpr>"):
            left -= 1
            if not left:
                do()

    gc.disable()  # a finaliser that it calls would swallow the exception
    sys.setprofile(look)
    try:
        returned = run()
    except BaseException as exc:  # noqa: BLE001 - whatever it is, it is looked at
        raised = exc
    sys.setprofile(None)
    gc.enable()
    return Outcome(left <= 0, raised, returned)


@contextmanager
def handler(*kinds: type[BaseException]) -> Iterator[Raiser]:
    """Return what sends this process a signal, whose handler raises *kinds* in turn."""
    following = itertools.cycle(kinds)

    def handle(*_: object) -> None:
        raise next(following)("the handler's own")

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        yield lambda: signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)


def descriptors() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def interrupted(prepare: Callable[[int], Call], do: Raiser) -> Iterator[tuple[Call, Outcome]]:
    """Yield what came of a call that was interrupted at its first event, its second, and so on.

    A quick run begins at any of the first few, and leaves out as many each time.
    """
    every = size(quick=4, full=1)
    for number in itertools.count(random.randint(1, every), every):
        call = prepare(number)
        outcome = interrupted_at(number, call.run, do)
        yield call, outcome
        if not outcome.reached:
            assert number > 20
            return


@pytest.fixture(params=BACKENDS)
def prepare(request: pytest.FixtureRequest, reach: Mapping[str, Any]) -> Callable[[str, int], Call]:
    """Prepare calls, by their kind, on each backend."""

    def opened(name: str) -> tuple[Any, Any]:
        options = {**reach, "timeout": 5.0 if name == "ours" else 6.0}  # a connection of its own
        return (
            Store("c", request.param, writeback=False, **options),
            Counter("c", request.param, **options),
        )

    (store, counter), (truth, true) = opened("ours"), opened("theirs")

    def prepare(kind: str, number: int) -> Call:
        call = prepared(kind, number, store, counter, truth, true)
        store.get("k"), counter.value  # from now on a connection is idle
        return call

    return prepare


def test_what_a_handler_raises_comes_out_as_it_is_and_the_write_is_whole(
    prepare: Callable[[str, int], Call],
) -> None:
    kinds = (TimeoutError, KeyboardInterrupt, Alarm)
    kept: list[BaseException | None] = []
    with handler(*kinds) as do:
        for operation in OPERATIONS:
            prepare(operation, 0).run()  # so that the server knows the scripts
            prepare(operation, 0)
            before = descriptors()
            for call, outcome in interrupted(functools.partial(prepare, operation), do):
                kept.append(outcome.raised)
                if outcome.reached:
                    assert type(outcome.raised) in kinds
                    assert call.state() in (call.before, call.after)
                else:
                    assert (call.state(), outcome.returned) == (call.after, call.returns)
            assert descriptors() <= before


@contextmanager
def nobody(*kinds: type[BaseException]) -> Iterator[Raiser]:
    """Return what raises *kinds* in turn, and is no signal's handler."""
    following = itertools.cycle(kinds)

    def do() -> None:
        raise next(following)("not the server's")

    yield do


def check_the_truth(call: Call, outcome: Outcome) -> None:
    state = call.state()
    if outcome.raised is None:  # a read that was made again
        assert (state, outcome.returned) == (call.after, call.returns)
    elif isinstance(outcome.raised, Unavailable):
        assert state == call.before
    else:
        assert isinstance(outcome.raised, TimeoutError | ConnectionResetError | OutcomeUnknown)
        assert state in (call.before, call.after)


# The driver's finalisers let nothing out; in a signal's test each connection is kept to the end.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_cannot_be_told_from_a_failure_of_the_server_is_told_truly(
    prepare: Callable[[str, int], Call],
) -> None:
    with nobody(TimeoutError, ConnectionResetError) as do:
        for operation in OPERATIONS:
            prepare(operation, 0).run()
            for call, outcome in interrupted(functools.partial(prepare, operation), do):
                check_the_truth(call, outcome)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_command_in_parts_may_be_applied_only_once_its_last_part_may_have_left(
    reach: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "_PART", 8)  # bytes
    store = Store("c", "RedisHash", writeback=False, **reach)
    long = {f"key {n}": n for n in range(4)}
    told = set()

    def prepare(_number: int) -> Call:
        store.clear()
        return Call(lambda: store.update(long), store.snapshot, {}, long, None)

    with nobody(TimeoutError, ConnectionResetError) as do:
        for call, outcome in interrupted(prepare, do):
            check_the_truth(call, outcome)
            told.add(type(outcome.raised))
    assert {Unavailable, OutcomeUnknown} <= told


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_handler_may_use_the_store_that_it_interrupts(
    reach: Mapping[str, Any], backend: str
) -> None:
    store = Store("c", backend, writeback=False, **reach)
    counter = Counter("c", backend, **reach)
    store["k"] = 0
    store.pop("k")
    numbers = [counter.increment()]

    def do() -> None:
        sys.setprofile(None)
        store["handler's"] = numbers[-1]
        numbers.append(counter.increment())

    for number in itertools.count(1):
        store["k"] = number
        outcome = interrupted_at(number, lambda: store.pop("k"), do)
        assert (outcome.raised, outcome.returned) == (None, number)
        assert store.snapshot() == {"handler's": numbers[-2]}
        if not outcome.reached:
            break
    assert numbers == list(range(1, len(numbers) + 1))
    assert counter.value == len(numbers)


@pytest.mark.parametrize("kind", [redis.Connection, redis.UnixDomainSocketConnection])
def test_who_keeps_an_interrupt_keeps_no_socket_that_was_being_connected(
    server: Running, kind: type
) -> None:
    """As a list of errors does: the frames of its traceback may be all that knows the socket."""
    unix = kind is redis.UnixDomainSocketConnection
    to = {"path": server.socket} if unix else {"host": server.host, "port": server.port}
    connection = driver.new_connection(kind, **to)
    connect(connection, 5.0)
    connection.disconnect()
    before = descriptors()
    for ended in interruptions(lambda: connect(connection, 5.0), *EXCEPTIONS):
        connection.disconnect()
        assert descriptors() <= before, ended
