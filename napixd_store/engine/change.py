"""Change one value by what it is: incr, compute, edit."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any, Final, Literal, TypeVar, overload

from napixd_store.deadline import OF_STORE, ExpiresIn, deadline
from napixd_store.engine.atomic import MISSING
from napixd_store.engine.immutable import IMMUTABLE
from napixd_store.engine.verbs import Key
from napixd_store.engine.versions import VersionMethods
from napixd_store.errors import Conflict, LimitReached, WrongType
from napixd_store.integers import exact, in_range
from napixd_store.names import encode_key, known_key

V = TypeVar("V")


class Deletion(Enum):
    """What the function of `compute` returns for the key to be deleted."""

    DELETE = "delete"

    def __repr__(self) -> str:
        return self.name


DELETE: Final = Deletion.DELETE


class ChangeMethods(VersionMethods[V]):
    """A key that is there keeps its deadline; one that is made here gets the store's."""

    def incr(
        self,
        key: Key,
        by: int = 1,
        *,
        at_most: int | None = None,
        expires_in: ExpiresIn = OF_STORE,
    ) -> int:
        """Add *by* to the integer under *key* and return the sum; a missing key starts at 0.

        Every concurrent increment is counted, and no two callers get the same sum for ``by=1``.
        *expires_in* is for a key that is made here: a window begins with its first hit.

        Raises:
            LimitReached: the sum would be above *at_most*, and *by* is not negative; the value
                is unchanged. ``retry_after`` is in how many seconds it ends.
            WrongType: the value is not an int; it is unchanged.
            CounterOverflow: the sum would leave −2**63 … 2**63−1; the value is unchanged.
        """
        text, by = encode_key(key), exact(by, "by")
        bound = None if at_most is None else exact(at_most, "at_most")
        ends = self._until(expires_in)
        if self._copy is None and bound is None and ends is None:
            total = self._incr(text, by)
            if self._connection.sweeps:
                self._tend(1)
            return total
        # A refined one knows no bounds, and would go past the working copy.
        return self._add(text, by, bound, ends)

    @overload
    def compute(
        self,
        key: Key,
        function: Callable[[V], V],
        default: Any = ...,
        *,
        if_match: str | None = ...,
    ) -> V: ...
    @overload
    def compute(
        self,
        key: Key,
        function: Callable[[V], V | Literal[Deletion.DELETE]],
        default: Any = ...,
        *,
        if_match: str | None = ...,
    ) -> V | None: ...
    def compute(
        self,
        key: Key,
        function: Callable[[V], V | Literal[Deletion.DELETE]],
        default: Any = MISSING,
        *,
        if_match: str | None = None,
    ) -> V | None:
        """Put what *function* returns for the value of *key*, or for *default*; return it too.

        Repeated until nobody else wrote the key meanwhile, so *function* may be called several
        times. Where it returns ``DELETE``, the key is deleted, and None returned. Where it
        raises, nothing is changed. *if_match* as for `put`.

        Raises:
            KeyError: the key is missing and no *default* is given.
            PreconditionFailed: no version stands there that *if_match* asks for.

        >>> from napixd_store.backends.memory import MemoryStore
        >>> prices = MemoryStore("prices", {})
        >>> prices.compute("tea", lambda cents: cents * 2, default=140)
        280
        >>> prices.drop()
        """
        text = encode_key(key) if default is not MISSING else known_key(key)
        until: float | None = None
        while True:
            if self._copy is not None:
                self._copy.encode(text)
            record, found = self._find_matching(text, if_match)
            if record is not None:
                value = self._loads(text, record)
            elif default is not MISSING:
                value = copy.deepcopy(default)
            else:
                raise KeyError(key)
            new = function(value)
            try:
                if new is not DELETE:
                    self._put({text: new}, {text: found}, self._kept_until(text, record))
                    return new
                if record is not None:
                    self._delete_found({text: found})
                return None
            except Conflict:
                until = self._patience(until)

    @contextmanager
    def edit(self, key: Key, default: V = MISSING, *, if_match: str | None = None) -> Iterator[V]:
        """Read, change in place, write: atomic, for one value.

        ``with store.edit('alice') as user: user['mail'] = …`` writes when the block ends; on an
        exception nothing is written. Under write-back it is the store's own object that the
        block works on; whoever reads the key meanwhile gets another, of the state before.
        *if_match* as for `put`.

        Raises:
            KeyError: the key is missing and no *default* is given.
            WrongType: the value, or the *default*, is of a type that cannot change in place,
                such as ``int`` or ``str``: use `incr` or `compute`, or assign a new one.
            Conflict: somebody else changed the value during the block; nothing is written, and
                the block may be run again.
            PreconditionFailed: no version stands there that *if_match* asks for, before the
                block or when it ends.
        """
        text = encode_key(key) if default is not MISSING else known_key(key)
        lent: bytes | None = None
        until: float | None = None
        while True:
            record, found = self._find_matching(text, if_match)
            if record is not None:
                draft = self._decode(text, record)
            elif default is not MISSING:
                draft = self._loads(text, self._dumps(text, default))
            else:
                raise KeyError(key)
            self._refuse_fixed(text, draft)
            before = self._dumps(text, draft)
            if self._copy is None or record is None:
                break
            try:
                record = found = lent = self._copy.lend(text, record)
                break
            except Conflict:  # another thread was faster; the block has not begun
                until = self._patience(until)
        try:
            yield draft
            if record is None or self._dumps(text, draft) != before:
                if self._copy is not None:
                    self._copy.encode(text)
                try:
                    self._put({text: draft}, {text: found}, self._kept_until(text, record))
                except Conflict:
                    if if_match is not None:
                        self._find_matching(text, if_match)
                    raise
        finally:
            if self._copy is not None and lent is not None:
                self._copy.give_back(text, lent, draft, before)

    def _incr(self, text: str, by: int) -> int:
        return self._add(text, by)

    def _add(
        self, text: str, by: int, at_most: int | None = None, if_new: int | None = None
    ) -> int:
        until: float | None = None
        while True:
            record, found = self._find(text)
            value: Any = 0 if record is None else self._decode(text, record)
            if type(value) is not int:
                raise WrongType(
                    f"{self._where(text)} holds a {type(value).__name__}, which incr() cannot "
                    f"add to; it is unchanged"
                )
            total: Any = in_range(value + by, self._where(text))
            ends = if_new if record is None else deadline(record)
            if at_most is not None and total > at_most and by >= 0:
                raise self._limit(text, at_most, None if record is None else ends)
            try:
                self._put({text: total}, {text: found}, ends)
                return int(total)
            except Conflict:
                until = self._patience(until)

    def _kept_until(self, text: str, record: bytes | None) -> int | None:
        return self._until() if record is None else deadline(record)

    def _limit(self, text: str, at_most: int, ends: int | None) -> LimitReached:
        after = None if ends is None else max(0.001, (ends - self._connection.now()) / 1000)
        return LimitReached(
            f"{self._where(text)}: the sum would be above at_most={at_most}; nothing was changed"
            + ("" if after is None else f": it ends in {after:.3f} s"),
            after,
        )

    def _refuse_fixed(self, text: str, value: object) -> None:
        if isinstance(value, IMMUTABLE):
            raise WrongType(
                f"{self._where(text)}: edit() changes a value in place, and that of type "
                f"{type(value).__name__} cannot change; nothing was changed: use incr() for an "
                f"int, compute() for others, or assign a new value"
            )
