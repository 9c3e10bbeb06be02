"""The changes of a working copy: what was loaded, what it is now, and so what is to be saved."""

import copy
from collections import deque
from collections.abc import Callable, Mapping
from itertools import takewhile
from typing import Any

from napixd_store.changes import ABSENT, Changes, Expected
from napixd_store.deadline import has_deadline
from napixd_store.engine.records import Records
from napixd_store.errors import OutcomeUnknown, StoreError


class ChangeTracker:
    """The records of the medium as they were loaded, as they are to be, and their values.

    Either the *whole* collection is loaded, or keys are noted one by one; then all that were are
    expected to be as they were. One thread at a time changes it. It may be interrupted anywhere,
    so one step decides.
    """

    def __init__(self, loaded: Mapping[str, bytes], *, whole: bool = True) -> None:
        self.base = Records(loaded)  # what the medium held when loaded or saved last
        self.records = Records(loaded)  # what it is to hold
        self.whole = whole
        self.read: dict[str, None] = {}  # else of which keys `base` tells what stood there
        self.changed: dict[str, None] = {}  # whose records may differ between the two
        self.ends = any(map(has_deadline, loaded.values()))  # whether a record may have a deadline
        self.moved = False  # whether a key of `base` was deleted here and set again
        # What interrupted saves and drops may have written, and may stand there instead of `base`.
        self.unsure: dict[str, list[bytes | None]] = {}
        # By key and record, for the same record may stand under two keys.
        self.values: dict[tuple[str, int], tuple[str, bytes | None, Any]] = {}

    def knows(self, text: str) -> bool:
        """Return whether it is known here what is to stand under *text*."""
        return self.whole or text in self.read or text in self.records

    def note(self, found: Mapping[str, bytes | None]) -> None:
        """Note what stands in the medium under keys, unless they were read before."""
        new = {text: record for text, record in found.items() if text not in self.read}
        base = {text: record for text, record in new.items() if record is not None}
        unchanged = {text: record for text, record in base.items() if text not in self.records}
        self.ends = self.ends or any(map(has_deadline, base.values()))
        # In one call: an interrupt in between would leave a key that is known, and not as read.
        noted: list[Any] = [base, unchanged, dict.fromkeys(new)]
        update: Callable[[Any, Any], None] = dict.update
        deque(map(update, [self.base, self.records, self.read], noted), 0)

    def put_in_order(self) -> None:
        """Let a key that was deleted and set again have its old place, as in the medium."""
        if self.moved:
            known = {**self.base, **self.records}
            self.records = Records((t, known[t]) for t in known if t in self.records)
            self.moved = False

    def differences(self) -> tuple[dict[str, bytes | None], Expected]:
        """Return the changes to `base`, first new keys in their order, and what they expect."""
        base, records = self.base, self.records
        # What was read last does not stand last in the medium.
        chosen = takewhile if self.whole else filter
        new = dict.fromkeys([*chosen(lambda text: text not in base, reversed(records))][::-1])
        changes = {
            text: records.get(text)
            for text in {**new, **self.changed}
            if text in self.unsure or records.get(text) != base.get(text)
        }
        asked = changes if self.whole else self.read
        return changes, {text: base.get(text, ABSENT) for text in asked}

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

    def with_afresh(self, standing: Mapping[str, bytes | None]) -> "ChangeTracker":
        """Return the same, but with *standing* as it was loaded now."""
        fresh = copy.copy(self)
        fresh.base = Records(self.base).changed(standing)
        fresh.records = Records(self.records).changed(standing)
        fresh.read = {**self.read, **dict.fromkeys(standing)}
        fresh.changed = {text: None for text in self.changed if text not in standing}
        fresh.unsure = {text: r for text, r in self.unsure.items() if text not in standing}
        fresh.ends = self.ends or any(map(has_deadline, filter(None, standing.values())))
        fresh.moved = True
        return fresh
