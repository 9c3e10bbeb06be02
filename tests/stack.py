"""The bottom of the stack, where a caller has hardly any frames left."""

import inspect
import sys
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def from_deep_down(call: Callable[[], T], left: int) -> T:
    """Return what *call* returns where only so many frames of the stack are left."""

    def down(levels: int) -> T:
        return down(levels - 1) if levels > 0 else call()

    return down(sys.getrecursionlimit() - len(inspect.stack(0)) - left)
