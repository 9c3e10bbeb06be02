"""Where the tests keep things: each standard backend under each policy.

A backend that comes later is one more line in `OPTIONS`.
"""

import hashlib
import itertools
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from napixd_store import Counter, CounterBackend, Store, StoreBackend
from napixd_store.connections import close_all
from tests.redis.servers import shared


def on_server(folder: Path) -> dict[str, Any]:
    """Return the options for the server of this session; a folder stands for a prefix there."""
    prefix = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    # It has one thread, and other tests send it values of 64 MiB and hold the cores meanwhile.
    return {"unix_socket_path": shared().socket, "prefix": prefix, "timeout": 60.0}


OPTIONS: Mapping[str, Callable[[Path], dict[str, Any]]] = {
    "Memory": lambda folder: {},
    "SQLite": lambda folder: {"path": folder / "doc.sqlite", "durability": "process"},
    "File": lambda folder: {"root": folder / "files"},
    "Directory": lambda folder: {"root": folder / "folders"},
    "Redis": lambda folder: on_server(folder / "blobs"),
    "RedisHash": lambda folder: on_server(folder / "hashes"),
    "RedisKey": lambda folder: on_server(folder / "keys"),
}
"""Backend -> the options that keep its data in a folder. No test here cuts the power."""

BACKENDS = list(OPTIONS)
ORDERED = [name for name in BACKENDS if name not in ("Directory", "RedisHash", "RedisKey")]
"""Those that iterate in the order of insertion; a folder, a hash and a set do as they like."""

POLICIES = {"write-through": False, "write-back": True}

_numbers = itertools.count(1)


class Medium:
    """A backend, the options that reach its data, and whether its stores write back."""

    def __init__(self, backend: str, folder: Path, writeback: bool) -> None:
        self.backend, self.writeback = backend, writeback
        self.ordered = backend in ORDERED
        self.options = OPTIONS[backend](folder)

    def store(self, collection: str | None = None, **more: Any) -> StoreBackend[Any]:
        """Open *collection*, or one that nobody has used."""
        name = f"collection-{next(_numbers)}" if collection is None else collection
        given = {**self.options, "writeback": self.writeback, **more}
        return Store(name, self.backend, **given)

    def counter(self, name: str | None = None, **more: Any) -> CounterBackend:
        """Open the counter *name*, or one that nobody has used."""
        name = f"counter-{next(_numbers)}" if name is None else name
        return Counter(name, self.backend, **{**self.options, **more})

    def reopened(self, store: StoreBackend[Any], **more: Any) -> StoreBackend[Any]:
        """Save *store*, close every connection, and open its collection anew."""
        store.save()
        close_all()
        return self.store(store.collection, **more)

    def plant(self, store: StoreBackend[Any], text: str, record: bytes) -> None:
        """Put *record* under a key's *text*, as whoever can write to the medium could."""
        self.store(store.collection, writeback=False)._write({text: record}, {})

    def isolates(self, record: bytes) -> bool:
        """Whether this record can be damaged alone; a blob that is no JSON is damaged as one."""
        if self.backend != "Redis":
            return True
        try:
            msgspec.json.decode(b'{"k":%b}' % record, type=dict[str, msgspec.Raw])
        except (msgspec.DecodeError, RecursionError):
            return False
        return True

    def record(self, store: StoreBackend[Any], text: str) -> bytes:
        """Return the record under a key's *text*."""
        return self.store(store.collection, writeback=False)._load((text,))[text]


def remove_files(store: StoreBackend[Any]) -> bool:
    """Remove all files of the place where *store* is, as ``rm`` does; say whether there are any."""
    place = Path(store._connection.place)  # on a server, or in memory, it is no path
    if place.is_dir():
        shutil.rmtree(place)
        return True
    files = list(place.parent.glob(f"{place.name}*")) if place.is_file() else []
    for each in files:
        each.unlink()
    return bool(files)


def rename_all(store: StoreBackend[Any]) -> None:
    """Give each key another name while iterating over them all, and take it back in the end.

    A new name may be met on the way, and gets another; one day it ends.
    """
    before = list(store)
    names: dict[Any, Any] = {}
    for key in store:
        assert len(names) < 1000, "it does not end"
        new = f"renamed {len(names)}"
        store[new] = store.pop(key)
        names[new] = names.get(key, key)
    renamed = {names[new]: value for new, value in store.items()}
    store.clear()
    store.update({key: renamed[key] for key in before})
