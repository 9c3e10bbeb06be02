"""FileStore: one readable JSON file a collection."""

import os
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

import msgspec

from napixd_store.backends.files import document, filenames, lines
from napixd_store.backends.files.counter import FileCounter
from napixd_store.backends.files.folder import Folder, View
from napixd_store.backends.files.root import Root, open_root
from napixd_store.base import StoreBackend
from napixd_store.changes import Changes, Expected, unmet
from napixd_store.connections import connect
from napixd_store.errors import CorruptData
from napixd_store.options import bind

V = TypeVar("V")

SUFFIX = ".store.json"


class FileStore(StoreBackend[V]):
    """A dict in one JSON file, a record a line in the order of insertion; write-back by default.

    Every write replaces the whole file, and a read takes all of it in (decoding only what is
    asked): for collections of up to some megabytes. Format: `document`.

    Guarantees: atomic among threads and processes; safe across forks. Readers never wait.
    Durability ``power``: what was acknowledged survives a power cut, and a crash at any moment
    leaves the old or the new content. `update` and `save` are one such replacement.

    >>> users = FileStore("users", {"root": "stores"})
    >>> users["alice"] = {"mail": "alice@example.com"}
    >>> users.save()
    >>> FileStore("users", {"root": "stores"})["alice"]
    {'mail': 'alice@example.com'}
    """

    opener = staticmethod(open_root)
    counter = FileCounter
    writes_back = True
    _connection: Root

    def _load(self, keys: Collection[str] | None = None) -> Mapping[str, bytes]:
        root = self._connection.view
        text = self._text(root)
        if keys is not None:
            return lines.found(text, keys)
        try:
            return lines.split(text)
        except ValueError as exc:
            raise CorruptData(
                f"{root.path_of(self._file())}: {exc}: it was written by another program (which "
                f'should write "sha256":null in its first line); it was left as it is'
            ) from exc

    def _write(self, changes: Changes, expected: Expected) -> None:
        self._connection.alone(self._change, changes, expected)

    def _change(self, root: Folder, changes: Changes, expected: Expected) -> None:
        text = self._text(root)
        refused = unmet(expected, lines.found(text, expected))
        if refused:
            raise self._conflict(refused)
        text = lines.replaced(text, changes)
        root.replace(self._file(), document.write(self._what(), "records", text))

    def _count(self) -> int:
        return lines.count(self._text(self._connection.view))

    def _text(self, root: View) -> bytes:
        """Return all records as `lines`, whoever wrote the file."""
        data, path = root.read(self._file()), root.path_of(self._file())
        if data is None:
            refuse_original(root, self.collection)
            return lines.joined({})
        text = document.sealed(data, self._what(), "records")
        if text is not None and lines.fits(text):
            return text
        body = document.read(data, self._what(), "records", path)
        try:
            members = document.members_of(body)
        except ValueError as exc:
            raise CorruptData(f"{path}: its records are no object; it was left as it is") from exc
        document.check_keys(members, path)
        return lines.joined({text: bytes(record) for text, record in members.items()})

    def _drop(self) -> None:
        if self._connection.view.has(self._file()):
            self._connection.alone(self._remove)

    def _remove(self, root: Folder) -> None:
        self._text(root)  # raises, unless it is ours and whole
        root.remove(self._file())

    @classmethod
    def collections(cls, options: Mapping[str, Any]) -> list[str]:
        """Return the names of the collections that hold something."""
        (own,) = bind(cls.__name__, options, open_root)
        root = connect(open_root, own)
        assert isinstance(root, Root)
        found = [collection_of(root.view, name + SUFFIX, name) for name in root.listed(SUFFIX)]
        return sorted(name for name in found if name is not None and len(cls(name, own)))

    def _what(self) -> dict[str, str]:
        return {"collection": self.collection}

    def _file(self) -> str:
        return filenames.encode(self.collection) + SUFFIX


def collection_of(folder: View, file: str, name: str) -> str | None:
    """Return the collection that the *file* is of, or that *name*, its own, stands for.

    None if the file is gone by now.
    """
    text = filenames.decode(name)
    if text is not None:
        return text
    data = folder.read(file)
    if data is None:
        return None
    try:
        return str(msgspec.json.decode(document.members_of(data)["collection"]))
    except (ValueError, KeyError) as exc:
        raise CorruptData(
            f"{folder.path_of(file)}: it names no collection; it was left as it is"
        ) from exc


def refuse_original(root: View, collection: str) -> None:
    """Raise `CorruptData` if the Napix server kept *collection* here: it is not empty then.

    It used the bare name for its file or folder, and wrote pickles, which we never read.
    """
    if collection.endswith((".store", ".json")) or collection.startswith("."):
        return  # names that our own files may have, and the original never gave
    if "/" in collection or "\0" in collection:
        return
    path = root.path_of(collection)
    if os.path.lexists(path):
        raise CorruptData(
            f"{path}: this is data of the original Napix store, in pickles, which are never read "
            f"here; it was left as it is: move it away, or take another root="
        )
