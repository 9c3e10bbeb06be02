"""Values that end: put with a duration, touch, ask, sweep."""

from typing import TypeVar

from napixd_store.deadline import OF_STORE, ExpiresIn, deadline
from napixd_store.engine.deadlines import AT_ONCE
from napixd_store.engine.verbs import Key
from napixd_store.engine.versions import VersionMethods
from napixd_store.errors import Conflict, InvalidKey
from napixd_store.names import encode_key, known_key

V = TypeVar("V")


class TimeMethods(VersionMethods[V]):
    """By the connection's clock: the machine's, or the server's where there is one."""

    def put(
        self,
        key: Key,
        value: V,
        *,
        expires_in: ExpiresIn = OF_STORE,
        if_match: str | None = None,
    ) -> None:
        """Assign *value*, which lives for *expires_in* seconds from now; None: for ever.

        Without *expires_in* it lives as long as the store's option says, as what is assigned does.
        *if_match* is what `etag` returned, or an ``If-Match`` header: put only where such a
        version stands. None is no condition.

        Raises:
            InvalidValue: *expires_in* is no duration above 0 and below 10,000 years.
            PreconditionFailed: no such version stands there.

        >>> from napixd_store.backends.memory import MemoryStore
        >>> sessions = MemoryStore("sessions", {"expires_in": 3600})
        >>> sessions.put("t0ken", "ann", expires_in=60)
        >>> 59 < sessions.expires_in("t0ken") <= 60
        True
        >>> sessions.touch("t0ken"), round(sessions.expires_in("t0ken"))
        (True, 3600)
        >>> sessions.drop()
        """
        text, ends = encode_key(key), self._until(expires_in)
        if if_match is None:
            self._put({text: value}, {}, ends)
            return
        until: float | None = None
        while True:
            _record, found = self._find_matching(text, if_match)
            try:
                self._put({text: value}, {text: found}, ends)
                return
            except Conflict:
                until = self._patience(until)

    def touch(self, key: Key, *, expires_in: ExpiresIn = OF_STORE) -> bool:
        """Let *key* live for *expires_in* seconds from now; return whether it was there."""
        ends = self._until(expires_in)
        try:
            text = encode_key(key)
        except InvalidKey:
            return False
        until: float | None = None
        while True:
            record, _found = self._find(text)
            if record is None:
                return False
            try:
                self._restamp(text, record, ends)
                return True
            except Conflict:
                until = self._patience(until)

    def expires_in(self, key: Key) -> float | None:
        """Return how many seconds *key* has left; None: it lives for ever.

        Raises:
            KeyError: it is not there.
        """
        text = known_key(key)
        record, _found = self._find(text)
        if record is None:
            raise KeyError(key)
        until = deadline(record)
        return None if until is None else max(0.001, (until - self._connection.latest()) / 1000)

    def sweep(self) -> int:
        """Remove all that is past its deadline from the medium; return how many records that were.

        Nobody need call it: they are absent anyway, and leave by and by.
        """
        swept = 0
        while True:
            removed, _looked_at = self._sweep(AT_ONCE)
            swept += removed
            if removed < AT_ONCE:
                return swept

    def _restamp(self, text: str, record: bytes, until: int | None) -> None:
        changes, expected = {text: self._stamped(text, record, until)}, {text: record}
        if self._copy is None:
            self._write(changes, expected)
            self._tend(1, some_end=until is not None)
        else:  # the value stays the object that it is
            self._copy._write(changes, expected, {text: self._decode(text, record)})
