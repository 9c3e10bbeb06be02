"""Interrupted at any moment: the files are whole, nothing stays locked or open, all goes on."""

import fcntl
import itertools
import os
import random
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from napixd_store import (
    Counter,
    OutcomeUnknown,
    Store,
    StoreError,
    Unavailable,
    disk,
    transaction,
)
from napixd_store.backends.files import FileStore, journal
from napixd_store.operations import Place, backup, move
from tests.files import PROMPT, each_kind, hold, is_locked, open_kind
from tests.harness.crashes import CASES, Case, hidden
from tests.processes import Signal, fork
from tests.sizes import size


class Alarm(Exception):
    """What nobody else knows of."""


EXCEPTIONS = [KeyboardInterrupt, Alarm, TimeoutError, FileNotFoundError, Unavailable]
"""What handlers raise: among it what the system raises, and what we do."""
EVERY = size(quick=4, full=1)


# --- at every moment ------------------------------------------------------------------------------


def interrupted(
    act: Callable[[], object], exception: BaseException, moment: int
) -> tuple[bool, BaseException | None]:
    """Call *act*, raise *exception* at the *moment*-th one; return whether it came to that, and
    what came out.

    Python runs signal handlers when a function begins, and when one in C has returned; also
    while ``flock`` waits, which has locked nothing if they raise.
    """
    left, outside = moment, sys._getframe()

    def profile(frame: FrameType, event: str, function: Any) -> None:
        nonlocal left
        waits = event == "c_call" and function is fcntl.flock
        if frame is not outside and (waits or event in ("call", "c_return")):
            left -= 1
            if not left:
                raise exception

    error = None
    try:
        sys.setprofile(profile)
        try:
            act()
        finally:
            sys.setprofile(None)
    except BaseException as exc:  # noqa: BLE001 - whatever it is, it is looked at
        error = exc
    return left <= 0, error


class Interrupts:
    """Interruptions of one operation on one root, at its first moment, its second, the third.

    A quick run begins at any of the first few, and leaves out as many each time.
    """

    def __init__(self, case: Case, root: Path) -> None:
        self.case, self.root = case, root
        self._build()
        self.old = case.look(root)
        case.prepare(root)()
        self.new = case.look(root)
        self.kept: list[BaseException] = []
        """As a list of errors, a future or `sys.last_traceback` keeps them."""

    def _build(self) -> None:
        if self.case.fresh:
            shutil.rmtree(self.root, ignore_errors=True)
        elif self.case.backend != "Counter":
            for name in self.case.names:
                Store(name, self.case.backend, root=self.root, writeback=False).drop()
        self.case.build(self.root)

    def run(self) -> Iterator[str]:
        """Yield what is wrong after each."""
        moments = itertools.count(random.randint(1, EVERY), EVERY)
        for kind, moment in zip(itertools.cycle(EXCEPTIONS), moments):  # neither ends
            exception = kind(f"at moment {moment}")
            self._build()
            handle = self.case.open(self.root)
            before = len(os.listdir("/proc/self/fd"))
            came, error = interrupted(partial(self.case.act, handle), exception, moment)
            self.kept += [error] if error is not None else []
            where = f"{exception!r} gave {error!r}:"
            if len(os.listdir("/proc/self/fd")) != before:
                yield f"{where} a descriptor is left"
            if is_locked(self.root) or handle._connection.lock._is_owned():
                yield f"{where} a lock is left"
                return
            yield from (f"{where} {fault}" for fault in self._faults(came, error, exception))
            if not came:
                return

    def _faults(
        self, came: bool, error: BaseException | None, interrupt: BaseException
    ) -> Iterator[str]:
        seen = self.case.look(self.root)
        if seen not in (self.old, self.new):
            yield f"neither old nor new: {seen}"
        if not came and (error is not None or seen != self.new):
            yield "acknowledged, and not applied"
        if error is not None and error is not interrupt:
            if not isinstance(error, StoreError):
                yield "it became another error"
            elif type(error) is not OutcomeUnknown and seen != self.old:
                yield "it says that nothing was changed"
        self.case.write(self.root)
        if hidden(self.root):
            yield f"the next writer left {hidden(self.root)}"


SOME = {
    "File set",
    "File transaction",
    "Directory set",
    "Directory update",
    "Directory update-first-to-end",
    "Directory drop",
    "Counter increment",
}


@pytest.mark.usefixtures("unmeasured")  # its own profiling
# What is raised in a finaliser is only reported; and what else a finaliser closes is closed.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=[] if str(case) in SOME else [pytest.mark.torture], id=str(case))
        for case in CASES
    ],
)
def test_an_interrupt_at_any_moment_leaves_all_whole_closed_and_unlocked(case, quick_path):
    interrupts = Interrupts(case, quick_path / "root")
    assert list(interrupts.run()) == []
    assert len(interrupts.kept) > 50 // EVERY
    assert {type(exc) for exc in interrupts.kept} >= set(EXCEPTIONS)


