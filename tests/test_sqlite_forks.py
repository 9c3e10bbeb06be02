"""SQLite in processes forked at odd moments, and in signal handlers and finalisers.

What `test_fork.py` shows of forks that Python tells of is to hold for those as well of which it
tells nobody, as uWSGI makes them.
"""

import gc
import json
import os
import resource
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from napixd_store import Counter, Store, StoreBackend, Unavailable, processes
from napixd_store.backends.sqlite.leases import lease
from napixd_store.backends.sqlite.queue import Queue
from napixd_store.backends.sqlite.session import Session
from napixd_store.connections import close_all
from tests.descriptors import descriptors
from tests.processes import TIMEOUT, Signal, fork, fork_in_c, run_threads
from tests.redis.servers import until

pytestmark = pytest.mark.usefixtures("unmeasured")


@pytest.fixture
def options(tmp_path: Path) -> dict[str, Any]:
    return {
        "backend": "SQLite",
        "path": tmp_path / "doc.sqlite",
        "durability": "process",
        "timeout": 5,
    }


@pytest.fixture
def store(options: dict[str, Any]) -> Any:
    store = Store("a", **options)
    store.update({"old": 1, "more": 2})
    return store


def told() -> int:
    return os.fork()


FORKS = [told, fork_in_c]
by_any_fork = pytest.mark.parametrize("fork_", FORKS, ids=lambda each: each.__name__)


def in_child(fork_: Callable[[], int], check: Callable[[], bool]) -> Callable[[], bool]:
    """Have *check* made in a child; return how to wait for what it said."""
    pid = fork_()
    if pid == 0:
        code = 1
        try:
            signal.alarm(int(TIMEOUT))
            code = 0 if check() else 2
        finally:
            os._exit(code)
    return lambda: os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def is_unavailable(act: Callable[[], Any]) -> bool:
    try:
        act()
    except Unavailable:
        return True
    return False


# --- untold ---------------------------------------------------------------------------------------


def test_a_child_closes_the_handles_that_it_finds(options, store):
    """Of all threads, and before it opens its own: that would share the parent's locks."""
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(store.get, ["old", "more"])) == [1, 2]
        ended = in_child(fork_in_c, lambda: store["old"] == 1 and descriptors(options["path"]) == 3)
        assert ended()


def test_what_a_child_wrote_is_kept_when_the_parent_closes(options, store):
    """The child's locks are its own: the last to close removes the log, and it is not the last."""
    wrote, closed = Signal(), Signal()

    def check() -> bool:
        store["child"] = 3
        wrote.send()
        closed.wait()
        store["later"] = 4
        return True

    ended = in_child(fork_in_c, check)
    wrote.wait()
    close_all()
    closed.send()

    assert ended()
    assert store.snapshot() == {"old": 1, "more": 2, "child": 3, "later": 4}


def test_what_a_dead_process_left_in_the_log_outlives_a_child_that_closes_what_it_finds(
    options, store, tmp_path
):
    """Nobody else has the file open then, and what the child knows of the log is an older one."""
    close_all()
    goes_on, seen = Signal(), tmp_path / "seen"

    def parent() -> None:
        assert store["old"] == 1
        if fork_in_c() == 0:
            try:
                signal.alarm(int(TIMEOUT))
                goes_on.wait()
                store["child"] = 4
                seen.with_suffix(".aside").write_text(json.dumps(store.snapshot()))
                seen.with_suffix(".aside").rename(seen)
            finally:
                os._exit(0)

    fork(parent).wait()  # its result comes no sooner than the child ends, which has the pipe, too
    assert store["old"] == 1
    close_all()  # the last to close, as far as it can see, removes the log that the child knows
    assert in_child(told, lambda: store.add("dead", 3))()  # it ends as by kill -9
    goes_on.send()

    until(seen.exists, TIMEOUT)
    assert json.loads(seen.read_text()) == {"old": 1, "more": 2, "dead": 3, "child": 4}
    assert store.snapshot() == {"old": 1, "more": 2, "dead": 3, "child": 4}


