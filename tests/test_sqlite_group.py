"""Group commit: threads that write at once to a SQLite file share a transaction."""

import random
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from napixd_store import Counter, OutcomeUnknown, Store, StoreBackend, Unavailable
from napixd_store.backends.sqlite import group, log
from tests.harness.interrupts import EXCEPTIONS, interruptions
from tests.media import remove_files
from tests.processes import fork
from tests.sizes import size

THREADS = 8
PATIENCE = 60.0
"""Seconds that a thread waits for the others here; the tests measure nothing."""


@pytest.fixture
def path(tmp_path) -> Path:
    return Path(tmp_path / "doc.sqlite")


@pytest.fixture
def store(path) -> StoreBackend[Any]:
    store: StoreBackend[Any] = Store("a", "SQLite", path=path, durability="power")
    store["number"] = 0  # the collection has a row, and the log its mark
    return store


@contextmanager
def kept_out(path: Path) -> Iterator[None]:
    """Let nobody write meanwhile."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def all_at_once(
    store: StoreBackend[Any], *writes: Callable[[], Any], meanwhile: Callable[[], Any] = list
) -> list[Any]:
    """Return what became of the *writes*, all but the first of which were made by one group."""
    line, outcomes = store._connection._line, list[Any]([None] * len(writes))

    def act(who: int) -> None:
        try:
            outcomes[who] = writes[who]()
        except Exception as exc:  # noqa: BLE001 - whatever it is, the caller looks at it
            outcomes[who] = exc

    threads = [threading.Thread(target=act, args=(who,)) for who in range(len(writes))]
    with kept_out(store._connection.path):
        for came, thread in enumerate(threads, 1):
            thread.start()
            wait_for_line(store, came)
        assert (len(line.passing), len(line.waiting)) == (1, len(writes) - 1)
        meanwhile()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert (list(line.passing), list(line.waiting)) == ([], [])
    return outcomes


def wait_for_line(store: StoreBackend[Any], came: int) -> None:
    """Wait until so many threads of this process write, or wait to."""
    line = store._connection._line
    wait_for(lambda: len(line.passing) + len(line.waiting) == came)


def wait_for(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.001)


def commits(path: Path) -> int:
    """Return how many transactions are in the log (section 4.1 of SQLite's file format)."""
    data = Path(f"{path}-wal").read_bytes()
    page, salts = int.from_bytes(data[8:12], "big"), data[16:24]
    frames = range(log.HEADER, len(data), log.FRAME + page)
    return sum(data[at + 8 : at + 16] == salts and any(data[at + 4 : at + 8]) for at in frames)


def test_threads_that_wait_for_one_another_share_a_commit(store, path):
    before = commits(path)
    writes = [lambda who=who: store.__setitem__(who, "x" * who) for who in range(THREADS)]
    assert all_at_once(store, *writes) == [None] * THREADS
    assert commits(path) == before + 2
    written: dict[Any, Any] = {who: "x" * who for who in range(THREADS)}
    assert store == written | {"number": 0}


def test_each_gets_the_result_of_its_own(store, path):
    numbers = Counter("n", "SQLite", path=path, durability="power")
    outcomes = all_at_once(store, *[numbers.increment] * THREADS)
    assert sorted(outcomes) == list(range(1, THREADS + 1))


def test_each_gets_the_error_of_its_own(store, path):
    """Of a first record in a new collection, and of a key that is not there."""
    new = Store("new", "SQLite", path=path, durability="power")
    *done, missing = all_at_once(
        store,
        lambda: store.incr("number"),
        lambda: store.incr("number"),
        lambda: new.__setitem__("k", 1),
        lambda: store.__setitem__("other", 2),
        lambda: store.__delitem__("nothing"),
    )
    assert done[2:] == [None, None]
    assert sorted(done[:2]) == [1, 2]
    assert isinstance(missing, KeyError)
    assert store == {"number": 2, "other": 2}
    assert new == {"k": 1}


REFUSALS = {
    "alone": "raise(ABORT, 'no')",
    "with all": "raise(ROLLBACK, 'no')",
    "broken off": "abs(-9223372036854775808)",
}
"""What undoes the statement, what undoes the transaction that it is in, and what fails."""


@pytest.mark.parametrize("way", REFUSALS)
def test_who_is_refused_takes_nothing_of_the_others_with_him(store, path, way):
    """By a trigger of somebody else's."""
    with closing(sqlite3.connect(path)) as other:
        other.execute(
            f"CREATE TRIGGER no BEFORE INSERT ON entries WHEN new.key = 'no' "
            f"BEGIN SELECT {REFUSALS[way]}; END"
        )
    names = ["zero", "one", "no", "three", "four"]
    outcomes = all_at_once(
        store,
        *(lambda name=name: store.__setitem__(name, [name]) for name in names),
        lambda: store.incr("number"),
    )
    refused = outcomes.pop(2)
    assert type(refused) is (OutcomeUnknown if way == "broken off" else Unavailable)
    assert outcomes == [None, None, None, None, 1]
    names.remove("no")
    assert store == {"number": 1, **{name: [name] for name in names}}


def test_whether_it_is_stored_is_unknown_to_all_when_the_file_is_gone(store, monkeypatch):
    run, removed = group.Write.run, threading.Event()

    def remove_and_run(self: group.Write, *arguments: Any) -> None:
        if not removed.is_set():
            removed.set()
            assert remove_files(store)
        run(self, *arguments)

    monkeypatch.setattr(group.Write, "run", remove_and_run)
    first, *others = all_at_once(store, *[lambda: store.incr("number")] * THREADS)
    assert first == 1
    assert {type(each) for each in others} == {OutcomeUnknown}
    assert store == {}


def test_who_waits_for_too_long_is_told_and_nothing_is_changed(path):
    store = Store("a", "SQLite", path=path, timeout=0.2)
    store["number"] = 0
    writes = [lambda: store.incr("number")] * THREADS
    outcomes = all_at_once(store, *writes, meanwhile=lambda: time.sleep(0.5))
    late = [each for each in outcomes if isinstance(each, Unavailable)]
    assert late
    assert store["number"] == THREADS - len(late)


# --- interrupted ---------------------------------------------------------------------------------


def test_however_who_writes_with_others_is_interrupted_each_write_counts_once(path):
    with fork(interrupted_among_others, path) as child:
        assert child.result(300.0) > 40


def interrupted_among_others(path: Path) -> int:
    numbers = Counter("n", "SQLite", path=path, durability="power")
    line, over = numbers._connection._line, threading.Event()
    acknowledged: list[int] = []

    def count() -> None:
        while not over.is_set():
            acknowledged.append(numbers.increment())

    def interrupt() -> int:
        interrupts = 0
        for _round in range(size(quick=3, full=30)):
            for ended in interruptions(numbers.increment, *EXCEPTIONS):
                interrupts += ended.interrupt is not None
                if ended.error is None:
                    acknowledged.append(ended.answer)
        over.set()
        return interrupts

    others = [threading.Thread(target=count) for _ in range(3)]
    for thread in others:
        thread.start()
    try:
        interrupts = interrupt()
    finally:
        over.set()
        for thread in others:
            thread.join(PATIENCE)
    assert (list(line.passing), list(line.waiting)) == ([], [])
    assert len(acknowledged) == len(set(acknowledged))
    assert len(acknowledged) <= numbers.value <= len(acknowledged) + interrupts
    return interrupts


@pytest.mark.skipif(sys.version_info < (3, 11), reason="3.10 lets signals in before a handler")
def test_a_second_signal_while_the_first_is_handled_leaves_nothing_behind(path):
    with fork(interrupted_twice, path) as child:
        assert child.result(300.0) > 40


def interrupted_twice(path: Path) -> int:
    """Write among others, with two alarms at random moments, the second soon after the first."""
    store: StoreBackend[Any] = Store("a", "SQLite", path=path, durability="power")
    line, over, chance = store._connection._line, threading.Event(), random.Random(1)
    rings, armed = 0, False

    class Alarm(Exception):
        pass

    def ring(*_: Any) -> None:
        nonlocal rings
        if not armed:  # it is late
            return
        rings += 1
        if rings % 2:
            signal.setitimer(signal.ITIMER_REAL, chance.choice([1e-6, 5e-6, 2e-5, 1e-4]))
        raise Alarm

    def write(who: int) -> None:
        while not over.is_set():
            store[who] = "other"

    def write_interrupted(value: int) -> None:
        nonlocal rings, armed
        rings, armed = 0, True
        try:
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-5, 2e-3))
            store["number"] = value
        except Alarm:
            pass
        finally:
            armed = False

    def interrupt() -> int:
        nonlocal armed
        twice = 0
        session = store._connection._pool.session()
        for value in range(size(quick=500, full=10_000)):
            with suppress(Alarm):  # the second, on its way out
                write_interrupted(value)
            armed = False
            twice += rings == 2
            assert len(line.waiting) <= len(others)
            assert not (session.handle and session.handle.in_transaction)
            found = store["number"]
            time.sleep(0.001)
            assert store["number"] == found
        return twice

    store["number"] = 0
    signal.signal(signal.SIGALRM, ring)
    others = [threading.Thread(target=write, args=(who,)) for who in range(4)]
    for thread in others:
        thread.start()
    try:
        return interrupt()
    finally:
        over.set()
        for thread in others:
            thread.join(PATIENCE)


