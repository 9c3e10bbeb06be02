"""FileCounter: one integer a file."""

from collections.abc import Mapping
from typing import Any

import msgspec

from napixd_store.backends.files import document, filenames
from napixd_store.backends.files.folder import Folder, View
from napixd_store.backends.files.root import Root, open_root
from napixd_store.counter import CounterBackend
from napixd_store.errors import CorruptData
from napixd_store.integers import LARGEST, SMALLEST, in_range

SUFFIX = filenames.COUNTER_FILE

_integer = msgspec.json.Decoder(int).decode


class FileCounter(CounterBackend):
    """An integer in a file.

    Guarantees: atomic among threads and processes; safe across forks. Durability ``power``: a
    number that was returned is never returned again, even after a power cut.

    >>> ids = FileCounter("ids", {"root": "stores"})
    >>> ids.increment(), ids.increment(by=2), ids.value
    (1, 3, 3)
    """

    opener = staticmethod(open_root)
    _connection: Root

    def _value(self) -> int:
        return self._read(self._connection.view)

    def _increment(self, by: int) -> int:
        return self._connection.alone(self._add, by)

    def _reset(self, to: int) -> int:
        return self._connection.alone(self._replace, to)

    def _drop(self) -> None:
        if self._connection.view.has(self._file()):
            self._connection.alone(self._remove)

    @classmethod
    def counters(cls, options: Mapping[str, Any]) -> list[str]:
        """Return the names of the counters in the folder."""
        root: Root = cls._reached(options)
        return root.owners(SUFFIX, "counter")

    def _add(self, root: Folder, by: int) -> int:
        value = in_range(self._read(root) + by, self._where())
        self._put(root, value)
        return value

    def _replace(self, root: Folder, to: int) -> int:
        old = self._read(root)
        self._put(root, to)
        return old

    def _remove(self, root: Folder) -> None:
        self._read(root)  # raises, unless it is ours and whole
        root.remove(self._file())

    def _read(self, root: View) -> int:
        data, path = root.read(self._file()), root.path_of(self._file())
        if data is None:
            return 0
        try:
            value = _integer(document.read(data, self._what(), "value", path))
        except msgspec.MsgspecError as exc:
            raise CorruptData(f"{path}: its value is not an integer; it was left as it is") from exc
        if not SMALLEST <= value <= LARGEST:
            raise CorruptData(f"{path}: its value does not fit into 64 bits; it was left as it is")
        return value

    def _put(self, root: Folder, value: int) -> None:
        root.replace(self._file(), document.write(self._what(), "value", str(value).encode()))

    def _what(self) -> dict[str, str]:
        return {"counter": self.name}

    def _file(self) -> str:
        return filenames.encode(self.name) + SUFFIX
