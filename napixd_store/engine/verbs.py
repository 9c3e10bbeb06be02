"""The two verbs of a backend, and what it may refine.

A backend writes two methods over *records*, the encoded bytes of one value:

``_load(keys=None)``
    the asked records that exist, by key's text; all when ``None``;
``_write(changes, expected)``
    apply ``{text: record, or None to delete}`` as one atomic step, provided each key in
    *expected* still holds what is given there (a record, ABSENT or PRESENT); otherwise apply
    nothing and raise ``self._conflict(texts)``.

Everything a caller sees is built on them in the other rooms. Where a medium does better, a
backend refines ``_get``, ``_scan``, ``_stream``, ``_readable``, ``_drop``, or what other rooms
derive: ``_count`` and ``_sweep`` (deadlines.py), ``_delete`` (atomic.py), ``_incr`` (change.py),
``_range`` (order.py). It lists its ``collections``. Its connection may offer ``write_all``, see
`Connection.apart`.

A key is there unless its record is past its deadline, which the front of the record tells. So
``_front`` and ``_fronts`` do as ``_get`` and ``_scan``, but instead of a record they may give its
first ``deadline.FRONT`` bytes, or ``b""`` for one that is known to live.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from time import monotonic
from typing import Any, Generic, TypeVar

from napixd_store.changes import Changes, Expected
from napixd_store.connections import Connection
from napixd_store.engine.working_copy import WorkingCopy
from napixd_store.errors import Conflict, CorruptData, Unavailable
from napixd_store.names import decode_key, listed
from napixd_store.reopening import Reopenable

Key = str | int
V = TypeVar("V")


class Verbs(Reopenable, Generic[V]):
    """What every room calls, and no caller."""

    _collection = "?"  # until __init__ is done, for a repr in its traceback
    _connection: Any = Connection()
    _copy: WorkingCopy | None = None

    # --- what a backend writes ---------------------------------------------------------------

    def _load(self, keys: Collection[str] | None = None) -> Mapping[str, bytes]:
        raise NotImplementedError(f"{type(self).__name__} has no _load(keys=None)")

    def _write(self, changes: Changes, expected: Expected) -> None:
        raise NotImplementedError(f"{type(self).__name__} has no _write(changes, expected)")

    # --- what a backend may refine -----------------------------------------------------------

    def _get(self, text: str) -> bytes | None:
        return self._load((text,)).get(text)

    def _scan(self) -> Iterator[tuple[str, bytes]]:
        return iter(self._load().items())

    def _stream(self) -> Iterator[tuple[str, bytes]]:
        """Do as `_scan`, in constant memory: a key that others write meanwhile may come twice."""
        return self._scan()

    def _front(self, text: str) -> bytes | None:
        return self._get(text)

    def _fronts(self) -> Iterator[tuple[str, bytes]]:
        return self._scan()

    def _readable(self, told: Callable[[CorruptData], object]) -> Iterator[tuple[str, bytes]]:
        """Do as `_stream`, but pass over what cannot be read by itself, of which *told* is told."""
        return self._stream()

    def _drop(self) -> None:
        self._write(dict.fromkeys(self._load()), {})

    @classmethod
    def collections(cls, options: Mapping[str, Any]) -> list[str]:
        """Return the names of the collections that hold something, as their users know them.

        *options* are those that a store is opened with.
        """
        raise NotImplementedError(f"{cls.__name__} has no collections(options)")

    # --- what the rooms share ----------------------------------------------------------------

    def _patience(self, until: float | None) -> float:
        """Return until when to try once more, after others' writes were faster: *until*, if given.

        No generator: an interrupt that comes when one ends is lost.

        Raises:
            Unavailable: they have cost the connection's timeout.
        """
        now = monotonic()
        if until is None:
            return now + float(self._connection.timeout)
        if now < until:
            return until
        raise Unavailable(
            f"{self._where()}: others write it all the time; nothing was changed: try again"
        )

    def _conflict(self, texts: Collection[str]) -> Conflict:
        keys = [decode_key(text) for text in texts]
        return Conflict(
            f"{self._where()}: changed by somebody else meanwhile: {listed(keys)}; nothing was "
            f"written; read again and repeat",
            keys,
        )

    def _is_same_as(self, other: "Verbs[Any]") -> bool:
        """Return whether *other* is a store of the same collection."""
        return (
            self._connection is other._connection
            and self._collection == other._collection
            and (isinstance(self, type(other)) or isinstance(other, type(self)))
        )

    def _where(self, text: str | None = None) -> str:
        place = f"{type(self).__name__} {self._collection!r} in {self._connection.place}"
        return place if text is None else f"{place}, key {decode_key(text)!r}"
