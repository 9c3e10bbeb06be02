"""The base of all counters: what is checked and derived once, whatever keeps the number."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from napixd_store.connections import Connection, Opener, connect
from napixd_store.errors import ConfigError, InvalidValue
from napixd_store.integers import exact, in_range
from napixd_store.names import check_name
from napixd_store.options import bind
from napixd_store.reopening import Reopenable

MOST: Final = 1_000_000
"""The longest lease: nine million million of them fit into 64 bits."""


def counter_options(*, lease: int = 1) -> None:
    """Declare the options that every counter takes besides those of its connection.

    Args:
        lease: take so many numbers from the medium at a time, from 1 to 1,000,000.
    """


class CounterBackend(Reopenable):
    """An integer kept under a *name*, which outlives the process.

    A backend writes four methods: ``_value()``, ``_increment(by)``, ``_reset(to)`` and
    ``_drop()``, each atomic in its medium; it never reads first and writes then. It lists its
    ``counters``.

    Guarantees: safe from any thread, process and forked child. Numbers that `increment` returns
    never repeat as long as every step is positive and nobody resets or drops; what an
    acknowledged one survives is `durability`. A skipped number is possible after a crash, a
    repeated one is not.

    ``with counter as n:`` is a gauge: +1 on entering, −1 on leaving, also on an exception. A
    process that dies inside the block leaves the gauge one too high: repair it with `reset`. So
    may an exception out of a signal's handler on the way in or out.

    With ``lease=100`` a process takes a hundred numbers in one write, and gives them from memory.
    The numbers of one process ascend, those of several are mixed, none is ever given twice, and
    who ends leaves a gap. `value` is then the highest number that anybody took. It counts up
    only, so it is no gauge. All handles whose other options are equal share what is held; a forked
    child, told or not, holds nothing; `reset`, `drop` and `napixd_store.close_all` give it up.

    A copy, and a pickle in another process, is another counter of the same name, see
    `napixd_store.reopening`.

    >>> from napixd_store.backends.memory import MemoryCounter
    >>> ids = MemoryCounter("ids", {})
    >>> "scp-%03i" % ids.increment()
    'scp-001'
    >>> ids.reset()
    1
    >>> leased = MemoryCounter("ids", {"lease": 100})
    >>> leased.increment(), leased.increment(by=5), leased.value
    (1, 6, 100)
    >>> leased.drop()
    """

    opener: ClassVar[Opener] = Connection
    """Makes the connection; its keyword-only arguments are the backend's own options."""

    _name = "?"  # until __init__ is done, for a repr in its traceback
    _connection: Any = Connection()

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        """Raise `InvalidName` or `ConfigError`; no I/O, so the medium may be down."""
        self._name = check_name(name, "counter")
        cls, beside = type(self), ("backend", "name")
        own, common = bind(cls.__name__, options, cls.opener, counter_options, beside=beside)
        self._lease: int = common.get("lease", 1)
        if not 1 <= self._lease <= MOST:
            raise ConfigError(f"{cls.__name__}: the option 'lease' must be from 1 to {MOST:,}")
        self._opened = name, {**own, **common}
        self._leased = cls, name
        self._connection = connect(cls.opener, own)

    def _value(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} has no _value()")

    def _increment(self, by: int) -> int:
        raise NotImplementedError(f"{type(self).__name__} has no _increment(by)")

    def _reset(self, to: int) -> int:
        raise NotImplementedError(f"{type(self).__name__} has no _reset(to)")

    def _drop(self) -> None:
        raise NotImplementedError(f"{type(self).__name__} has no _drop()")

    @classmethod
    def counters(cls, options: Mapping[str, Any]) -> list[str]:
        """Return the names of the counters that are there, as their users know them.

        *options* are those that a counter is opened with.
        """
        raise NotImplementedError(f"{cls.__name__} has no counters(options)")

    @classmethod
    def _reached(cls, options: Mapping[str, Any]) -> Any:
        """Return the connection of a counter with these *options*."""
        own, _common = bind(cls.__name__, options, cls.opener, counter_options, beside=("backend",))
        return connect(cls.opener, own)

    @property
    def name(self) -> str:
        """The name given when it was opened."""
        return self._name

    @property
    def durability(self) -> str:
        """What an acknowledged increment survives, one of ``memory process power replicated``."""
        return str(self._connection.durability)

    @property
    def lease(self) -> int:
        """How many numbers are taken from the medium at a time."""
        return self._lease

    @property
    def value(self) -> int:
        """The present value; 0 when new. With ``lease=``, the highest number that was taken."""
        return self._value()

    def increment(self, by: int = 1) -> int:
        """Add *by* and return the number that this very call produced.

        With ``lease=`` it asks the medium only where this process holds fewer: then it gives these
        up, and takes a lease, or *by* numbers if that is more. Who steps by 5 has the five numbers
        up to the one returned.

        Raises:
            InvalidValue: *by* is not exactly an int; with ``lease=`` also if it is below 1.
            CounterOverflow: the sum, with ``lease=`` that of a whole lease, would leave
                −2**63 … 2**63−1; the value is unchanged.
            OutcomeUnknown: it may have been counted. Ask for another number: this one, with
                ``lease=`` a whole lease, is then a gap.
        """
        exact(by, "by")
        if self._lease == 1:
            return self._take(by)
        if by < 1:
            raise self._counts_up_only()
        connection = self._connection
        number: int | None = connection.leases.next(self._leased, by)
        if number is None:
            number = connection.leases.more(
                self._leased, by, self._lease, self._take, timeout=connection.timeout
            )
        return number

    def decrement(self, by: int = 1) -> int:
        """Subtract *by* and return the number that this very call produced.

        Raises:
            InvalidValue, CounterOverflow: as `increment` does; with ``lease=`` it counts up only.
        """
        return self.increment(-exact(by, "by"))

    def reset(self, to: int = 0) -> int:
        """Set the value to *to* and return the old one, in one atomic step.

        With ``lease=`` this process gives up what it holds, also if it fails: the next number is
        ``to + 1`` or more. Other processes go on with what they hold, so a lower value is safe
        once they have ended, and a higher one at any time.
        """
        to = in_range(exact(to, "to"), self._where())
        old: int = self._without_lease(self._reset, to)
        return old

    def drop(self) -> None:
        """Remove the counter from the medium, in one atomic step; silent when absent.

        It is 0 again, as a new one is, and no list of counters names it until somebody counts on
        it. So the next number is 1, and numbers repeat, as after `reset`; leases are as there.
        """
        self._without_lease(self._drop)

    def __enter__(self) -> int:
        if self._lease > 1:
            raise self._counts_up_only()
        return self.increment()

    def __exit__(self, *exception: object) -> None:
        self.decrement()

    def _take(self, by: int) -> int:
        return self._increment(in_range(by, self._where()))

    def _without_lease(self, change: Callable[..., Any], *arguments: int) -> Any:
        connection = self._connection
        return connection.leases.without(
            self._leased, change, *arguments, timeout=connection.timeout
        )

    def _counts_up_only(self) -> InvalidValue:
        return InvalidValue(
            f"{self._where()}: with lease={self._lease} it counts up only, by 1 or more; nothing "
            f"was changed: a counter that also counts down takes no lease"
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._name!r} in {self._connection.place}>"

    def _where(self) -> str:
        return f"{type(self).__name__} {self._name!r} in {self._connection.place}"