# --- at some -------------------------------------------------------------------------------------


@each_kind
def test_a_handler_in_the_middle_of_a_write_is_refused_at_once_and_the_write_goes_on(
    kind, tmp_path, monkeypatch
):
    """So is a finaliser that the garbage collector runs then. Both may read."""
    (write, read), said = open_kind(kind, tmp_path), []
    others = [open_kind(other, tmp_path)[0] for other in ("File", "Directory", "Counter")]
    write(1)

    def handle(*_: object) -> None:
        said.append(read())
        for other in others:
            with pytest.raises(Unavailable, match="in the middle of a write here"):
                other(3)

    before = signal.signal(signal.SIGUSR1, handle)
    stage = disk.stage

    def interrupted_stage(descriptor: int, data: bytes) -> None:
        signal.raise_signal(signal.SIGUSR1)
        stage(descriptor, data)

    try:
        with monkeypatch.context() as patch:
            patch.setattr(disk, "stage", interrupted_stage)
            write(2)
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert said == [1]
    assert read() == 2
    with ThreadPoolExecutor(1) as pool:
        pool.submit(write, 4).result(PROMPT)
    assert read() == 4


@each_kind
def test_a_time_limit_ends_the_wait_for_another_process_and_nothing_is_changed(kind, tmp_path):
    write, read = open_kind(kind, tmp_path)
    write(1)
    held, release = Signal(), Signal()

    def ring(*_: object) -> None:
        raise TimeoutError("the job takes too long")

    with fork(hold, tmp_path, held, release) as holder:
        held.wait(PROMPT)
        before = signal.signal(signal.SIGALRM, ring)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with pytest.raises(TimeoutError, match="the job takes too long"):
                write(2)
        finally:
            signal.signal(signal.SIGALRM, before)
        assert read() == 1
        assert is_locked(tmp_path)
        release.send()
        holder.result(PROMPT)
    write(3)
    assert read() == 3


def test_a_batch_that_is_decided_and_interrupted_is_finished_by_the_next_operation(
    tmp_path, monkeypatch
):
    """Also by a read of one key, which else looks for such a thing once a second."""
    store = Store("c", "Directory", root=tmp_path)
    store.update(a=1, b=1)
    for read in (lambda: store["b"], lambda: Store("c", "Directory", root=tmp_path)["b"]):
        store.update(a=1, b=1)
        assert store["a"] == 1
        with monkeypatch.context() as patch:
            patch.setattr(journal, "_carry_out", lambda *_: signal.default_int_handler(0, None))
            with pytest.raises(KeyboardInterrupt):
                store.update(a=2, b=2)
        assert hidden(tmp_path)
        assert read() == 2
        assert hidden(tmp_path) == []


MEANWHILE: dict[str, Callable[[Path], object]] = {
    "collections": lambda root: FileStore.collections({"root": root}),
    "drop": lambda root: two_files(root)[1].drop(),
    "len": lambda root: len(two_files(root)[1]),
    "count": lambda root: Counter("ids", "File", root=root).increment(),
    "back up": lambda root: backup(Place("File", root=root), root.parent / "backup"),
    "move": lambda root: move(Place("File", root=root), Place("File", root=root.parent / "moved")),
}
"""What may come first after a step of two collections that is decided, and was interrupted."""


def two_files(root: Path) -> list[Any]:
    return [Store(name, "File", root=root, writeback=False) for name in ("one", "two")]


@pytest.mark.parametrize("first", MEANWHILE)
def test_whatever_comes_first_finds_all_of_a_step_that_is_decided(first, tmp_path, monkeypatch):
    """A collection that the step makes is listed, moved and dropped, like any other."""
    one, two = two_files(root := tmp_path / "root")
    one["a"] = 1
    with monkeypatch.context() as patch:
        patch.setattr(journal, "_carry_out", lambda *_: signal.default_int_handler(0, None))
        with pytest.raises(KeyboardInterrupt), transaction(one, two) as (from_one, to_two):
            to_two["a"] = from_one.pop("a")
    assert hidden(root)

    answer = MEANWHILE[first](root)

    assert hidden(root) == []
    assert one == {}
    assert two == ({} if first in ("drop", "move") else {"a": 1})
    if first == "collections":
        assert answer == ["two"]
    if first in ("back up", "move"):
        copied = {"back up": "backup", "move": "moved"}[first]
        assert two_files(tmp_path / copied) == [{}, {"a": 1}]
