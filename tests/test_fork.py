"""Forks: beside threads that are in the middle of something, in storms, and by multiprocessing."""

import multiprocessing
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from napixd_store import Counter, Store, StoreBackend
from napixd_store.connections import close_all
from tests.descriptors import descriptors
from tests.processes import Signal, fork, run

# The tracer of coverage has a lock of its own, held for a moment in any thread that enters a
# module. A child forked in that moment would wait for it for ever.
pytestmark = pytest.mark.usefixtures("unmeasured")

PROMPT = 30.0
"""Seconds: a child that takes longer for a few operations hangs."""


@pytest.fixture
def options(tmp_path) -> dict[str, Any]:
    return {"backend": "SQLite", "path": tmp_path / "doc.sqlite", "durability": "process"}


def read_and_write(options: dict[str, Any], who: str) -> tuple[int, Any]:
    """What a child does to show that all works: return a new number, and what it had written."""
    store = Store("children", **options)
    store[who] = [who]
    with store.edit(who) as value:
        value.append("edited")
    return Counter("ids", **options).increment(), store.pop(who)


@contextmanager
def another_thread(work, *args) -> Iterator[threading.Event]:
    """Run *work* in a thread during the block; it is given an event to set once it is inside."""
    inside = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work, inside, *args)
        assert inside.wait(PROMPT)
        yield inside
        future.result(30)


# --- beside a thread in a transaction ------------------------------------------------------------


def test_a_fork_beside_a_big_update_gives_a_working_child_and_loses_nothing(options):
    store = Store("big", **options)
    store["old"] = 1
    batch = dict.fromkeys(range(60_000), "x" * 20)
    thread = threading.Thread(target=store.update, args=(batch,))
    with closing(sqlite3.connect(options["path"], isolation_level=None, timeout=0)) as probe:
        thread.start()
        _wait_until_locked(probe)
        with fork(read_and_write, options, "child") as child:
            assert child.result(PROMPT) == (1, ["child", "edited"])
    thread.join(PROMPT)

    assert len(store) == 60_001
    assert read_and_write(options, "parent") == (2, ["parent", "edited"])


def _wait_until_locked(probe: sqlite3.Connection) -> None:
    deadline = time.monotonic() + PROMPT
    while time.monotonic() < deadline:
        try:
            probe.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return
        probe.execute("ROLLBACK")
    raise AssertionError("the other thread never began its transaction")


def test_a_fork_waits_for_the_transaction_of_another_thread_to_end(options):
    """The thread is inside for half a second; the child finds all or nothing of it: all."""
    store = Store("slow", **options)
    store["old"] = 1
    ended = threading.Event()

    def work(handle: sqlite3.Connection, inside: threading.Event) -> None:
        handle.execute("UPDATE entries SET record = CAST('2' AS BLOB)")
        inside.set()
        time.sleep(0.5)  # the length of its work
        handle.execute(
            "INSERT INTO entries (collection, key, record, seq) "
            "SELECT id, 'new', X'33', (id << 40) + 2 FROM collections WHERE name = 'slow'"
        )
        ended.set()

    def transact(inside: threading.Event) -> None:
        store._connection.transaction(work, inside)

    with another_thread(transact):
        assert not ended.is_set()
        with fork(_look, store, options) as child:
            assert ended.is_set()
            assert child.result(PROMPT) == ({"old": 2, "new": 3}, (1, ["child", "edited"]))

    assert store.snapshot() == {"old": 2, "new": 3}


def _look(store: StoreBackend[Any], options: dict[str, Any]) -> tuple[Any, Any]:
    return store.snapshot(), read_and_write(options, "child")


def test_a_fork_beside_a_write_that_fails_gives_a_child_without_a_trace_of_it(options):
    store = Store("slow", **options)
    store["old"] = 1

    def work(handle: sqlite3.Connection, inside: threading.Event) -> None:
        handle.execute("DELETE FROM entries")
        inside.set()
        time.sleep(0.3)  # the length of its work
        raise LookupError

    def fail(inside: threading.Event) -> None:
        with pytest.raises(LookupError):
            store._connection.transaction(work, inside)

    with another_thread(fail), fork(_look, store, options) as child:
        assert child.result(PROMPT) == ({"old": 1}, (1, ["child", "edited"]))

    assert store.snapshot() == {"old": 1}


