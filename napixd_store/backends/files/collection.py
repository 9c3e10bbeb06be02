"""FileStore: one readable JSON file a collection."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypeVar

from napixd_store import original
from napixd_store.backends.files import document, filenames, lines
from napixd_store.backends.files.counter import FileCounter
from napixd_store.backends.files.folder import Folder, View
from napixd_store.backends.files.root import Root, open_root
from napixd_store.base import StoreBackend
from napixd_store.changes import Changes, Expected, unmet
from napixd_store.deadline import MARK
from napixd_store.engine.records import between
from napixd_store.errors import CorruptData
from napixd_store.names import Span

V = TypeVar("V")

SUFFIX = filenames.STORE_FILE


class FileStore(StoreBackend[V]):
    """A dict in one JSON file, a record a line in the order of insertion; write-back by default.

    Every write replaces the whole file, and a read takes all of it in (decoding only what is
    asked): for collections of up to some megabytes. Format: `document`.

    Guarantees: atomic among threads and processes; safe across forks. Readers never wait, except
    to finish a `transaction` of several collections. Durability ``power``: what was acknowledged
    survives a power cut, and a crash at any moment leaves the old or the new content. `update`
    and `save` are one such replacement.

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
        root = self._connection.settled_view
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
        replacement = self._replacement(root, changes, expected)
        if replacement is not None:
            root.replace(*replacement)

    def _replacement(
        self, root: Folder, changes: Changes, expected: Expected
    ) -> tuple[str, bytes] | None:
        """Return the name of the file and what it is to hold, if it is as *expected*.

        None: it stays as it is, for nothing changes.
        """
        text = self._text(root)
        refused = unmet(expected, lines.found(text, expected))
        if refused:
            raise self._conflict(refused)
        if not changes:
            return None
        text = lines.replaced(text, changes)
        return self._file(), document.write(self._what(), "records", text)

    def _range(self, span: Span, reverse: bool, limit: int | None) -> Iterator[tuple[str, bytes]]:
        records = self._load()  # all is read, for whatever is asked
        return ((text, records[text]) for text in between(records, span, reverse))

    def _count(self) -> int:
        text = self._text(self._connection.settled_view)
        return lines.count(text) if MARK not in text else super()._count()

    def _text(self, root: View) -> bytes:
        """Return all records as `lines`, whoever wrote the file."""
        data, path = root.read(self._file()), root.path_of(self._file())
        if data is None:
            original.refuse(root.path, self.collection)
            return lines.joined({})
        text = document.sealed(data, self._what(), "records")
        if text is not None and lines.fits(text):
            return text
        body = document.read(data, self._what(), "records", path)
        try:
            members = document.members_of(body)
        except ValueError as exc:
            raise CorruptData(
                f"{path}: its records are not a JSON object; it was left as it is"
            ) from exc
        document.check_keys(members, path)
        return lines.joined({text: bytes(record) for text, record in members.items()})

    def _drop(self) -> None:
        if self._connection.settled_view.has(self._file()):
            self._connection.alone(self._remove)

    def _remove(self, root: Folder) -> None:
        self._text(root)  # raises, unless it is ours and whole
        root.remove(self._file())

    @classmethod
    def collections(cls, options: Mapping[str, Any]) -> list[str]:
        """Return the names of the collections in which something lives; it reads each file."""
        root: Root = cls._reached(options)
        names = root.owners(SUFFIX, "collection")
        return [name for name in names if cls(name, options)._has_living()]

    def _what(self) -> dict[str, str]:
        return {"collection": self.collection}

    def _file(self) -> str:
        return filenames.encode(self.collection) + SUFFIX
