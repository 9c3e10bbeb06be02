"""What a working copy holds: a state of the medium, and what has become of it."""

import copy
from collections.abc import Callable, Mapping
from itertools import takewhile
from typing import Any

from napixd_store.changes import ABSENT, Changes, Expected
from napixd_store.errors import OutcomeUnknown, StoreError
from napixd_store.records import Records


class Held:
    """A state of the medium, as it was loaded and as it is to be.

    Whoever changes it is the only one. It may be interrupted anywhere, so one step decides.
    """

    def __init__(self, loaded: Mapping[str, bytes]) -> None:
        self.base = Records(loaded)  # what the medium held when loaded or saved last
        self.records = Records(loaded)  # what it is to hold
        self.changed: dict[str, None] = {}  # whose records may differ between the two
        self.moved = False  # whether a key of `base` was deleted here and set again
        # What interrupted saves and drops may have written, and may stand there instead of `base`.
        self.unsure: dict[str, list[bytes | None]] = {}
        # By key and record, for the same record may stand under two keys.
        self.values: dict[tuple[str, int], tuple[str, bytes | None, Any]] = {}

    def put_in_order(self) -> None:
        """Let a key that was deleted and set again have its old place, as in the medium."""
        if self.moved:
            known = {**self.base, **self.records}
            self.records = Records((t, known[t]) for t in known if t in self.records)
            self.moved = False

    def differences(self) -> tuple[dict[str, bytes | None], Expected]:
        """Return the changes to `base`, first new keys in their order, and what they expect."""
        base, records = self.base, self.records
        new = dict.fromkeys([*takewhile(lambda text: text not in base, reversed(records))][::-1])
        changes = {
            text: records.get(text)
            for text in {**new, **self.changed}
            if text in self.unsure or records.get(text) != base.get(text)
        }
        return changes, {text: base.get(text, ABSENT) for text in changes}

    def attempt(self, changes: Changes, write: Callable[..., None], *arguments: Any) -> None:
        """Call ``write(*arguments)``, which makes *changes*; broken off, it may have made them."""
        before = self.unsure
        may_be = {text: [*before.get(text, ()), record] for text, record in changes.items()}
        self.unsure = {**before, **may_be}
        try:
            write(*arguments)
        except OutcomeUnknown:
            raise
        except StoreError:
            self.unsure = before  # for it was not applied
            raise

    def saved(self, changes: Changes) -> None:
        """Note that the medium holds *changes*. Until the end, `unsure` tells of them."""
        self.base = self.base.changed(changes)
        self.unsure = {}
        self.changed.clear()

    def settle(self, standing: Mapping[str, bytes | None]) -> bool:
        """Take what we wrote of *standing*, and were interrupted, for saved; return if any was."""
        ours = {
            text: record
            for text, record in standing.items()
            if text in self.unsure and record != self.base.get(text) and record in self.unsure[text]
        }
        self.base = self.base.changed(ours)
        return bool(ours)

    def with_afresh(self, standing: Mapping[str, bytes | None]) -> "Held":
        """Return what else is held, with *standing* as it was loaded now."""
        fresh = copy.copy(self)
        fresh.base = Records(self.base).changed(standing)
        fresh.records = Records(self.records).changed(standing)
        fresh.changed = {text: None for text in self.changed if text not in standing}
        fresh.unsure = {text: r for text, r in self.unsure.items() if text not in standing}
        fresh.moved = True
        return fresh
