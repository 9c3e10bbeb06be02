"""Where the tests keep things: each standard backend under each policy.

A backend that comes later is one more line in `OPTIONS`.
"""

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from napixd_store import Counter, CounterBackend, Store, StoreBackend
from napixd_store.connections import close_all

OPTIONS: Mapping[str, Callable[[Path], dict[str, Any]]] = {
    "Memory": lambda folder: {},
    "SQLite": lambda folder: {"path": folder / "doc.sqlite", "durability": "process"},
    "File": lambda folder: {"root": folder / "files"},
    "Directory": lambda folder: {"root": folder / "folders"},
}
"""Backend -> the options that keep its data in a folder. No test here cuts the power."""

BACKENDS = list(OPTIONS)
ORDERED = [name for name in BACKENDS if name != "Directory"]
"""Those that iterate in the order of insertion; a folder iterates as its file system does."""

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

    def counter(self, name: str | None = None) -> CounterBackend:
        """Open the counter *name*, or one that nobody has used."""
        name = f"counter-{next(_numbers)}" if name is None else name
        return Counter(name, self.backend, **self.options)

    def reopened(self, store: StoreBackend[Any], **more: Any) -> StoreBackend[Any]:
        """Save *store*, close every connection, and open its collection anew."""
        store.save()
        close_all()
        return self.store(store.collection, **more)

    def plant(self, store: StoreBackend[Any], text: str, record: bytes) -> None:
        """Put *record* under a key's *text*, as whoever can write to the medium could."""
        self.store(store.collection, writeback=False)._write({text: record}, {})

    def record(self, store: StoreBackend[Any], text: str) -> bytes:
        """Return the record under a key's *text*."""
        return self.store(store.collection, writeback=False)._load((text,))[text]
