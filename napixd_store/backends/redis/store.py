"""What the three kinds of Redis stores share: the server, the physical name, the listing."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, TypeVar

from napixd_store.backends.redis.client import open_server
from napixd_store.backends.redis.counter import RedisCounter
from napixd_store.backends.redis.driver import Command
from napixd_store.backends.redis.former import Looking
from napixd_store.backends.redis.names import Kind, decoded, physical
from napixd_store.backends.redis.records import MISSING
from napixd_store.backends.redis.server import Server
from napixd_store.base import StoreBackend
from napixd_store.changes import Changes, Expected
from napixd_store.serializers import JSONSerializer

V = TypeVar("V")


class ServerStore(StoreBackend[V], Looking):
    """A store in Redis; `kind` is what stands under the name of a collection.

    Beside it may stand a sorted set of the keys that end (key, deadline), of the kind `deadlines`.
    """

    opener = staticmethod(open_server)
    counter = RedisCounter
    kind: ClassVar[Kind]
    deadlines: ClassVar[Kind | None] = None
    _connection: Server
    _begins: str
    """What the places of its records begin with, in the cache."""
    _told: str | None = None
    """The name that the server calls when any record changes; None: it calls each by its place."""

    def __init__(self, collection: str, options: Mapping[str, Any]) -> None:
        """Raise `InvalidName` or `ConfigError`; no I/O, so the server may be down."""
        super().__init__(collection, options)
        kinds = [self.kind] if self.deadlines is None else [self.kind, self.deadlines]
        self._cache = self._connection.cache
        self._names = [physical(self._connection.prefix, kind, collection) for kind in kinds]
        self._name = self._names[0]
        self._counts_natively = type(self._serializer) is JSONSerializer

    def _get(self, text: str) -> bytes | None:
        cache = self._cache
        if cache is None:
            return super()._get(text)
        place = self._begins + text
        name = self._told or place
        found: Any = cache.get(name, place)
        if found is MISSING:
            server: Any = self._server
            command, read = self._reading(text), partial(super()._get, text)
            found = cache.fetch(name, place, command, read, server.tracked)
        return found  # type: ignore[no-any-return]  # bytes, or None

    def _reading(self, text: str) -> Command:
        """Return the command that reads one record."""
        raise NotImplementedError

    def _standing(self) -> tuple[str, str]:
        return self.collection, self._name

    @classmethod
    def collections(cls, options: Mapping[str, Any]) -> list[str]:
        """Return the names of the collections that hold something, in a few round trips.

        One in which all is past its deadline may be among them, until it is swept.
        """
        server: Server = cls._reached(options)
        place = f"{cls.__name__} in {server.place}"
        return server.listing.names(server.read, server.existing, place, cls.kind)

    def _drop(self) -> None:
        self._remove()
        server = self._server
        server.listing.remove(server.read, self._where, self.kind, self.collection)

    def _remove(self) -> None:
        self._server.write(self._where, self._name, "UNLINK", *self._names)

    def _part(self, changes: Changes, expected: Expected) -> tuple[Sequence[str], Sequence[Any]]:
        """Return the names and the arguments by which a script makes the *changes*."""
        raise NotImplementedError

    def _refuse(self, refused: list[bytes]) -> None:
        """Raise what it means that the script *refused*; nothing, if to try again may help."""
        raise self._conflict([decoded(raw, self._where()) for raw in refused])

    def _register(self) -> None:
        server = self._server
        server.listing.enter(server.read, self._where, self.kind, self.collection)

    def _paired(self, flat: list[bytes]) -> dict[str, bytes]:
        """Return the records in a *flat* reply, in which each key stands before its record."""
        pairs = iter(flat)
        try:
            return {raw.decode(): record for raw, record in zip(pairs, pairs, strict=True)}
        except UnicodeDecodeError:
            return {decoded(raw, self._where()): b"" for raw in flat[::2]}  # raises
