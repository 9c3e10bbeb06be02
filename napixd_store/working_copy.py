"""The working copy: what a write-back store holds between loading and `save()`.

It offers a store the same verbs as a backend (`_load`, `_write`, …), over records in memory. So
every mapping operation is written once, and the policy is only *whose* verbs it calls: the
backend's own (write-through) or the working copy's (write-back).

Records are decoded when touched. A touched value is remembered beside the very record it was
decoded from; `changes` encodes it again and compares, which is how ``store[k].append(x)``
is noticed. Read-only work on a large collection decodes and encodes nothing else.
"""

import operator
import threading
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from napixd_store.changes import ABSENT, Changes, Expected, unmet
from napixd_store.processes import on_new_process

_Refuse = Callable[[list[str]], Exception]


class WorkingCopy:
    """The decoded collection of one write-back store.

    Thread-safe as a mapping; two threads that change one and the same *value* in place are as
    unsafe as they would be with a dict.
    """

    def __init__(
        self,
        load: Callable[[], Mapping[str, bytes]],
        dumps: Callable[[str, Any], bytes],
        loads: Callable[[str, bytes], Any],
        conflict: _Refuse,
    ) -> None:
        self._load_all = load
        self._dumps, self._loads, self._conflict = dumps, loads, conflict
        self._records: dict[str, bytes] | None = None
        self._found: dict[str, bytes | None] = {}  # of changed keys: what stood there when loaded
        self._touched: dict[str, tuple[bytes, Any]] = {}
        self.lock = threading.RLock()
        _copies.add(self)

    # --- the verbs of a backend --------------------------------------------------------------

    def _load(self, keys: Collection[str] | None = None) -> Mapping[str, bytes]:
        records = self._loaded()
        if keys is None:
            return dict(records)
        return {text: records[text] for text in keys if text in records}

    def _get(self, text: str) -> bytes | None:
        return self._loaded().get(text)

    def _write(self, changes: Changes, expected: Expected) -> None:
        with self.lock:
            records = self._loaded()
            # Equal bytes tell nothing here: a value that was changed in place keeps its record
            # until it is saved, and an assignment may have put the same bytes there since.
            refused = unmet(expected, records, operator.is_)
            if refused:
                raise self._conflict(refused)
            for text, record in changes.items():
                self._found.setdefault(text, records.get(text))
                if record is None:
                    records.pop(text, None)
                else:
                    records[text] = record

    def _scan(self) -> Iterator[tuple[str, bytes]]:
        return iter(self._load().items())

    def _count(self) -> int:
        return len(self._loaded())

    def _drop(self) -> None:
        self._write(dict.fromkeys(self._load()), {})

    # --- values ------------------------------------------------------------------------------

    def decode(self, text: str, record: bytes) -> Any:
        """Return the value of *record*: the same object each time, as a dict would."""
        known = self._touched.get(text)
        if known is not None and known[0] is record:
            return known[1]
        with self.lock:
            known = self._touched.get(text)
            if known is None or known[0] is not record:
                known = self._touched[text] = (record, self._loads(text, record))
            return known[1]

    def remember(self, text: str, record: bytes, value: Any) -> None:
        """Let *value*, just assigned, be what reading *record* returns."""
        self._touched[text] = (record, value)

    # --- saving ------------------------------------------------------------------------------

    def changes(self) -> tuple[dict[str, bytes | None], Expected]:
        """Return the differences to what was loaded, and what they expect to find."""
        if self._records is None:
            return {}, {}
        self._encode_touched()
        changed = {
            text: self._records.get(text)
            for text, found in self._found.items()
            if self._records.get(text) != found
        }
        expected: Expected = {
            text: ABSENT if (found := self._found[text]) is None else found for text in changed
        }
        return changed, expected

    def saved(self) -> None:
        """Take the present state for what the medium holds: `changes` was written."""
        self._found.clear()

    def forget(self) -> None:
        """Drop everything; the next operation loads afresh."""
        with self.lock:
            self._records = None
            self._found.clear()
            self._touched.clear()

    def _encode_touched(self) -> None:
        records = self._loaded()
        for text, (record, value) in list(self._touched.items()):
            if records.get(text) is not record:
                del self._touched[text]  # deleted, or replaced by a later assignment
                continue
            now = self._dumps(text, value)
            # A record that others wrote may differ in form from what we would have written.
            if now != record and now != self._dumps(text, self._loads(text, record)):
                self._found.setdefault(text, record)
                records[text] = now
                self._touched[text] = (now, value)

    def _loaded(self) -> dict[str, bytes]:
        records = self._records
        if records is None:
            with self.lock:
                if self._records is None:
                    self._records = dict(self._load_all())
                records = self._records
        return records


_copies: weakref.WeakSet[WorkingCopy] = weakref.WeakSet()


def _renew_locks() -> None:
    # In a forked child no other thread is alive to release a lock it held at the fork.
    for copy in list(_copies):
        copy.lock = threading.RLock()


on_new_process(_renew_locks)
