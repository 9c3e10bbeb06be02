"""Stores in Redis that keep each value under a key of its own."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypeVar

from napixd_store.backends.redis.footing import Footing
from napixd_store.backends.redis.lua import (
    KEY_DROP,
    KEY_GET,
    KEY_INCR,
    KEY_LOAD,
    KEY_SCAN,
    KEY_WRITE,
    Script,
    expectation,
)
from napixd_store.backends.redis.names import decoded, physical
from napixd_store.backends.redis.store import ServerStore
from napixd_store.changes import Changes, Expected
from napixd_store.errors import WrongType

V = TypeVar("V")


class RedisKeyStore(ServerStore[V]):
    """A dict in Redis: one key a value, and a set that lists them; write-through by default.

    A value stands under ``<prefix>:key:{<collection>}:<key>``, the set under
    ``<prefix>:index:{<collection>}``: so listing, `len` and `drop` never search the database.
    Iterates in no particular order, and remembers the keys it has seen. A value that somebody
    else deletes, or that the server evicts, is missing at once but counted by `len`.

    Guarantees: as `RedisHashStore`.
    """

    kind = "index"

    def __init__(self, collection: str, options: Mapping[str, Any]) -> None:
        """Raise `InvalidName` or `ConfigError`; no I/O, so the server may be down."""
        super().__init__(collection, options)
        self._begins = physical(self._connection.prefix, "key", collection, "")

    def _load(self, keys: Collection[str] | None = None) -> Mapping[str, bytes]:
        if keys is None:
            return self._paired(self._run(KEY_LOAD, writing=False))
        if not keys:
            return {}
        names = [self._begins + text for text in keys]
        if len(names) == 1:
            records = [self._connection.read(self._where, names[0], "GET", names[0])]
        else:
            records = self._connection.run(self._where, names, KEY_GET, writing=False)
        return {
            text: record for text, record in zip(keys, records, strict=True) if record is not None
        }

    def _write(self, changes: Changes, expected: Expected) -> None:
        puts = {text: record for text, record in changes.items() if record is not None}
        gone = [text for text in changes if text not in puts]
        if puts:
            self._register()
        names = [self._begins + text for text in (*expected, *puts, *gone)]
        refused = self._connection.run(
            self._where,
            [self._name, *names],
            KEY_WRITE,
            self._begins,
            len(expected),
            len(puts),
            *map(expectation, expected.values()),
            *puts.values(),
            writing=True,
        )
        if refused:
            raise self._conflict([decoded(raw, self._where()) for raw in refused])

    def _scan(self) -> Iterator[tuple[str, bytes]]:
        return self._streamed(
            lambda cursor, size, footing: self._run(
                KEY_SCAN, cursor, size, writing=False, footing=footing
            )
        )

    def _count(self) -> int:
        return int(self._connection.read(self._where, self._name, "SCARD", self._name))

    def _remove(self) -> None:
        self._run(KEY_DROP, writing=True)

    def _incr(self, text: str, by: int) -> int:
        if not self._counts_natively:
            return super()._incr(text, by)
        self._register()
        try:
            return int(
                self._connection.run(
                    self._where,
                    [self._name, self._begins + text],
                    KEY_INCR,
                    text,
                    by,
                    writing=True,
                )
            )
        except WrongType:  # or an integer in another form than the server's: look at the value
            return super()._incr(text, by)

    def _run(
        self, script: Script, *arguments: Any, writing: bool, footing: Footing | None = None
    ) -> Any:
        return self._connection.run(
            self._where,
            [self._name],
            script,
            self._begins,
            *arguments,
            writing=writing,
            footing=footing,
        )
