"""Crowds: many processes or many threads that use one store or counter at the same moment."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.media import OPTIONS
from tests.processes import run, run_threads
from tests.sizes import size


@dataclass(frozen=True)
class Crowd:
    """Who crowds, and where: *options* are those of the store or counter that all of them use."""

    size: int
    options: dict[str, Any]
    _run: Callable[..., list[Any]]

    def run(self, work: Callable[..., Any], *args: Any) -> list[Any]:
        """Call ``work(options, who, *args)`` in each member; return what they returned."""
        with _threads_change_often():
            return self._run(work, [(self.options, who, *args) for who in range(self.size)])


_PROCESSES, _THREADS = size(quick=(4, 16), full=(8, 16))

COUNTING = (
    f"{_PROCESSES} processes on SQLite",
    f"{_THREADS} threads on SQLite",
    f"{_THREADS} threads on Memory",
    f"{_PROCESSES} processes on Redis",
)
CROWDS = (
    *COUNTING,
    f"{_PROCESSES} processes on RedisHash",
    f"{_THREADS} threads on RedisHash",
    f"{_PROCESSES} processes on RedisKey",
)
"""Counters of Redis are the same whatever its stores are."""


def gather(crowd: str, folder: Path) -> Crowd:
    """Return the *crowd* of one of the names in `CROWDS`, on what lies in *folder*."""
    size, kind, _on, backend = crowd.split()
    options = {"backend": backend, **OPTIONS[backend](folder)}
    return Crowd(int(size), options, run if kind == "processes" else run_threads)


def shuffled(items: Iterable[Any], who: int) -> list[Any]:
    """Return *items* in an order of *who*'s own, the same in each run."""
    import random

    listed = list(items)
    random.Random(who).shuffle(listed)
    return listed


@contextmanager
def _threads_change_often() -> Iterator[None]:
    # With the usual 5 ms most threads would end before the next one begins.
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
