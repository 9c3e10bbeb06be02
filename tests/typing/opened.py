"""What a type checker knows of an opened store; checked by mypy and pyright, never run."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from typing_extensions import assert_type

from napixd_store import (
    DELETE,
    Counter,
    CounterBackend,
    Store,
    StoreBackend,
    collections,
    counters,
    transaction,
)
from napixd_store.backends.memory import MemoryStore
from napixd_store.engine.change import Deletion


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
    Store("x", "SQLite", expires_in=3600)
    Store("x", "RedisKey", expires_in=timedelta(hours=1))
    Store("x", "RedisHash", cache=True)
    Store("x", "RedisKey", cache=2**20, url="x")
    Store("x", backend, expires_in=None)
    assert_type(Store("x", MemoryStore, anything=1), MemoryStore[Any])
    assert_type(Counter("x", "SQLite", path="x"), CounterBackend)
    assert_type(Counter("x", backend), CounterBackend)
    assert_type(Counter("x", lease=100), CounterBackend)
    assert_type(Counter("x", "Redis", url="x", lease=100), CounterBackend)
    assert_type(Counter("x", backend, lease=100), CounterBackend)
    assert_type(collections(), list[str])
    assert_type(collections("RedisKey", url="x"), list[str])
    assert_type(collections(MemoryStore, anything=1), list[str])
    assert_type(counters("Directory", root="x"), list[str])
    assert_type(counters("SQLiteCounter", timeout=1), list[str])
    assert_type(counters(backend), list[str])


def used(tickets: StoreBackend[Ticket]) -> None:
    tickets.put("a", Ticket("x"), expires_in=timedelta(hours=1))
    assert_type(tickets.add("a", Ticket("x"), expires_in=None), bool)
    assert_type(tickets.expires_in("a"), float | None)
    assert_type(tickets.compute("a", closed), Ticket)
    assert_type(tickets.compute("a", lambda ticket: DELETE), Ticket | None)
    assert_type(tickets.compute("a", closed_or_gone), Ticket | None)


def together(tickets: StoreBackend[Ticket], log: MemoryStore[int], *more: MemoryStore[str]) -> None:
    with transaction(tickets) as inside:
        assert_type(inside, StoreBackend[Ticket])
    with transaction(tickets, log) as two:
        assert_type(two, tuple[StoreBackend[Ticket], MemoryStore[int]])
    with transaction(*more) as any_number:
        assert_type(any_number[0], MemoryStore[str])


def closed(ticket: Ticket) -> Ticket:
    return ticket


def closed_or_gone(ticket: Ticket) -> Ticket | Literal[Deletion.DELETE]:
    return ticket if ticket.title else DELETE
