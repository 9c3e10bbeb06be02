"""The working copy: what a write-back store holds between loading and `save()`.

It offers a store the same verbs as a backend (`_load`, `_write`, …), over records in memory. So
every mapping operation is written once, and the policy is only *whose* verbs it calls: the
backend's own (write-through) or the working copy's (write-back).

Records are decoded when touched. A touched value is remembered beside the very record it was
decoded from; `save` encodes it again and compares, which is how ``store[k].append(x)``
is noticed. Read-only work on a large collection decodes and encodes nothing else.

Readers take no lock, and a signal's handler may run, or raise, anywhere. So each change is
prepared in ways that show nowhere, and one step decides it.
"""

import operator
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from napixd_store.changes import Changes, Expected, unmet
from napixd_store.errors import Conflict, InvalidValue
from napixd_store.exclusive import Exclusive
from napixd_store.held import Held
from napixd_store.names import encode_key

_Write = Callable[[Changes, Expected], None]


class WorkingCopy(Exclusive):
    """The decoded collection of one write-back store.

    Thread-safe as a mapping; two threads that change one and the same *value* in place are as
    unsafe as they would be with a dict.
    """

    def __init__(
        self,
        load: Callable[..., Mapping[str, bytes]],
        dumps: Callable[[str, Any], bytes],
        loads: Callable[[str, bytes], Any],
        conflict: Callable[[list[str]], Exception],
        where: str,
    ) -> None:
        self._load_from, self._dumps, self._loads = load, dumps, loads
        self._conflict = conflict
        self.place = f"the working copy of {where}"
        self._held: Held | None = None
        super().__init__()

    # --- the verbs of a backend --------------------------------------------------------------

    def _load(self, keys: Collection[str] | None = None) -> Mapping[str, bytes]:
        if keys is None:
            return self.exclusively(self._encoded)
        held = self._loaded()
        with self.lock:
            return held.records.found(keys)

    def _get(self, text: str) -> bytes | None:
        return (self._held or self._loaded()).records.get(text)

    def _write(
        self, changes: Changes, expected: Expected, values: Mapping[str, Any] | None = None
    ) -> None:
        """Apply *changes*; *values* are the objects that reading them is to return."""
        self.exclusively(self._apply, changes, expected, values or {})

    def _scan(self) -> Iterator[tuple[str, bytes]]:
        held = self._loaded()
        if held.moved:
            self.exclusively(held.put_in_order)
        for text in held.records.texts():
            record = held.records.get(text)
            if record is not None:  # deleted since the keys were listed
                yield text, record

    def _count(self) -> int:
        return len(self._loaded().records)

    def _drop(self) -> None:
        self._write(dict.fromkeys(self._loaded().records), {})

    # --- values ------------------------------------------------------------------------------

    def decode(self, text: str, record: bytes) -> Any:
        """Return the value of *record*: the same object each time, as a dict would."""
        values = (self._held or self._loaded()).values
        known = values.get((text, id(record)))
        if known is None:  # of two threads that come here at once, both get the first one's
            read = (text, record, self._loads(text, record))
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

    def save(self, write: _Write) -> None:
        """Have *write* write the differences to what was loaded."""
        self.exclusively(self._save, write)

    def drop(self, drop: Callable[[], None]) -> None:
        """Have *drop* empty the medium, and forget everything."""
        self.exclusively(self._drop_all, drop)

    def unsaved(self) -> bool:
        """Whether there is anything to save."""
        return self.exclusively(self._unsaved)

    def forget(self, texts: Collection[str] = ()) -> None:
        """Drop what is held of *texts*, and read them afresh; without any, drop everything."""
        self.exclusively(self._forget, texts)

    # --- inside: what one thread at a time does ----------------------------------------------

    def _loaded(self) -> Held:
        return self._held or self.exclusively(self._loaded_once)

    def _loaded_once(self) -> Held:
        held = self._held
        if held is None:
            held = self._held = Held(self._load_from())
        return held

    def _apply(self, changes: Changes, expected: Expected, values: Mapping[str, Any]) -> None:
        held = self._loaded_once()
        records = held.records
        # Equal bytes tell nothing here: a value that was changed in place keeps its record
        # until it is saved, and an assignment may have put the same bytes there since.
        if expected and (refused := unmet(expected, records, operator.is_)):
            raise self._conflict(refused)
        replaced = []
        for text in changes:
            if text in records:
                replaced.append((text, records[text]))
            elif text in held.base:
                held.moved = True
        for text, value in values.items():
            record = changes[text]
            held.values[text, id(record)] = (text, record, value)
        held.changed.update(dict.fromkeys(changes))
        held.records = records.changed(changes)  # the step that decides
        for text, record in replaced:
            if record is not changes[text]:
                held.values.pop((text, id(record)), None)

    def _encode_one(self, text: str) -> None:
        held = self._loaded_once()
        record = held.records.get(text)
        known = held.values.get((text, id(record)))
        if record is None or known is None:
            return
        value = known[2]
        now = self._dumps(text, value)
        # A record that others wrote may differ in form from what we would have written.
        if now != record and now != self._dumps(text, self._loads(text, record)):
            self._apply({text: now}, {}, {text: value})

    def _encoded(self) -> Mapping[str, bytes]:
        held = self._loaded_once()
        for text, record, _value in list(held.values.values()):
            if held.records.get(text) is record:
                self._encode_one(text)
            else:  # deleted, or replaced by a later assignment
                held.values.pop((text, id(record)), None)
        held.put_in_order()
        return dict(held.records)

    def _lend(self, text: str, record: bytes) -> bytes:
        held = self._loaded_once()
        if held.records.get(text) is not record:
            raise self._conflict([text])
        self._encode_one(text)
        record = held.records[text]
        held.values.pop((text, id(record)), None)
        return record

    def _give_back(self, text: str, record: bytes, value: Any, before: bytes) -> None:
        held = self._loaded_once()
        with suppress(InvalidValue):
            self._encode_one(text)
            if held.records.get(text) is record and self._dumps(text, value) == before:
                held.values[text, id(record)] = (text, record, value)

    def _save(self, write: _Write) -> None:
        held = self._held
        if held is None:
            return
        self._encoded()
        while True:
            changes, expected = held.differences()
            try:
                if changes:
                    held.attempt(changes, write, changes, expected)
                held.saved(changes)
                return
            except Conflict as conflict:
                if not held.settle(self._standing(map(encode_key, conflict.keys))):
                    raise

    def _drop_all(self, drop: Callable[[], None]) -> None:
        held = self._held
        if held is None:
            drop()
            return
        gone = dict.fromkeys(held.base)
        held.changed.update(gone)  # if it is broken off, `save` is to write all of them anew
        held.attempt(gone, drop)
        self._held = None

    def _unsaved(self) -> bool:
        held = self._held
        if held is None:
            return False
        self._encoded()
        return bool(held.differences()[0])

    def _forget(self, texts: Collection[str]) -> None:
        held = self._held
        if held is not None:
            self._held = held.with_afresh(self._standing(texts)) if texts else None

    def _standing(self, texts: Iterable[str]) -> dict[str, bytes | None]:
        """Return what stands in the medium of *texts*."""
        asked = list(texts)
        found = self._load_from(asked)
        return {text: found.get(text) for text in asked}
