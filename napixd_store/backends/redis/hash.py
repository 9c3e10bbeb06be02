"""Stores in Redis that keep a collection as one hash."""

from collections.abc import Collection, Iterator, Mapping
from itertools import chain
from typing import TypeVar

from napixd_store.backends.redis.lua import HASH_WRITE, packed
from napixd_store.backends.redis.names import decoded
from napixd_store.backends.redis.store import ServerStore
from napixd_store.changes import PRESENT, Changes, Expected
from napixd_store.errors import WrongType

V = TypeVar("V")


class RedisHashStore(ServerStore[V]):
    """A dict in Redis: one hash a collection, a field a key; write-through by default.

    It stands under ``<prefix>:hash:{<collection>}``; plain JSON values are plain JSON in
    ``redis-cli``. Iterates in no particular order, and remembers the keys it has seen.

    Guarantees: atomic among all clients; safe across forks. Every operation is one command or
    script, `pop`, `popitem`, `setdefault` and `edit` are two; each write is sent at most once,
    and one whose reply is lost raises `OutcomeUnknown`. `update` is one atomic write. Durability
    is what the server gives, see the option ``durability``.
    """

    kind = "hash"

    def _load(self, keys: Collection[str] | None = None) -> Mapping[str, bytes]:
        server, name = self._connection, self._name
        if keys is None:
            return self._paired(server.read(self._where, name, "HGETALL", name))
        if len(keys) == 1:
            (text,) = keys
            record = server.read(self._where, name, "HGET", name, text)
            return {} if record is None else {text: record}
        if not keys:
            return {}
        records = server.read(self._where, name, "HMGET", name, *keys)
        return {
            text: record for text, record in zip(keys, records, strict=True) if record is not None
        }

    def _write(self, changes: Changes, expected: Expected) -> None:
        server, name = self._connection, self._name
        if any(changes.values()):
            self._register()
        if all(changes.values()) and not expected:
            pairs = chain.from_iterable(changes.items())
            server.write(self._where, name, "HSET", name, *pairs)
            return
        gone = [text for text, record in changes.items() if record is None]
        if len(gone) == len(changes) and (not expected or _expects_just_that(gone, expected)):
            deleted = server.write(self._where, name, "HDEL", name, *gone)
            if expected and not deleted:
                raise self._conflict(gone)
        else:
            refused = server.run(
                self._where, [name], HASH_WRITE, *packed(changes, expected), writing=True
            )
            if refused:
                raise self._conflict([decoded(raw, self._where()) for raw in refused])

    def _scan(self) -> Iterator[tuple[str, bytes]]:
        server, name = self._connection, self._name
        return self._streamed(
            lambda cursor, size, footing: server.read(
                self._where, name, "HSCAN", name, cursor, "COUNT", size, footing=footing
            )
        )

    def _count(self) -> int:
        return int(self._connection.read(self._where, self._name, "HLEN", self._name))

    def _incr(self, text: str, by: int) -> int:
        if not self._counts_natively:
            return super()._incr(text, by)
        self._register()
        try:
            name = self._name
            return int(self._connection.write(self._where, name, "HINCRBY", name, text, by))
        except WrongType:  # or an integer in another form than the server's: look at the value
            return super()._incr(text, by)


def _expects_just_that(gone: list[str], expected: Expected) -> bool:
    return len(gone) == 1 and dict(expected) == {gone[0]: PRESENT}
