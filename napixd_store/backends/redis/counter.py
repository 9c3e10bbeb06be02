"""Counters in Redis: one string each, added to by the server itself."""

import re

from napixd_store.backends.redis.client import open_server
from napixd_store.backends.redis.lua import COUNTER_RESET
from napixd_store.backends.redis.names import physical
from napixd_store.backends.redis.server import Server
from napixd_store.counter import CounterBackend
from napixd_store.errors import WrongType
from napixd_store.integers import in_range

_INTEGER = re.compile(rb"0|-?[1-9][0-9]{0,4000}")


class RedisCounter(CounterBackend):
    """An integer in Redis, as ``<prefix>:counter:{<name>}``; plain digits in ``redis-cli``.

    Guarantees: atomic among all clients; safe across forks. An increment is sent at most once:
    when its reply is lost it raises `OutcomeUnknown`, and the number it produced, if any, is
    never handed out again. Durability is what the server gives: without the option
    ``durability`` a restart or a failover may hand out the last numbers once more.
    """

    opener = staticmethod(open_server)
    _connection: Server

    @property
    def _at(self) -> str:
        return physical(self._connection.prefix, "counter", self.name)

    def _value(self) -> int:
        return self._number(self._connection.read(self._where, self._at, "GET", self._at))

    def _increment(self, by: int) -> int:
        return int(self._connection.write(self._where, self._at, "INCRBY", self._at, by))

    def _reset(self, to: int) -> int:
        old = self._connection.run(self._where, [self._at], COUNTER_RESET, to, writing=True)
        return self._number(old)

    def _number(self, said: bytes | None) -> int:
        if said is None:
            return 0
        if not _INTEGER.fullmatch(said):  # int() would take more than the server adds to
            raise WrongType(
                f"{self._where()}: what stands there is no integer; nothing was changed"
            )
        return in_range(int(said), self._where())
