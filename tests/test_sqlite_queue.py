"""The queue of the processes that write to a SQLite file: whose turn it is, and what it costs none.

Locks of another kind (of an open file, fcntl(2)) are in the way of a process's own, so that this
process can stand in its own way, and see what it holds.
"""

import fcntl
import gc
import itertools
import os
import random
import signal
import sqlite3
import time
from collections import Counter as Counted
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from napixd_store import Counter, Store, StoreBackend, Unavailable
from napixd_store.backends.sqlite import erasing, queue
from napixd_store.backends.sqlite.database import Database
from napixd_store.connections import close_all
from tests.descriptors import descriptors
from tests.harness.interrupts import EXCEPTIONS, Ended, interruptions
from tests.processes import TIMEOUT, Signal, fork, fork_in_c, run
from tests.sizes import size
from tests.test_sqlite_forks import in_child

pytestmark = pytest.mark.usefixtures("unmeasured")


@pytest.fixture
def path(quick_path: Path) -> Path:
    return quick_path / "doc.sqlite"


def options(path: Path, timeout: float = 30.0) -> dict[str, Any]:
    return {"backend": "SQLite", "path": path, "durability": "process", "timeout": timeout}


def at(path: Path, timeout: float = 30.0) -> StoreBackend[Any]:
    return Store("a", **options(path, timeout))


