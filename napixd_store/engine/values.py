"""Values to records and back, with errors that say where."""

from collections.abc import Mapping
from typing import Any, TypeVar

from napixd_store.changes import Expected
from napixd_store.deadline import AFTER, MARK, bare, stamped
from napixd_store.engine.deadlines import DeadlineMethods
from napixd_store.errors import Conflict, CorruptData, InvalidValue
from napixd_store.names import decode_key
from napixd_store.serializers import Serializer

V = TypeVar("V")


class ValueMethods(DeadlineMethods[V]):
    """What the rooms do with values: a record is what a backend sees of one."""

    _serializer: Serializer
    _max_bytes: int

    def _put(
        self, values: Mapping[str, V], expected: Expected, until: int | None = None
    ) -> dict[str, bytes]:
        try:
            records = self._serializer.dumps_many(values)
            refused = max(map(len, records.values())) > self._max_bytes
        except InvalidValue:
            records, refused = {}, True
        if refused:  # by the serializer, which does not know where; so once more, to say it
            records = {text: self._dumps(text, value) for text, value in values.items()}
        if until is not None:
            records = {text: stamped(record, until) for text, record in records.items()}
        if self._copy is not None:
            self._copy._write(records, expected, values)
            return records
        try:
            self._write(records, expected)
        except Conflict:
            instead = self._without_swept(expected)
            if instead == expected:
                raise
            self._write(records, instead)
        if until is not None or self._connection.sweeps:
            self._tend(len(records), some_end=until is not None)
        return records

    def _decode(self, text: str, record: bytes) -> V:
        copy = self._copy
        value: V = self._loads(text, record) if copy is None else copy.decode(text, record)
        return value

    def _dumps(self, text: str, value: Any) -> bytes:
        """Return *value* as a record without its deadline."""
        try:
            record = self._serializer.dumps(text, value)
        except InvalidValue as exc:
            message = f"{self._where(text)}: {exc}; nothing was changed"
            raise InvalidValue(message, refused=(value,)) from exc
        if len(record) > self._max_bytes:
            raise InvalidValue(
                f"{self._where(text)}: the value takes {len(record)} bytes, more than "
                f"max_value_bytes={self._max_bytes}; nothing was changed",
                refused=(value,),
            )
        return record

    def _loads(self, text: str, record: bytes) -> Any:
        try:
            if AFTER > record > MARK:
                record = bare(record)
            return self._serializer.loads(text, record)
        except CorruptData as exc:
            raise self._corrupt(text, exc) from exc

    def _stamped(self, text: str, record: bytes, until: int | None) -> bytes:
        """Return *record*, which the medium holds, with another deadline."""
        try:
            return stamped(record, until)
        except CorruptData as exc:
            raise self._corrupt(text, exc) from exc

    def _corrupt(self, text: str, why: CorruptData) -> CorruptData:
        message = f"{self._where(text)}: {why}; it was left as it is"
        return CorruptData(message, decode_key(text))
