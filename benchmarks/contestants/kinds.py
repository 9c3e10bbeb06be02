"""Contestants of more than one suite: this library, and others by their kind of interface."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from benchmarks.measure import Contestant
from benchmarks.rounds import PAGE, Value
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
        self.open: Callable[[], Any] = partial(Store, "benchmark", backend, **options)
        self.store = self.open()
        self.counter = Counter("benchmark", backend, **options)
        self.durability = self.store.durability

    def get_many(self, pages: Iterable[list[str]]) -> None:
        get_many = self.store.get_many
        for page in pages:
            get_many(page)

    def add(self, pairs: Iterable[tuple[str, Value]]) -> None:
        add = self.store.add
        for key, value in pairs:
            add(key, value)

    def edit(self, keys: Iterable[str]) -> None:
        edit = self.store.edit
        for key in keys:
            with edit(key) as value:
                value["score"] += 1

    def page(self, keys: Iterable[str]) -> None:
        store = self.store
        for key in keys:
            for _pair in store.range(start=key, limit=PAGE):
                pass

    def cold(self, keys: Iterable[str]) -> None:
        for key in keys:
            connections.close_all()
            self.open()[key]

    def drop(self, times: range) -> None:
        for _ in times:
            self.store.drop()

    def increment(self, times: range) -> None:
        increment = self.counter.increment
        for _ in times:
            increment()

    def close(self) -> None:
        connections.close_all()


class OursKept(Ours):
    """`Store` with what was read kept in the process."""

    name = "napixd-store, cache=True"

    def ready(self) -> None:
        self.get(list(self.store))


class OursWhole(Contestant):
    """`Store` with a backend that writes back: all values are saved as one."""

    name = "napixd-store"

    def __init__(self, backend: str, **options: Any) -> None:
        self.open: Callable[[], Any] = partial(Store, "benchmark", backend, **options)
        self.store = self.open()
        self.durability = self.store.durability

    def update(self, pairs: Mapping[str, Value]) -> None:
        with self.store as store:
            store.update(pairs)
        self.store = self.open()  # as a service finds it after its start

    def ready(self) -> None:
        self.store.reload()
        len(self.store)

    def save(self, pairs: Iterable[tuple[str, Value]]) -> None:
        store = self.store
        for key, value in pairs:
            store[key] = value
            store.save()

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


class OnKeyValue(Contestant):
    """A `store` of py-key-value, which is async: one loop runs all calls of a verb."""

    store: Any

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()

    def get(self, keys: Iterable[str]) -> None:
        async def work() -> None:
            for key in keys:
                await self.store.get(key)

        self.loop.run_until_complete(work())

    def get_many(self, pages: Iterable[list[str]]) -> None:
        async def work() -> None:
            for page in pages:
                await self.store.get_many(page)

        self.loop.run_until_complete(work())

    def set(self, pairs: Iterable[tuple[str, Value]]) -> None:
        async def work() -> None:
            for key, value in pairs:
                await self.store.put(key, value)

        self.loop.run_until_complete(work())

    def update(self, pairs: Mapping[str, Value]) -> None:
        self.loop.run_until_complete(self.store.put_many(list(pairs), list(pairs.values())))

    def delete(self, keys: Iterable[str]) -> None:
        async def work() -> None:
            for key in keys:
                await self.store.delete(key)

        self.loop.run_until_complete(work())

    def close(self) -> None:
        self.loop.close()
