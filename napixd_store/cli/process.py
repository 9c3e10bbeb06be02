"""What the process brings: three streams, one of which may be closed, and signals that end it."""

import io
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")

_STREAMS = (("stdin", "r", os.O_WRONLY), ("stdout", "w", os.O_RDONLY), ("stderr", "w", os.O_RDONLY))
"""What a closed one is opened for is what nobody does with it, so that who uses it is told."""

_ENDING = (signal.SIGTERM, signal.SIGHUP)


def open_streams() -> None:
    """Have each standard stream be there, so that no file of ours takes its number; write UTF-8."""
    for number, (name, mode, flags) in enumerate(_STREAMS):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, flags)
            if descriptor != number:
                os.dup2(descriptor, number)
                os.close(descriptor)
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115 - to the end
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # as JSON and archives are, whatever the locale


def undisturbed(work: Callable[[], T]) -> T:
    """Return ``work()``, which no signal breaks off: for what must know what it has made."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, *_ENDING))
    try:
        return work()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Signals:
    """In a ``with`` block, a signal that ends the process has what lies aside be removed first.

    One that is ignored, as `nohup` has it, stays so.
    """

    def __enter__(self) -> None:
        self._ours = [each for each in _ENDING if signal.getsignal(each) == signal.SIG_DFL]
        for each in self._ours:
            signal.signal(each, self._end)

    def __exit__(self, *exception: object) -> None:
        for each in self._ours:
            signal.signal(each, signal.SIG_DFL)

    def _end(self, number: int, _frame: FrameType | None) -> Any:
        for each in self._ours:
            signal.signal(each, signal.SIG_IGN)  # a second one must not break off the removing
        raise SystemExit(128 + number)
