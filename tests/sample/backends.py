"""Backends that fail in one way each, for the routes to answer."""

from collections.abc import Callable
from typing import Any, ClassVar

from napixd_store import OutcomeUnknown, StoreFull, Unavailable
from napixd_store.backends.memory import MemoryStore
from napixd_store.changes import Changes, Expected
from napixd_store.deadline import deadline, stamped

LATE = 10**13
"""Milliseconds since 1970, in the year 2286."""


class ContestedStore(MemoryStore[Any]):
    """Between the read and the write of an edit another writer gets in, a few times for a key."""

    rivals: ClassVar[int] = 4

    def _write(self, changes: Changes, expected: Expected) -> None:
        for text, record in expected.items():
            if isinstance(record, bytes) and (deadline(record) or LATE) < LATE + self.rivals:
                longer = stamped(record, (deadline(record) or LATE) + 1)
                super()._write({text: longer}, {})  # as a touch: the value is the same
        super()._write(changes, expected)


class EmbattledStore(ContestedStore):
    """The same, more often than anybody has patience for."""

    rivals = 1_000_000


class LateStore(MemoryStore[Any]):
    """Somebody gets in once, right before a value is taken away."""

    rival: ClassVar[Callable[..., object] | None] = None

    def _write(self, changes: Changes, expected: Expected) -> None:
        rival, LateStore.rival = LateStore.rival, None
        if rival:
            (key,) = changes
            rival(self, key)
        super()._write(changes, expected)


class UnavailableStore(MemoryStore[Any]):
    """The medium takes no writes."""

    def _write(self, changes: Changes, expected: Expected) -> None:
        raise Unavailable("nobody answers; nothing was changed")


class BreakingStore(MemoryStore[Any]):
    """The medium breaks off in the middle of a write."""

    def _write(self, changes: Changes, expected: Expected) -> None:
        raise OutcomeUnknown("it broke off; the change may or may not be stored")


class FullStore(MemoryStore[Any]):
    """The medium has no room."""

    def _write(self, changes: Changes, expected: Expected) -> None:
        raise StoreFull("no room; nothing was changed")
