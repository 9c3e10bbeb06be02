"""Signals at each moment of a call: where chance would need hours, this needs seconds.

Python runs a signal's handler between two instructions: when a function is entered, when one
written in C returns. So does whatever is called here, a finaliser's part included.
"""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


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

    before = sys.getprofile()
    sys.setprofile(pass_one)
    try:
        call()
    finally:
        sys.setprofile(before)


def spread(call: Callable[[], Any], most: int = 20) -> range:
    """Run *call* once; return about *most* of its moments, from the first to the last."""
    total = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal total
        total += event in ("call", "c_return")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        call()
    finally:
        sys.setprofile(before)
    return range(1, total + 1, 1 + total // most)
