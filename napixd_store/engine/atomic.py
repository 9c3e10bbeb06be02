"""Take and put in one step, against every other thread and process."""

from collections.abc import Iterable
from typing import Any, Final, TypeVar, overload

from napixd_store.deadline import OF_STORE, ExpiresIn
from napixd_store.engine.verbs import Key
from napixd_store.engine.versions import VersionMethods
from napixd_store.errors import Conflict, InvalidKey
from napixd_store.names import decode_key, encode_key, known_key, storable

V = TypeVar("V")
D = TypeVar("D")

MISSING: Final[Any] = object()
"""The default of an argument that was not given, where None is a value."""


class AtomicMethods(VersionMethods[V]):
    """Each reads, and writes if what it read still stands; or begins again."""

    @overload
    def pop(self, key: Key, *, if_match: str | None = None) -> V: ...
    @overload
    def pop(self, key: Key, default: V | D, *, if_match: str | None = None) -> V | D: ...
    def pop(self, key: Key, default: Any = MISSING, *, if_match: str | None = None) -> Any:
        """Remove *key* and return its value; of all who pop it at once, exactly one gets it.

        *if_match* as for `put`.

        Raises:
            KeyError: it is missing and no *default* is given.
            PreconditionFailed: no version stands there that *if_match* asks for.
        """
        try:
            text = known_key(key)
        except InvalidKey:
            if default is MISSING or if_match is not None:
                raise
            return default
        until: float | None = None
        while True:
            record, found = self._find_matching(text, if_match)
            if record is None:
                if default is MISSING:
                    raise KeyError(key)
                return default
            value = self._decode(text, record)
            try:
                self._delete_found({text: found})
                return value
            except Conflict:
                until = self._patience(until)

    def popitem(self) -> tuple[Key, V]:
        """Remove and return some pair; which one is the backend's choice."""
        until: float | None = None
        while True:
            passed, found = 0, None  # by how many dead
            for found in (self._copy or self)._scan():
                if not self._is_over(found[1]):
                    break
                passed, found = passed + 1, None
            if found is None:
                if self._copy is None and passed:
                    self._tend(passed)
                raise KeyError(f"popitem(): {self._where()} is empty")
            text, record = found
            value = self._decode(text, record)
            try:
                self._delete_found({text: record}, passed)
                return decode_key(text), value
            except Conflict:
                until = self._patience(until)

    def __delitem__(self, key: Key) -> None:
        text = known_key(key)
        # A refined one would go past the working copy.
        if not (self._delete(text) if self._copy is None else AtomicMethods._delete(self, text)):
            raise KeyError(key)
        if self._copy is None and self._connection.sweeps:
            self._tend(1)

    def delete_many(self, keys: Iterable[Key]) -> int:
        """Delete *keys* in one atomic write; return how many were there."""
        texts = storable(keys)
        until: float | None = None
        while True:
            found = dict(self._living((self._copy or self)._load(texts).items())) if texts else {}
            if not found:
                return 0
            try:
                self._delete_found(found)
                return len(found)
            except Conflict:
                until = self._patience(until)

    def setdefault(self, key: Key, default: V = None) -> V:  # type: ignore[assignment]
        """Return the value of *key*, having put *default* there if there was none."""
        text = encode_key(key)
        until: float | None = None
        while True:
            record, found = self._find(text)
            if record is not None:
                return self._decode(text, record)
            try:
                record = self._put({text: default}, {text: found}, self._until())[text]
                return self._decode(text, record)
            except Conflict:
                until = self._patience(until)

    def add(self, key: Key, value: V, *, expires_in: ExpiresIn = OF_STORE) -> bool:
        """Put *value* under *key* if nothing is there; return whether it was put.

        Of all who try at once, exactly one gets True: for a name that must be unique, or a
        request that must be carried out once. *expires_in* as for `put`.
        """
        text, ends = encode_key(key), self._until(expires_in)
        until: float | None = None
        while True:
            record, found = self._find(text)
            if record is not None:
                return False
            try:
                self._put({text: value}, {text: found}, ends)
                return True
            except Conflict:
                until = self._patience(until)

    def _delete(self, text: str) -> bool:
        until: float | None = None
        while True:
            record, found = self._find(text)
            if record is None:
                return False
            try:
                (self._copy or self)._write({text: None}, {text: found})
                return True
            except Conflict:
                until = self._patience(until)
