"""``backup()`` and ``restore()``: a whole place, while it is in use."""

import os
from pathlib import Path

from napixd_store.errors import ConfigError
from napixd_store.operations.dumping import dump
from napixd_store.operations.file import is_archive
from napixd_store.operations.format import Archived
from napixd_store.operations.loading import load, replace
from napixd_store.operations.place import Place
from napixd_store.places import located
from napixd_store.progress import Progress


def backup(
    place: Place, target: str | os.PathLike[str], *, progress: Progress | None = None
) -> Path:
    """Back up all of *place* to *target*, and return where that is.

    SQLite becomes a file of SQLite, and a root of files becomes a folder of files, each a place
    that can be opened; all else becomes an archive. Private, whole, and synced.

    Guarantees: safe beside any number of writers. SQLite's is of one moment, and holds all that
    was acknowledged before it began; nobody waits for it. So is that of files, whose writers wait
    until it is done. An archive is read as `dump` reads it.

    Raises:
        ConfigError: *target* is in use, is there and no backup of that kind, or is a folder that
            is there; it was left as it is.
        CorruptData: what is there is damaged, see `check`.
        StoreFull, ReadOnly, Unavailable: it cannot be written; nothing is left behind.

    >>> from napixd_store import Store
    >>> Store("users", "SQLite", path="desk.sqlite")["ann"] = 1
    >>> copy = backup(Place("SQLite", path="desk.sqlite"), "desk-of-today.sqlite")
    >>> Store("users", "SQLite", path=copy)["ann"]
    1
    """
    path = located("the backup", os.fspath(target))
    if place.is_one_medium:
        try:
            place.connection.back_up(path)
            return path
        except NotImplementedError:
            pass
    dump(place, path, progress=progress)
    return path


def restore(
    source: Place | str | os.PathLike[str], place: Place, *, progress: Progress | None = None
) -> Archived:
    """Have *place* hold what the backup *source* holds, and nothing else; return what that is.

    *source* is what `backup` made, of any backend if it is an archive, else of that of *place*;
    or any other place. All of it is read before the first write. What was written to *place*
    since the backup is lost, counters included.

    Raises:
        Unavailable: other processes have *place* open, as far as that can be known: SQLite knows.
        CorruptData: the backup is damaged; nothing was changed.
        ConfigError: it is no backup of such a place, or holds nothing, or is *place* itself;
            nothing was changed.

    >>> from napixd_store import Store
    >>> users = Store("users", "SQLite", path="desk.sqlite")
    >>> users["ann"] = 1
    >>> copy = backup(Place("SQLite", path="desk.sqlite"), "desk-of-monday.sqlite")
    >>> del users["ann"]
    >>> restore(copy, Place("SQLite", path="desk.sqlite"))
    Archived(collections={'users': 1}, counters={})
    >>> users["ann"]
    1
    """
    if not isinstance(source, Place):
        path = located("the backup", os.fspath(source))
        if not path.exists():
            raise ConfigError(f"there is no backup at {path}; nothing was changed")
        if is_archive(path):
            place.refuse_others()
            return load(path, place, reset=True, progress=progress)
        source = place.at(path)
        if not source.collections() and not source.counters():
            raise ConfigError(f"{source} holds nothing, so it is no backup; nothing was changed")
    if source.has_stores_of(place):
        raise ConfigError(f"{source} is the place itself, and no backup of it")
    place.refuse_others()
    return replace(place, source, progress)
