"""What the three kinds of Redis stores share: the server, the physical name, the listing."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, TypeVar

from napixd_store.backends.redis.client import open_server
from napixd_store.backends.redis.counter import RedisCounter
from napixd_store.backends.redis.names import Kind, decoded, physical, registry
from napixd_store.backends.redis.server import Server
from napixd_store.base import StoreBackend
from napixd_store.connections import connect
from napixd_store.options import bind
from napixd_store.serializers import JSONSerializer

V = TypeVar("V")

_FIRST_BATCH = 16
_LARGEST_BATCH = 1000
_ENOUGH = 2**18


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
        names = [decoded(raw, where()) for raw in server.read(where, known, "SMEMBERS", known)]
        return sorted(
            name
            for name in names
            if server.read(where, at := physical(server.prefix, cls.kind, name), "EXISTS", at)
        )

    def _drop(self) -> None:
        self._connection.write(self._where, self._name, "UNLINK", self._name)

    def _register(self) -> None:
        self._connection.register(self._where, self.kind, self.collection)

    def _streamed(self, fetch: Callable[[bytes, int], Any]) -> Iterator[tuple[str, bytes]]:
        """Yield the records that *fetch* gets, from a cursor on, about so many at a time."""
        seen: set[str] = set()  # the server may tell a key twice while the collection grows
        cursor, size = b"0", _FIRST_BATCH
        while True:
            cursor, flat = fetch(cursor, size)
            batch = self._paired(flat)
            if not seen.isdisjoint(batch):
                batch = {text: batch[text] for text in batch.keys() - seen}
            seen.update(batch)
            yield from batch.items()
            if cursor == b"0":
                return
            size = _next_size(size, batch)

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
