"""``stat()`` and ``vacuum()``: what a place takes, and giving back what it does not need."""

from typing import Any, NamedTuple

from napixd_store.base import StoreBackend
from napixd_store.operations.place import Place


class Size(NamedTuple):
    """What a collection holds."""

    records: int
    ended: int
    """Records past their deadline that are still in the medium; see `StoreBackend.sweep`."""

    bytes: int
    """Of keys and records, those that have ended included."""


class Sizes(NamedTuple):
    """What a place holds, and takes."""

    collections: dict[str, Size]
    medium: dict[str, int]
    """Bytes by what takes them, such as ``file``, ``log`` and ``free`` of SQLite."""


def stat(place: Place) -> Sizes:
    """Read all of *place*, and return how much it is. It may be in use meanwhile.

    A collection in which all has ended is not listed, but on Redis.

    >>> from napixd_store import Store
    >>> Store("users", "SQLite", path="desk.sqlite")["ann"] = 1
    >>> sizes = stat(Place("SQLite", path="desk.sqlite"))
    >>> sizes.collections, sorted(sizes.medium)
    ({'users': Size(records=1, ended=0, bytes=4)}, ['file', 'free', 'log'])
    """
    collections = {name: _size(place.records(name)) for name in place.collections()}
    return Sizes(collections, place.connection.sizes())


def vacuum(place: Place) -> Sizes:
    """Give what is free back to the file system, and return what *place* takes then.

    Only SQLite keeps what was deleted for what is to come; to all else this does nothing. Who
    writes meanwhile waits, and as much room again as the file takes is needed for that long.
    """
    place.connection.vacuum()
    return stat(place)


def _size(store: StoreBackend[Any]) -> Size:
    records = ended = size = 0
    for text, record in store._stream():
        size += len(text.encode()) + len(record)
        if store._is_over(record):
            ended += 1
        else:
            records += 1
    return Size(records, ended, size)
