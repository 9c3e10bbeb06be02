"""DirectoryStore: one readable JSON file a key, in a folder for the collection."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property
from itertools import chain, islice
from typing import Any, TypeVar

from napixd_store import disk, original
from napixd_store.backends.files import document, filenames, journal, keyfile
from napixd_store.backends.files.counter import FileCounter
from napixd_store.backends.files.folder import Folder, View
from napixd_store.backends.files.root import Root, open_root
from napixd_store.base import StoreBackend
from napixd_store.changes import Changes, Expected, unmet
from napixd_store.deadline import has_deadline
from napixd_store.errors import CorruptData, OutcomeUnknown, StoreError, Unavailable

V = TypeVar("V")

SUFFIX = filenames.STORE_FOLDER
_DEADLINES = ".deadlines"
_LOOK_AGAIN = 1.0  # seconds; the look costs half as much as reading a file


class DirectoryStore(StoreBackend[V]):
    """A dict in a folder, a file for each key; write-through by default.

    Iterates in the order of the file system. Format of a file: `document`.

    Guarantees: atomic among threads and processes; safe across forks. Readers never wait, except
    to finish the write of several keys that a crash interrupted. Durability ``power``: what was
    acknowledged survives a power cut. `update` is all or nothing for a crash; who reads several
    keys while it runs may see some of them new and some old.

    >>> users = DirectoryStore("users", {"root": "stores"})
    >>> users["alice"] = {"mail": "alice@example.com"}
    >>> DirectoryStore("users", {"root": "stores"})["alice"]
    {'mail': 'alice@example.com'}
    """

    opener = staticmethod(open_root)
    counter = FileCounter
    _connection: Root

    def _load(self, keys: Collection[str] | None = None) -> Mapping[str, bytes]:
        if keys is None:
            return dict(self._scan())
        return self._read_all(self._view, keys) if self._settled() else {}

    def _get(self, text: str) -> bytes | None:
        return self._read(self._view, text) if self._settled_of_late() else None

    def _front(self, text: str) -> bytes | None:
        if not self._settled_of_late():
            return None
        data = self._view.read(keyfile.name_of(text), keyfile.HEAD)
        if data is None:
            return None
        front = keyfile.front(self.collection, text, data)
        return self._read(self._view, text) if front is None else front

    def _settled_of_late(self) -> bool:
        # One key is as it was or as it will be, whether a batch that a crash interrupted is
        # finished or not. So it is enough to look now and then, lest it stays half done for ever.
        path, until = self._view.path, self._connection.settled
        now = time.monotonic()
        if now > until.get(path, 0.0):
            if not self._settled():
                return False
            until[path] = now + _LOOK_AGAIN
        return True

    def _write(self, changes: Changes, expected: Expected) -> None:
        self._connection.alone(self._change, changes, expected)

    def _change(self, root: Folder, changes: Changes, expected: Expected) -> None:
        if not self._is_there(root):
            refused = unmet(expected, {})
            if refused:
                raise self._conflict(refused)
            if all(record is None for record in changes.values()):
                return  # nothing is there to be deleted
            root.make(self._name)
        root.inside(self._name, self._change_inside, changes, expected)

    def _change_inside(self, folder: Folder, changes: Changes, expected: Expected) -> None:
        journal.tidy(folder, self._what())
        # Also what nothing is expected of: a damaged or foreign file keeps every byte.
        refused = unmet(expected, self._read_all(folder, {**expected, **changes}))
        if refused:
            raise self._conflict(refused)
        self._note(folder, changes)
        if len(changes) == 1:
            ((text, record),) = changes.items()
            _put(folder, keyfile.name_of(text), self._data(text, record))
        else:
            files = ((keyfile.name_of(text), self._data(text, changes[text])) for text in changes)
            self._put_all(folder, files)

    def _note(self, folder: Folder, changes: Changes) -> None:
        """Have it known that records with deadlines are here, so that `_count` looks at all."""
        ends = any(map(has_deadline, filter(None, changes.values())))
        if ends and not folder.has(_DEADLINES):
            try:
                folder.replace(_DEADLINES, document.write(self._what(), "deadlines", b"true"))
            except OutcomeUnknown as exc:  # of this file alone, which does no harm
                raise _before_any_change(exc, folder.path) from exc

    def _put_all(self, folder: Folder, files: Iterator[tuple[str, bytes | None]]) -> None:
        try:
            journal.replace_all(folder, files, self._what())
        finally:
            self._connection.settled.pop(folder.path, None)

    def _data(self, text: str, record: bytes | None) -> bytes | None:
        """Return what the file of the key is to hold; None if it is to be gone."""
        return None if record is None else keyfile.write(self.collection, text, record)

    def _scan(self) -> Iterator[tuple[str, bytes]]:
        return self._readable(_raise)

    def _readable(self, told: Callable[[CorruptData], object]) -> Iterator[tuple[str, bytes]]:
        folder = self._view
        for name in self._files(folder) if self._settled() else ():
            try:
                data = folder.read(name)
                if data is None:  # deleted since the folder was listed
                    continue
                contents = self._contents(folder, name, data)
            except CorruptData as exc:
                told(exc)
            else:
                yield contents

    def _fronts(self) -> Iterator[tuple[str, bytes]]:
        """List names, where no key ends: only of one that was cut, the file is read."""
        if not self._settled():
            return
        some_end = self._view.has(_DEADLINES)
        for name in self._files(self._view):
            text = keyfile.known_text_of(name)
            if text is None:
                data = self._view.read(name)
                if data is not None:
                    yield self._contents(self._view, name, data)
            else:
                front = self._front(text) if some_end else b""
                if front is not None:
                    yield text, front

    def _count(self) -> int:
        if not self._settled():
            return 0
        if self._view.has(_DEADLINES):
            return super()._count()
        return sum(1 for _ in self._files(self._view))

    def _drop(self) -> None:
        if self._connection.view.has_folder(self._name):
            self._connection.alone(self._remove)
        self._connection.settled.pop(self._view.path, None)

    def _remove(self, root: Folder) -> None:
        if root.has_folder(self._name):
            root.inside(self._name, self._refuse_foreign)
            root.remove_folder(self._name)

    def _refuse_foreign(self, folder: Folder) -> None:
        """Raise `CorruptData` unless all that is in *folder* is ours and whole."""
        journal.tidy(folder, self._what())
        for name in folder.names():
            if not keyfile.is_name(name):
                if name == _DEADLINES:
                    continue
                raise CorruptData(
                    f"{folder.path_of(name)}: it is not a file of this collection, so nothing "
                    f"was removed: move it away"
                )
            data = folder.read(name)
            if data is not None:
                self._contents(folder, name, data)

    @classmethod
    def collections(cls, options: Mapping[str, Any]) -> list[str]:
        """Return the names of the collections in which something lives; it looks into each."""
        root: Root = cls._reached(options)
        found = [cls._collection_in(root, stem) for stem in root.listed(SUFFIX)]
        return sorted(name for name in found if name and cls(name, options)._has_living())

    @classmethod
    def _collection_in(cls, root: Root, stem: str) -> str | None:
        folder = View(root.view.path_of(stem + SUFFIX))
        for file in chain((journal.NAME,), islice(cls._files(folder), 1)):
            name = document.owner_of(folder, file, stem, "collection")
            if name is not None:
                return name
        return None

    def _settled(self) -> bool:
        """Return whether the collection has a folder, and leave no write half done in it."""
        present = self._is_there(self._connection.view)
        if present and self._view.has(journal.NAME):
            self._connection.alone(self._settle)
        return present

    def _settle(self, root: Folder) -> None:
        if self._is_there(root):
            root.inside(self._name, journal.tidy, self._what())

    def _is_there(self, root: View) -> bool:
        """Return whether the collection has a folder; without one, nothing else may hold it."""
        if root.has_folder(self._name):
            return True
        original.refuse(root.path, self.collection)
        return False

    def _read(self, folder: View, text: str) -> bytes | None:
        name = keyfile.name_of(text)
        data = folder.read(name)
        if data is None:
            return None
        return keyfile.read(self.collection, text, data, folder.path_of(name))

    def _read_all(self, folder: View, keys: Collection[str]) -> dict[str, bytes]:
        found = {text: self._read(folder, text) for text in keys}
        return {text: record for text, record in found.items() if record is not None}

    @staticmethod
    def _files(folder: View) -> Iterator[str]:
        return filter(keyfile.is_name, folder.names())

    def _contents(self, folder: View, name: str, data: bytes) -> tuple[str, bytes]:
        """Return the text and the record of the key whose file *name* holds *data*."""
        path = folder.path_of(name)
        text = keyfile.text_of(name, data, path)
        return text, keyfile.read(self.collection, text, data, path)

    def _what(self) -> dict[str, str]:
        return {"collection": self.collection}

    @cached_property
    def _name(self) -> str:
        return filenames.encode(self.collection) + SUFFIX

    @cached_property
    def _view(self) -> View:
        return View(self._connection.view.path_of(self._name))


def _raise(exc: CorruptData) -> None:
    raise exc


def _before_any_change(exc: OutcomeUnknown, path: str) -> StoreError:
    if isinstance(exc.__cause__, OSError):
        return disk.translated(exc.__cause__, path)
    return Unavailable(f"{path} was removed or replaced meanwhile; nothing was changed: repeat")


def _put(folder: Folder, name: str, data: bytes | None) -> None:
    if data is None:
        folder.remove(name)
    else:
        folder.replace(name, data)
