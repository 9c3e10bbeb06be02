"""Exceptions out of a signal handler: at each moment of an operation in turn, or at random ones.

Python runs signal handlers when a function begins, when a C function has returned, and while
one waits. `interruptions` raises at the first of these moments, at the second, the third …,
which finds in seconds what real signals find in hours; `Alarms` are real signals.
"""

import gc
import itertools
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any


class Alarm(Exception):
    """What a time limit raises that nobody else knows of."""


EXCEPTIONS: tuple[type[BaseException], ...] = (KeyboardInterrupt, Alarm, TimeoutError)
"""What handlers raise: what is no `Exception`, what is one, and what is an `OSError` as well."""

_WAITING = {"acquire", "connect", "flock", "poll", "recv", "recv_into", "send", "sendall", "sleep"}
"""C functions that a signal ends before they have done anything."""


@dataclass(frozen=True)
class Ended:
    """How an operation ended: its *answer*, or the *error* that it raised.

    *interrupt* is the exception that was raised in it; None if none was. It need not be the
    *error*: who works on a socket may take a `TimeoutError` for the network's.
    """

    answer: Any
    error: BaseException | None
    interrupt: BaseException | None


def interruptions(
    operation: Callable[[], Any], *exceptions: type[BaseException], every: int = 1
) -> Iterator[Ended]:
    """Run *operation* with an exception raised at its first moment, its second, its third …

    Yields how each run ended, so that the caller can look at what is left; the last one is the
    first that ended before its moment came. Of several *exceptions* each has its turn; of the
    moments, one in *every* few may be enough.
    """
    for turn, exception in enumerate(itertools.cycle(exceptions)):
        moment = 1 + turn * every
        ended = _interrupted(operation, exception(f"at moment {moment}"), moment)
        yield ended
        if ended.interrupt is None:
            return


def _interrupted(operation: Callable[[], Any], exception: BaseException, moment: int) -> Ended:
    outside, left = sys._getframe(), moment

    def profile(frame: FrameType, event: str, function: Any) -> None:
        nonlocal left
        waits = event == "c_call" and getattr(function, "__name__", "") in _WAITING
        if frame is not outside and (waits or event in ("call", "c_return")):
            left -= 1
            if not left:
                raise exception  # which ends the profiling, too

    answer, error = None, None
    gc.disable()  # what other tests left is not finalised in the middle of this one's operation
    with _swallowed_by_finalisers(exception):
        try:
            sys.setprofile(profile)
            try:
                answer = operation()
            finally:
                sys.setprofile(None)
                gc.enable()
        except BaseException as exc:  # noqa: BLE001 - whatever it is, the caller looks at it
            error = exc
    return Ended(answer, error, None if left > 0 else exception)


class Alarms:
    """Signals that come at random moments of what this process's main thread does."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._lengths: dict[str, float] = {}
        self._raises: BaseException | None = None
        signal.signal(signal.SIGALRM, self._ring)

    def during(self, name: str, operation: Callable[[], Any]) -> Ended:
        """Run *operation* and set an alarm; where it takes as long as the last of its *name* did,
        the alarm rings in the middle.
        """
        kind, share = self._chance.choice(EXCEPTIONS), self._chance.random()
        self._outside, self._rang, exception = sys._getframe(), False, kind("the alarm")
        length = self._lengths.get(name, 0.001)
        answer, error = None, None
        with _swallowed_by_finalisers(exception):
            begin = time.perf_counter()
            try:
                self._raises = exception
                signal.setitimer(signal.ITIMER_REAL, max(share * length, 1e-6))
                try:
                    answer = operation()
                finally:
                    self._raises = None  # a signal that came may be noticed much later
                    signal.setitimer(signal.ITIMER_REAL, 0)
            except BaseException as exc:  # noqa: BLE001 - whatever it is, the caller looks at it
                error = exc
        if not self._rang:
            # So long that some run to their end and are measured; smooth, for others run too.
            measured = 1.2 * (time.perf_counter() - begin)
            self._lengths[name] = length + (measured - length) / 4
        return Ended(answer, error, exception if self._rang else None)

    def _ring(self, _number: int, frame: FrameType | None) -> None:
        if self._raises is not None and frame is not self._outside:  # else it is early, or late
            self._rang = True
            raise self._raises


@contextmanager
def _swallowed_by_finalisers(exception: BaseException) -> Iterator[None]:
    """Let *exception* be raised where Python can only report it: in a ``__del__``, say."""
    report = sys.unraisablehook

    def unless_expected(unraisable: Any) -> None:
        if unraisable.exc_value is not exception:
            report(unraisable)

    sys.unraisablehook = unless_expected
    try:
        yield
    finally:
        sys.unraisablehook = report
