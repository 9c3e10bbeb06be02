"""Stores in Redis that keep a collection as one hash."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, TypeVar

from napixd_store.backends.redis.driver import Command
from napixd_store.backends.redis.footing import Footing
from napixd_store.backends.redis.lua import (
    HASH_COUNT,
    HASH_DELETE,
    HASH_FRONT,
    HASH_FRONTS,
    HASH_SWEEP,
    HASH_WRITE,
    Script,
    packed,
)
from napixd_store.backends.redis.once import once
from napixd_store.backends.redis.store import ServerStore
from napixd_store.changes import Changes, Expected
from napixd_store.deadline import AFTER, FRONT, MARK
from napixd_store.engine.order import next_size
from napixd_store.errors import Unavailable, WrongType

V = TypeVar("V")

_FIRST_BATCH = 16
_SHIFTS = 20
"""So many times an iteration begins again, as its cursor means nothing to the server any more."""


class RedisHashStore(ServerStore[V]):
    """A dict in Redis: one hash a collection, a field a key; write-through by default.

    It stands under ``<prefix>:hash:{<collection>}``; plain JSON values are plain JSON in
    ``redis-cli``. Which keys end stands in a sorted set beside it. Iterates in no particular
    order, and remembers the keys it has seen.

    Guarantees: atomic among all clients; safe across forks. What ends does so by the server's
    clock. Every operation is one command or script, those that look first (`pop`, `popitem`,
    `setdefault`, `add`, `edit`, `compute`, `touch`) are two; each write is sent at most once,
    and one whose reply is lost raises `OutcomeUnknown`. `update` is one atomic write. Durability
    is what the server gives, see the option ``durability``. With ``cache`` a read of one key may
    be answered by the process: never with an older state of the value than any thread has read
    or written, nor with one that others replaced more than a second ago.
    """

    kind = "hash"
    # No HPEXPIREAT, which few servers know: HLEN would go on counting what is over.
    deadlines = "hash-until"

    def __init__(self, collection: str, options: Mapping[str, Any]) -> None:
        """Raise `InvalidName` or `ConfigError`; no I/O, so the server may be down."""
        super().__init__(collection, options)
        self._told, self._begins = self._name, f"{self._name}:"

    def _load(self, keys: Collection[str] | None = None) -> Mapping[str, bytes]:
        server, name = self._server, self._name
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
        if any(changes.values()):
            self._register()
        if not expected and _all_last(changes.values()):
            # Should one have had a deadline, that is told from the record itself now.
            pairs = chain.from_iterable(changes.items())
            self._server.write(self._where, self._name, "HSET", self._name, *pairs)
            return
        names, arguments = self._part(changes, expected)
        refused = self._server.run(self._where, names, HASH_WRITE, *arguments, writing=True)
        if refused:
            self._refuse(refused)

    def _part(self, changes: Changes, expected: Expected) -> tuple[Sequence[str], Sequence[Any]]:
        return self._names, packed(changes, expected)

    def _delete(self, text: str) -> bool:
        return bool(self._run(HASH_DELETE, text, self._server.now(), writing=True))

    def _scan(self) -> Iterator[tuple[str, bytes]]:
        return once(self._stream())

    def _stream(self) -> Iterator[tuple[str, bytes]]:
        server, name = self._server, self._name
        return self._streamed(
            lambda cursor, size, footing: server.read(
                self._where, name, "HSCAN", name, cursor, "COUNT", size, footing=footing
            )
        )

    def _reading(self, text: str) -> Command:
        return "HGET", self._name, text

    def _front(self, text: str) -> bytes | None:
        if self._cache is not None:
            return self._get(text)
        now = self._server.now()
        front: bytes | None = self._run(HASH_FRONT, text, now, FRONT, writing=False)
        return front

    def _fronts(self) -> Iterator[tuple[str, bytes]]:
        now = self._server.now
        return once(
            self._streamed(
                lambda cursor, size, footing: self._run(
                    HASH_FRONTS, cursor, size, now(), FRONT, writing=False, footing=footing
                )
            )
        )

    def _streamed(self, fetch: Callable[[bytes, int, Footing], Any]) -> Iterator[tuple[str, bytes]]:
        """Yield the records that *fetch* gets, from a cursor on, about so many at a time.

        The server may tell a key twice while the collection grows.
        """
        cursor, size = b"0", _FIRST_BATCH
        footing, shifts = Footing(), 0
        while True:
            going_on = cursor != b"0"
            cursor, flat = fetch(cursor, size, footing)
            again = going_on and footing.shifted
            if again:
                cursor, shifts = b"0", shifts + 1
                if shifts > _SHIFTS:
                    raise self._shifting()
            batch = self._paired(flat)
            yield from batch.items()
            if cursor == b"0" and not again:
                return
            size = next_size(size, batch)

    def _shifting(self) -> Unavailable:
        return Unavailable(
            f"{self._where()}: the server behind it changed {_SHIFTS} times while it was iterated; "
            f"nothing was changed: repeat it when it is at rest"
        )

    def _count(self) -> int:
        return int(self._run(HASH_COUNT, self._server.now(), writing=False))

    def _sweep(self, limit: int) -> tuple[int, int]:
        swept = int(self._run(HASH_SWEEP, self._server.now(), limit, writing=True))
        return swept, swept

    def _incr(self, text: str, by: int) -> int:
        if not self._counts_natively:
            return super()._incr(text, by)
        self._register()
        try:
            name = self._name
            return int(
                self._server.write(partial(self._where, text), name, "HINCRBY", name, text, by)
            )
        except WrongType:  # or an integer in another form than the server's: look at the value
            return super()._incr(text, by)

    def _run(
        self, script: Script, *arguments: Any, writing: bool, footing: Footing | None = None
    ) -> Any:
        return self._server.run(
            self._where, self._names, script, *arguments, writing=writing, footing=footing
        )


def _all_last(records: Collection[bytes | None]) -> bool:
    return all(record is not None and not AFTER > record > MARK for record in records)
