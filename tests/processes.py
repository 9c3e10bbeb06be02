"""Real processes for the tests: started by fork or afresh, their results collected in time.

``run(work, …)`` starts processes that begin at the same moment and returns what they returned;
`fork` and `spawn` start one. A worker that does not answer in time is killed, and the test
fails; one that raised raises in the test. Only processes started here are ever ended.
"""

import contextlib
import ctypes
import os
import pickle
import select
import signal
import subprocess
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

TIMEOUT = 60.0
"""Seconds for a worker to answer where a test says nothing else."""

_c_fork = ctypes.PyDLL(None).fork

_ROOT = Path(__file__).resolve().parent.parent


class Hung(AssertionError):
    """A worker did not answer in time; it was killed."""


class Signal:
    """An event between processes: each `send` in one lets one `wait` in another go on."""

    def __init__(self) -> None:
        self.ends = os.pipe()

    def send(self) -> None:
        os.write(self.ends[1], b".")

    def wait(self, timeout: float = TIMEOUT) -> None:
        if not select.select([self.ends[0]], [], [], timeout)[0]:
            raise Hung(f"no signal within {timeout} s")
        os.read(self.ends[0], 1)

    def sent(self) -> bool:
        """Whether a `wait` would go on at once."""
        return bool(select.select([self.ends[0]], [], [], 0)[0])

    def __del__(self) -> None:
        for end in self.ends:
            os.close(end)


class Worker:
    """A process of ours that does one piece of work and reports its result."""

    def __init__(self, pid: int, report: int) -> None:
        self.pid = pid
        self._report = report
        self._ended: int | None = None

    def result(self, timeout: float = TIMEOUT) -> Any:
        """Return what the work returned, or raise what it raised; kill it after *timeout*."""
        try:
            report = self._read(time.monotonic() + timeout)
        except Hung as hung:
            self.kill()
            raise Hung(f"worker {self.pid}: {hung} within {timeout} s") from None
        self.wait()
        if not report:
            raise AssertionError(f"worker {self.pid} ended without a report: {self._ended}")
        done, value, where = pickle.loads(report)
        if not done:
            raise value from RuntimeError(f"in worker {self.pid}:\n{where}")
        return value

    def wait_for(self, signal: Signal, timeout: float = TIMEOUT) -> None:
        """Wait until it sends *signal*, or has a result sooner, or ends."""
        if not select.select([signal.ends[0], self._report], [], [], timeout)[0]:
            self.kill()
            raise Hung(f"worker {self.pid}: no signal within {timeout} s")

    def kill(self) -> None:
        """End it as a crash would; it has no chance to clean up."""
        if self._ended is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self.wait()

    def wait(self) -> int:
        """Wait until it has ended; return its exit code, negative for a signal."""
        if self._ended is None:
            self._ended = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            os.close(self._report)
        return self._ended

    def _read(self, deadline: float) -> bytes:
        report = b""
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._report], [], [], left)[0]:
                raise Hung("no answer")
            part = os.read(self._report, 2**16)
            if not part:
                return report
            report += part

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *exception: object) -> None:
        self.kill()


def fork(work: Callable[..., Any], *args: Any) -> Worker:
    """Start *work* in a forked child, which has all that this process has."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 and newer warn of any fork beside threads. That such a fork works is what
        # is tested here, and the runner itself may have threads.
        warnings.filterwarnings("ignore", ".*multi-threaded, use of fork", DeprecationWarning)
        pid = os.fork()
    if not pid:
        os.close(read)
        _work_and_exit(write, work, args)
    os.close(write)
    return Worker(pid, read)


def fork_in_c() -> int:
    """Fork as uWSGI does: Python runs nothing before and after it.

    A thread that waits for Python's lock in that moment is not in the child, whose lock waits for
    it then. So the threads that pytest's workers have get on with what they are about, first.
    """
    time.sleep(0.02)
    pid: int = _c_fork()
    return pid


def spawn(work: Callable[..., Any], *args: Any) -> Worker:
    """Start *work*, a function at the top of a module, in a fresh interpreter."""
    read, write = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", f"from tests.processes import _serve; _serve({write})"],
        stdin=subprocess.PIPE,
        pass_fds=[write, *(end for arg in args if isinstance(arg, Signal) for end in arg.ends)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(_ROOT), *sys.path])},
    )
    os.close(write)
    assert process.stdin is not None
    with process.stdin:
        pickle.dump((work, args), process.stdin)
    process.returncode = 0  # we wait for it ourselves
    return Worker(process.pid, read)


def run(
    work: Callable[..., Any],
    each: Iterable[tuple[Any, ...]],
    *,
    start: Callable[..., Worker] = fork,
    timeout: float = TIMEOUT,
) -> list[Any]:
    """Run *work* with each tuple of arguments, all at once, and return the results in order."""
    gate = Signal()
    workers: list[Worker] = []
    try:
        for args in each:
            workers.append(start(_behind, gate, work, *args))
        for _ in workers:
            gate.send()
        deadline = time.monotonic() + timeout
        return [worker.result(deadline - time.monotonic()) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()


def _behind(gate: Signal, work: Callable[..., Any], *args: Any) -> Any:
    gate.wait()
    return work(*args)


def run_threads(
    work: Callable[..., Any], each: Iterable[tuple[Any, ...]], *, timeout: float = TIMEOUT
) -> list[Any]:
    """As `run`, in threads of this process."""
    listed = list(each)
    gate = threading.Barrier(len(listed))

    def behind(args: tuple[Any, ...]) -> Any:
        gate.wait(timeout)
        return work(*args)

    with ThreadPoolExecutor(len(listed)) as pool:
        return list(pool.map(behind, listed, timeout=timeout))


def _serve(report: int) -> NoReturn:
    work, args = pickle.load(sys.stdin.buffer)
    _work_and_exit(report, work, args)


def _work_and_exit(report: int, work: Callable[..., Any], args: tuple[Any, ...]) -> NoReturn:
    # The child must never return into the test runner that it is a copy of.
    try:
        try:
            answer = pickle.dumps((True, work(*args), ""))
        except BaseException as exc:  # noqa: BLE001 - whatever it is, the test raises it
            where = traceback.format_exc()
            try:
                answer = pickle.dumps((False, exc, where))
                pickle.loads(answer)
            except Exception:  # noqa: BLE001 - an exception that does not travel
                answer = pickle.dumps((False, AssertionError(where), where))
        with os.fdopen(report, "wb") as stream:
            stream.write(answer)
    finally:
        os._exit(0)
