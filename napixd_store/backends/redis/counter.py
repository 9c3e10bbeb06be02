"""Counters in Redis: one string each, added to by the server itself."""

import re
from collections.abc import Mapping
from typing import Any, Final

from napixd_store.backends.redis.client import open_server
from napixd_store.backends.redis.former import Looking
from napixd_store.backends.redis.lua import COUNTER_RESET
from napixd_store.backends.redis.names import Kind, physical
from napixd_store.backends.redis.server import Server
from napixd_store.counter import CounterBackend
from napixd_store.errors import WrongType
from napixd_store.integers import in_range

_KIND: Final[Kind] = "counter"
_INTEGER = re.compile(rb"0|-?[1-9][0-9]{0,4000}")


class RedisCounter(CounterBackend, Looking):
    """An integer in Redis, as ``<prefix>:counter:{<name>}``; plain digits in ``redis-cli``.

    Guarantees: atomic among all clients; safe across forks. An increment is sent at most once:
    when its reply is lost it raises `OutcomeUnknown`, and the number it produced, if any, is
    never handed out again. Durability is what the server gives: without the option
    ``durability`` a restart or a failover may hand out the last numbers once more.
    """

    opener = staticmethod(open_server)
    _connection: Server

    def _standing(self) -> tuple[str, str]:
        return self.name, self._at

    @property
    def _at(self) -> str:
        return physical(self._connection.prefix, _KIND, self.name)

    def _value(self) -> int:
        return self._number(self._server.read(self._where, self._at, "GET", self._at))

    def _increment(self, by: int) -> int:
        value = int(self._server.write(self._where, self._at, "INCRBY", self._at, by))
        self._note(anew=value == by)  # it began at 0: somebody may have dropped it
        return value

    def _reset(self, to: int) -> int:
        old = self._server.run(self._where, [self._at], COUNTER_RESET, to, writing=True)
        self._note()
        return self._number(old)

    def _drop(self) -> None:
        server = self._server
        server.write(self._where, self._at, "UNLINK", self._at)
        server.listing.remove(server.read, self._where, _KIND, self.name)

    def _note(self, *, anew: bool = False) -> None:
        server = self._server
        server.listing.note(server.read, self._where, _KIND, self.name, anew=anew)

    @classmethod
    def counters(cls, options: Mapping[str, Any]) -> list[str]:
        """Return the names of the counters that are there, in a few round trips."""
        server: Server = cls._reached(options)
        place = f"{cls.__name__} in {server.place}"
        return server.listing.names(server.read, server.existing, place, _KIND)

    def _number(self, said: bytes | None) -> int:
        if said is None:
            return 0
        if not _INTEGER.fullmatch(said):  # int() would take more than the server adds to
            raise WrongType(
                f"{self._where()}: what stands there is no integer; nothing was changed"
            )
        return in_range(int(said), self._where())
