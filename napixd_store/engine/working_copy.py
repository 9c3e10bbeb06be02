"""The working copy: what a write-back store holds between loading and `save()`.

It offers a store the same verbs as a backend (`_load`, `_write`, …), over records in memory. So
every mapping operation is written once, and the policy is only *whose* verbs it calls: the
backend's own (write-through) or the working copy's (write-back).

Records are decoded when touched. A touched value is remembered beside the very record it was
decoded from; saving encodes it again and compares, which is how ``store[k].append(x)``
is noticed. Read-only work on a large collection decodes and encodes nothing else.

Readers take no lock, and a signal's handler may run, or raise, anywhere. So each change is
prepared in ways that show nowhere, and one step decides it.
"""

import operator
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from napixd_store.changes import Changes, Expected, unmet
from napixd_store.deadline import AFTER, MARK, ending_as
from napixd_store.engine.records import between
from napixd_store.engine.tracker import ChangeTracker
from napixd_store.errors import InvalidValue
from napixd_store.exclusive import Exclusive
from napixd_store.names import Span


class WorkingCopy(Exclusive):
    """The decoded collection of one write-back store.

    Thread-safe as a mapping; two threads that change one and the same *value* in place are as
    unsafe as they would be with a dict.
    """

    policy = "write-back"

    def __init__(self, store: Any) -> None:
        """Take the *store* of which this is the copy: its verbs are those of the medium."""
        self.store = store
        self._tracker: ChangeTracker | None = None
        super().__init__()

    @property
    def place(self) -> str:  # type: ignore[override]  # nobody sets it
        """Where the data is, for messages."""
        return f"the working copy of {self.store._where()}"

    # --- the verbs of a backend --------------------------------------------------------------

    def _load(self, keys: Collection[str] | None = None) -> Mapping[str, bytes]:
        if keys is None:
            return self.exclusively(self._encoded)
        tracker = self._loaded()
        with self.lock:
            return tracker.records.found(keys)

    def _get(self, text: str) -> bytes | None:
        return (self._tracker or self._loaded()).records.get(text)

    def _front(self, text: str) -> bytes | None:
        return self._get(text)

    def _write(
        self, changes: Changes, expected: Expected, values: Mapping[str, Any] | None = None
    ) -> None:
        """Apply *changes*; *values* are the objects that reading them is to return."""
        self.exclusively(self._apply, changes, expected, values or {})

    def _scan(self) -> Iterator[tuple[str, bytes]]:
        tracker = self._loaded()
        if tracker.moved:
            self.exclusively(tracker.put_in_order)
        yield from self._still_there(tracker, tracker.records.texts())

    def _fronts(self) -> Iterator[tuple[str, bytes]]:
        return self._scan()

    def _range(self, span: Span, reverse: bool, limit: int | None) -> Iterator[tuple[str, bytes]]:
        tracker = self._loaded()
        return self._still_there(tracker, between(list(tracker.records), span, reverse))

    def _still_there(
        self, tracker: ChangeTracker, texts: Iterable[str]
    ) -> Iterator[tuple[str, bytes]]:
        for text in texts:
            record = tracker.records.get(text)
            if record is not None:  # deleted since the keys were listed
                yield text, record

    def _count(self) -> int:
        tracker = self._loaded()
        if not tracker.ends:
            return len(tracker.records)
        return sum(not self.store._is_over(record) for record in tracker.records.copy().values())

    def _drop(self) -> None:
        self._write(dict.fromkeys(self._loaded().records), {})

    # --- values ------------------------------------------------------------------------------

    def decode(self, text: str, record: bytes) -> Any:
        """Return the value of *record*: the same object each time, as a dict would."""
        values = (self._tracker or self._loaded()).values
        known = values.get((text, id(record)))
        if known is None:  # of two threads that come here at once, both get the first one's
            read = (text, record, self.store._loads(text, record))
            known = values.setdefault((text, id(record)), read)
        return known[2]

    def lend(self, text: str, record: bytes) -> bytes:
        """Take the value of *record* out of here, for a block that works on it alone.

        Return the record that stands for it meanwhile: whoever reads it gets another object.

        Raises:
            Conflict: another value was assigned meanwhile.
        """
        return self.exclusively(self._lend, text, record)

    def give_back(self, text: str, record: bytes, value: Any, before: bytes) -> None:
        """Let *value* be that of *record* again, if both are as they were: *before*, encoded."""
        self.exclusively(self._give_back, text, record, value, before)

    def encode(self, text: str) -> None:
        """Notice what was done in place to the value under *text*."""
        self.exclusively(self._encode_one, text)

    # --- saving ------------------------------------------------------------------------------

    def pending(self) -> ChangeTracker | None:
        """Return what `commit` is to save, whoever calls it being alone in here."""
        if self._tracker is not None:
            self._encoded()
        return self._tracker

    def settle(self, tracker: ChangeTracker, texts: Iterable[str]) -> bool:
        """Take for the medium's what a conflict over *texts* is none for; return if any was."""
        standing = self._standing(texts)
        return tracker.settle(standing) or self._settle_swept(tracker, standing)

    def drop(self) -> None:
        """Empty the medium, and forget everything."""
        self.exclusively(self._drop_all)

    def tend(self, written: int) -> None:
        """Have the collection swept, if it is time, after so many records were *written*."""
        self.store._tend(written, some_end=self._tracker is not None and self._tracker.ends)

    def unsaved(self) -> bool:
        """Whether there is anything to save."""
        return self.exclusively(self._unsaved)

    def forget(self, texts: Collection[str] = ()) -> None:
        """Drop the changes of *texts* and read them afresh; without any, forget everything."""
        self.exclusively(self._forget, texts)

    # --- inside: what one thread at a time does ----------------------------------------------

    def _loaded(self) -> ChangeTracker:
        return self._tracker or self.exclusively(self._loaded_once)

    def _loaded_once(self) -> ChangeTracker:
        tracker = self._tracker
        if tracker is None:
            tracker = self._tracker = ChangeTracker(self.store._load())
        return tracker

    def _apply(self, changes: Changes, expected: Expected, values: Mapping[str, Any]) -> None:
        tracker = self._loaded_once()
        records = tracker.records
        # Equal bytes tell nothing here: a value that was changed in place keeps its record
        # until it is saved, and an assignment may have put the same bytes there since.
        if expected and (refused := unmet(expected, records, operator.is_)):
            raise self.store._conflict(refused)
        replaced = []
        for text in changes:
            if text in records:
                replaced.append((text, records[text]))
            elif text in tracker.base:
                tracker.moved = True
        for text, value in values.items():
            record = changes[text]
            tracker.values[text, id(record)] = (text, record, value)
            if record and AFTER > record > MARK:
                tracker.ends = True
        tracker.changed.update(dict.fromkeys(changes))
        tracker.records = records.changed(changes)  # the step that decides
        for text, record in replaced:
            if record is not changes[text]:
                tracker.values.pop((text, id(record)), None)

    def _encode_one(self, text: str) -> None:
        tracker = self._loaded_once()
        record = tracker.records.get(text)
        known = tracker.values.get((text, id(record)))
        if record is None or known is None:
            return
        value = known[2]
        now = ending_as(record, self.store._dumps(text, value))
        if now == record:
            return
        # A record that others wrote may differ in form from what we would have written.
        if now != ending_as(record, self.store._dumps(text, self.store._loads(text, record))):
            self._apply({text: now}, {}, {text: value})

    def _encoded(self) -> Mapping[str, bytes]:
        tracker = self._loaded_once()
        for text, record, _value in list(tracker.values.values()):
            if tracker.records.get(text) is record:
                self._encode_one(text)
            else:  # deleted, or replaced by a later assignment
                tracker.values.pop((text, id(record)), None)
        tracker.put_in_order()
        return dict(tracker.records)

    def _lend(self, text: str, record: bytes) -> bytes:
        tracker = self._loaded_once()
        if tracker.records.get(text) is not record:
            raise self.store._conflict([text])
        self._encode_one(text)
        record = tracker.records[text]
        tracker.values.pop((text, id(record)), None)
        return record

    def _give_back(self, text: str, record: bytes, value: Any, before: bytes) -> None:
        tracker = self._loaded_once()
        with suppress(InvalidValue):
            self._encode_one(text)
            if tracker.records.get(text) is record and self.store._dumps(text, value) == before:
                tracker.values[text, id(record)] = (text, record, value)

    def _settle_swept(self, tracker: ChangeTracker, standing: Mapping[str, bytes | None]) -> bool:
        """Take for absent what was past its deadline and is gone; return if any was."""
        swept = {
            text: None
            for text, record in standing.items()
            if record is None and text in tracker.base and self.store._is_over(tracker.base[text])
        }
        tracker.base = tracker.base.changed(swept)
        return bool(swept)

    def _drop_all(self) -> None:
        tracker = self._tracker
        if tracker is None:
            self.store._drop()
            return
        gone = dict.fromkeys(tracker.base)
        tracker.changed.update(gone)  # if it is broken off, `save` is to write all of them anew
        tracker.attempt(gone, self.store._drop)
        self._tracker = None

    def _unsaved(self) -> bool:
        tracker = self._tracker
        if tracker is None:
            return False
        self._encoded()
        return bool(tracker.differences()[0])

    def _forget(self, texts: Collection[str]) -> None:
        tracker = self._tracker
        if tracker is not None:
            self._tracker = tracker.with_afresh(self._standing(texts)) if texts else None

    def _standing(self, texts: Iterable[str]) -> dict[str, bytes | None]:
        """Return what stands in the medium of *texts*."""
        asked = list(texts)
        found = self.store._load(asked)
        return {text: found.get(text) for text in asked}
