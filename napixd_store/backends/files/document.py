"""The document: what every file of ours holds.

One JSON object in three parts, so that ``cat`` and ``grep`` read it and damage is noticed:

.. code-block:: json

    {"napixd-store":1,"collection":"users","sha256":"9f86…","records":
    {
    "alice":{"mail":"alice@example.com"},
    "bob":{"mail":"bob@example.com"}
    }
    }

The first line is the header: what the file is, and the SHA-256 of all that follows the line.
Who edits a file by hand writes ``null`` for the checksum; the next write puts a new one.
"""

import codecs
from collections.abc import Iterable, Mapping
from hashlib import sha256

import msgspec

from napixd_store.backends.files import filenames
from napixd_store.backends.files.folder import View
from napixd_store.errors import CorruptData, InvalidKey
from napixd_store.names import decode_key, encode_key
from napixd_store.stack import elsewhere

VERSION = 1

_HEADER = b'{"napixd-store":%d,%%b,"sha256":"%%b","%%b":\n' % VERSION
_END = b"\n}\n"
_encode = msgspec.json.encode
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_version = msgspec.json.Decoder(int).decode
_text = msgspec.json.Decoder(str).decode
_checksum = msgspec.json.Decoder(str | None).decode


def write(what: Mapping[str, str], member: str, body: bytes) -> bytes:
    """Return the document that says it is *what* and holds *body*, JSON text, as *member*."""
    checksum = sha256(body)
    checksum.update(_END)
    return b"".join((_header(what, checksum.hexdigest(), member), body, _END))


def sealed(data: bytes, what: Mapping[str, str], member: str) -> bytes | None:
    """Return the JSON text of *member* just as we wrote it; None if *data* is anything else."""
    start = data.find(b"\n") + 1
    checksum = sha256(memoryview(data)[start:]).hexdigest()
    if data[:start] != _header(what, checksum, member):
        return None
    return data[start : -len(_END)]


def front(data: bytes, what: Mapping[str, str], member: str, size: int) -> bytes | None:
    """Return *member*'s first *size* bytes, of *data* that may go on; None if we wrote it not so.

    Its checksum is not looked at.
    """
    start = data.find(b"\n") + 1
    checksum = data[:start].rpartition(b'"sha256":"')[2][:64]
    if data[:start] != _header(what, checksum.decode("latin-1"), member):
        return None
    return data[start : start + size]


def read(data: bytes, what: Mapping[str, str], member: str, path: str) -> bytes:
    """Return the JSON text of *member*, if *data* is what it should be; *path* is for messages.

    Raises:
        CorruptData: damaged, edited without care, of a newer version, or of something else.
    """
    body = sealed(data, what, member)
    if body is not None:
        return body
    try:
        members = members_of(data)
        version, checksum = _version(members["napixd-store"]), _checksum(members["sha256"])
        named = _named(members, what)
    except (ValueError, KeyError) as exc:
        fault = _NO_CHECKSUM if exc.args == ("sha256",) else _explained(data)
        raise CorruptData(f"{path}: {fault}; {_LEFT}") from exc
    if version != VERSION:
        raise CorruptData(f"{path}: written by a newer napixd-store (format {version}); {_LEFT}")
    for name, text in what.items():
        if named.get(name) != text:
            raise CorruptData(f"{path}: it does not belong to this {name}; {_LEFT}")
    if checksum is not None:
        raise CorruptData(
            f"{path}: the checksum is wrong: it is damaged, or was edited by hand (then write "
            f'"sha256":null in its first line); {_LEFT}'
        )
    if member not in members:
        raise CorruptData(f"{path}: it has no {member!r}; {_LEFT}")
    _refuse_twins(data, path)
    return bytes(members[member])


def _named(members: Mapping[str, msgspec.Raw], what: Mapping[str, str]) -> dict[str, str]:
    return {name: _text(members[name]) for name in what if name in members}


def members_of(data: bytes) -> dict[str, msgspec.Raw]:
    """Return the members of a JSON object, none of them decoded.

    Raises:
        ValueError: it is no JSON object, or one that is nested too deeply.
    """
    try:
        return _members(data)
    except RecursionError:
        return elsewhere(ValueError("nested too deeply"), members_of, data)


def owner_of(folder: View, file: str, stem: str, what: str) -> str | None:
    """Return the *what* (``collection``, ``counter``) for which *stem*, a file name, stands.

    Where only the *file* can tell, it is read; None if it is gone by now.
    """
    text = filenames.decode(stem)
    if text is not None:
        return text
    data = folder.read(file)
    if data is None:
        return None
    try:
        return _text(members_of(data)[what])
    except (ValueError, KeyError) as exc:
        raise CorruptData(f"{folder.path_of(file)}: it names no {what}; {_LEFT}") from exc


def check_keys(texts: Iterable[str], path: str) -> None:
    """Raise `CorruptData` if one of *texts*, perhaps written by hand, cannot be a key's."""
    for text in texts:
        try:
            encode_key(decode_key(text))
        except (CorruptData, InvalidKey) as exc:
            raise CorruptData(f"{path}: {exc}; {_LEFT}") from exc


def _refuse_twins(data: bytes, path: str) -> None:
    """Raise if an object has a name twice, edited by hand: JSON readers drop one of the two."""
    import json  # the only reader that shows both; no program that is right pays for loading it

    def members(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found: dict[str, object] = {}
        for name, value in pairs:
            if name in found:
                raise CorruptData(f"{path}: it has {name!r} twice in one object; {_LEFT}")
            found[name] = value
        return found

    try:
        json.loads(data, object_pairs_hook=members, parse_int=str)
    except CorruptData:
        raise
    except RecursionError:
        too_deep = CorruptData(f"{path}: it is nested too deeply; {_LEFT}")
        elsewhere(too_deep, _refuse_twins, data, path)
    except ValueError as exc:
        raise CorruptData(f"{path}: {_explained(data)}; {_LEFT}") from exc


def _header(what: Mapping[str, str], checksum: str, member: str) -> bytes:
    return _HEADER % (_encode(what)[1:-1], checksum.encode(), member.encode())


def _explained(data: bytes) -> str:
    if not data:
        return "the file is empty"
    if data[:1] == b"\x80" or data[:1] in b"(}]NSIFVcdlK":
        return "it looks like a pickle of the original Napix store, which is never read here"
    if data.startswith(_MARKS):
        return "it begins with a byte order mark: save it as UTF-8 without one"
    return "it is not a document of napixd-store: damaged, or edited into invalid JSON"


_LEFT = "it was left as it is"
_NO_CHECKSUM = (
    'it has no "sha256": in a file written by hand, put "sha256":null into its first line'
)
_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
