"""What the original Napix store kept in files: a pickle a collection, or a pickle a key."""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from napixd_store.errors import ConfigError, StoreError
from napixd_store.importing import files
from napixd_store.importing.entries import Collection, Entry, Malformed, Pair, Unreadable, shown
from napixd_store.importing.pickles import check_encoding, loads, loads_members
from napixd_store.original import CLASSES, may_be, roots
from napixd_store.places import home


def napix(place: str | Path | None = None, *, encoding: str = "utf-8") -> list[Collection]:
    r"""Return the collections that the original kept in files at *place*, sorted by their names.

    *place* is the folder that was its option ``root``, or the file of one collection. When not
    given, it is where the original kept things by default: ``stores/FileBackend`` and
    ``stores/DirectoryBackend`` in the home folder. *encoding* is that of file names, and of the
    strings of Python 2.

    Raises:
        ConfigError: nothing of the original is there, or the *encoding* is unknown.

    >>> from pathlib import Path
    >>> Path("old").mkdir()
    >>> _ = Path("old/users").write_bytes(b"(dp0\nS'ann'\np1\nI7\ns.")  # as cPickle wrote it
    >>> [users] = napix("old")
    >>> users.name, [(pair.key, pair.value) for pair in users.read()]
    ('users', [('ann', 7)])
    """
    path = home() / "stores" if place is None else Path(place)
    found = sorted(_collections(path, check_encoding(encoding)), key=lambda each: each.name)
    if not found:
        raise ConfigError(f"{path}: there is no data of the original Napix store")
    return found


def _collections(path: Path, encoding: str) -> Iterator[Collection]:
    if path.is_file():
        yield Collection(path.name, partial(_of_file, path, encoding))
        return
    within = [root for root in roots(path) if root.is_dir()]
    for root in within or [path]:
        for each in root.iterdir() if root.is_dir() else ():
            if may_be(each.name) and each.name not in CLASSES:
                read = _of_folder if each.is_dir() else _of_file
                yield Collection(each.name, partial(read, each, encoding))


def _of_file(path: Path, encoding: str) -> Iterator[Entry]:
    """Yield the pairs of a ``FileStore``: a pickle of its dict."""
    try:
        yield from members(str(path), files.read(path), encoding)
    except StoreError as exc:
        yield Unreadable(str(path), str(exc))


def _of_folder(path: Path, encoding: str) -> Iterator[Entry]:
    """Yield the pairs of a ``DirectoryStore``: a pickle a key."""
    for each in sorted(path.iterdir()):
        if each.name.startswith("."):
            continue  # the original did not see it either
        try:
            raw = os.fsencode(each.name)
            key = raw if encoding == "bytes" else raw.decode(encoding)
            yield Pair(str(each), key, loads(files.read(each), encoding))
        except UnicodeDecodeError:
            yield Unreadable(str(each), f"its name is not {encoding}")
        except (Malformed, StoreError) as exc:
            yield Unreadable(str(each), str(exc))


def members(place: str, data: bytes, encoding: str) -> Iterator[Entry]:
    """Yield the pairs of the dict whose pickle is *data*, which stands at *place*."""
    try:
        for key, value, fault in loads_members(data, encoding):
            where = f"{place}, {shown(key)}"
            yield Pair(where, key, value) if fault is None else Unreadable(where, str(fault))
    except Malformed as exc:
        yield Unreadable(place, str(exc))
