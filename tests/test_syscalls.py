"""Killed at every system call, and every call failing once: old or new, and nothing left over."""

import itertools
import json
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from napixd_store import (
    CorruptData,
    OutcomeUnknown,
    ReadOnly,
    Store,
    StoreError,
    StoreFull,
    Unavailable,
)
from tests.harness.crashes import CASES, Case, hidden
from tests.harness.syscalls import (
    Call,
    Prepare,
    fail_at,
    kill_at,
    need_strace,
    of_the_operation,
    trace,
)
from tests.processes import fork
from tests.sizes import size

pytestmark = pytest.mark.lab


@pytest.fixture(autouse=True)
def _strace():
    need_strace()


# --- killed at every call -------------------------------------------------------------------------


@dataclass(frozen=True)
class Wreck:
    """What a fresh process found after the operation was killed at *call*."""

    call: Call
    acknowledged: bool
    found: Any


@dataclass(frozen=True)
class Wrecks:
    """All wrecks of one operation, and the states before and after it."""

    old: Any
    new: Any
    found: list[Wreck]

    def wrong(self) -> list[str]:
        """Return what must not be: neither old nor new, or an acknowledged operation undone."""
        return [
            f"{wreck.call}{', acknowledged' * wreck.acknowledged}: {wreck.found}"
            for wreck in self.found
            if wreck.found != self.new and (wreck.acknowledged or wreck.found != self.old)
        ]


CHANGES = {"write", "fsync", "rmdir"} | {
    f"{name}{form}" for name in ("rename", "unlink", "mkdir") for form in ("", "at", "at2")
}
"""The calls that change files, in each of their forms: which one is made, the C library decides."""


def worth_a_kill(calls: list[Call]) -> list[Call]:
    """Return what finds every state of the files: between two changes, one is as good as all."""
    return size(quick=[call for call in calls if call.name in CHANGES], full=calls)


def wreck(
    tmp_path: Path, prepare: Prepare, build: Callable[[Path], Any], look: Callable[[Path], Any]
) -> Wrecks:
    """Make the operation as often as it makes system calls, and kill it at each in turn."""
    template, whole, log = tmp_path / "template", tmp_path / "whole", tmp_path / "log"
    fork(build, template).result()
    _copy(template, whole)
    made = trace(log, prepare, whole)
    said = made[-1]  # that it is done
    calls = [*worth_a_kill(of_the_operation(made)), said]
    outcomes = []
    for place, call in enumerate(calls):
        root = tmp_path / str(place)
        _copy(template, root)
        outcome = kill_at(call, log, prepare, root)
        assert outcome.killed, f"{call} was not made again"
        outcomes.append(outcome)
    # One process looks at all of them: it is a fresh one for each folder, which it never saw.
    roots = [template, whole, *(tmp_path / str(place) for place in range(len(calls)))]
    old, new, *found = fork(_look_at, look, roots).result()
    return Wrecks(
        old,
        new,
        [
            Wreck(call, outcome.result is not None, state)
            for call, outcome, state in zip(calls, outcomes, found, strict=True)
        ],
    )


def _look_at(look: Callable[[Path], Any], roots: list[Path]) -> list[Any]:
    return [_found(look, root) for root in roots]


def _found(look: Callable[[Path], Any], root: Path) -> Any:
    try:
        return look(root)
    except (StoreError, AssertionError) as exc:
        return f"{type(exc).__name__}: {exc}"


