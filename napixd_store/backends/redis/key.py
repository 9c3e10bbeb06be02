"""Stores in Redis that keep each value under a key of its own."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, TypeVar

from napixd_store.backends.redis.driver import Command
from napixd_store.backends.redis.lua import (
    KEY_COUNT,
    KEY_DELETE,
    KEY_DROP,
    KEY_GET,
    KEY_INCR,
    KEY_LOAD,
    KEY_PAGE,
    KEY_SWEEP,
    KEY_WRITE,
    Script,
    token,
)
from napixd_store.backends.redis.names import decoded, physical
from napixd_store.backends.redis.store import ServerStore
from napixd_store.changes import Changes, Expected
from napixd_store.deadline import AFTER, FRONT, MARK
from napixd_store.engine.order import paged
from napixd_store.errors import WrongType
from napixd_store.names import ALL, Span

V = TypeVar("V")

_LARGE = 1_000
"""So many values are read by plain commands: a script saves a round trip, but copies each."""


class RedisKeyStore(ServerStore[V]):
    """A dict in Redis: one key a value, and an index of them; write-through by default.

    A value stands under ``<prefix>:key:{<collection>}:<key>``, the index, a sorted set, under
    ``<prefix>:index:{<collection>}``: so listing, `len` and `drop` never search the database.
    Which keys end stands in another one beside it; their values leave by themselves, too.
    Iterates in the order of the keys, as `range`, in constant memory. A value that somebody
    else deletes, or that the server evicts, is missing at once but counted by `len`.

    Guarantees: as `RedisHashStore`.
    """

    kind = "index"
    deadlines = "key-until"

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
            records = [self._server.read(self._where, names[0], "GET", names[0])]
        else:
            records = self._server.run(self._where, names, KEY_GET, writing=False)
        return {
            text: record for text, record in zip(keys, records, strict=True) if record is not None
        }

    def _write(self, changes: Changes, expected: Expected) -> None:
        if any(changes.values()):
            self._register()
        names, arguments = self._part(changes, expected)
        refused = self._server.run(self._where, names, KEY_WRITE, *arguments, writing=True)
        if refused:
            self._refuse(refused)

    def _part(self, changes: Changes, expected: Expected) -> tuple[Sequence[str], Sequence[Any]]:
        puts = [text for text, record in changes.items() if record is not None]
        records = [record for record in changes.values() if record is not None]
        gone = [text for text, record in changes.items() if record is None]
        some_end = int(any(AFTER > record > MARK for record in records))
        names = map(self._begins.__add__, chain(expected, puts, gone))
        head = (self._begins, len(expected), len(puts), some_end)
        return [*self._names, *names], [*head, *map(token, expected.values()), *records]

    def _delete(self, text: str) -> bool:
        return bool(self._run_on(text, KEY_DELETE, self._server.now()))

    def _reading(self, text: str) -> Command:
        return "GET", self._begins + text

    def _front(self, text: str) -> bytes | None:
        if self._cache is not None:
            return self._get(text)
        name = self._begins + text
        front = self._server.read(self._where, name, "GETRANGE", name, 0, FRONT - 1)
        return front or None  # no record is empty

    def _scan(self) -> Iterator[tuple[str, bytes]]:
        return self._range(ALL, False, None)

    def _fronts(self) -> Iterator[tuple[str, bytes]]:
        return paged(partial(self._page, "", FRONT), ALL, False, None)

    def _range(self, span: Span, reverse: bool, limit: int | None) -> Iterator[tuple[str, bytes]]:
        return paged(partial(self._page, "REV" if reverse else "", ""), span, reverse, limit)

    def _page(
        self, way: str, most: int | str, span: Span, size: int
    ) -> tuple[Collection[tuple[str, bytes]], str | None]:
        if size >= _LARGE and not most:
            page = self._plain_page(way, *span, size)
            if page is not None:
                return page
        last, flat = self._run(KEY_PAGE, *span, way, size, most, writing=False)
        return self._paired(flat).items(), None if last is None else decoded(last, self._where())

    def _plain_page(
        self, way: str, low: str, high: str, size: int
    ) -> tuple[Collection[tuple[str, bytes]], str | None] | None:
        """Return a page by two plain commands, which cost the server a third of the script.

        None where a value is missing, or is no string: the script mends the index, or refuses.
        """
        read, where, index = self._server.read, self._where, self._name
        bounds = (f"({high}", f"[{low}") if way else (f"[{low}", f"({high}")
        raws = read(where, index, f"Z{way}RANGEBYLEX", index, *bounds, "LIMIT", 0, size)
        if not raws:
            return (), None
        begins = self._begins.encode()
        records = read(where, self._begins, "MGET", *(begins + raw for raw in raws))
        if None in records:
            return None
        last = decoded(raws[-1], where()) if len(raws) == size else None
        return self._paired([*chain.from_iterable(zip(raws, records, strict=True))]).items(), last

    def _count(self) -> int:
        now = self._server.now()
        return int(self._server.run(self._where, self._names, KEY_COUNT, now, writing=False))

    def _sweep(self, limit: int) -> tuple[int, int]:
        swept = int(self._run(KEY_SWEEP, self._server.now(), limit, writing=True))
        return swept, swept

    def _remove(self) -> None:
        self._run(KEY_DROP, writing=True)

    def _incr(self, text: str, by: int) -> int:
        if not self._counts_natively:
            return super()._incr(text, by)
        self._register()
        try:
            return int(self._run_on(text, KEY_INCR, by))
        except WrongType:  # or an integer in another form than the server's: look at the value
            return super()._incr(text, by)

    def _run_on(self, text: str, script: Script, *arguments: Any) -> Any:
        """Run a *script* that writes one value."""
        names = [*self._names, self._begins + text]
        where = partial(self._where, text)
        return self._server.run(where, names, script, text, *arguments, writing=True)

    def _run(self, script: Script, *arguments: Any, writing: bool) -> Any:
        return self._server.run(
            self._where, self._names, script, self._begins, *arguments, writing=writing
        )
