"""DirectoryStore: one readable JSON file a key, in a folder for the collection.

A write of several keys stages all new files aside, then writes ``.journal``, which names the
renames and removals to be made: with it the write is decided. Whoever finds a journal finishes
it before anything else. Nothing that may fail for want of space comes after it.
"""

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any, TypeVar

import msgspec

from napixd_store.backends.files import document, filenames
from napixd_store.backends.files.collection import collection_of, refuse_original
from napixd_store.backends.files.counter import FileCounter
from napixd_store.backends.files.folder import Folder, View
from napixd_store.backends.files.root import Root, open_root
from napixd_store.base import StoreBackend
from napixd_store.changes import Changes, Expected, unmet
from napixd_store.connections import connect
from napixd_store.disk import NotThere
from napixd_store.errors import CorruptData, OutcomeUnknown, StoreError
from napixd_store.options import bind

V = TypeVar("V")

SUFFIX = ".store"
_KEY_SUFFIX = ".json"
_JOURNAL = ".journal"
_LOOK_AGAIN = 1.0  # seconds; the look costs half as much as reading a file


class _Journal(msgspec.Struct):
    rename: dict[str, str]
    delete: list[str]


_changes_of = msgspec.json.Decoder(_Journal).decode


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
        # One key is as it was or as it will be, whether a batch that a crash interrupted is
        # finished or not. So it is enough to look now and then, lest it stays half done for ever.
        folder, until = self._view, self._connection.settled
        now = time.monotonic()
        if now > until.get(folder.path, 0.0):
            if not self._settled():
                return None
            until[folder.path] = now + _LOOK_AGAIN
        return self._read(folder, text)

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
        self._tidy(folder)
        # Also what nothing is expected of: a damaged or foreign file keeps every byte.
        refused = unmet(expected, self._read_all(folder, {**expected, **changes}))
        if refused:
            raise self._conflict(refused)
        if len(changes) == 1:
            ((text, record),) = changes.items()
            self._apply(folder, text, record)
        else:
            self._apply_all(folder, changes)

    def _apply(self, folder: Folder, text: str, record: bytes | None) -> None:
        if record is None:
            folder.remove(self._file(text))
        else:
            folder.replace(self._file(text), self._document(text, record))

    def _apply_all(self, folder: Folder, changes: Changes) -> None:
        """Stage every new file, then let the journal decide that all of them are to be."""
        try:
            journal = self._staged(folder, changes)
            body = document.write(self._what(), "changes", msgspec.json.encode(journal))
            folder.replace(_JOURNAL, body)
        except BaseException:
            if not folder.has(_JOURNAL):  # else it is decided, so what it names must stand
                folder.clear()
            raise
        finally:
            self._connection.settled.pop(folder.path, None)
        try:
            self._carry_out(folder, journal)
        except StoreError as exc:
            raise OutcomeUnknown(
                f"{folder.path}: a write of several keys is decided but not finished; it will be, "
                f"by whoever reads or writes this collection next"
            ) from exc

    def _staged(self, folder: Folder, changes: Changes) -> _Journal:
        journal = _Journal({}, [])
        for text, record in changes.items():
            name = self._file(text)
            if record is None:
                journal.delete.append(name)
            else:
                aside = folder.stage(name, self._document(text, record))
                journal.rename[aside] = name
        return journal

    def _scan(self) -> Iterator[tuple[str, bytes]]:
        folder = self._view
        for name in self._files(folder) if self._settled() else ():
            data = folder.read(name)
            if data is not None:  # deleted since the folder was listed
                yield self._contents(folder, name, data)

    def _count(self) -> int:
        return sum(1 for _ in self._files(self._view)) if self._settled() else 0

    def _drop(self) -> None:
        if self._connection.view.has_folder(self._name):
            self._connection.alone(self._remove)

    def _remove(self, root: Folder) -> None:
        if root.has_folder(self._name):
            root.inside(self._name, self._refuse_foreign)
            root.remove_folder(self._name)

    def _refuse_foreign(self, folder: Folder) -> None:
        """Raise `CorruptData` unless all that is in *folder* is ours and whole."""
        self._tidy(folder)
        for name in folder.names():
            if not _is_key(name):
                raise CorruptData(
                    f"{folder.path_of(name)}: it is none of the files of this collection, so "
                    f"nothing was removed: move it away"
                )
            data = folder.read(name)
            if data is not None:
                self._contents(folder, name, data)

    @classmethod
    def collections(cls, options: Mapping[str, Any]) -> list[str]:
        """Return the names of the collections that hold something."""
        (own,) = bind(cls.__name__, options, open_root)
        root = connect(open_root, own)
        assert isinstance(root, Root)
        names = []
        for name in root.listed(SUFFIX):
            folder = View(root.view.path_of(name + SUFFIX))
            if folder.has(_JOURNAL) and (text := collection_of(folder, _JOURNAL, name)):
                cls(text, own)._settled()
            first = next(cls._files(folder), None)
            if first is not None:
                names.append(collection_of(folder, first, name))
        return sorted(name for name in names if name is not None)

    def _settled(self) -> bool:
        """Return whether the collection has a folder, and leave no write half done in it."""
        present = self._is_there(self._connection.view)
        if present and self._view.has(_JOURNAL):
            self._connection.alone(self._settle)
        return present

    def _settle(self, root: Folder) -> None:
        if self._is_there(root):
            root.inside(self._name, self._tidy)

    def _is_there(self, root: View) -> bool:
        """Return whether the collection has a folder; without one, nothing else may hold it."""
        if root.has_folder(self._name):
            return True
        refuse_original(root, self.collection)
        return False

    def _tidy(self, folder: Folder) -> None:
        """Finish or undo what a writer left that was killed or interrupted."""
        data, path = folder.read(_JOURNAL), folder.path_of(_JOURNAL)
        if data is not None:
            try:
                journal = _changes_of(document.read(data, self._what(), "changes", path))
            except msgspec.MsgspecError as exc:
                raise CorruptData(f"{path}: it lists no changes; it was left as it is") from exc
            names = [*journal.rename, *journal.rename.values(), *journal.delete]
            if any("/" in name for name in names):
                raise CorruptData(f"{path}: it names another folder; it was left as it is")
            try:
                self._carry_out(folder, journal)
            except StoreError as exc:
                raise type(exc)(f"a write that was interrupted cannot be finished: {exc}") from exc
        folder.clear()

    def _carry_out(self, folder: Folder, journal: _Journal) -> None:
        """Make the changes of *journal*, then remove it; to begin again does no harm."""
        for aside, name in journal.rename.items():
            with suppress(NotThere):  # renamed already, before the crash
                folder.rename(aside, name)
        for name in journal.delete:
            folder.unlink(name)
        folder.settle()
        folder.unlink(_JOURNAL)
        folder.settle()

    def _read(self, folder: View, text: str) -> bytes | None:
        name = self._file(text)
        data = folder.read(name)
        if data is None:
            return None
        return document.read(data, self._what(text), "record", folder.path_of(name))

    def _read_all(self, folder: View, keys: Collection[str]) -> dict[str, bytes]:
        found = {text: self._read(folder, text) for text in keys}
        return {text: record for text, record in found.items() if record is not None}

    @staticmethod
    def _files(folder: View) -> Iterator[str]:
        return filter(_is_key, folder.names())

    def _contents(self, folder: View, name: str, data: bytes) -> tuple[str, bytes]:
        """Return the text and the record of the key whose file *name* holds *data*."""
        path = folder.path_of(name)
        text = self._text_of(name, data, path)
        return text, document.read(data, self._what(text), "record", path)

    @staticmethod
    def _text_of(name: str, data: bytes, path: str) -> str:
        """Return the key's text: from the file's name, or where it was cut, from the file."""
        stem = name[: -len(_KEY_SUFFIX)]
        text = filenames.decode(stem)
        if text is None:
            try:
                text = str(msgspec.json.decode(document.members_of(data)["key"]))
            except (ValueError, KeyError) as exc:
                raise CorruptData(f"{path}: it names no key; it was left as it is") from exc
            if filenames.encode(text) != stem:
                raise CorruptData(f"{path}: its name is another key's; it was left as it is")
        document.check_keys([text], path)
        return text

    def _document(self, text: str, record: bytes) -> bytes:
        return document.write(self._what(text), "record", record)

    def _what(self, text: str | None = None) -> dict[str, str]:
        if text is None:
            return {"collection": self.collection}
        return {"collection": self.collection, "key": text}

    @cached_property
    def _name(self) -> str:
        return filenames.encode(self.collection) + SUFFIX

    @cached_property
    def _view(self) -> View:
        return View(self._connection.view.path_of(self._name))

    @staticmethod
    def _file(text: str) -> str:
        return filenames.encode(text) + _KEY_SUFFIX


def _is_key(name: str) -> bool:
    return name.endswith(_KEY_SUFFIX) and not name.startswith(".")
