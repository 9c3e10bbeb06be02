"""FileCounter: one integer a file."""

import msgspec

from napixd_store import disk
from napixd_store.backends.files import document, filenames
from napixd_store.backends.files.root import Root, open_root
from napixd_store.counter import CounterBackend
from napixd_store.errors import CorruptData
from napixd_store.integers import LARGEST, SMALLEST, in_range

SUFFIX = ".counter.json"

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
        path = self._path()
        data = disk.read(path)
        if data is None:
            return 0
        try:
            value = _integer(document.read(data, self._what(), "value", path))
        except msgspec.MsgspecError as exc:
            raise CorruptData(f"{path}: its value is no integer; it was left as it is") from exc
        if not SMALLEST <= value <= LARGEST:
            raise CorruptData(f"{path}: its value leaves 64 bits; it was left as it is")
        return value

    def _increment(self, by: int) -> int:
        with self._connection.writing():
            value = in_range(self._value() + by, self._where())
            self._put(value)
            return value

    def _reset(self, to: int) -> int:
        with self._connection.writing():
            old = self._value()
            self._put(to)
            return old

    def _put(self, value: int) -> None:
        data = document.write(self._what(), "value", str(value).encode())
        disk.replace(self._path(), data)

    def _what(self) -> dict[str, str]:
        return {"counter": self.name}

    def _path(self) -> str:
        return self._connection.path(filenames.encode(self.name) + SUFFIX)
