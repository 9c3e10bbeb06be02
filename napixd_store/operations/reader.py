"""Reading archives: each line is held to what it must be."""

import base64
import re
from collections.abc import Iterable, Iterator
from hashlib import sha256

import msgspec

from napixd_store.errors import CorruptData, InvalidKey, InvalidName
from napixd_store.integers import LARGEST, SMALLEST
from napixd_store.names import check_name, encode_key
from napixd_store.operations.format import VERSION, Collection, Item, Number, Record
from napixd_store.operations.streams import is_json
from napixd_store.operations.twins import Twins

_KEY = re.compile(rb'\[("(?:[^"\\]|\\.)*"|-?[0-9]{1,1000}),')
_NO_JSON = re.compile(rb'null,"([A-Za-z0-9+/]*={0,2})"')


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    version: int = msgspec.field(name="napixd-store-archive")


class _Collection(msgspec.Struct, forbid_unknown_fields=True):
    collection: str
    store: str


class _Counted(msgspec.Struct, forbid_unknown_fields=True):
    records: int


class _Number(msgspec.Struct, forbid_unknown_fields=True):
    counter: str
    value: int


class _End(msgspec.Struct, forbid_unknown_fields=True):
    collections: int
    counters: int
    records: int
    sha256: str


class Reader:
    """Reads the lines of an archive, and holds each to what it must be."""

    def __init__(self, place: str, max_line_bytes: int) -> None:
        self._place, self._most, self._number = place, max_line_bytes, 0
        self._checksum = sha256()
        self._counts = {"collections": 0, "counters": 0, "records": 0}
        self._names: set[tuple[type, str]] = set()
        self._inside: Collection | None = None
        self._before = 0

    def items(self, lines: Iterable[bytes]) -> Iterator[Item]:
        """Yield what the *lines* say, each when its line is read.

        Raises:
            CorruptData: a line is not what it must be, or the checksum at the end is wrong: then
                none of what was read before is to be trusted.
        """
        with Twins() as twins:
            self._twins = twins
            yield from self._items(lines)

    def _items(self, lines: Iterable[bytes]) -> Iterator[Item]:
        ended = False
        for line in lines:
            self._number += 1
            if len(line) > self._most:
                raise self.fault(f"it goes on after {self._most} bytes, the most that is read")
            if ended:
                raise self.fault("something follows the last line")
            if not line.endswith(b"\n"):
                raise self.fault("it ends in the middle of a line: a part of the file is missing")
            if self._number == 1:
                self._begin(line)
            elif line.startswith(b"["):
                yield self._record(line)
            elif line.startswith(b'{"collections"'):
                self._end(line)
                ended = True
            else:
                item = self._other(line)
                if item is not None:
                    yield item
            self._checksum.update(line)
        if not ended:
            self._number += 1
            raise self.fault("it ends too early: a part of the file is missing")

    def fault(self, what: str) -> CorruptData:
        """Return the error for *what* is wrong with the line that was read last."""
        return CorruptData(f"{self._place}, line {self._number}: {what}; nothing was changed")

    def _begin(self, line: bytes) -> None:
        try:
            version = msgspec.json.decode(line, type=_Header).version
        except (ValueError, RecursionError):
            raise self.fault("it is no archive of napixd-store") from None
        if version != VERSION:
            raise self.fault(
                f"it was written by a newer napixd-store (format {version}): upgrade this one"
            )

    def _record(self, line: bytes) -> Record:
        if self._inside is None:
            raise self.fault("a record stands outside of any collection")
        found = _KEY.match(line)
        if found is None or not line.endswith(b"]\n"):
            raise self.fault("it is no record: [key, value]")
        record = line[found.end() : -2]
        encoded = _NO_JSON.fullmatch(record)
        try:
            text = self._text(found[1])
            if encoded is not None:
                record = base64.b64decode(encoded[1], validate=True)
        except (ValueError, InvalidKey):
            raise self.fault("a key, or what is in Base64, cannot be read") from None
        if encoded is None and not is_json(record):
            raise self.fault("the value is no JSON, or is nested too deeply")
        self._twins.see(text)
        self._counts["records"] += 1
        return Record(text, record)

    def _text(self, key: bytes) -> str:
        if key.startswith(b'"'):
            return encode_key(msgspec.json.decode(key, type=str))
        number = int(key)
        if str(number).encode() != key:
            raise ValueError
        return encode_key(number)

    def _other(self, line: bytes) -> Item | None:
        try:
            if self._inside is not None:
                self._leave(msgspec.json.decode(line, type=_Counted).records)
                return None
            if line.startswith(b'{"counter"'):
                number = msgspec.json.decode(line, type=_Number)
                if not SMALLEST <= number.value <= LARGEST:
                    raise self.fault("the value of a counter does not fit into 64 bits")
                self._counts["counters"] += 1
                return self._new(Number(check_name(number.counter, "counter"), number.value))
            said = msgspec.json.decode(line, type=_Collection)
            self._inside = Collection(check_name(said.collection, "collection"), said.store)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, InvalidName):
            raise self.fault(
                "it is neither a collection, its records, nor a counter, where it stands"
            ) from None
        self._counts["collections"] += 1
        self._before = self._counts["records"]
        return self._new(self._inside)

    def _new(self, item: Collection | Number) -> Item:
        if (type(item), item.name) in self._names:
            raise self.fault("a collection or a counter comes twice")
        self._names.add((type(item), item.name))
        return item

    def _leave(self, records: int) -> None:
        self._inside = None
        if records != self._counts["records"] - self._before:
            raise self.fault("there are more or fewer records than it says")
        if self._twins.found():
            raise self.fault("the collection that ends here holds a key twice")

    def _end(self, line: bytes) -> None:
        try:
            end = msgspec.structs.asdict(msgspec.json.decode(line, type=_End))
        except (ValueError, RecursionError):
            raise self.fault("the last line is damaged") from None
        if self._inside is not None:
            raise self.fault("the last collection does not end")
        if end.pop("sha256") != self._checksum.hexdigest():
            raise self.fault("the checksum is wrong: it is damaged, or was edited by hand")
        if end != self._counts:
            raise self.fault("it holds more or less than the last line says")