def _copy(template: Path, root: Path) -> None:
    if template.exists():
        shutil.copytree(template, root)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_whoever_is_killed_leaves_the_old_or_the_new_state_and_no_debris(case, tmp_path):
    def prepare(root: Path) -> Callable[[], str]:
        operation = case.prepare(root)

        def acknowledging() -> str:
            operation()
            return "acknowledged"

        return acknowledging

    def look(root: Path) -> Any:
        seen = case.look(root)
        assert case.look(root) == seen
        if root.name.isdigit():  # a wreck: the next writer finds it usable, and tidies up
            case.write(root)
            assert hidden(root) == []
        return seen

    wrecks = wreck(tmp_path, prepare, case.build, look)

    assert wrecks.old != wrecks.new
    assert wrecks.wrong() == []
    assert {wreck.acknowledged for wreck in wrecks.found} == {False, True}
    assert any(wreck.found == wrecks.old for wreck in wrecks.found)
    assert any(wreck.found == wrecks.new and not wreck.acknowledged for wreck in wrecks.found)


def test_the_same_harness_finds_the_original_s_way_of_saving_corrupt(tmp_path):
    """Truncate, then write: what the Napix server did."""

    def prepare(root: Path) -> Callable[[], str]:
        def save() -> str:
            with open(root / "c", "w") as stream:
                json.dump({"a": "new"}, stream)
            return "acknowledged"

        return save

    def build(root: Path) -> None:
        root.mkdir()
        (root / "c").write_text('{"a": "old"}')

    def look(root: Path) -> str:
        return (root / "c").read_text()

    wrecks = wreck(tmp_path, prepare, build, look)

    assert len(wrecks.wrong()) >= size(quick=1, full=2)


def test_the_same_harness_finds_several_keys_set_one_by_one_half_written(tmp_path):
    """So it would find `DirectoryStore.update` without its journal."""
    (case,) = (case for case in CASES if str(case) == "Directory update")

    def prepare(root: Path) -> Callable[[], str]:
        store = Store("c", "Directory", root=root)

        def update() -> str:
            store["a"] = store["b"] = "new"
            return "acknowledged"

        return update

    wrecks = wreck(tmp_path, prepare, case.build, case.look)

    assert len(wrecks.wrong()) >= 2


# --- interrupted at every call --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["File save", "Directory save", "Counter increment"])
def test_whoever_presses_ctrl_c_leaves_the_old_or_the_new_state_and_can_go_on(name, tmp_path):
    (case,) = (case for case in CASES if str(case) == name)
    template, whole, log = tmp_path / "template", tmp_path / "whole", tmp_path / "log"
    fork(case.build, template).result()
    _copy(template, whole)
    calls = of_the_operation(trace(log, case.prepare, whole))
    states = fork(_look_at, case.look, [template, whole]).result()

    def interrupted(root: Path) -> Callable[[], Any]:
        # A shell that runs the tests in the background has them ignore it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        handle = case.open(root)

        def operation() -> Any:
            try:
                case.act(handle)
                for _ in range(1_000):  # an interrupt of the last call comes a little later
                    pass
            except KeyboardInterrupt:
                seen = case.look(root)
                case.write(root)
                return seen
            return "not interrupted"

        return operation

    found = []
    for place, call in enumerate(calls):
        root = tmp_path / str(place)
        _copy(template, root)
        found.append(fail_at(call, "signal=SIGINT", log, interrupted, root).result)
    assert [
        f"{call}: {seen}" for call, seen in zip(calls, found, strict=True) if seen not in states
    ] == []


# --- every call failing once ----------------------------------------------------------------------

ERRORS: dict[str, type[StoreError]] = {
    "ENOSPC": StoreFull,
    "EDQUOT": StoreFull,
    "EIO": Unavailable,
    "EROFS": ReadOnly,
    "EACCES": ReadOnly,
}
FALLIBLE = {"openat", "flock", *CHANGES}


def worth_a_failure(calls: list[Call]) -> list[Call]:
    """Return them all or, in a quick run, the first and the last of each name."""
    last = {call.name: call for call in calls}
    ends = [call for call in calls if call.nth == 1 or call is last[call.name]]
    return size(quick=ends, full=calls)


