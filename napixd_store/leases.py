"""Leases: numbers that this process took from a counter in one step, and has yet to give.

The medium counts all of a lease at once, so no other process is ever given a number of it. What
is held here is never written: whoever ends or begins anew leaves a gap.
"""

from collections.abc import Callable, Hashable
from typing import Any, Final

from napixd_store.exclusive import Exclusive

_NOTHING: Final = (0, 0)


class Leases(Exclusive):
    """What is held of the counters of one connection.

    Guarantees: one at a time is given a number, so they ascend. An interrupt at any moment may
    lose numbers, and repeats none. In a process that was forked off, told or not, nothing is
    held.
    """

    def __init__(self) -> None:
        super().__init__()
        self.forget()

    def give(
        self,
        counter: Hashable,
        by: int,
        size: int,
        take: Callable[[int], int],
        *,
        timeout: float,
    ) -> int:
        """Return the number that is *by* above the last one given here of *counter*.

        Where the lease ends before it, ``take(n)`` takes *size* numbers, or *by* if that is more,
        and returns the last of them.

        Raises:
            Unavailable: as `exclusively` does; also what *take* raises. What was held still is.
        """
        return self.exclusively(self._give, counter, by, size, take, timeout=timeout)

    def _give(self, counter: Hashable, by: int, size: int, take: Callable[[int], int]) -> int:
        held = self._held  # a child that a signal's handler forks off in here has another one
        last, end = held.get(counter, _NOTHING)
        number = last + by
        if number > end:
            taken = max(by, size)
            end = take(taken)
            number = end - taken + by
        held[counter] = number, end  # in one step, and before anybody knows the number
        return number

    def without(
        self, counter: Hashable, change: Callable[..., Any], *arguments: Any, timeout: float
    ) -> Any:
        """Return ``change(*arguments)``, after which nothing is held of *counter*.

        Raises:
            Unavailable: as `exclusively` does; also what *change* raises. Nothing is held then
                either, for it may have been applied.
        """
        return self.exclusively(self._without, counter, change, *arguments, timeout=timeout)

    def _without(self, counter: Hashable, change: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return change(*arguments)
        finally:
            self._held.pop(counter, None)

    def forget(self) -> None:
        """Hold nothing any more, of any counter."""
        self._held: dict[Hashable, tuple[int, int]] = {}

    def begin_anew(self) -> None:
        """Leave the parent the numbers that it holds."""
        super().begin_anew()
        self.forget()
