"""The base of all counters: what is checked and derived once, whatever keeps the number."""

from collections.abc import Mapping
from typing import Any, ClassVar

from napixd_store.connections import Connection, Opener, connect
from napixd_store.integers import exact, in_range
from napixd_store.names import check_name
from napixd_store.options import bind
from napixd_store.reopening import Reopenable


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

    A copy, and a pickle in another process, is another counter of the same name, see
    `napixd_store.reopening`.

    >>> from napixd_store.backends.memory import MemoryCounter
    >>> ids = MemoryCounter("ids", {})
    >>> "scp-%03i" % ids.increment()
    'scp-001'
    >>> ids.reset()
    1
    >>> ids.drop()
    """

    opener: ClassVar[Opener] = Connection
    """Makes the connection; its keyword-only arguments are the backend's options."""

    _name = "?"  # until __init__ is done, for a repr in its traceback
    _connection: Any = Connection()

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        """Raise `InvalidName` or `ConfigError`; no I/O, so the medium may be down."""
        self._name = check_name(name, "counter")
        beside = ("backend", "name")
        (own,) = bind(type(self).__name__, options, type(self).opener, beside=beside)
        self._opened = name, own
        self._connection = connect(type(self).opener, own)

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
        (own,) = bind(cls.__name__, options, cls.opener, beside=("backend",))
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
    def value(self) -> int:
        """The present value; 0 when new."""
        return self._value()

    def increment(self, by: int = 1) -> int:
        """Add *by* and return the number that this very call produced.

        Raises:
            InvalidValue: *by* is not exactly an int.
            CounterOverflow: the sum would leave −2**63 … 2**63−1; the value is unchanged.
        """
        return self._increment(in_range(exact(by, "by"), self._where()))

    def decrement(self, by: int = 1) -> int:
        """Subtract *by* and return the number that this very call produced."""
        return self.increment(-exact(by, "by"))

    def reset(self, to: int = 0) -> int:
        """Set the value to *to* and return the old one, in one atomic step."""
        return self._reset(in_range(exact(to, "to"), self._where()))

    def drop(self) -> None:
        """Remove the counter from the medium, in one atomic step; silent when absent.

        It is 0 again, as a new one is, and no list of counters names it until somebody counts on
        it. So the next number is 1, and numbers repeat, as after `reset`.
        """
        self._drop()

    def __enter__(self) -> int:
        return self.increment()

    def __exit__(self, *exception: object) -> None:
        self.decrement()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._name!r} in {self._connection.place}>"

    def _where(self) -> str:
        return f"{type(self).__name__} {self._name!r} in {self._connection.place}"
