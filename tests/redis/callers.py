"""Threads that count while servers fail, and keep what they were told."""

import collections
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext

from napixd_store import CounterBackend, NotReplicated, OutcomeUnknown, ReadOnly, Unavailable
from tests.redis.servers import until
from tests.sizes import size

RHYTHM = size(quick=0.01, full=0.003)
"""Seconds from one call of a caller to the next."""


class Caller:
    """Counts with *counter*, in *place* (on one of several machines, say)."""

    def __init__(
        self, counter: CounterBackend, place: AbstractContextManager[None] | None = None
    ) -> None:
        self.counter, self._place = counter, place or nullcontext()
        self.acked: list[int] = []
        self.raised: collections.Counter[str] = collections.Counter()
        self.slowest = 0.0

    @property
    def failed(self) -> int:
        """How many calls raised."""
        return sum(self.raised.values())

    def count(self, end: threading.Event) -> None:
        """Count until *end*; nothing may be raised but what a failing server is documented to."""
        with self._place:
            while not end.wait(RHYTHM):
                started = time.monotonic()
                try:
                    self.acked.append(self.counter.increment())
                except (Unavailable, OutcomeUnknown, NotReplicated, ReadOnly) as exc:
                    self.raised[type(exc).__name__] += 1
                self.slowest = max(self.slowest, time.monotonic() - started)


def all_go_on(callers: Sequence[Caller], seconds: float = 10.0) -> None:
    """Wait until each of the *callers* has counted ten times more."""
    enough = [(caller, len(caller.acked) + 10) for caller in callers]
    until(lambda: all(len(caller.acked) >= number for caller, number in enough), seconds)


@contextmanager
def counting(callers: Sequence[Caller]) -> Iterator[None]:
    """Let the *callers* count in a ``with`` block, each in a thread; raise what may not be."""
    end = threading.Event()
    with ThreadPoolExecutor(len(callers)) as pool:
        work = [pool.submit(caller.count, end) for caller in callers]
        try:
            yield
        finally:
            end.set()
    for each in work:
        each.result()
