"""DirectoryStore: one readable JSON file a key, in a folder for the collection.

A write of several keys stages all new files aside, then writes ``.journal``, which names the
renames and removals to be made: with it the write is decided. Whoever finds a journal finishes
it before anything else. Nothing that may fail for want of space comes after it.
"""

import os
import stat
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any, TypeVar

import msgspec

from napixd_store import disk
from napixd_store.backends.files import document, filenames
from napixd_store.backends.files.collection import collection_of, refuse_original
from napixd_store.backends.files.counter import FileCounter
from napixd_store.backends.files.root import Root, open_root
from napixd_store.base import StoreBackend
from napixd_store.changes import Changes, Expected, unmet
from napixd_store.connections import connect
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
    _look_again = 0.0

    def _load(self, keys: Collection[str] | None = None) -> Mapping[str, bytes]:
        if keys is None:
            return dict(self._scan())
        return self._read_all(keys) if self._settled() else {}

    def _get(self, text: str) -> bytes | None:
        # One key is as it was or as it will be, whether a batch that a crash interrupted is
        # finished or not. So it is enough to look now and then, lest it stays half done for ever.
        now = time.monotonic()
        if now > self._look_again:
            if not self._settled():
                return None
            self._look_again = now + _LOOK_AGAIN
        return self._read(text)

    def _write(self, changes: Changes, expected: Expected) -> None:
        with self._connection.writing():
            present = self._present()
            if present:
                self._finish()
                self._connection.clear(self._folder)
            if expected:
                refused = unmet(expected, self._read_all(expected))
                if refused:
                    raise self._conflict(refused)
            if not present:
                if all(record is None for record in changes.values()):
                    return  # nothing is there to be deleted
                self._connection.make(self._folder)
            if len(changes) == 1:
                ((text, record),) = changes.items()
                self._apply(text, record)
            else:
                self._apply_all(changes)

    def _apply(self, text: str, record: bytes | None) -> None:
        path = self._file(text)
        if record is None:
            disk.remove(path)
        else:
            disk.replace(path, document.write(self._what(text), "record", record))

    def _apply_all(self, changes: Changes) -> None:
        """Stage every new file, then let the journal decide that all of them are to be."""
        renames: dict[str, str] = {}
        removals = []
        try:
            for text, record in changes.items():
                path = self._file(text)
                disk.refuse_foreign(path)
                if record is None:
                    removals.append(os.path.basename(path))
                else:
                    aside = disk.stage(path, document.write(self._what(text), "record", record))
                    renames[os.path.basename(aside)] = os.path.basename(path)
            journal = _Journal(renames, removals)
            body = document.write(self._what(), "changes", msgspec.json.encode(journal))
            disk.replace(self._journal, body)
        except OutcomeUnknown:
            raise  # the journal may stand, so what it names must
        except StoreError:  # not an interrupt: by then the journal may stand
            for name in renames:
                disk.discard(os.path.join(self._folder, name))
            raise
        self._carry_out(journal)

    def _scan(self) -> Iterator[tuple[str, bytes]]:
        for name in self._names(self._folder) if self._settled() else ():
            path = os.path.join(self._folder, name)
            data = disk.read(path)
            if data is not None:  # deleted since the folder was listed
                text = self._text_of(name, data, path)
                yield text, document.read(data, self._what(text), "record", path)

    def _count(self) -> int:
        return sum(1 for _ in self._names(self._folder)) if self._settled() else 0

    def _drop(self) -> None:
        if self._is_there():
            with self._connection.writing():
                disk.remove_folder(self._folder)

    @classmethod
    def collections(cls, options: Mapping[str, Any]) -> list[str]:
        """Return the names of the collections that hold something."""
        (own,) = bind(cls.__name__, options, open_root)
        root = connect(open_root, own)
        assert isinstance(root, Root)
        names = []
        for name in root.listed(SUFFIX):
            folder = root.path(name + SUFFIX)
            journal = os.path.join(folder, _JOURNAL)
            if os.path.lexists(journal) and (text := collection_of(journal, name)):
                cls(text, own)._settled()
            first = next(cls._names(folder), None)
            if first is not None:
                names.append(collection_of(os.path.join(folder, first), name))
        return sorted(name for name in names if name is not None)

    def _settled(self) -> bool:
        """Return whether the collection has a folder, and leave no write half done in it."""
        present = self._present()
        if present and os.path.lexists(self._journal):
            with self._connection.writing():
                self._finish()
        return present

    def _present(self) -> bool:
        """Return whether the collection has a folder; without one, nothing else may hold it."""
        if self._is_there():
            return True
        refuse_original(self._connection, self.collection)
        return False

    def _is_there(self) -> bool:
        try:
            mode = os.lstat(self._folder).st_mode
        except FileNotFoundError:
            return False
        except OSError as exc:
            raise disk.translated(exc, self._folder) from exc
        if not stat.S_ISDIR(mode):
            raise CorruptData(
                f"{self._folder}: no folder of ours stands there; it was left as it is"
            )
        return True

    def _finish(self) -> None:
        """Carry out the journal, if there is one."""
        path = self._journal
        data = disk.read(path)
        if data is None:
            return
        try:
            journal = _changes_of(document.read(data, self._what(), "changes", path))
        except msgspec.MsgspecError as exc:
            raise CorruptData(f"{path}: it lists no changes; it was left as it is") from exc
        names = [*journal.rename, *journal.rename.values(), *journal.delete]
        if any("/" in name for name in names):
            raise CorruptData(f"{path}: it names another folder; it was left as it is")
        self._carry_out(journal)

    def _carry_out(self, journal: _Journal) -> None:
        """Make the changes of *journal*, then remove it; to begin again does no harm."""
        folder = self._folder
        try:
            for aside, name in journal.rename.items():
                with suppress(FileNotFoundError):  # renamed already, before the crash
                    os.rename(os.path.join(folder, aside), os.path.join(folder, name))
            for name in journal.delete:
                with suppress(FileNotFoundError):
                    os.unlink(os.path.join(folder, name))
            disk.sync(folder)
            os.unlink(self._journal)
            disk.sync(folder)
        except OSError as exc:
            raise OutcomeUnknown(
                f"{folder}: {exc.strerror}: a write of several keys is decided but not finished; "
                f"it will be, by whoever reads or writes this collection next"
            ) from exc

    def _read(self, text: str) -> bytes | None:
        path = self._file(text)
        data = disk.read(path)
        return None if data is None else document.read(data, self._what(text), "record", path)

    def _read_all(self, keys: Collection[str]) -> dict[str, bytes]:
        found = {text: self._read(text) for text in keys}
        return {text: record for text, record in found.items() if record is not None}

    @staticmethod
    def _names(folder: str) -> Iterator[str]:
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.endswith(_KEY_SUFFIX) and not entry.name.startswith("."):
                        yield entry.name
        except FileNotFoundError:
            return
        except OSError as exc:
            raise disk.translated(exc, folder) from exc

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
        return text

    def _what(self, text: str | None = None) -> dict[str, str]:
        if text is None:
            return {"collection": self.collection}
        return {"collection": self.collection, "key": text}

    @cached_property
    def _folder(self) -> str:
        return self._connection.path(filenames.encode(self.collection) + SUFFIX)

    @cached_property
    def _journal(self) -> str:
        return f"{self._folder}/{_JOURNAL}"

    def _file(self, text: str) -> str:
        return f"{self._folder}/{filenames.encode(text)}{_KEY_SUFFIX}"
