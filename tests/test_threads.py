"""Threads: what each of them opens is closed when it ends, and close_all() closes the rest."""

import gc
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest

from napixd_store import Counter, Store
from napixd_store.connections import close_all
from tests.descriptors import descriptors
from tests.processes import run_threads


@pytest.fixture
def options(tmp_path) -> dict[str, Any]:
    return {"backend": "SQLite", "path": tmp_path / "doc.sqlite", "durability": "process"}


@pytest.mark.parametrize("at_once", [1, 20])
def test_200_threads_leave_no_handle_behind(options, at_once):
    """SQLite keeps a closed handle's descriptor for the next one to use while another handle
    of this process has the file locked; so there are at most as many as threads at once."""
    store, counter = Store("threads", **options), Counter("ids", **options)
    store["main"] = counter.increment()
    before, log_before = descriptors(options["path"]), descriptors(f"{options['path']}-wal")
    during = []

    def work(who: int) -> None:
        store[who] = counter.increment()
        assert store[who] > 1
        during.append(descriptors(f"{options['path']}-wal"))

    for first in range(0, 200, at_once):
        threads = [threading.Thread(target=work, args=(first + who,)) for who in range(at_once)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert max(during) > log_before  # each has a handle of its own while it lives
    assert descriptors(f"{options['path']}-wal") == log_before
    assert descriptors(options["path"]) <= before + at_once
    assert len(store) == 201

    close_all()
    assert descriptors(options["path"]) == 0


def test_a_thread_that_ends_by_an_exception_leaves_no_handle_behind(options):
    counter = Counter("ids", **options)
    counter.increment()
    before = descriptors(f"{options['path']}-wal")

    def work() -> None:
        with counter:
            raise LookupError

    for _ in range(20):
        with pytest.raises(LookupError):
            run_threads(work, [()])

    gc.collect()  # an exception and its frames refer to each other
    assert descriptors(f"{options['path']}-wal") == before


def test_close_all_closes_the_handles_of_every_thread(options):
    counter = Counter("ids", **options)
    counter.increment()
    working, closed = threading.Barrier(5), threading.Event()

    def work() -> int:
        counter.increment()
        working.wait(10)
        assert closed.wait(10)
        return counter.increment()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    working.wait(10)
    assert descriptors(options["path"]) >= 5

    close_all()

    assert descriptors(options["path"]) == 0
    assert not options["path"].with_name("doc.sqlite-wal").exists()  # the last one tidies up
    closed.set()
    for thread in threads:
        thread.join()
    assert counter.value == 9


def test_stores_and_counters_are_usable_after_close_all(options):
    store, back = Store("threads", **options), Store("threads", writeback=True, **options)
    counter = Counter("ids", **options)
    store["a"] = counter.increment()
    back["b"] = [1]
    keys = iter(store)

    for _ in range(3):
        close_all()
        assert store["a"] == 1
        counter.increment()
    close_all()
    back["b"].append(2)
    back.save()
    close_all()

    assert list(keys) == ["a", "b"]  # an iteration goes on, too
    assert store.snapshot() == {"a": 1, "b": [1, 2]}
    assert counter.increment() == 5


def test_close_all_beside_working_threads_disturbs_none_of_them(options):
    store, counter = Store("threads", **options), Counter("ids", **options)

    def work(who: int) -> list[int]:
        if who == 0:
            for _ in range(50):
                close_all()
            return []
        mine = []
        for turn in range(60):
            mine.append(counter.increment())
            store.update({f"{who}/{key}": turn for key in range(5)})
            assert store.get_many([f"{who}/{key}" for key in range(5)]) == {
                f"{who}/{key}": turn for key in range(5)
            }
        return mine

    numbers = run_threads(work, [(who,) for who in range(7)])

    assert sorted(sum(numbers, [])) == list(range(1, 361))
    assert len(store) == 30


def test_16_threads_share_one_store_object(options):
    store = Store("threads", **options)
    store["log"] = []

    def work(who: int) -> list[Any]:
        mine = []
        for turn in range(20):
            store[f"{who}/{turn}"] = {"turn": turn}
            assert store[f"{who}/{turn}"] == {"turn": turn}
            assert f"{who}/{turn}" in store
            mine.append(store.incr("total"))
            assert store.pop(f"{who}/{turn}") == {"turn": turn}
        return mine

    sums = run_threads(work, [(who,) for who in range(16)])

    assert sorted(sum(sums, [])) == list(range(1, 321))
    assert store.snapshot() == {"log": [], "total": 320}


def test_the_first_use_by_16_threads_at_once_makes_one_good_file(options):
    """Each may find that there is no file yet and build one; a single one is put in place."""
    numbers = run_threads(lambda: Counter("ids", **options).increment(), [()] * 16)

    assert sorted(numbers) == list(range(1, 17))
    # Of threads that close the file at one moment none may take itself for the last, who removes
    # the log: that is for the next one.
    assert Counter("ids", **options).value == 16
    close_all()
    assert [file.name for file in options["path"].parent.iterdir()] == ["doc.sqlite"]


def test_no_resource_warning_is_ever_due(tmp_path):
    """Python 3.13 warns of every SQLite handle that nobody closed; here any warning shows."""
    program = f"""
        import gc, os, threading
        from napixd_store import Counter, Store
        from napixd_store.connections import close_all

        path = {str(tmp_path / "doc.sqlite")!r}
        store, counter = Store("a", "SQLite", path=path), Counter("b", "SQLite", path=path)
        def work():
            store[counter.increment()] = 1
        for _ in range(5):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
        work()
        next(iter(store.items()))
        gc.collect()
        close_all()
        work()
        pid = os.fork()
        if pid:
            os.waitpid(pid, 0)
        work()
        print(counter.value)
    """
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "always", "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent.parent,
        timeout=60,
    )
    assert done.stderr == ""
    assert sorted(done.stdout.split()) == ["8", "9"]
    assert done.returncode == 0