def test_a_child_forked_beside_another_threads_transaction_refuses_and_harms_nothing(
    options, store
):
    """That thread may hold a lock of SQLite's own, for ever: so no file can be worked with."""
    inside, go_on = threading.Event(), threading.Event()

    def work(cursor: sqlite3.Cursor) -> None:
        cursor.execute("UPDATE entries SET record = CAST('7' AS BLOB)")
        inside.set()
        assert go_on.wait(TIMEOUT)

    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(store._connection.transaction, work)
        assert inside.wait(TIMEOUT)
        other = {**options, "path": options["path"].with_name("other.sqlite")}

        def check() -> bool:
            refused = is_unavailable(lambda: store["old"]) and is_unavailable(store.clear)
            return refused and is_unavailable(Counter("ids", **other).increment)

        ended = in_child(fork_in_c, check)
        assert ended()
        go_on.set()
        busy.result()

    assert store.snapshot() == {"old": 7, "more": 7}


# --- in the middle of this thread's operation -----------------------------------------------------


@by_any_fork
def test_a_fork_in_the_middle_of_a_transaction_leaves_it_to_the_parent(options, store, fork_):
    """As a signal handler makes it; the child goes on where the parent was."""
    parent, children = os.getpid(), []

    def work(cursor: sqlite3.Cursor) -> None:
        cursor.execute("UPDATE entries SET record = CAST('7' AS BLOB)")
        pid = fork_()
        if pid == 0:
            signal.alarm(int(TIMEOUT))
            is_unavailable(lambda: store["old"])  # an operation notices the fork
        children.append(pid)

    try:
        store._connection.transaction(work)
    except BaseException as exc:
        if os.getpid() == parent:
            raise
        os._exit(isinstance(exc, Unavailable) and is_unavailable(lambda: store["old"]))
    if os.getpid() != parent:
        os._exit(2)

    assert os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]) == 1
    assert store.snapshot() == {"old": 7, "more": 7}
    assert fork_ is fork_in_c or in_child(told, lambda: store["old"] == 7)()


def test_what_was_another_threads_is_not_finalised_before_a_child_has_begun_anew(
    options, monkeypatch
):
    """Python ends those threads' own before it tells of the fork, and SQLite may be locked."""
    closed: list[Session] = []
    monkeypatch.setattr(Session, "close_if_idle", lambda session: closed.append(session))
    session = Session(str(options["path"]), Queue(options["path"]))
    held = run_threads(lambda: [lease(session, set())], [()])[0]
    processes._here[0] = False  # as the kernel does in a child
    try:
        held.clear()
    finally:
        processes._here[0] = True
    assert closed == []
    run_threads(lambda: bool(lease(session, set())), [()])
    assert closed == [session]


@by_any_fork
def test_a_fork_in_the_middle_of_a_read_deadlocks_nobody(options, store, fork_):
    def parts() -> Iterator[tuple[Any, ...]]:
        assert in_child(fork_, lambda: is_unavailable(lambda: store["old"]))()
        yield ()

    with ThreadPoolExecutor(2) as pool:
        stop = threading.Event()

        def write() -> None:
            while not stop.is_set():
                store["busy"] = 1

        busy = [pool.submit(write) for _ in range(2)]
        try:
            rows = store._connection.read_parts("SELECT 7", parts()) if fork_ is told else [(7,)]
        finally:
            stop.set()
        for each in busy:
            each.result(TIMEOUT)

    assert rows == [(7,)]
    assert store["old"] == 1


# --- handlers and finalisers ----------------------------------------------------------------------

NESTED: dict[str, Callable[[StoreBackend[Any]], Any]] = {
    "get": lambda store: store.get("old"),
    "get_many": lambda store: store.get_many(["old"]),
    "iterate": list,
    "set": lambda store: store.update(old=5),
    "update": lambda store: store.update(old=5, more=5),
    "increment": lambda store: Counter("ids", "SQLite", **_own(store)).increment(),
    "reset": lambda store: Counter("ids", "SQLite", **_own(store)).reset(),
}


def _own(store: StoreBackend[Any]) -> dict[str, Any]:
    return {"path": store._connection.path, "durability": "process", "timeout": 5}


