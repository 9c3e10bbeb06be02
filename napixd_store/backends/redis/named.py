"""The stores and the counter under the original's dotted paths: ours, which look for its data."""

from typing import TypeVar

from napixd_store.backends.redis import blob, counter, hash, key

V = TypeVar("V")


class RedisCounter(counter.RedisCounter):
    """As `napixd_store.backends.redis.RedisCounter`."""

    former = "RedisCounterBackend"


class RedisStore(blob.RedisStore[V]):
    """As `napixd_store.backends.redis.RedisStore`."""

    former = "RedisBackend"
    counter = RedisCounter


class RedisHashStore(hash.RedisHashStore[V]):
    """As `napixd_store.backends.redis.RedisHashStore`."""

    former = "RedisHashBackend"
    counter = RedisCounter


class RedisKeyStore(key.RedisKeyStore[V]):
    """As `napixd_store.backends.redis.RedisKeyStore`."""

    former = "RedisKeyBackend"
    counter = RedisCounter
