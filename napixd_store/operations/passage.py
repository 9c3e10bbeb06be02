"""A collection on its way from one medium to another."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from napixd_store.base import StoreBackend
from napixd_store.changes import ABSENT
from napixd_store.errors import ConfigError, Conflict, CorruptData, InvalidValue
from napixd_store.names import decode_key, encode_key, listed
from napixd_store.operations.streams import batches, is_json, is_signed

Batch = Mapping[str, bytes]


class Passage:
    """The same collection at the *source* and at the *target*, and what may be done to it.

    What was written here since it began may be replaced by what the source has by then; what was
    at the target before, only if *overwrite* says so.
    """

    def __init__(
        self, source: StoreBackend[Any], target: StoreBackend[Any], overwrite: bool
    ) -> None:
        self.source, self.target = source, target
        self._may_replace = overwrite or next(iter(target._stream()), None) is None

    def living(self) -> Iterator[tuple[str, bytes]]:
        """Yield the records of the source that have not ended."""
        return self.source._living(self.source._stream())

    def look(self) -> None:
        """Raise `Conflict` if a key holds something else at the target, which must not be lost."""
        if not self._may_replace:
            for batch in batches(self.living()):
                there = self.target._load(list(batch))
                self._refuse([text for text in self._lacking(batch, there) if text in there])

    def put(self, batch: Batch) -> None:
        """Write what is not at the target yet."""
        for text, record in batch.items():
            self._check(text, record)
        try:
            self.target._write(batch, dict.fromkeys(batch, ABSENT))
        except Conflict:  # some of it is there
            self.settle(batch)

    def settle(self, batch: Batch) -> None:
        """See to it that the target holds all of *batch*, byte for byte: it did when this ends."""
        until: float | None = None
        written: Batch = {}
        while True:
            there = self.target._load(list(batch))
            lacking = self._lacking(batch, there)
            if not lacking:
                return
            if lacking == written:
                text = next(iter(lacking))
                raise InvalidValue(
                    f"{self.target._where(text)}: this backend cannot keep the record as it "
                    f"stands, for its JSON has line breaks or spaces around it: assign the value "
                    f"anew at the source, and repeat"
                )
            if not self._may_replace:
                self._refuse([text for text in lacking if text in there])
            for text, record in lacking.items():
                self._check(text, record)
            try:
                self.target._write(lacking, {text: there.get(text, ABSENT) for text in lacking})
                written = lacking
            except Conflict:
                until = self.target._patience(until)

    def remove(self, batch: Batch) -> None:
        """Remove *batch* from the source, each record as soon as it is at the target."""
        until: float | None = None
        while batch:
            living = {text: r for text, r in batch.items() if not self.source._is_over(r)}
            if living:
                self.settle(living)
            try:
                self.source._write(dict.fromkeys(batch), batch)
                return
            except Conflict as conflict:
                batch = self._followed(batch, [encode_key(key) for key in conflict.keys])
                until = self.source._patience(until)

    def _followed(self, batch: Batch, changed: Collection[str]) -> Batch:
        """Have the target follow what *changed* at the source; return what is there now."""
        standing = self.source._load(changed)
        for text in changed:
            record = standing.get(text)
            if not self.source._is_over(batch[text]):
                self.target._write({text: record}, {text: batch[text]})
        return {text: standing.get(text, r) for text, r in batch.items() if text not in changed} | {
            **standing
        }

    def _lacking(self, batch: Batch, there: Batch) -> dict[str, bytes]:
        return {
            text: record
            for text, record in batch.items()
            if there.get(text) != record
            and not self.source._is_over(record)
            and not self.target._is_over(record)
        }

    def _refuse(self, differing: list[str]) -> None:
        if differing:
            keys = [decode_key(text) for text in differing]
            raise Conflict(
                f"{self.target!r} holds other values than {self.source!r} under {listed(keys)}; "
                f"they were left as they are: overwrite them if the source's are to stand, or copy "
                f"elsewhere",
                keys,
            )

    def _check(self, text: str, record: bytes) -> None:
        if not is_json(record):
            raise CorruptData(
                f"{self.source._where(text)}: the record is no JSON, which not every backend can "
                f"keep; nothing was removed: `napixd-store check --repair --aside FILE` sets it "
                f"aside"
            )
        if is_signed(record) and type(self.source).__name__ != type(self.target).__name__:
            raise ConfigError(
                f"{self.source._where(text)}: the record is a pickle, signed for "
                f"{type(self.source).__name__} alone; nothing was removed: copy such values with "
                f"update(), in a program that knows the secret"
            )