@pytest.mark.parametrize("late", [0.0, 0.2])
@pytest.mark.parametrize("signals", [1, 2])
def test_who_is_interrupted_while_another_makes_his_write_finds_it_made(
    store, monkeypatch, late, signals
):
    """Not an old value first, and the new one a moment later; nor if a second signal comes."""
    main, run = threading.get_ident(), group.Write.run

    class Interrupt(Exception):
        pass

    def interrupt(*_: Any) -> None:
        raise Interrupt

    def slow_run(self: group.Write, *arguments: Any) -> None:
        if b'"of main"' in self.parameters:
            time.sleep(late)  # he has waited for the longest that he sleeps, or has not
            for _ in range(signals):
                signal.pthread_kill(main, signal.SIGALRM)
                time.sleep(0.2)
        run(self, *arguments)

    monkeypatch.setattr(group.Write, "run", slow_run)
    locked = threading.Event()

    def keep_out() -> None:
        with kept_out(store._connection.path):
            locked.set()
            wait_for_line(store, 3)

    def write(came: int) -> None:
        assert locked.wait(PATIENCE)
        wait_for_line(store, came)
        store[came] = "other"

    others = [threading.Thread(target=keep_out)]
    others += [threading.Thread(target=write, args=(came,)) for came in range(2)]
    for thread in others:
        thread.start()
    wait_for_line(store, 2)
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(Interrupt):
            store["number"] = "of main"
        assert store["number"] == "of main"
    finally:
        signal.signal(signal.SIGALRM, before)
        for thread in others:
            thread.join(PATIENCE)
    assert store == {"number": "of main", 0: "other", 1: "other"}