def test_a_fork_beside_a_thread_that_waits_for_another_process(options):
    """The other process holds the file for half a second; all of them get their turn."""
    counter = Counter("ids", **options)
    counter.increment()
    locked, forking = Signal(), Signal()

    def wait_and_increment(inside: threading.Event) -> None:
        inside.set()
        assert counter.increment() > 1

    with fork(_hold, options["path"], locked, forking) as holder:
        locked.wait()
        with another_thread(wait_and_increment):
            forking.send()
            with fork(read_and_write, options, "child") as child:
                number, value = child.result(PROMPT)
        holder.result(PROMPT)

    assert value == ["child", "edited"]
    assert number in (2, 3)
    assert counter.value == 3


def _hold(path: Path, locked: Signal, forking: Signal) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("BEGIN IMMEDIATE")
        locked.send()
        forking.wait()
        time.sleep(0.5)  # the length of its work
        raw.execute("COMMIT")


# --- storms --------------------------------------------------------------------------------------


def test_a_storm_of_forks_beside_busy_threads_gives_no_number_twice(options):
    counter, stop = Counter("ids", **options), threading.Event()

    def increment_until_stopped() -> list[int]:
        mine = []
        while not stop.is_set():
            mine.append(counter.increment())
        return mine

    numbers = []
    with ThreadPoolExecutor(4) as pool:
        busy = [pool.submit(increment_until_stopped) for _ in range(4)]
        try:
            for _ in range(2):
                numbers += run(_increment, [(counter, 100)] * 8)
        finally:
            stop.set()
        numbers += [future.result(30) for future in busy]

    taken = sorted(sum(numbers, []))
    assert taken == list(range(1, len(taken) + 1))
    assert len(taken) > 2 * 8 * 100  # the parent's threads went on between the forks


def _increment(counter: Any, times: int) -> list[int]:
    return [counter.increment() for _ in range(times)]


def test_a_fork_beside_threads_that_never_pause_is_prompt(tmp_path):
    counter, stop = Counter("ids", "SQLite", path=tmp_path / "power.sqlite"), threading.Event()

    def increment_until_stopped() -> None:
        while not stop.is_set():
            counter.increment()

    took: list[float] = []
    end = threading.Timer(PROMPT, stop.set)
    end.start()
    with ThreadPoolExecutor(8) as pool:
        busy = [pool.submit(increment_until_stopped) for _ in range(8)]
        try:
            while not stop.is_set() and len(took) < 5:
                began = time.monotonic()
                with fork(_increment, counter, 1) as child:
                    took.append(time.monotonic() - began)
                    child.result(2 * PROMPT)
        finally:
            end.cancel()
            stop.set()
        for future in busy:
            future.result(30)

    assert len(took) == 5
    assert max(took) < PROMPT / 2


def test_stores_and_counters_made_before_the_fork_work_in_8_children_and_in_the_parent(options):
    store, counter = Store("shared", **options), Counter("ids", **options)
    store["parent"] = counter.increment()

    numbers = run(_use_inherited, [(store, counter, who) for who in range(8)])

    taken = sorted([*sum(numbers, []), store["parent"], counter.increment()])
    assert taken == list(range(1, 8 * 100 + 3))
    assert store.snapshot() == {"parent": 1} | dict(enumerate(numbers))


def _use_inherited(store: StoreBackend[Any], counter: Any, who: int) -> list[int]:
    assert store["parent"] == 1
    numbers = _increment(counter, 100)
    store[who] = numbers
    return numbers


def test_a_child_may_fork_in_turn_and_start_threads(options):
    counter = Counter("ids", **options)
    first = counter.increment()

    numbers = run(_fork_in_turn, [(counter,)] * 3)

    taken = sorted([first, *sum(numbers, []), counter.increment()])
    assert taken == list(range(1, 3 * 3 * 50 + 3))


def _fork_in_turn(counter: Any) -> list[int]:
    mine = _increment(counter, 50)
    with ThreadPoolExecutor(1) as pool:
        beside = pool.submit(_increment, counter, 50)
        with fork(_increment, counter, 50) as grandchild:
            return [*mine, *beside.result(30), *grandchild.result(30)]


def test_a_child_that_is_killed_in_the_middle_leaves_the_others_working(options):
    store = Store("victims", **options)
    store["log"] = []
    inside = Signal()
    with fork(_write_for_ever, store, inside) as victim:
        inside.wait()
        victim.kill()
    assert victim.wait() == -signal.SIGKILL

    before = len(store)
    assert read_and_write(options, "parent") == (1, ["parent", "edited"])
    with fork(read_and_write, options, "child") as child:
        assert child.result(PROMPT) == (2, ["child", "edited"])
    assert len(store) == before == len(list(store))


