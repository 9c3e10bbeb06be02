"""Values as JSON text, as they stand in the medium: to be looked at, set and edited by people.

No type of an app plays a part when something is shown, so that what an app cannot read any more
can still be seen. What is set or put back goes through the store's own serializer.
"""

from collections.abc import Iterator
from itertools import starmap
from typing import Any, NamedTuple

import msgspec

from napixd_store.base import StoreBackend
from napixd_store.deadline import OF_STORE, ExpiresIn, bare, deadline
from napixd_store.engine.verbs import Key
from napixd_store.errors import CorruptData, InvalidValue
from napixd_store.names import decode_key, encode_key, known_key
from napixd_store.operations.streams import is_json


class Kept(NamedTuple):
    """A key, and what stands under it."""

    key: Key
    json: str | None
    """The record without its deadline, on one line; None: it cannot be read."""

    until: int | None
    """Its deadline in milliseconds since 1970; None: it lives for ever."""


def kept(store: StoreBackend[Any], key: Key) -> Kept:
    """Return what stands under *key*.

    Raises:
        KeyError: it is not there, or past its deadline.
        CorruptData: it cannot be read.

    >>> from napixd_store import Store
    >>> users = Store("users")
    >>> users["ann"] = {"admin": True, "tags": {"a"}}
    >>> kept(users, "ann").json
    '{"admin":true,"tags":{"$set":["a"]}}'
    """
    text = known_key(key)
    record, _found = store._find(text)
    if record is None:
        raise KeyError(key)
    found = _read(text, record)
    if found.json is None:
        raise CorruptData(
            f"{store._where(text)}: the record is no JSON; it was left as it is: "
            f"`napixd-store check --repair --aside FILE` sets it aside"
        )
    return found


def all_kept(store: StoreBackend[Any]) -> Iterator[Kept]:
    """Yield all that lives in *store*, in the order of the medium.

    In constant memory where the medium streams; a key that others write meanwhile may come twice.
    """
    for text, record in store._living(store._stream()):
        yield _read(text, record)


def in_order(store: StoreBackend[Any], **bounds: Any) -> Iterator[Kept]:
    """Yield what lives in *store* in the order of the keys, as `range` does within *bounds*.

    Raises:
        InvalidKey, InvalidValue: as `range` does, at the call itself.
    """
    return starmap(_read, store._in_order(**bounds))


def put(store: StoreBackend[Any], key: Key, json: str, *, expires_in: ExpiresIn = OF_STORE) -> None:
    """Assign what *json* says, tags included, as ``store.put`` does.

    Raises:
        InvalidValue: it is no JSON, or none that the store can keep; nothing was changed.

    >>> from napixd_store import Store
    >>> put(Store("users"), "ann", '{"tags": {"$set": ["a"]}}')
    >>> Store("users")["ann"]
    {'tags': {'a'}}
    """
    store.put(key, _value(store, key, json), expires_in=expires_in)


def replace(store: StoreBackend[Any], key: Key, json: str, *, etag: str) -> None:
    """Put what *json* says in the place of the version with this *etag*; its deadline stays.

    Raises:
        PreconditionFailed: another version stands there by now, or none; it was left as it is.
        InvalidValue: as `put` does.
    """
    value = _value(store, key, json)
    store.compute(key, lambda _old: value, if_match=etag)


def _value(store: StoreBackend[Any], key: Key, json: str) -> Any:
    text = encode_key(key)
    try:
        return store._serializer.loads(text, json.encode())
    except CorruptData as exc:
        why = _syntax(json) or f"no value that this store can keep ({exc})"
    except UnicodeEncodeError:
        why = "no valid Unicode"
    raise InvalidValue(f"{store._where(text)}: the value given is {why}; nothing was changed")


def _syntax(json: str) -> str | None:
    """Return what is wrong with *json* as a text, if anything is."""
    try:
        msgspec.json.decode(json)
    except (ValueError, RecursionError) as exc:
        return f"no JSON ({exc})"
    return None


def _read(text: str, record: bytes) -> Kept:
    until = deadline(record)
    try:
        key = decode_key(text)
    except CorruptData:
        return Kept(text, None, until)
    try:
        record = bare(record)
    except CorruptData:
        return Kept(key, None, until)
    return Kept(key, _on_one_line(record) if is_json(record) else None, until)


def _on_one_line(record: bytes) -> str:
    """Return JSON as it stands, to the digit, but for what only sets it out."""
    if b"\n" not in record and b"\r" not in record and b"\t" not in record:
        return record.decode()
    return msgspec.json.format(record, indent=-1).decode()
