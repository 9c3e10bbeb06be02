"""What a type checker knows of an opened store; checked by mypy and pyright, never run."""

from dataclasses import dataclass
from typing import Any

from typing_extensions import assert_type

from napixd_store import Counter, CounterBackend, Store, StoreBackend
from napixd_store.backends.memory import MemoryStore


@dataclass
class Ticket:
    title: str


def known(backend: str) -> None:
    assert_type(Store("x"), StoreBackend[Any])
    assert_type(Store("x", type=Ticket), StoreBackend[Ticket])
    assert_type(Store("x", type=list[Ticket]), StoreBackend[list[Ticket]])
    assert_type(Store("x", type="desk.Ticket"), StoreBackend[Any])
    Store("x", type=Ticket | None)
    assert_type(Store("x", "Memory", type=Ticket), StoreBackend[Ticket])
    assert_type(Store("x", "SQLite", type=Ticket, path="x", timeout=3), StoreBackend[Ticket])
    assert_type(Store("x", "File", type=Ticket, root="x"), StoreBackend[Ticket])
    assert_type(Store("x", "RedisHashKey", type=Ticket, url="x"), StoreBackend[Ticket])
    assert_type(Store("x", backend, type=Ticket, writeback=True), StoreBackend[Ticket])
    assert_type(Store("x", MemoryStore, anything=1), MemoryStore[Any])
    assert_type(Counter("x", "SQLite", path="x"), CounterBackend)
    assert_type(Counter("x", backend), CounterBackend)
