"""Leases: numbers that this process took from a counter in one step, and has yet to give.

The medium counts all of a lease at once, so no other process is ever given a number of it. What
is held here is never written: whoever ends or begins anew leaves a gap.
"""

import threading
from collections.abc import Callable, Hashable
from typing import Any, Final

from napixd_store.exclusive import Exclusive, owned
from napixd_store.processes import notice

_NOTHING: Final = (0, 0)


class Leases(Exclusive):
    """What is held of the counters of one connection.

    Guarantees: one at a time is given a number, so they ascend. An interrupt at any moment may
    lose numbers, and repeats none. In a process that was forked off, told or not, nothing is
    held.
    """

    def __init__(self) -> None:
        super().__init__()
        self._one_moment = threading.RLock()
        self.forget()

    def next(self, counter: Hashable, by: int) -> int | None:
        """Return the number *by* above the last one given here of *counter*.

        None if what is held ends before it; then nothing is held any more.
        """
        notice()
        held = self._held  # a child that a signal's handler forks off in here has another one
        with self._one_moment:
            # While it is changed it is not there: a handler in between takes a lease of its own.
            last, end = held.pop(counter, _NOTHING)
            number = last + by
            if number > end:
                return None
            held[counter] = number, end  # before anybody knows the number
        return number

    def more(
        self,
        counter: Hashable,
        by: int,
        size: int,
        take: Callable[[int], int],
        *,
        timeout: float,
    ) -> int:
        """Return what `next` does, from a new lease where there is none.

        ``take(n)`` takes *size* numbers, or *by* if that is more, and returns the last of them.

        Raises:
            Unavailable: as `exclusively` does; also what *take* raises.
        """
        return self.exclusively(self._more, counter, by, size, take, timeout=timeout)

    def _more(self, counter: Hashable, by: int, size: int, take: Callable[[int], int]) -> int:
        held = self._held
        number = self.next(counter, by)  # for which another thread may have taken a lease
        if number is None:
            taken = max(by, size)
            end = take(taken)
            number = end - taken + by
            held[counter] = number, end
        return number

    def without(
        self, counter: Hashable, change: Callable[..., Any], *arguments: Any, timeout: float
    ) -> Any:
        """Return ``change(*arguments)``, after which nothing is held of *counter*.

        Nor is if it fails, for it may have been applied.

        Raises:
            Unavailable: as `exclusively` does; also what *change* raises.
        """
        return self.exclusively(self._without, counter, change, *arguments, timeout=timeout)

    def _without(self, counter: Hashable, change: Callable[..., Any], *arguments: Any) -> Any:
        if owned(self._one_moment):  # in a handler, in the middle of a `next` that puts it back
            self.forget()
        with self._one_moment:
            self._held.pop(counter, None)
        return change(*arguments)  # who needs a lease meanwhile waits for us

    def forget(self) -> None:
        """Hold nothing any more, of any counter."""
        self._held: dict[Hashable, tuple[int, int]] = {}

    def begin_anew(self) -> None:
        """Leave the parent the numbers that it holds."""
        super().begin_anew()
        self._one_moment = threading.RLock()
        self.forget()