@dataclass(frozen=True)
class Aftermath:
    """What the process in which a call failed saw next."""

    error: StoreError | None
    seen: Any
    debris: list[str]
    again: Any

    def wrong(self, expected: type[StoreError], old: Any, new: Any) -> str | None:
        """Return what must not be, given which error the failure stands for."""
        if self.error is None or type(self.error) is OutcomeUnknown:
            if self.seen != new:
                return f"{self.error!r}, but it was not applied: {self.seen}"
        elif type(self.error) is not expected:
            return f"{self.error!r} instead of {expected.__name__}"
        elif self.seen != old:
            return f"{self.error!r}, but it was applied: {self.seen}"
        elif self.debris:
            return f"{self.error!r} left {self.debris}"
        elif self.again != new:
            return f"{self.error!r}, and the same again gave {self.again}"
        return None


def failing(case: Case) -> Prepare:
    """Return what makes the operation, looks, and goes on with the same handle."""

    def prepare(root: Path) -> Callable[[], Aftermath]:
        handle = case.open(root)

        def operation() -> Aftermath:
            error = None
            try:
                case.act(handle)
            except StoreError as exc:
                error = exc
            if error is not None:
                assert isinstance(error.__cause__, OSError)
                # It names what failed: a file of the store, or the system's table of mounts.
                assert str(root) in str(error) or "/proc/self/mountinfo" in str(error)
            debris, seen = hidden(root), case.look(root)
            if error is not None and type(error) is not OutcomeUnknown:
                case.act(handle)
            elif case.backend != "Counter":
                handle.reload()
                handle["again"] = 1
                handle.save()
            return Aftermath(error, seen, debris, case.look(root))

        return operation

    return prepare


@pytest.mark.parametrize(
    "each",
    [1, pytest.param(len(ERRORS), marks=pytest.mark.torture)],
    ids=["one-error", "all-errors"],
)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_call_that_fails_once_is_one_error_and_changes_nothing(case, each, tmp_path):
    """Or the outcome is unknown, and then the change was made; never anything else.

    Every call fails that can, with *each* as many of the errors in turn.
    """
    template, whole, log = tmp_path / "template", tmp_path / "whole", tmp_path / "log"
    fork(case.build, template).result()
    _copy(template, whole)
    made = of_the_operation(trace(log, case.prepare, whole))
    calls = worth_a_failure([call for call in made if call.name in FALLIBLE])
    old, new = fork(_look_at, case.look, [template, whole]).result()
    codes = itertools.cycle(ERRORS)
    errors, wrong = set(), []
    for call in calls:
        for code in itertools.islice(codes, each):
            root = tmp_path / f"{call}-{code}"
            _copy(template, root)
            result = fail_at(call, f"error={code}", log, failing(case), root).result
            if not isinstance(result, Aftermath):
                wrong.append(f"{call} {code}: {result!r}")
                continue
            errors.add(type(result.error))
            if found := result.wrong(ERRORS[code], old, new):
                wrong.append(f"{call} {code}: {found}")
            shutil.rmtree(root, ignore_errors=True)

    assert wrong == []
    assert OutcomeUnknown in errors
    assert len(errors) >= 3


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("File set", "c.store.json"),
        ("Directory set", "c.store/a.json"),
        ("Counter increment", "c.counter.json"),
    ],
)
def test_what_a_short_write_left_out_is_written_next(name, file, tmp_path):
    """The kernel says 7 bytes and takes none: so the rest, and all of it, is what must follow."""
    (case,) = (case for case in CASES if str(case) == name)
    whole, short = tmp_path / "whole", tmp_path / "short"
    for root in (whole, short):
        fork(case.build, root).result()
    fork(lambda: case.prepare(whole)()).result()

    outcome = fail_at(Call("write", 1), "retval=7", tmp_path / "log", case.prepare, short)

    assert outcome.result is None
    assert (short / file).read_bytes() == (whole / file).read_bytes()[7:]
    with pytest.raises(CorruptData):  # a kernel that lies is found out, too
        case.look(short)
