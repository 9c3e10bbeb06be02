"""``dump()``: a place to an archive."""

import os
from collections.abc import Collection, Iterator

from napixd_store import disk
from napixd_store.operations import format
from napixd_store.operations.file import is_archive, write_aside
from napixd_store.operations.format import Archived, Item, Number, Record
from napixd_store.operations.place import Place
from napixd_store.operations.streams import batches
from napixd_store.places import located
from napixd_store.progress import Passed, Progress


def lines(
    place: Place,
    *,
    collections: Collection[str] | None = None,
    counters: Collection[str] | None = None,
    progress: Progress | None = None,
) -> Iterator[bytes]:
    """Yield the lines of the archive of *place*, for whoever sends them elsewhere than to a file.

    Arguments and errors are those of `dump`.
    """
    return format.written(_items(place, collections, counters, progress, {}, {}))


def dump(
    place: Place,
    file: str | os.PathLike[str],
    *,
    collections: Collection[str] | None = None,
    counters: Collection[str] | None = None,
    progress: Progress | None = None,
) -> Archived:
    """Write *collections* and *counters*, all when None, of *place* to the archive *file*.

    A name that ends in ``.gz`` is compressed. The file is private, written aside, synced and
    renamed, so an older one stands until this one is whole. What has ended is not in it. Each
    collection is read as an iteration reads it: to have one moment of it, stop who writes. It
    takes constant memory where iterating does.

    Raises:
        CorruptData: a key cannot be read; see `napixd_store.operations.check`.
        ConfigError: something that is no archive stands there, as the place itself would.
        StoreFull, ReadOnly, Unavailable: the file cannot be written; an older one is intact.

    >>> from napixd_store import Store
    >>> Store("users", "SQLite", path="desk.sqlite")["ann"] = 1
    >>> dump(Place("SQLite", path="desk.sqlite"), "desk.archive.gz")
    Archived(collections={'users': 1}, counters={})
    """
    found = Archived({}, {})
    path = located("the archive", os.fspath(file))
    disk.refuse_to_replace(path, is_archive, "archive")
    write_aside(path, format.written(_items(place, collections, counters, progress, *found)))
    return found


def _items(
    place: Place,
    collections: Collection[str] | None,
    counters: Collection[str] | None,
    progress: Progress | None,
    sizes: dict[str, int],
    values: dict[str, int],
) -> Iterator[Item]:
    names = place.collections() if collections is None else collections
    stores = [place.records(name) for name in names]
    passed = Passed(sum(map(len, stores)) if progress else 0, progress)
    for name, store in zip(names, stores, strict=True):
        yield format.Collection(name, type(store).__name__)
        sizes[name] = 0
        for batch in passed.each(batches(store._living(store._scan()))):
            yield from map(Record._make, batch.items())
            sizes[name] += len(batch)
    for name in place.counters() if counters is None else counters:
        values[name] = place.counter(name).value
        yield Number(name, values[name])
