"""Backends that fail in one way each, for the routes to answer."""

from collections.abc import Callable
from typing import Any, ClassVar

from napixd_store import OutcomeUnknown, StoreFull, Unavailable
from napixd_store.backends.memory import MemoryStore
from napixd_store.changes import Changes, Expected


class ContestedStore(MemoryStore[Any]):
    """Between the read and the write of an edit another writer gets in, a few times for a key."""

    rivals: ClassVar[int] = 4

    def _write(self, changes: Changes, expected: Expected) -> None:
        for text, record in expected.items():
            if isinstance(record, bytes) and not record.endswith(b" " * self.rivals):
                super()._write({text: record + b" "}, {})  # another record of an equal value
        super()._write(changes, expected)


class EmbattledStore(ContestedStore):
    """The same, more often than anybody repeats."""

    rivals = 1_000


class LateStore(MemoryStore[Any]):
    """Somebody gets in once, right before a value is taken away."""

    rival: ClassVar[Callable[..., object] | None] = None

    def pop(self, key: Any, *default: Any) -> Any:
        rival, LateStore.rival = LateStore.rival, None
        if rival:
            rival(self, key)
        return super().pop(key, *default)


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
