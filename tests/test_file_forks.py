"""Forks beside writers, told and untold: no copy of a lock is kept, and none given away."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from napixd_store import Counter, Store, StoreError, disk
from napixd_store.backends.files.root import Root, open_root
from napixd_store.connections import connect
from tests.descriptors import descriptors
from tests.files import PROMPT, is_locked
from tests.processes import Signal, fork, fork_in_c

pytestmark = pytest.mark.usefixtures("unmeasured")  # as all of test_fork.py


@pytest.fixture
def untold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every fork made in C, as uWSGI does: Python runs nothing before and after it."""
    monkeypatch.setattr(os, "fork", fork_in_c)


def root_of(folder: Path) -> Root:
    root = connect(open_root, {"root": folder})
    assert isinstance(root, Root)
    return root


class Holding:
    """A thread that is inside of *folder*, as in the middle of a write, until told to go."""

    def __init__(self, folder: Path) -> None:
        self._inside, self._go = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=root_of(folder).alone, args=(self._hold,))
        self._thread.start()
        assert self._inside.wait(PROMPT)

    def _hold(self, _folder: object) -> None:
        self._inside.set()
        assert self._go.wait(PROMPT)

    def end(self) -> None:
        self._go.set()
        self._thread.join()


# --- beside a thread that writes ------------------------------------------------------------------


@pytest.mark.usefixtures("untold")
def test_a_child_that_only_reads_closes_its_copy_of_a_lock_and_leaves_it_locked(tmp_path):
    store = Store("c", "File", root=tmp_path, writeback=False)
    store["a"] = 1

    def child() -> tuple[int, bool, int]:
        copies = descriptors(tmp_path)
        assert store["a"] == 1
        return copies, is_locked(tmp_path), descriptors(tmp_path)

    holding = Holding(tmp_path)
    try:
        assert fork(child).result(PROMPT) == (1, True, 0)
        assert is_locked(tmp_path)
    finally:
        holding.end()
    assert not is_locked(tmp_path)


@pytest.mark.usefixtures("untold")
@pytest.mark.parametrize("backend", ["File", "Directory"])
def test_a_child_goes_on_when_the_parent_is_killed_in_the_middle_of_a_write(backend, tmp_path):
    """Its copy of the lock would keep out all, itself the first."""
    Store("c", backend, root=tmp_path, writeback=False)["a"] = 1
    grown_up, told = Signal(), Signal()

    def child() -> None:
        told.send()
        store = Store("c", backend, root=tmp_path, writeback=False)
        store["a"] = 2  # waits for the parent, at first
        grown_up.send()

    def parent() -> None:
        Holding(tmp_path)
        fork(child)
        told.wait()
        time.sleep(0.1)  # the child waits by now
        os.kill(os.getpid(), signal.SIGKILL)

    fork(parent).wait()
    grown_up.wait(PROMPT)
    assert Store("c", backend, root=tmp_path)["a"] == 2


def test_a_handler_that_forks_in_the_middle_of_a_write_writes_once_and_keeps_its_lock(
    tmp_path, monkeypatch
):
    """The child that returns into the write is told that it cannot make it."""
    store = Store("c", "File", root=tmp_path, writeback=False)
    store["a"] = 1
    read, write = os.pipe()
    stage = disk.stage

    def stage_in_both(descriptor: int, data: bytes) -> None:
        monkeypatch.undo()
        stage(descriptor, data)
        if pid := os.fork():
            assert os.waitpid(pid, 0)[1] == 0
            assert is_locked(tmp_path)

    parent = os.getpid()
    monkeypatch.setattr(disk, "stage", stage_in_both)
    said = b"written"
    try:
        store["a"] = 2
    except StoreError as exc:
        said = str(exc).encode()
    finally:
        if os.getpid() != parent:
            os.write(write, said)
            os._exit(0)
    os.close(write)
    with open(read, "rb") as pipe:
        assert b"nothing was changed" in pipe.read()
    assert store["a"] == 2


# --- crowds ---------------------------------------------------------------------------------------

WORKERS, OPERATIONS = 4, 500


def _work(folder: Path, backend: str, number: int) -> None:
    """Write own keys, read them back, count; say what came of it in a file."""
    store, counter = STORES[backend]
    numbers, wrong = [], 0
    for step in range(OPERATIONS // 5):
        key = f"{number}-{step % 10}"
        store[key] = step
        wrong += store[key] != step
        store.update({f"{number}-pair": step, f"{number}-twin": step})
        wrong += store[f"{number}-twin"] != step
        numbers.append(counter.increment())
    aside = folder / f".{number}"
    aside.write_text(json.dumps([numbers, wrong]))
    aside.rename(folder / f"said-{number}")


STORES: dict[str, tuple[Any, Any]] = {}
"""What the parent has used, and its children inherit."""


@pytest.mark.usefixtures("untold")
@pytest.mark.parametrize("alive", [True, False], ids=["parent-alive", "parent-gone"])
@pytest.mark.parametrize("backend", ["File", "Directory"])
def test_workers_that_are_forked_untold_keep_all_and_get_no_number_twice(
    backend, alive, quick_path
):
    root = quick_path / "root"
    STORES[backend] = (
        Store("c", backend, root=root, writeback=False),
        Counter("c", backend, root=root),
    )
    STORES[backend][0]["parent"] = STORES[backend][1].increment()
    (quick_path / "said").mkdir()

    def parent() -> None:
        workers = [fork(_work, quick_path / "said", backend, n) for n in range(WORKERS)]
        for worker in workers if alive else ():
            worker.result()

    fork(parent).result()
    said = [json.loads(path.read_text()) for path in _said(quick_path / "said")]
    numbers = [number for numbers, _ in said for number in numbers]
    assert sorted(numbers) == list(range(2, 2 + WORKERS * OPERATIONS // 5))
    assert [wrong for _, wrong in said] == [0] * WORKERS
    assert len(STORES[backend][0]) == 1 + WORKERS * 12


def _said(folder: Path) -> Iterator[Path]:
    deadline = time.monotonic() + 60
    while len(found := list(folder.glob("said-*"))) < WORKERS:
        assert time.monotonic() < deadline, f"only {found}"
        time.sleep(0.02)
    yield from found