class Others:
    """Another process as far as the queue can tell; made when something was written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(f"{path}-queue", os.O_RDWR)

    def lock(self, kind: int, byte: int) -> None:
        asked = queue._asking(kind, byte, 1)
        fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLK, asked)

    @contextmanager
    def writing(self) -> Iterator[None]:
        self.lock(fcntl.F_WRLCK, queue._TURN)
        try:
            yield
        finally:
            self.lock(fcntl.F_UNLCK, queue._TURN)

    def first_taken(self, byte: int = queue._TURN) -> int | None:
        """Return the first byte from *byte* on that somebody else has; None, if none has any."""
        asked = queue._asking(fcntl.F_WRLCK, byte, 0)
        kind, _, taken, _, _ = queue._LOCK.unpack(
            fcntl.fcntl(self._descriptor, fcntl.F_OFD_GETLK, asked)
        )
        return None if kind == fcntl.F_UNLCK else taken

    def await_waiter(self) -> None:
        deadline = time.monotonic() + TIMEOUT
        while self.first_taken(queue._FIRST) is None:
            assert time.monotonic() < deadline
            time.sleep(0.001)

    def close(self) -> None:
        os.close(self._descriptor)  # of this process's own locks, it gives back those on the queue


@pytest.fixture
def store(path: Path, monkeypatch: pytest.MonkeyPatch) -> StoreBackend[Any]:
    monkeypatch.setattr(queue, "_COMPANY", float("inf"))  # it takes its turns, though alone
    store = at(path)
    store["a"] = 0
    return store


@pytest.fixture
def others(path: Path, store: Any) -> Iterator[Others]:
    with closing(Others(path)) as others:
        yield others


# --- whose turn it is -----------------------------------------------------------------------------


def test_while_a_process_waits_no_other_is_served_twice(path, monkeypatch):
    """A bound on overtaking, which is what fairness means; slices aside, which multiply it."""
    monkeypatch.setattr(queue, "SLICE", 0.0)
    monkeypatch.setattr(queue, "_PATIENCE", float("inf"))
    record = path.with_name("record")
    processes, writes = size(quick=(6, 15), full=(12, 100))
    at(path)["a"] = 0

    run(_write_and_record, [(path, record, who, writes) for who in range(processes)])

    events = [line.split() for line in record.read_text().splitlines()]
    what, whose = zip(*events, strict=True)
    assert what.count("writes") == processes * writes
    assert what.count("waits") > 0
    for who in set(whose):
        assert _most_writes_of_another_while_it_waits(who, events) <= 1


def _write_and_record(path: Path, record: Path, who: int, writes: int) -> None:
    # What all append to has the order in which it happened.
    stream = record.open("ab", buffering=0)
    wait = queue.Queue._wait

    def recorded(*arguments: Any) -> None:
        stream.write(f"waits {who}\n".encode())
        wait(*arguments)

    def write(_cursor: sqlite3.Cursor) -> None:
        stream.write(f"writes {who}\n".encode())
        time.sleep(0.0005)

    queue.Queue._wait = recorded  # type: ignore[assignment,method-assign]
    for _ in range(writes):
        at(path)._connection.transaction(write)


def _most_writes_of_another_while_it_waits(who: str, events: list[list[str]]) -> int:
    most, since = 0, None
    for place, (what, whose) in enumerate(events):
        if whose == who:
            others = Counted(other for does, other in events[since:place] if does == "writes")
            most = max(most, *others.values()) if since is not None and others else most
            since = place + 1 if what == "waits" else None
    return most


def test_who_comes_later_waits_for_who_came_earlier(store, others):
    earlier = queue._FIRST + time.monotonic_ns()
    others.lock(fcntl.F_WRLCK, earlier)
    with ThreadPoolExecutor(1) as pool, others.writing():
        writing = pool.submit(store.update, a=1)
        others.await_waiter()
        others.lock(fcntl.F_UNLCK, earlier)
        assert store["a"] == 0
    assert writing.result() is None
    assert store["a"] == 1
    assert others.first_taken() is None


def test_who_had_a_turn_goes_on_for_a_while_and_then_lets_others_go_first(
    store, others, monkeypatch
):
    waits: list[int] = []
    monkeypatch.setattr(queue.Queue, "_wait", lambda *arguments: waits.append(arguments[2]))
    _begin_slice(store, 3600.0, monkeypatch)
    others.lock(fcntl.F_WRLCK, queue._FIRST)
    store["a"] = 2
    assert not waits
    _begin_slice(store, 0.0, monkeypatch)
    store["a"] = 3
    assert len(waits) == 2


def test_one_who_meets_nobody_takes_no_turns_until_somebody_comes(store, others, monkeypatch):
    monkeypatch.setattr(queue, "_COMPANY", -1.0)
    monkeypatch.setattr(queue, "_LOOK", 0.0)

    def turn() -> Any:
        return store._connection.transaction(lambda _cursor: others.first_taken())

    _begin_slice(store, 3600.0, monkeypatch)
    assert turn() is None
    assert others.first_taken(0) == queue._ALONE
    others.lock(fcntl.F_WRLCK, queue._FIRST)
    assert turn() == queue._TURN
    with ThreadPoolExecutor(1) as pool, others.writing():
        writing = pool.submit(turn)
        others.await_waiter()
        assert others.first_taken(0) != queue._ALONE
    assert writing.result() == queue._TURN


def test_one_process_at_most_is_alone(store, others, monkeypatch):
    monkeypatch.setattr(queue, "_COMPANY", -1.0)
    others.lock(fcntl.F_WRLCK, queue._ALONE)
    _begin_slice(store, 3600.0, monkeypatch)
    turn = store._connection.transaction(lambda _cursor: others.first_taken())
    assert turn == queue._TURN


def test_who_erases_much_goes_on_until_somebody_comes(store, others, monkeypatch):
    steps: list[int] = []
    monkeypatch.setattr(erasing, "_give_way", lambda: steps.append(1))
    monkeypatch.setattr(erasing, "_STEP", 0.0)
    monkeypatch.setattr(erasing, "_LONGEST", 60.0)
    for somebody in (False, True):
        store.update(dict.fromkeys(range(2_000), 1))
        if somebody:
            others.lock(fcntl.F_WRLCK, queue._FIRST)
        store.clear()
        assert bool(steps) == somebody


def _begin_slice(store: StoreBackend[Any], seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "SLICE", seconds)
    _end_slice(store)
    store["a"] = 1


def _end_slice(store: StoreBackend[Any]) -> None:
    own = store._connection._pool.queue
    own._until = own._looked_until = 0.0


def test_who_is_stopped_while_he_waits_is_overtaken_and_waited_for_once(store, others, monkeypatch):
    _begin_slice(store, 0.0, monkeypatch)
    others.lock(fcntl.F_WRLCK, queue._FIRST)  # and never comes
    looks: list[float] = []

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        time.sleep(seconds)

    monkeypatch.setattr(queue, "sleep", sleep)
    store["a"] = 1
    assert looks
    looks.clear()
    store["a"] = 2
    assert not looks
    assert store["a"] == 2


# --- who ends, and who stops ----------------------------------------------------------------------


def _hold(path: Path, inside: Signal) -> None:
    def work(_cursor: sqlite3.Cursor) -> None:
        inside.send()
        time.sleep(TIMEOUT)

    at(path)._connection.transaction(work)


def _wait_in_line(path: Path) -> None:
    at(path)["b"] = 1


def test_who_is_killed_leaves_his_turn_and_his_place_to_others(path, store):
    inside = Signal()
    with fork(_hold, path, inside) as holder:
        inside.wait()
        with closing(Others(path)) as others, fork(_wait_in_line, path) as waiter:
            others.await_waiter()
            with ThreadPoolExecutor(1) as pool:
                writing = pool.submit(store.update, a=1)
                waiter.kill()
                holder.kill()
                assert writing.result(TIMEOUT) is None
            assert others.first_taken() is None
    assert store.snapshot() == {"a": 1}


def test_who_is_stopped_in_the_middle_of_a_write_makes_others_fail_at_their_deadline(path, store):
    inside = Signal()
    with fork(_hold, path, inside) as holder:
        inside.wait()
        os.kill(holder.pid, signal.SIGSTOP)
        for timeout in (0, 0.05):
            with pytest.raises(Unavailable, match="locked by other writers"):
                at(path, timeout)["a"] = 1
    store["a"] = 2
    assert store["a"] == 2


def test_who_cannot_wait_goes_first_where_nobody_writes(path, store, others):
    others.lock(fcntl.F_WRLCK, queue._FIRST)
    at(path, timeout=0)["a"] = 1
    assert store["a"] == 1


def test_the_queue_and_the_lock_of_sqlite_have_one_deadline(store, others):
    def waits() -> Any:
        """Return for how many milliseconds SQLite would wait."""
        asked = "PRAGMA busy_timeout"
        return store._connection.transaction(lambda cursor: cursor.execute(asked).fetchone()[0])

    with ThreadPoolExecutor(1) as pool:
        with others.writing():
            late = pool.submit(waits)
            others.await_waiter()
            time.sleep(0.1)
        assert 0 < late.result() <= 29_900
    # Whatever this machine does beside; who had to wait for a moment need not be given it back.
    assert any(waits() >= 29_990 for _ in range(100))


# --- forks ----------------------------------------------------------------------------------------


def test_a_child_has_no_part_in_what_its_parent_holds(path, store):
    """Told of or not, and whatever becomes of the parent: it may never look at the store."""
    forked, ended = Signal(), Signal()
    for fork_ in (os.fork, fork_in_c):
        with fork(_fork_in_the_middle, path, fork_, forked, ended) as parent:
            forked.wait()
            parent.kill()
            try:
                at(path, timeout=10)["a"] = 1
            finally:
                ended.send()


def _fork_in_the_middle(path: Path, fork_: Any, forked: Signal, ended: Signal) -> None:
    def live_on() -> bool:
        ended.wait()
        return True

    def work(_cursor: sqlite3.Cursor) -> None:
        in_child(fork_, live_on)
        forked.send()
        time.sleep(TIMEOUT)

    at(path)._connection.transaction(work)


def test_a_fork_does_not_wait_for_who_waits_in_the_queue(path, store):
    inside = Signal()
    with fork(_hold, path, inside) as holder, ThreadPoolExecutor(1) as pool:
        inside.wait()
        writing = pool.submit(store.update, a=1)
        with closing(Others(path)) as others:
            others.await_waiter()
        assert in_child(os.fork, lambda: store["a"] == 0 and descriptors(path) == 3)()
        assert not writing.done()
        holder.kill()
        assert writing.result(TIMEOUT) is None
    assert store["a"] == 1


# --- interrupts -----------------------------------------------------------------------------------


def test_however_waiting_is_interrupted_nothing_stays_taken(quick_path):
    with fork(_wait_and_be_interrupted, quick_path / "doc.sqlite") as child:
        assert child.result() > 40


def _wait_and_be_interrupted(path: Path) -> int:
    store, kept = at(path, timeout=0.003), list[Ended]()
    store["a"] = 0
    with closing(Others(path)) as others:
        for held in (True, False):
            _end_slice(store)
            others.lock(fcntl.F_WRLCK if held else fcntl.F_UNLCK, queue._TURN)
            others.lock(fcntl.F_UNLCK if held else fcntl.F_WRLCK, queue._FIRST)
            for ended in interruptions(lambda: store.update(a=1), *EXCEPTIONS):
                kept.append(ended)
                assert ended.interrupt is None or ended.error is ended.interrupt
                assert others.first_taken() is None
                store._connection._pool.queue._since = queue._FIRST
                _end_slice(store)
            assert isinstance(ended.error, Unavailable) == held
    return len(kept)


# --- its file -------------------------------------------------------------------------------------


def test_what_stands_in_its_place_is_left_alone_and_nobody_queues(path):
    there = path.with_name("doc.sqlite-queue")
    other = path.with_name("other")
    other.write_text("mine")
    for make in (
        there.mkdir,
        partial(there.symlink_to, other),
        partial(there.write_text, "mine"),
        partial(os.mkfifo, there),
    ):
        make()
        facts = os.lstat(there)
        store = at(path)
        store["a"] = 1
        store.update(a=2, b=2)
        close_all()
        assert at(path).snapshot() == {"a": 2, "b": 2}
        close_all()
        assert os.path.samestat(os.lstat(there), facts)
        assert other.read_text() == "mine"
        there.rmdir() if there.is_dir() and not there.is_symlink() else there.unlink()


def test_a_file_that_is_removed_or_replaced_is_made_anew(path, store, monkeypatch):
    there = path.with_name("doc.sqlite-queue")
    _begin_slice(store, 0.0, monkeypatch)
    for change in (there.unlink, lambda: there.rename(path.with_name("elsewhere"))):
        store["a"] = 1
        change()
        store["a"] = 2
        assert there.read_bytes() == b""
        assert descriptors(there) == 1


def test_it_is_gone_with_the_log_and_in_no_copy(path, store):
    target = path.with_name("copy")
    store._connection.back_up(target)
    store._connection.vacuum()
    close_all()
    assert {file.name for file in path.parent.iterdir()} == {"doc.sqlite", "copy"}
    store["a"] = 1
    gc.collect()
    store._connection.close()
    assert descriptors(path) == 0


# --- who does not queue ---------------------------------------------------------------------------


def test_with_an_earlier_version_beside_every_number_is_given_once(path):
    """It knows of no queue; neither does any other program."""
    numbers = run(_count, [(path, who) for who in range(4)])
    assert sorted(itertools.chain(*numbers)) == list(range(1, 4 * COUNTS + 1))


COUNTS = size(quick=50, full=2000)


def _count(path: Path, who: int) -> list[int]:
    if who % 2:
        Database._queued = Database._until  # type: ignore[method-assign]
    counter = Counter("ids", **options(path))
    return [counter.increment() for _ in range(COUNTS)]


def _count_for_ever(path: Path) -> None:
    counter = Counter("ids", **options(path))
    while True:
        counter.increment()


@pytest.mark.torture
def test_whoever_is_killed_or_stopped_the_others_write_on(path, store):
    dice = random.Random(1)
    for _ in range(200):
        with ExitStack() as stack:
            workers = [stack.enter_context(fork(_count_for_ever, path)) for _ in range(6)]
            time.sleep(dice.random() / 10)
            for worker in dice.sample(workers, 2):
                os.kill(worker.pid, signal.SIGSTOP)
            time.sleep(dice.random() / 10)
            for worker in dice.sample(workers, 3):
                worker.kill()
            for worker in workers:
                with suppress(ProcessLookupError):
                    os.kill(worker.pid, signal.SIGCONT)
            before = Counter("ids", **options(path)).value
            store["a"] = before
            assert Counter("ids", **options(path)).increment() > before
    store["a"] = 0
    with closing(Others(path)) as others:
        assert others.first_taken() is None
