"""The records of a collection as text: a JSON object, a record a line, in the order of insertion.

A record holds no line break, and a key's text none that is not escaped. So a record is found,
replaced or removed where it stands, and all the others are neither read nor written anew. That
holds for the text that `joined` returns, and for no other JSON.

>>> text = joined({"a": b"1", "b": b"2"})
>>> print(replaced(text, {"a": None, "c": b"3"}).decode())
{
"b":2,
"c":3
}
>>> found(text, ["b", "c"])
{'b': b'2'}
"""

import re
from collections.abc import Collection, Mapping

import msgspec

from napixd_store.backends.files.document import members_of
from napixd_store.changes import Changes

_BEGIN, _END = b"{\n", b"\n}"
_KEY = re.compile(rb'"(?:[^"\\]|\\.)*":')
_OTHER = re.compile(rb'\{\n(\s|"(?:[^"\\]|\\.)*": [^,\n])')
"""Another layout indents the first key, or puts a space between it and its value."""

_FEW = 8
"""To look for so many keys one by one takes less time than to read all."""

_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(str).decode


def joined(records: Mapping[str, bytes]) -> bytes:
    """Return the text of *records*."""
    return b"{%b\n}" % b",".join([_line(text, record) for text, record in records.items()])


def fits(text: bytes) -> bool:
    """Return whether JSON that bears our checksum is such lines, by how it begins and ends."""
    return text.startswith(_BEGIN) and text.endswith(_END) and not _OTHER.match(text)


def split(text: bytes) -> dict[str, bytes]:
    """Return all records in *text*; they need not be JSON that can be read.

    Raises:
        ValueError: it is other JSON.
    """
    try:
        return {key: bytes(record) for key, record in members_of(text).items()}
    except ValueError:  # the fast way fails for all, the slow one for none but the damaged record
        return dict(map(_split, text[len(_BEGIN) : -len(_END)].split(b",\n")))


def _split(line: bytes) -> tuple[str, bytes]:
    key = _KEY.match(line)
    if key is None:
        raise ValueError("a line begins with no key")
    return _decode(line[: key.end() - 1]), line[key.end() :]


def count(text: bytes) -> int:
    """Return how many records are in *text*."""
    return text.count(b"\n") - 1


def found(text: bytes, keys: Collection[str]) -> dict[str, bytes]:
    """Return those records of *keys* that are in *text*."""
    if len(keys) > _FEW:
        records = split(text)
        return {key: records[key] for key in keys if key in records}
    places = {key: _place(text, key) for key in keys}
    return {
        key: text[place[0] + len(_line(key, b"")) : place[1]]
        for key, place in places.items()
        if place is not None
    }


def replaced(text: bytes, changes: Changes) -> bytes:
    """Return *text* with *changes* made in it."""
    if len(changes) > _FEW:
        records = {**split(text), **changes}
        return joined({key: record for key, record in records.items() if record is not None})
    for key, record in changes.items():
        text = _put(text, key, record) if record is not None else _without(text, key)
    return text


def _put(text: bytes, key: str, record: bytes) -> bytes:
    line = _line(key, record)
    place = _place(text, key)
    if place is None:
        end = len(text) - len(_END)
        place, line = (end, end), b"," * (end > 1) + line
    return _with(text, place, line)


def _without(text: bytes, key: str) -> bytes:
    place = _place(text, key)
    if place is None:
        return text
    start, end = place
    if text[end] == ord(","):
        end += 1
    elif text[start - 1] == ord(","):  # the last line leaves none behind the one before it
        start -= 1
    return _with(text, (start, end), b"")


def _with(text: bytes, place: tuple[int, int], instead: bytes) -> bytes:
    rest = memoryview(text)  # slices of the text itself would be two more copies of it
    return b"".join((rest[: place[0]], instead, rest[place[1] :]))


def _place(text: bytes, key: str) -> tuple[int, int] | None:
    """Return where the line of *key* begins, with its line break, and where it ends."""
    start = text.find(_line(key, b""))
    if start < 0:
        return None
    end = text.index(b"\n", start + 1)
    return start, end - (text[end - 1] == ord(","))


def _line(key: str, record: bytes) -> bytes:
    # JSON has line breaks between its tokens only, where a space does as well.
    return b"\n%b:%b" % (_encode(key), record.replace(b"\n", b" "))
