"""Persistent dicts and atomic counters.

Two things to learn: a **Store** is a dict kept in a *collection*; a **Counter** is an integer
kept under a *name*. A *backend* says where.

>>> from napixd_store import Counter, Store
>>> tickets = Store("tickets", backend="Memory")
>>> ids = Counter("ticket-id", backend="Memory")
>>> tickets["scp-%03i" % ids.increment()] = {"title": "No coffee"}
>>> tickets.snapshot()
{'scp-001': {'title': 'No coffee'}}
"""

from napixd_store.base import StoreBackend
from napixd_store.connections import close_all
from napixd_store.counter import CounterBackend
from napixd_store.engine.change import DELETE
from napixd_store.engine.transactions import transaction
from napixd_store.errors import (
    ConfigError,
    Conflict,
    CorruptData,
    CounterOverflow,
    EvictingWarning,
    ImportRefused,
    InvalidKey,
    InvalidName,
    InvalidValue,
    LimitReached,
    NoSuchKey,
    NoSuchStoreBackend,
    NotReplicated,
    OutcomeUnknown,
    PreconditionFailed,
    ReadOnly,
    StoreError,
    StoreFull,
    Unavailable,
    WrongType,
)
from napixd_store.listing import collections, counters
from napixd_store.opening import Counter, Store
from napixd_store.scripts import stores_of
from napixd_store.settings import configure

__all__ = [
    "DELETE",
    "ConfigError",
    "Conflict",
    "CorruptData",
    "Counter",
    "CounterBackend",
    "CounterOverflow",
    "EvictingWarning",
    "ImportRefused",
    "InvalidKey",
    "InvalidName",
    "InvalidValue",
    "LimitReached",
    "NoSuchKey",
    "NoSuchStoreBackend",
    "NotReplicated",
    "OutcomeUnknown",
    "PreconditionFailed",
    "ReadOnly",
    "Store",
    "StoreBackend",
    "StoreError",
    "StoreFull",
    "Unavailable",
    "WrongType",
    "close_all",
    "collections",
    "configure",
    "counters",
    "stores_of",
    "transaction",
]
