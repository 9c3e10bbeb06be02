"""Which records are past their deadline, and how they leave the medium by and by.

Past its deadline a record is as good as absent to every room. No thread removes it, but who
writes to such a collection also sweeps it now and then: after as many writes as the last sweep
left records, and 1,000 at least. So it costs a write no more than a look at two records, and the
dead never outnumber the living, but for a thousand.
"""

import os
from collections.abc import Hashable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Final, TypeVar

from napixd_store.changes import ABSENT, Absent, Expected
from napixd_store.deadline import AFTER, MARK, OF_STORE, ExpiresIn, deadline, milliseconds
from napixd_store.engine.verbs import Verbs
from napixd_store.errors import Conflict, CorruptData, StoreError
from napixd_store.names import encode_key

V = TypeVar("V")

AT_ONCE: Final = 1_000
"""Writes between two sweeps, at least; where the medium knows the dead, so many leave at once."""


class DeadlineMethods(Verbs[V]):
    """What the rooms ask before they take a record for one."""

    _lifetime: int | None = None
    """Milliseconds that a value lives if nothing else is said; None is for ever."""

    _swept: Hashable = None
    """By what the connection knows this collection among those that are swept."""

    def _until(self, expires_in: ExpiresIn = OF_STORE) -> int | None:
        """Return the deadline of what is written now, in milliseconds since 1970."""
        if expires_in is OF_STORE:
            lifetime = self._lifetime
        else:
            lifetime = None if expires_in is None else milliseconds(expires_in)
        return None if lifetime is None else self._connection.latest() + lifetime

    def _is_over(self, record: bytes) -> bool:
        """Return whether *record*, or the front of one, is past its deadline."""
        if not AFTER > record > MARK:
            return False
        until = deadline(record)
        if until is None or until > self._connection.now():
            return False
        self._note_that_some_end()
        return True

    def _living(self, pairs: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
        for text, record in pairs:
            if not (AFTER > record > MARK and self._is_over(record)):
                yield text, record

    def _find(self, text: str) -> tuple[bytes | None, bytes | Absent]:
        """Return the living record or None, and what to expect for that to be true still."""
        record = (self._copy or self)._get(text)
        if record is None:
            return None, ABSENT
        if AFTER > record > MARK and self._is_over(record):
            return None, record
        return record, record

    def _without_swept(self, expected: Expected) -> Expected:
        """Return what to expect instead, as records past their deadline may be gone by now."""
        return {
            text: ABSENT
            if isinstance(record, bytes)
            and self._is_over(record)
            and (self._copy or self)._get(text) is None
            else record
            for text, record in expected.items()
        }

    def _has_living(self) -> bool:
        """Return whether there is any record that is not past its deadline, were it damaged."""
        try:
            return any(True for _ in self._living(self._fronts()))
        except CorruptData:  # it is there; what is wrong, who reads it is told
            return True

    # --- sweeping ----------------------------------------------------------------------------

    def _count(self) -> int:
        return sum(1 for _ in self._living(self._fronts()))

    def _sweep(self, limit: int) -> tuple[int, int]:
        looked_at, dead = 0, {}
        for text, record in self._scan():
            looked_at += 1
            if self._is_over(record):
                dead[text] = record
        while dead:
            try:
                self._write(dict.fromkeys(dead), dead)
                break
            except Conflict as conflict:  # somebody wrote one of them meanwhile
                for key in conflict.keys:
                    del dead[encode_key(key)]
        return len(dead), looked_at

    def _delete_found(self, found: Mapping[str, bytes | Absent], passed: int = 0) -> None:
        """Delete what was *found*, if it stands there still, having *passed* so many dead."""
        (self._copy or self)._write(dict.fromkeys(found), found)
        if self._copy is None and self._connection.sweeps:
            self._tend(len(found) + passed)

    def _tend(self, written: int, *, some_end: bool = False) -> None:
        """Sweep, if it is time, after so many records were *written*: they stay what they are.

        That *some_end* is noted only now: whoever dropped the collection before forgot it.
        """
        if some_end:
            self._note_that_some_end()
        sweeps, name = self._connection.sweeps, self._swept
        left = sweeps.get(name)
        if left is None:
            return
        left -= written
        if left < 0:
            sweeps[name] = AT_ONCE  # the other threads are not to do it, too
            left = AT_ONCE
            with suppress(StoreError):  # what was asked for is done
                removed, looked_at = self._sweep(2 * AT_ONCE)
                left = max(left, looked_at - removed)
        if name in sweeps:  # else another thread dropped the collection
            sweeps[name] = left

    def _note_that_some_end(self) -> None:
        sweeps, name = self._connection.sweeps, self._swept
        if name not in sweeps:
            sweeps[name] = _some_writes()


def _some_writes() -> int:
    """Return after how many writes a process sweeps first; no two that end early wait for ever."""
    # To load `random` costs everybody who imports this; and here it might fail, after the write.
    return int.from_bytes(os.urandom(4), "big") % AT_ONCE
