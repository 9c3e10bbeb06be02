"""Stores in Redis that keep a whole collection as one string."""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec

from napixd_store.backends.redis.errors import wrong_option
from napixd_store.backends.redis.lua import BLOB_SWAP
from napixd_store.backends.redis.store import ServerStore
from napixd_store.changes import Changes, Expected, unmet
from napixd_store.engine.records import between
from napixd_store.errors import CorruptData
from napixd_store.names import Span
from napixd_store.stack import elsewhere

V = TypeVar("V")

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class _Seen(NamedTuple):
    """A blob as it was last seen: its digest, by which it is known again, and its records."""

    digest: str
    records: dict[str, bytes]


_NOTHING = _Seen("", {})


class RedisStore(ServerStore[V]):
    """A dict in Redis: one string a collection, a JSON object; write-back by default.

    It stands under ``<prefix>:blob:{<collection>}`` and is read and written whole: right for
    small collections that are loaded, worked on and saved. Iterates in the order of insertion.

    Guarantees: as `RedisHashStore`; a write replaces the blob only if it is still the one that
    was merged with, so nobody's changes are lost. Under write-through every read loads all.
    """

    kind = "blob"
    writes_back = True

    def __init__(self, collection: str, options: Mapping[str, Any]) -> None:
        """Raise `InvalidName` or `ConfigError`; no I/O, so the server may be down."""
        super().__init__(collection, options)
        if self._cache is not None:
            raise wrong_option("the option 'cache' is for RedisHash and RedisKey")
        self._seen: _Seen | None = None

    def _load(self, keys: Collection[str] | None = None) -> Mapping[str, bytes]:
        records = self._fetch().records
        if keys is None:
            return dict(records)
        return {text: records[text] for text in keys if text in records}

    def _write(self, changes: Changes, expected: Expected) -> None:
        if any(record is not None for record in changes.values()):
            self._register()
        until: float | None = None
        seen = self._seen
        fresh = seen is None
        while True:
            if seen is None:
                seen = self._fetch()
            refused = unmet(expected, seen.records)
            if refused and fresh:
                raise self._conflict(refused)
            if refused:  # by what was seen earlier: what stands there now is what counts
                seen, fresh = None, True
                continue
            seen = self._swap(seen, changes)
            fresh = True
            if seen is None:
                return
            until = self._patience(until)

    def _range(self, span: Span, reverse: bool, limit: int | None) -> Iterator[tuple[str, bytes]]:
        records = self._load()  # all is read, for whatever is asked
        return ((text, records[text]) for text in between(records, span, reverse))

    def _drop(self) -> None:
        self._seen = None
        super()._drop()

    def _fetch(self) -> _Seen:
        blob = self._server.read(self._where, self._name, "GET", self._name)
        seen = self._seen = self._read(blob)
        return seen

    def _swap(self, seen: _Seen, changes: Changes) -> _Seen | None:
        """Replace the blob *seen* by one with the *changes*; return the other that stands there."""
        records, blob = _merged(seen, changes)
        self._seen = None  # should the reply be lost, nobody knows what stands there
        found = self._server.run(
            self._where, [self._name], BLOB_SWAP, seen.digest, blob, writing=True
        )
        if not found:
            self._seen = _Seen(_digest(blob), records)
            return None
        self._seen = self._read(found[0] or None)
        return self._seen

    def _part(self, changes: Changes, expected: Expected) -> tuple[Sequence[str], Sequence[Any]]:
        seen = self._fetch()
        refused = unmet(expected, seen.records)
        if refused:
            raise self._conflict(refused)
        self._seen = None  # as in `_swap`
        return [self._name], [seen.digest, _merged(seen, changes)[1]]

    def _refuse(self, refused: list[bytes]) -> None:
        """Raise nothing: what stands there now may be as expected, too."""

    def _read(self, blob: bytes | None) -> _Seen:
        if blob is None:
            return _NOTHING
        try:
            records = {text: bytes(raw) for text, raw in _decode(blob).items()}
        except RecursionError as exc:
            return elsewhere(self._no_object(exc), self._read, blob)
        except ValueError as exc:
            raise self._no_object(exc) from exc
        return _Seen(_digest(blob), records)

    def _no_object(self, exc: Exception) -> CorruptData:
        return CorruptData(
            f"{self._where()}: what stands under {self._name} is no JSON object "
            f"({type(exc).__name__}); it was left as it is"
        )


def _merged(seen: _Seen, changes: Changes) -> tuple[dict[str, bytes], bytes]:
    """Return the records of *seen* with the *changes*, and the blob of them."""
    records = dict(seen.records)
    for text, record in changes.items():
        if record is None:
            records.pop(text, None)
        else:
            records[text] = record
    blob = _encode({text: msgspec.Raw(record) for text, record in records.items()})
    return records, blob if records else b""


def _digest(blob: bytes) -> str:
    return hashlib.sha1(blob, usedforsecurity=False).hexdigest() if blob else ""
