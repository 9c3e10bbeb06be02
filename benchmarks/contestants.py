"""Contestants of more than one suite: this library, and others by their kind of interface."""

from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.measure import Contestant, Value
from napixd_store import Counter, Store, connections


class AsADict(Contestant):
    """Who has a mapping, `store`, that needs nothing else."""

    store: Any

    def get(self, keys: Iterable[str]) -> None:
        store = self.store
        for key in keys:
            store[key]

    def contains(self, keys: Iterable[str]) -> None:
        store = self.store
        for key in keys:
            key in store  # noqa: B015 - asking is what is measured

    def set(self, pairs: Iterable[tuple[str, Value]]) -> None:
        store = self.store
        for key, value in pairs:
            store[key] = value

    def update(self, pairs: Mapping[str, Value]) -> None:
        self.store.update(pairs)

    def iterate(self, places: range) -> None:
        for _pair in self.store.items():
            pass

    def length(self, times: range) -> None:
        store = self.store
        for _ in times:
            len(store)

    def delete(self, keys: Iterable[str]) -> None:
        store = self.store
        for key in keys:
            del store[key]


class Ours(AsADict):
    """`Store` and `Counter` with one backend."""

    name = "napixd-store"

    def __init__(self, backend: str, **options: Any) -> None:
        self.store = Store("benchmark", backend, **options)
        self.counter = Counter("benchmark", backend, **options)
        self.durability = self.store.durability

    def increment(self, times: range) -> None:
        increment = self.counter.increment
        for _ in times:
            increment()

    def close(self) -> None:
        connections.close_all()


class OnCachelib(Contestant):
    """A `cache` of cachelib, which has no way to list what it holds."""

    name = "cachelib"
    cache: Any

    def get(self, keys: Iterable[str]) -> None:
        get = self.cache.get
        for key in keys:
            get(key)

    def contains(self, keys: Iterable[str]) -> None:
        has = self.cache.has
        for key in keys:
            has(key)

    def set(self, pairs: Iterable[tuple[str, Value]]) -> None:
        put = self.cache.set
        for key, value in pairs:
            put(key, value)

    def update(self, pairs: Mapping[str, Value]) -> None:
        self.cache.set_many(dict(pairs))

    def delete(self, keys: Iterable[str]) -> None:
        delete = self.cache.delete
        for key in keys:
            delete(key)

    def increment(self, times: range) -> None:
        increment = self.cache.inc
        for _ in times:
            increment("counter")
