"""The file of a key: its name, and the document in it."""

import msgspec

from napixd_store.backends.files import document, filenames
from napixd_store.deadline import FRONT
from napixd_store.errors import CorruptData

HEAD = 2**14
"""So many bytes hold the first line, whatever the names in it, and the front of the record."""

_SUFFIX = ".json"


def name_of(text: str) -> str:
    """Return the name of the file of the key *text*."""
    return filenames.encode(text) + _SUFFIX


def is_name(name: str) -> bool:
    """Whether a file of this *name* is a key's."""
    return name.endswith(_SUFFIX) and not name.startswith(".")


def write(collection: str, text: str, record: bytes) -> bytes:
    """Return what the file of the key *text* holds for *record*."""
    return document.write(_what(collection, text), "record", record)


def read(collection: str, text: str, data: bytes, path: str) -> bytes:
    """Return the record in *data*, that of the file of the key *text*; *path* is for messages.

    Raises:
        CorruptData: it is damaged, or of something else.
    """
    return document.read(data, _what(collection, text), "record", path)


def front(collection: str, text: str, data: bytes) -> bytes | None:
    """Return the front of the record in *data*, the `HEAD` of a file; None if all must be read."""
    return document.front(data, _what(collection, text), "record", FRONT)


def known_text_of(name: str) -> str | None:
    """Return the key's text by the file's *name*; None if it was cut."""
    return filenames.decode(name[: -len(_SUFFIX)])


def text_of(name: str, data: bytes, path: str) -> str:
    """Return the key's text: from the file's *name*, or where it was cut, from its *data*.

    Raises:
        CorruptData: neither is a key's.
    """
    text = known_text_of(name)
    if text is None:
        try:
            text = str(msgspec.json.decode(document.members_of(data)["key"]))
        except (ValueError, KeyError) as exc:
            raise CorruptData(f"{path}: it names no key; it was left as it is") from exc
        if name_of(text) != name:
            raise CorruptData(f"{path}: its name is another key's; it was left as it is")
    document.check_keys([text], path)
    return text


def _what(collection: str, text: str) -> dict[str, str]:
    return {"collection": collection, "key": text}