def _write_for_ever(store: StoreBackend[Any], inside: Signal) -> None:
    for turn in range(10**9):
        store.update({f"{turn}/{key}": "x" for key in range(50)})
        if turn == 20:
            inside.send()


# --- write-back ----------------------------------------------------------------------------------


def test_forks_beside_a_thread_that_uses_a_write_back_store(options):
    store, stop = Store("back", writeback=True, **options), threading.Event()

    def change_and_save(inside: threading.Event) -> int:
        turn = 0
        while not stop.is_set():
            store[f"thread {turn % 50}"] = [turn]
            store[f"thread {turn % 50}"].append("in place")
            store.save()
            turn += 1
            inside.set()
        return turn

    with another_thread(change_and_save):
        try:
            for who in range(10):
                with fork(_reload_and_save, store, who) as child:
                    assert child.result(PROMPT) == who + 1
        finally:
            stop.set()

    store.reload()
    assert [store[f"child {who}"] for who in range(10)] == list(range(10))


def _reload_and_save(store: StoreBackend[Any], who: int) -> int:
    store.reload()
    store[f"child {who}"] = who
    store.save()
    return sum(str(key).startswith("child") for key in store)


def test_a_child_has_its_own_copy_of_unsaved_changes(options):
    store = Store("back", writeback=True, **options)
    store["a"] = [1]
    store.save()
    store["a"].append(2)

    with fork(_append_unsaved, store) as child:
        assert child.result(PROMPT) == [1, 2, "child"]

    assert store["a"] == [1, 2]
    store.save()
    assert Store("back", **options)["a"] == [1, 2]


def _append_unsaved(store: StoreBackend[Any]) -> Any:
    store["a"].append("child")
    return store["a"]


# --- what crosses --------------------------------------------------------------------------------


def test_no_descriptor_of_the_file_crosses_a_fork(options):
    """Closing one in the child would take the parent's POSIX locks away."""
    Counter("ids", **options).increment()
    assert descriptors(options["path"]) > 0

    with fork(descriptors, options["path"]) as child:
        assert child.result(PROMPT) == 0


def test_no_descriptor_of_the_file_crosses_into_another_program(options):
    Counter("ids", **options).increment()

    listed = subprocess.run(
        ["ls", "-l", "/proc/self/fd"], close_fds=False, capture_output=True, text=True, check=True
    )

    assert descriptors(options["path"]) > 0
    assert str(options["path"]) not in listed.stdout


def test_a_forked_child_goes_on_with_its_own_copy_of_memory():
    store, counter = Store("forked memory", backend="Memory"), Counter("forked", backend="Memory")
    counter.reset()
    store["a"] = counter.increment()

    assert run(_change_memory, [(store, counter)] * 2) == [({"a": 1, "b": 2}, 2)] * 2

    assert (store.snapshot(), counter.value) == ({"a": 1}, 1)
    store.drop()


def _change_memory(store: StoreBackend[Any], counter: Any) -> tuple[Any, int]:
    store["b"] = counter.increment()
    return store.snapshot(), counter.value


def test_forks_beside_threads_that_use_memory_do_not_hang():
    counter, stop = Counter("busy memory", backend="Memory"), threading.Event()

    def increment(inside: threading.Event) -> None:
        while not stop.is_set():
            counter.increment()
            inside.set()

    with another_thread(increment):
        try:
            for _ in range(20):
                with fork(_increment, counter, 3) as child:
                    first, second, third = child.result(PROMPT)
                    assert (second, third) == (first + 1, first + 2)
        finally:
            stop.set()


def test_a_fork_after_close_all_works(options):
    Counter("ids", **options).increment()
    close_all()
    with fork(read_and_write, options, "child") as child:
        assert child.result(PROMPT) == (2, ["child", "edited"])


# --- multiprocessing -----------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.filterwarnings(
    # The pool forks beside its own threads, which Python 3.12 and newer warn of; that such
    # forks work here is the point.
    "ignore:.*multi-threaded, use of fork:DeprecationWarning"
)
def test_multiprocessing_pools_share_the_counter(options, method, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
    Counter("ids", **options).increment()
    context = multiprocessing.get_context(method)
    with context.Pool(2) as pool:
        numbers = pool.starmap(_open_and_increment, [(options, 50)] * 4)
        pool.close()
        pool.join()

    assert sorted(sum(numbers, [])) == list(range(2, 202))


def _open_and_increment(options: dict[str, Any], times: int) -> list[int]:
    return _increment(Counter("ids", **options), times)
