"""Versions: which one a caller has seen, and writes on the condition that it still stands."""

from typing import TypeVar

from napixd_store.changes import Absent
from napixd_store.deadline import bare
from napixd_store.engine.values import ValueMethods
from napixd_store.engine.verbs import Key
from napixd_store.errors import CorruptData, InvalidKey, InvalidValue, PreconditionFailed
from napixd_store.etags import etag, matches
from napixd_store.names import decode_key, encode_key

V = TypeVar("V")


class VersionMethods(ValueMethods[V]):
    """A version is told by a digest of its record, so no medium keeps anything for it."""

    def etag(self, key: Key) -> str | None:
        """Return the tag of the version under *key*, for ``if_match=``; None: it is absent.

        It is a strong entity tag in its quotes, as HTTP has it. What is put back as it was has
        the tag that it had, and how long a value lives is no part of it. Under write-back it is
        that of what `save()` would write.

        >>> from napixd_store.backends.memory import MemoryStore
        >>> tickets = MemoryStore("tickets", {})
        >>> tickets[1] = "new"
        >>> seen = tickets.etag(1)
        >>> tickets[1] = "done"
        >>> tickets.put(1, "lost", if_match=seen)
        Traceback (most recent call last):
            ...
        napixd_store.errors.PreconditionFailed: ...
        >>> tickets.drop()
        """
        try:
            text = encode_key(key)
        except InvalidKey:
            return None
        return self._tag(text, self._find_encoded(text)[0])

    def _find_matching(
        self, text: str, if_match: str | None
    ) -> tuple[bytes | None, bytes | Absent]:
        """Do as `_find`, if a version stands there that *if_match* asks for; None asks for none.

        Raises:
            PreconditionFailed: another one does, or none.
        """
        if if_match is None:
            return self._find(text)
        if not isinstance(if_match, str):
            raise InvalidValue(
                f"if_match must be a text as in HTTP's header, not {type(if_match).__name__}; "
                f"nothing was changed"
            )
        record, found = self._find_encoded(text)
        tag = self._tag(text, record)
        if not matches(tag, if_match):
            is_so = "is not there" if tag is None else "has changed since"
            raise PreconditionFailed(
                f"{self._where(text)}: not the version that if_match asks for, as it {is_so}; "
                f"nothing was changed: read it again",
                [decode_key(text)],
            )
        return record, found

    def _find_encoded(self, text: str) -> tuple[bytes | None, bytes | Absent]:
        """Do as `_find`, with what was done to the value in place."""
        if self._copy is not None:
            self._copy.encode(text)
        return self._find(text)

    def _tag(self, text: str, record: bytes | None) -> str | None:
        try:
            return None if record is None else etag(bare(record))
        except CorruptData as exc:
            raise self._corrupt(text, exc) from exc