@pytest.mark.parametrize("act", NESTED.values(), ids=NESTED)
def test_in_the_middle_of_a_write_of_its_own_thread_an_operation_is_refused_at_once(store, act):
    def work(cursor: sqlite3.Cursor) -> None:
        cursor.execute("UPDATE entries SET record = CAST('7' AS BLOB)")
        began = time.monotonic()
        with pytest.raises(Unavailable, match="interrupted"):
            act(store)
        assert time.monotonic() - began < 1

    store._connection.transaction(work)

    assert store.snapshot() == {"old": 7, "more": 7}
    act(store)


@pytest.mark.parametrize("act", NESTED.values(), ids=NESTED)
def test_in_the_middle_of_a_read_of_its_own_thread_no_write_is_taken_and_lost(store, act):
    def parts() -> Iterator[tuple[Any, ...]]:
        with pytest.raises(Unavailable, match="interrupted"):
            act(store)
        yield ()

    assert store._connection.read_parts("SELECT 7", parts()) == [(7,)]
    assert store.snapshot() == {"old": 1, "more": 2}
    act(store)


def test_close_all_in_the_middle_of_a_write_of_its_own_thread_lets_it_end(store):
    def work(cursor: sqlite3.Cursor) -> None:
        cursor.execute("UPDATE entries SET record = CAST('7' AS BLOB)")
        close_all()
        cursor.execute("UPDATE entries SET record = CAST('8' AS BLOB) WHERE key = 'old'")

    store._connection.transaction(work)
    assert store.snapshot() == {"old": 8, "more": 7}


class Live:
    """Counts itself out when it goes, by whoever collects the garbage."""

    def __init__(self, counter: Any, refused: list[Unavailable]) -> None:
        self.me, self.counter, self.refused = self, counter, refused

    def __del__(self) -> None:
        try:
            self.counter.decrement()
        except Unavailable as exc:
            self.refused.append(exc)


def test_finalisers_that_count_neither_wait_nor_are_lost_silently(options):
    ids, live = Counter("ids", **options), Counter("live", **options)
    refused: list[Unavailable] = []
    threshold = gc.get_threshold()
    gc.set_threshold(20)
    try:
        for _ in range(300):
            Live(live, refused)
            ids.increment()
    finally:
        gc.set_threshold(*threshold)
    gc.collect()

    assert ids.value == 300
    assert live.value == len(refused) - 300


# --- descriptors ----------------------------------------------------------------------------------


def test_files_that_no_store_uses_are_closed_in_every_thread(quick_path):
    with fork(_open_many, quick_path) as child:
        assert child.result() <= 33 * 3 * 3


def _open_many(folder: Path) -> int:
    """Use 200 files from three threads that stay, with room for 400 descriptors."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (400, 400))
    with ThreadPoolExecutor(2) as pool:
        for number in range(200):
            path = folder / f"tenant {number}.sqlite"
            store = Store("a", "SQLite", path=path, durability="process")
            store["a"] = number
            barrier = threading.Barrier(2)

            def get(store: Any = store, barrier: Any = barrier) -> Any:
                barrier.wait(TIMEOUT)  # each thread takes one
                return store["a"]

            assert [each.result() for each in [pool.submit(get), pool.submit(get)]] == [number] * 2
            del store, get
        gc.collect()
        return descriptors(folder)


def test_when_there_are_too_many_descriptors_nothing_leaks(options, store):
    with fork(_run_out_of_descriptors, options) as child:
        child.result()


def _run_out_of_descriptors(options: dict[str, Any]) -> None:
    counter = Counter("ids", **options)
    held: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
    try:
        while True:
            held.append(os.dup(0))
    except OSError:
        pass
    for room in range(3):
        before = len(os.listdir("/proc/self/fd")) if room else None
        for _ in range(5):
            with pytest.raises(Exception, match="nothing was changed"):
                counter.increment()
        assert room == 0 or len(os.listdir("/proc/self/fd")) == before
        os.close(held.pop())
    for each in held:
        os.close(each)
    assert counter.increment() == 1
