"""What the three kinds of Redis stores share: the server, the physical name, the listing."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, ClassVar, TypeVar

from napixd_store.backends.redis.client import open_server
from napixd_store.backends.redis.counter import RedisCounter
from napixd_store.backends.redis.footing import Footing
from napixd_store.backends.redis.names import Kind, decoded, physical, registry
from napixd_store.backends.redis.server import Server
from napixd_store.base import StoreBackend
from napixd_store.connections import connect
from napixd_store.errors import StoreError, Unavailable
from napixd_store.options import bind
from napixd_store.serializers import JSONSerializer

V = TypeVar("V")

_FIRST_BATCH = 16
_LARGEST_BATCH = 1000
_ENOUGH = 2**18
_SHIFTS = 20
"""So many times an iteration begins again, as its cursor means nothing to the server any more."""


class ServerStore(StoreBackend[V]):
    """A store in Redis; `kind` is what stands under the name of a collection."""

    opener = staticmethod(open_server)
    counter = RedisCounter
    kind: ClassVar[Kind]
    _connection: Server

    def __init__(self, collection: str, options: Mapping[str, Any]) -> None:
        """Raise `InvalidName` or `ConfigError`; no I/O, so the server may be down."""
        super().__init__(collection, options)
        self._name = physical(self._connection.prefix, self.kind, collection)
        self._counts_natively = type(self._serializer) is JSONSerializer

    @classmethod
    def collections(cls, options: Mapping[str, Any]) -> list[str]:
        """Return the names of the collections that hold something."""
        (own,) = bind(cls.__name__, options, open_server)
        server = connect(open_server, own)
        assert isinstance(server, Server)

        def where() -> str:
            return f"{cls.__name__} in {server.place}"

        known = registry(server.prefix, cls.kind)
        names = {decoded(raw, where()) for raw in server.read(where, known, "SMEMBERS", known)}
        lost = server.listing.entered(cls.kind) - names  # somebody flushed the database
        places = {physical(server.prefix, cls.kind, name): name for name in names | lost}
        found = {places[at] for at in server.existing(where, places)}
        for name in lost & found:
            server.listing.enter(server.read, where, cls.kind, name, anew=True)
        return sorted(found)

    def _drop(self) -> None:
        self._remove()
        # It is dropped, whatever comes now; and who lists collections looks whether they exist.
        with suppress(StoreError):
            server = self._connection
            server.listing.remove(server.read, self._where, self.kind, self.collection)

    def _remove(self) -> None:
        self._connection.write(self._where, self._name, "UNLINK", self._name)

    def _register(self) -> None:
        server = self._connection
        server.listing.enter(server.read, self._where, self.kind, self.collection)

    def _streamed(self, fetch: Callable[[bytes, int, Footing], Any]) -> Iterator[tuple[str, bytes]]:
        """Yield the records that *fetch* gets, from a cursor on, about so many at a time."""
        seen: set[str] = set()  # the server may tell a key twice while the collection grows
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
            if not seen.isdisjoint(batch):
                batch = {text: batch[text] for text in batch.keys() - seen}
            seen.update(batch)
            yield from batch.items()
            if cursor == b"0" and not again:
                return
            size = _next_size(size, batch)

    def _shifting(self) -> Unavailable:
        return Unavailable(
            f"{self._where()}: the server behind it changed {_SHIFTS} times while it was iterated; "
            f"nothing was changed: repeat it when it is at rest"
        )

    def _paired(self, flat: list[bytes]) -> dict[str, bytes]:
        """Return the records in a *flat* reply, in which each key stands before its record."""
        pairs = iter(flat)
        try:
            return {raw.decode(): record for raw, record in zip(pairs, pairs, strict=True)}
        except UnicodeDecodeError:
            return {decoded(raw, self._where()): b"" for raw in flat[::2]}  # raises


def _next_size(size: int, batch: Mapping[str, bytes]) -> int:
    """Return how many records to ask for after *batch*: as many as fit into constant memory."""
    volume = sum(map(len, batch.values()))
    if volume < _ENOUGH:
        return min(size * 4, _LARGEST_BATCH)
    return max(size // 2, 1)
