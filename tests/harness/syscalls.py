"""Kill a process at any of its system calls, or let the call fail, with strace.

The victim is a fork of this process, so all imports are done. It prepares itself, strace takes
hold of it, and only then it is let go: strace counts the calls of the operation and no others.
"""

import gc
import os
import re
import select
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.labs import need
from tests.processes import Hung, fork

_CALL = re.compile(r"([a-z0-9_]+)\(")

_END = "getppid"  # the victim's first call after the operation
_GATE = ("poll", "restart_syscall")  # how the victim waits to be let go

Operation = Callable[[], Any]
Prepare = Callable[..., Operation]
"""Prepares the victim, and returns the operation at which it is to be hit."""


@dataclass(frozen=True)
class Outcome:
    """What became of a victim: its *result* (or the exception), or None when it was *killed*."""

    calls: list[str]
    killed: bool
    result: Any


@dataclass(frozen=True)
class Call:
    """The *nth* time that an operation makes the system call *name*."""

    name: str
    nth: int

    def __str__(self) -> str:
        return f"{self.name}-{self.nth}"


def need_strace() -> None:
    """Skip the test where strace cannot take hold of a process."""
    need(shutil.which("strace") is not None, "strace is not installed")


def trace(log: Path, prepare: Prepare, *args: Any) -> list[Call]:
    """Run the operation unharmed and return its system calls, in order."""
    outcome = _under_strace(log, [], prepare, args)
    if isinstance(outcome.result, BaseException):
        raise outcome.result
    seen: Counter[str] = Counter()
    calls = []
    for name in outcome.calls:
        seen[name] += 1
        calls.append(Call(name, seen[name]))
    return calls


def of_the_operation(calls: list[Call]) -> list[Call]:
    """Return those of *calls* that were made before the operation ended."""
    return calls[: [call.name for call in calls].index(_END)]


def kill_at(call: Call, log: Path, prepare: Prepare, *args: Any) -> Outcome:
    """Run the operation and kill it when it is about to make *call*."""
    return _under_strace(log, _inject(call, "signal=SIGKILL"), prepare, args)


def fail_at(call: Call, how: str, log: Path, prepare: Prepare, *args: Any) -> Outcome:
    """Run the operation and let *call* fail: *how* is ``error=EIO`` or ``retval=7``."""
    return _under_strace(log, _inject(call, how), prepare, args)


def _inject(call: Call, what: str) -> list[str]:
    return ["-e", f"trace={call.name}", "-e", f"inject={call.name}:{what}:when={call.nth}"]


def _under_strace(log: Path, options: list[str], prepare: Prepare, args: Any) -> Outcome:
    ready, go = os.pipe(), os.pipe()
    try:
        with fork(_victim, ready[1], go[0], prepare, args) as victim:
            if os.read(ready[0], 1) != b".":
                victim.result()  # raises what went wrong in it
            with _attached(log, options, victim.pid):
                os.write(go[1], b".")
                try:
                    result = victim.result(30)
                except Hung:
                    raise
                except AssertionError:  # it ended without a report
                    result = None
                except Exception as exc:  # noqa: BLE001 - what the operation raised is the result
                    result = exc
            killed = victim.wait() == -signal.SIGKILL
    finally:
        for end in (*ready, *go):
            os.close(end)
    return Outcome(list(_calls(log)), killed, result)


def _victim(ready: int, go: int, prepare: Prepare, args: Any) -> Any:
    # A handle that another test let go is not finalised here, in calls that only one victim makes.
    gc.freeze()
    gate = select.poll()
    gate.register(go)
    try:
        operation = prepare(*args)
    except BaseException:
        os.write(ready, b"!")
        raise
    os.write(ready, b".")
    gate.poll()
    result = operation()
    os.getppid()
    return result


@contextmanager
def _attached(log: Path, options: list[str], pid: int) -> Iterator[None]:
    command = ["strace", "-o", str(log), *options, "-p", str(pid)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
        assert strace.stderr is not None
        said = strace.stderr.readline()
        need("attached" in said, f"strace cannot attach to a process: {said.strip()}")
        yield
        # It ends by itself, with the process that it watches.


def _calls(log: Path) -> Iterator[str]:
    for line in log.read_text(errors="replace").splitlines():
        found = _CALL.match(line)
        if found and found[1] not in _GATE:
            yield found[1]
