"""Signals at each moment of a call: where chance would need hours, this needs seconds.

Python runs a signal's handler between two instructions: when a function is entered, when one
written in C returns. So does whatever is called here, a finaliser's part included.
"""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_TOO_LONG = 20.0  # seconds, for what takes less than one


class Interrupted(BaseException):
    """What a handler raises here: nothing that a backend could expect."""


def interrupt() -> None:
    """Raise `Interrupted`, as Ctrl-C and time limits raise theirs."""
    raise Interrupted


def at(moment: int, handler: Callable[[], Any], call: Callable[[], Any]) -> None:
    """Run *call*, and at its so-many-th moment *handler*, in its middle and in its thread."""
    passed = 0

    def pass_one(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal passed
        if event in ("call", "c_return"):
            passed += 1
            if passed == moment:
                handler()

    _run(call, pass_one)


def spread(call: Callable[[], Any], most: int = 20) -> range:
    """Run *call* once; return about *most* of its moments, from the first to the last."""
    total = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal total
        total += event in ("call", "c_return")

    _run(call, count)
    return range(1, total + 1, 1 + total // most)


@contextmanager
def not_for_ever() -> Iterator[None]:
    """Fail if the block waits for ever, as who waits for itself does."""
    if threading.current_thread() is not threading.main_thread():  # it alone gets signals
        yield
        return

    def fail(*_signal: object) -> None:
        raise AssertionError(f"still waiting after {_TOO_LONG:g} s")

    before = signal.signal(signal.SIGALRM, fail)
    signal.setitimer(signal.ITIMER_REAL, _TOO_LONG, 1)  # again, if to leave takes for ever, too
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _run(call: Callable[[], Any], notice: Callable[[FrameType, str, object], None]) -> None:
    before = sys.getprofile()
    sys.setprofile(notice)
    try:
        call()
    finally:
        sys.setprofile(before)
