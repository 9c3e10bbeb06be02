"""``load()``: an archive to a place, once all of it was read."""

import os
from collections.abc import Iterator
from contextlib import closing
from itertools import chain, groupby
from operator import itemgetter
from typing import Any, Final

from napixd_store.base import StoreBackend
from napixd_store.errors import ConfigError
from napixd_store.operations.file import lines_of
from napixd_store.operations.format import Archived, Collection, Item, Number, Record
from napixd_store.operations.moving import raise_to
from napixd_store.operations.place import Place
from napixd_store.operations.reader import Reader
from napixd_store.operations.streams import batches, is_signed
from napixd_store.places import located
from napixd_store.progress import Passed, Progress

MAX_LINE_BYTES: Final = 128 * 2**20

_AT_ONCE = 10_000
"""Records that are replaced in one step, at most."""


def read(file: str | os.PathLike[str], *, max_line_bytes: int = MAX_LINE_BYTES) -> Iterator[Item]:
    """Yield what the archive *file* holds: each collection, then its records; then counters.

    Raises:
        CorruptData: it is no archive, damaged, cut off, or of a newer version, with the line. Until
            the end nobody knows, so trust nothing before that.
        ConfigError, ReadOnly, Unavailable: it cannot be read.
    """
    path = located("the archive", os.fspath(file))
    reader = Reader(str(path), max_line_bytes)
    with closing(lines_of(path, max_line_bytes)) as lines:
        yield from reader.items(lines)


def verify(file: str | os.PathLike[str], *, max_line_bytes: int = MAX_LINE_BYTES) -> Archived:
    """Read all of the archive *file*, and return what it holds. Raises as `read` does."""
    return _checked(file, max_line_bytes, None)


def load(
    file: str | os.PathLike[str],
    place: Place,
    *,
    reset: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
    max_line_bytes: int = MAX_LINE_BYTES,
) -> Archived:
    """Put what the archive *file* holds into *place*, and return what that is.

    All of the file is read and checked first; then it is written, in batches, and over what has
    the same keys. With *reset*, the place holds what the archive does, and nothing else.
    A counter is not lowered but with *reset*. With *dry_run* all is checked and nothing written.
    Of bytes in a line, *max_line_bytes* are read: no file can fill the memory.

    Guarantees: until all was checked the place is what it was. A collection of up to two
    thousand records, and a megabyte, is written in one step. Where it is broken off later on, load
    it again.

    Raises:
        CorruptData: as `read` does; nothing was changed.
        ConfigError: a pickle is signed for another backend alone; nothing was changed.

    >>> from napixd_store import Store
    >>> from napixd_store.operations.dumping import dump
    >>> Store("users", "SQLite", path="desk.sqlite")["ann"] = 1
    >>> _ = dump(Place("SQLite", path="desk.sqlite"), "desk.archive")
    >>> load("desk.archive", Place("File", root="desk"), reset=True)
    Archived(collections={'users': 1}, counters={})
    """
    found = _checked(file, max_line_bytes, place)
    if not dry_run:
        passed = Passed(sum(found.collections.values()), progress)
        for name, group in groupby(_records(file, max_line_bytes), itemgetter(0)):
            parts = batches(pair for _name, pair in group)
            _put(place.records(name), passed.each(parts), reset)
        there = place.counters() if found.counters else []
        for name, value in found.counters.items():
            if reset:
                place.counter(name).reset(value)
            else:
                raise_to(place.counter(name), value, there)
        if reset:
            _drop_others(place, found)
    return found


def replace(place: Place, source: Place, progress: Progress | None = None) -> Archived:
    """Have *place* hold what *source* does, all of which was read before, and nothing else."""
    stores = {name: source.records(name) for name in source.collections()}
    values = {name: source.counter(name).value for name in source.counters()}
    sizes = {name: sum(1 for _ in store._living(store._scan())) for name, store in stores.items()}
    passed = Passed(sum(sizes.values()), progress)
    for name, store in stores.items():
        parts = batches(store._living(store._scan()))
        _put(place.records(name), passed.each(parts), reset=True)
    for name, value in values.items():
        place.counter(name).reset(value)
    found = Archived(sizes, values)
    _drop_others(place, found)
    return found


def _checked(file: str | os.PathLike[str], max_line_bytes: int, place: Place | None) -> Archived:
    """Return what *file* holds, all of which can be read, and kept in *place*."""
    target = type(place.records("any")).__name__ if place else ""
    found, name, store = Archived({}, {}), "", ""
    for item in read(file, max_line_bytes=max_line_bytes):
        if isinstance(item, Record):
            found.collections[name] += 1
            if place and store != target and is_signed(item.record):
                raise ConfigError(
                    f"{file}: collection {name!r} holds pickles that are signed for {store} alone, "
                    f"and cannot be read in {place}; nothing was changed"
                )
        elif isinstance(item, Number):
            found.counters[item.name] = item.value
        else:
            name, store = item
            found.collections[name] = 0
    return found


def _records(
    file: str | os.PathLike[str], max_line_bytes: int
) -> Iterator[tuple[str, tuple[str, bytes]]]:
    name = ""
    for item in read(file, max_line_bytes=max_line_bytes):
        if isinstance(item, Collection):
            name = item.name
        elif isinstance(item, Record):
            yield name, item


def _put(store: StoreBackend[Any], parts: Iterator[dict[str, bytes]], reset: bool) -> None:
    first, second = next(parts, {}), next(parts, {})  # all may have ended since it was listed
    if reset and not second and len(store) <= _AT_ONCE:
        store._write({**dict.fromkeys(store._load()), **first}, {})
        return
    if reset:
        store.drop()
    for part in chain((first, second), parts):
        if part:
            store._write(part, {})


def _drop_others(place: Place, found: Archived) -> None:
    for name in place.collections():
        if not found.collections.get(name):
            place.records(name).drop()
    for name in place.counters():
        if name not in found.counters:
            place.counter(name).drop()
