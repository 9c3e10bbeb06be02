"""``check()`` and ``repair()``: what cannot be read, and setting it aside."""

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import groupby
from typing import Any, NamedTuple

from napixd_store.base import StoreBackend
from napixd_store.errors import ConfigError, Conflict, CorruptData, StoreError
from napixd_store.names import decode_key
from napixd_store.operations.file import write_aside
from napixd_store.operations.format import Collection, Item, Record, written
from napixd_store.operations.place import Place
from napixd_store.operations.streams import is_signed
from napixd_store.places import located


class Finding(NamedTuple):
    """Something that is wrong."""

    what: str
    """In words, with its place."""

    collection: str | None = None
    counter: str | None = None
    text: str | None = None
    """The text of the key whose record cannot be read; None if it is more than that."""


def check(place: Place) -> list[Finding]:
    """Look at all of *place*, change nothing, and return what is wrong.

    The medium: SQLite's integrity, its layout, rights, whether Redis evicts. Each collection:
    every record is read, as the options of *place* say, and each that cannot be is listed. Each
    counter is read. It may be in use meanwhile.

    >>> from napixd_store import Store
    >>> Store("users", "SQLite", path="desk.sqlite")["ann"] = 1
    >>> check(Place("SQLite", path="desk.sqlite"))
    []
    """
    return list(_findings(place))


def repair(place: Place, aside: str | os.PathLike[str]) -> list[Finding]:
    """Set the records that cannot be read *aside*, and return those that were.

    They go into a new archive, as they stand; once that is synced, each is deleted from *place*
    if it is still the same. `load` puts them back. What is no single record stays as it is, and so
    does a signed pickle: who lacks its secret cannot tell whether it is damaged.

    Raises:
        ConfigError: something stands at *aside*; nothing was changed.
        StoreFull, ReadOnly, Unavailable: it cannot be written; nothing was changed.
    """
    path = located("the file for what is set aside", os.fspath(aside))
    if os.path.lexists(path):
        raise ConfigError(f"{path} is there already; nothing was changed: name a new file")
    unreadable = [each for each in check(place) if each.text is not None and _has_key(each.text)]
    kept = list(_kept(place, unreadable))
    if kept:
        write_aside(path, written(_items(place, kept)))
    for finding, text, record in kept:
        with suppress(Conflict):  # somebody wrote it anew
            place.records(str(finding.collection))._write({text: None}, {text: record})
    return [finding for finding, _text, _record in kept]


def _findings(place: Place) -> Iterator[Finding]:
    try:
        for what in place.examine():
            yield Finding(what)
        collections, counters = place.collections(), place.counters()
    except StoreError as exc:
        yield Finding(str(exc))
        return
    for name in collections:
        try:
            yield from _unreadable(place, name)
        except StoreError as exc:
            yield Finding(str(exc), name)
    for name in counters:
        try:
            _ = place.counter(name).value
        except StoreError as exc:
            yield Finding(str(exc), counter=name)


def _unreadable(place: Place, name: str) -> Iterator[Finding]:
    store = place.store(name)
    damaged: list[CorruptData] = []
    for text, record in store._readable(damaged.append):
        fault = _fault(store, text, record)
        if fault is not None:
            yield Finding(fault, name, text=text)
    for each in damaged:
        yield Finding(str(each), name)


def _fault(store: StoreBackend[Any], text: str, record: bytes) -> str | None:
    """Return what is wrong with *record*; None if it can be read."""
    try:
        decode_key(text)
        store._loads(text, record)
    except CorruptData as exc:
        return str(exc)
    return None


def _has_key(text: str) -> bool:
    with suppress(CorruptData):
        decode_key(text)
        return True
    return False


def _kept(place: Place, unreadable: list[Finding]) -> Iterator[tuple[Finding, str, bytes]]:
    """Yield what still stands there of it, and still cannot be read: others may write meanwhile.

    A pickle that is signed may well be whole: by another secret, or none is given here.
    """
    for finding in unreadable:
        store, text = place.store(str(finding.collection)), str(finding.text)
        record = store._get(text)
        if record is None or is_signed(record):
            continue
        if _fault(store, text, record) is not None:
            yield finding, text, record


def _items(place: Place, kept: list[tuple[Finding, str, bytes]]) -> Iterator[Item]:
    for name, group in groupby(kept, lambda each: str(each[0].collection)):
        yield Collection(name, type(place.records(name)).__name__)
        yield from (Record(text, record) for _finding, text, record in group)
