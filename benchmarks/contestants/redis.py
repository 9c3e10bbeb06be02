"""Who keeps a dict on a Redis server, as contestants: their notes are in `suites.redis`."""

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import redis

from benchmarks.contestants.kinds import AsADict, OnCachelib, OnKeyValue
from benchmarks.measure import Contestant
from benchmarks.rounds import Value

BATCH = 1000
"""How many pairs who streams asks for at once; this library never asks for more."""


class ByHand(Contestant):
    """redis-py and msgspec, written by hand."""

    name = "redis-py + msgspec by hand"
    durability = "memory"

    def __init__(self, folder: Path, way: Mapping[str, Any]) -> None:
        self.open = partial(redis.Redis, **way)
        self.client: Any = self.open()  # its types are those of both protocols
        self.name_of_hash = f"{folder}:hash"
        self.name_of_counter = f"{folder}:counter"
        self.encode = msgspec.json.Encoder().encode
        self.decode = msgspec.json.Decoder().decode

    def get(self, keys: Iterable[str]) -> None:
        hget, name, decode = self.client.hget, self.name_of_hash, self.decode
        for key in keys:
            decode(hget(name, key))

    def get_many(self, pages: Iterable[list[str]]) -> None:
        hmget, name, decode = self.client.hmget, self.name_of_hash, self.decode
        for page in pages:
            for value in hmget(name, page):
                decode(value)

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

    def cold(self, keys: Iterable[str]) -> None:
        for _key in keys:
            self.client.close()
            self.client = self.open()
            self.get(keys)

    def drop(self, times: range) -> None:
        for _ in times:
            self.client.delete(self.name_of_hash)

    def close(self) -> None:
        self.client.close()


class Collections(AsADict):
    """`redis-collections`."""

    name = "redis-collections"
    durability = "memory"

    def __init__(self, folder: Path, way: Mapping[str, Any]) -> None:
        dicts = self.need("redis_collections")
        self.client = redis.Redis(**way)
        self.store = dicts.Dict(redis=self.client, key=f"{folder}:hash")

    def close(self) -> None:
        self.client.close()


class Pottery(AsADict):
    """`pottery`."""

    name = "pottery"
    durability = "memory"

    def __init__(self, folder: Path, way: Mapping[str, Any]) -> None:
        pottery = self.need("pottery")
        self.client = redis.Redis(**way)
        self.store = pottery.RedisDict(redis=self.client, key=f"{folder}:hash")
        self.ids = pottery.NextID(key=f"{folder}:ids", masters={self.client})

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
        self.database = self.need("walrus").Database(**way)
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
        cachelib = self.need("cachelib")
        self.client = redis.Redis(**way)
        self.cache = cachelib.RedisCache(self.client, default_timeout=0, key_prefix=f"{folder}:")

    def close(self) -> None:
        self.client.close()


class KeysByHand(Contestant):
    """redis-py and msgspec, written by hand: a string a key, which nothing lists."""

    name = "redis-py + msgspec by hand"
    durability = "memory"

    def __init__(self, folder: Path, way: Mapping[str, Any]) -> None:
        self.open = partial(redis.Redis, **way)
        self.client: Any = self.open()
        self.prefix = f"{folder}:"
        self.encode = msgspec.json.Encoder().encode
        self.decode = msgspec.json.Decoder().decode

    def get(self, keys: Iterable[str]) -> None:
        get, prefix, decode = self.client.get, self.prefix, self.decode
        for key in keys:
            decode(get(prefix + key))

    def get_many(self, pages: Iterable[list[str]]) -> None:
        mget, prefix, decode = self.client.mget, self.prefix, self.decode
        for page in pages:
            for value in mget([prefix + key for key in page]):
                decode(value)

    def set(self, pairs: Iterable[tuple[str, Value]]) -> None:
        put, prefix, encode = self.client.set, self.prefix, self.encode
        for key, value in pairs:
            put(prefix + key, encode(value))

    def update(self, pairs: Mapping[str, Value]) -> None:
        prefix, encode = self.prefix, self.encode
        self.client.mset({prefix + key: encode(value) for key, value in pairs.items()})

    def delete(self, keys: Iterable[str]) -> None:
        delete, prefix = self.client.delete, self.prefix
        for key in keys:
            delete(prefix + key)

    def cold(self, keys: Iterable[str]) -> None:
        for _key in keys:
            self.client.close()
            self.client = self.open()
            self.get(keys)

    def close(self) -> None:
        self.client.close()


class WholeByHand(Contestant):
    """redis-py and msgspec, written by hand: a dict as one string; who saves last wins."""

    name = "redis-py + msgspec by hand"
    durability = "memory"

    def __init__(self, folder: Path, way: Mapping[str, Any]) -> None:
        self.client = redis.Redis(**way)
        self.name_of_string = f"{folder}:string"
        self.values: dict[str, Value] = {}
        self.encode = msgspec.json.Encoder().encode

    def update(self, pairs: Mapping[str, Value]) -> None:
        self.values.update(pairs)

    def save(self, pairs: Iterable[tuple[str, Value]]) -> None:
        for key, value in pairs:
            self.values[key] = value
            self.client.set(self.name_of_string, self.encode(self.values))

    def close(self) -> None:
        self.client.close()


class KeyValueRedis(OnKeyValue):
    """`py-key-value` on Redis."""

    name = "py-key-value"
    durability = "memory"

    def __init__(self, folder: Path, way: Mapping[str, Any]) -> None:
        stores = self.need("key_value.aio.stores.redis")
        super().__init__()
        self.client = self.need("redis.asyncio").Redis(**way, decode_responses=True)
        self.store = stores.RedisStore(client=self.client, default_collection=str(folder))

    def close(self) -> None:
        self.loop.run_until_complete(self.client.aclose())
        super().close()
