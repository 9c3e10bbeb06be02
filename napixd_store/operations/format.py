"""The archive: collections and counters as text, a JSON document a line.

.. code-block:: json

    {"napixd-store-archive":1}
    {"collection":"tickets","store":"SQLiteStore"}
    ["scp-001",{"title":"No coffee"}]
    [17,{"$until":[1767225600000,"a value that ends"]}]
    {"records":2}
    {"counter":"ticket-id","value":17}
    {"collections":1,"counters":1,"records":2,"sha256":"9f86…"}

A record stands there as it does in the medium, to the byte, with its deadline. One that is no JSON
of one line, for it is damaged or was written by hand, stands in Base64:
``["key",null,"<Base64>"]``. The last line counts all, and holds the SHA-256 of all lines before it.
"""

import base64
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from napixd_store.names import decode_key
from napixd_store.operations.streams import is_json

VERSION = 1
BEGIN = b'{"napixd-store-archive":'

_encode = msgspec.json.encode


class Collection(NamedTuple):
    """What follows are records of this collection."""

    name: str
    store: str
    """The class it was dumped from, which signed pickles are bound to."""


class Record(NamedTuple):
    """A key's text, and its record."""

    text: str
    record: bytes


class Number(NamedTuple):
    """A counter and its value."""

    name: str
    value: int


Item = Collection | Record | Number


class Archived(NamedTuple):
    """What an archive holds."""

    collections: dict[str, int]
    """Name -> how many records."""

    counters: dict[str, int]
    """Name -> value."""


def written(items: Iterable[Item]) -> Iterator[bytes]:
    """Yield the lines of an archive of *items*: records behind their collection, then counters."""
    checksum, counts = sha256(), {"collections": 0, "counters": 0, "records": 0}
    for line in _lines(items, counts):
        checksum.update(line)
        yield line
    yield _line({**counts, "sha256": checksum.hexdigest()})


def _lines(items: Iterable[Item], counts: dict[str, int]) -> Iterator[bytes]:
    yield _line({"napixd-store-archive": VERSION})
    inside: int | None = None
    for item in items:
        if isinstance(item, Record):
            counts["records"] += 1
            yield _of_record(*item)
            continue
        if inside is not None:
            yield _line({"records": counts["records"] - inside})
            inside = None
        if isinstance(item, Collection):
            counts["collections"] += 1
            inside = counts["records"]
            yield _line({"collection": item.name, "store": item.store})
        else:
            counts["counters"] += 1
            yield _line({"counter": item.name, "value": item.value})
    if inside is not None:
        yield _line({"records": counts["records"] - inside})


def _of_record(text: str, record: bytes) -> bytes:
    key = decode_key(text)
    shown = _encode(key) if isinstance(key, str) else str(key).encode()
    if b"\n" in record or b"\r" in record or not is_json(record):
        record = b'null,"%b"' % base64.b64encode(record)
    return b"[%b,%b]\n" % (shown, record)


def _line(members: dict[str, Any]) -> bytes:
    return _encode(members) + b"\n"
