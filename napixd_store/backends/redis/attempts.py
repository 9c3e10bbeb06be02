"""Attempts: one command and its reply, sent at most once, wherever the server is by now.

A write whose reply is lost is never sent again: it is `OutcomeUnknown`. What may be repeated is
what the server cannot have applied (a connection that was refused, a command that did not leave
whole, a redirection), and a read, once.
"""

import time
from typing import Any, NoReturn

from redis.exceptions import TimeoutError as DriverTimeoutError

from napixd_store.backends.redis.calls import Call, Where
from napixd_store.backends.redis.clock import Clock
from napixd_store.backends.redis.driver import Command, DriverConnection
from napixd_store.backends.redis.durability import (
    check_durability,
    wait_for_replicas,
    warn_of_eviction,
)
from napixd_store.backends.redis.errors import broken_off, refused, unreachable
from napixd_store.backends.redis.exchanges import PAUSE, connect, exchange, is_alive
from napixd_store.backends.redis.failures import Failure, Refused, Stage, driven
from napixd_store.backends.redis.listing import Listing
from napixd_store.backends.redis.pool import Pool
from napixd_store.backends.redis.topology import Ask, Topology
from napixd_store.connections import Connection

_REDIRECTIONS = 5
"""So many are followed at once; after that the cluster is given time to agree."""

_OLD = 30.0
"""Seconds after which an idle connection may be one that a balancer has dropped, telling nobody."""

_PASSING = ("LOADING", "TRYAGAIN", "CLUSTERDOWN")
"""What a server says while something goes on that ends."""


class Attempts(Connection):
    """How a server is asked until it replies, within ``connect_timeout`` and ``timeout``."""

    def __init__(
        self,
        topology: Topology,
        place: str,
        *,
        prefix: str,
        connect_timeout: float,
        timeout: float,
        max_connections: int | None,
        durability: str | None,
        replicas: int,
        strict: bool,
    ) -> None:
        self._topology = topology  # first: from now on a fork makes us begin anew
        super().__init__()
        self.place, self.prefix, self.timeout = place, prefix, timeout
        self.durability = durability or "memory"
        self._connect_timeout, self._most = connect_timeout, max_connections
        self._replicas = replicas if durability == "replicated" else 0
        self._asked, self._needs, self._strict = durability, replicas, strict
        self.listing, self._clock = Listing(prefix), Clock()

    # --- exchanges ---------------------------------------------------------------------------

    def _call(self, where: Where, name: str, command: Command, **how: Any) -> Any:
        """Return the reply to *command*; *how* is what `Call` says of it besides."""
        call = Call(where, name, command, time.monotonic() + self.timeout, **how)
        while True:
            try:
                call.pool = call.pool or self._topology.pool(name, self._inquire)
                return self._attempt(call, call.pool)
            except Failure as exc:
                failed = exc.with_traceback(None)
            self._go_on(call, failed)

    def _go_on(self, call: Call, failed: Failure) -> None:
        """Make ready for another attempt; where there is none, raise what *failed* means."""
        before, call.pool, call.asking = call.pool, None, False
        in_time = time.monotonic() < call.deadline
        if failed.code in ("MOVED", "ASK") and before and self._topology.remembers:
            self._redirect(call, failed, before, in_time)
        if failed.code in _PASSING and in_time and self._waits_for(failed):
            if failed.code == "CLUSTERDOWN":
                self._topology.lost(call.name)
            time.sleep(PAUSE)
        elif failed.code == "NOSCRIPT" and call.unknown:
            call.command, call.unknown = call.unknown, None
        elif call.pool is None or not in_time:
            self._repeat(call, failed, in_time)

    def _redirect(self, call: Call, failed: Failure, before: Pool, in_time: bool) -> None:
        """Have *call* go where the server says; if that is of no use, let it wait."""
        call.redirections += 1
        call.asking = call.follows and failed.code == "ASK"
        if call.asking or failed.code == "MOVED":
            call.pool = self._topology.redirected(call.name, failed, before)
        if call.pool is None or call.redirections > _REDIRECTIONS or not in_time:
            failed.code = "TRYAGAIN"

    def _repeat(self, call: Call, failed: Failure, in_time: bool) -> None:
        """Look anew for who answers, once, where the server cannot have applied the command."""
        lost = failed.stage is not Stage.REPLIED or failed.code == "READONLY"
        if lost:
            self._topology.lost(call.name)
            self._distrust()
        if not lost or call.repeated or not in_time or not self._repeatable(failed, call.writing):
            self._fail(call, failed)
        call.repeated = True

    def _distrust(self) -> None:
        """Look anew: who is there now may be another one, or have lost its data."""
        self.listing.distrust()
        self._clock.distrust()

    def _waits_for(self, failed: Failure) -> bool:
        """Whether what *failed* may soon work: in a cluster, another node may know better."""
        return failed.code != "CLUSTERDOWN" or self._topology.remembers

    def _repeatable(self, failed: Failure, writing: bool) -> bool:
        if failed.code == "READONLY":
            return self._topology.moves
        if isinstance(failed.cause, DriverTimeoutError | TimeoutError):
            return False
        if failed.stage is Stage.CONNECTING:
            return self._topology.remembers
        return failed.stage is Stage.SENDING or not writing

    def _fail(self, call: Call, failed: Failure) -> NoReturn:
        where, asked = call.where(), f"{call.command[0]} on {call.name}"
        if failed.stage is Stage.REPLIED:
            error = refused(where, failed, asked)
        elif failed.stage is Stage.WAITING:
            error = broken_off(where, failed, writing=call.writing)
        else:
            error = unreachable(where, failed, asked)
        raise error from failed.shown

    def _attempt(self, call: Call, pool: Pool) -> Any:
        def work(connection: DriverConnection) -> Any:
            end = self._ready(pool, connection, call.deadline)
            if call.asking:
                exchange(connection, ("ASKING",), end, Stage.SENDING)
            reply = exchange(connection, call.command, end)
            if call.footing is not None:
                call.footing.stand_on(pool, connection)
            if call.writing and self._replicas:
                wait_for_replicas(connection, self._replicas, end, call.where)
            return reply

        return pool.lend(work, self._most, call.deadline)

    def _ready(self, pool: Pool, connection: DriverConnection, deadline: float) -> float:
        """Connect *connection* if need be; return when an exchange on it must have ended."""
        if connection._sock is not None:
            if time.monotonic() - connection.idle_since < _OLD:
                return deadline
            if is_alive(connection, min(self._connect_timeout, self.timeout)):
                return deadline
            connection.disconnect()
        end = deadline + self._connect_timeout
        self._connect(pool, connection, end)
        return min(end, time.monotonic() + self.timeout)

    def _connect(self, pool: Pool, connection: DriverConnection, end: float) -> None:
        connect(connection, min(self._connect_timeout, end - time.monotonic()))
        driven(Stage.CONNECTING, pool.met, connection)
        self._distrust()
        end = min(end, time.monotonic() + self._connect_timeout)

        def ask(*command: Any) -> Any:
            try:
                return exchange(connection, command, end, Stage.CONNECTING)
            except Refused as exc:
                if connection._sock is None:  # as redis-py does where a login is lacking
                    raise Failure(exc.stage, exc.cause, exc.code) from None
                raise

        if self._strict or not pool.checked:
            pool.checked = True  # before the warning, which may be an error: it comes once
            warn_of_eviction(ask, self.place, strict=self._strict)
        if self._asked is not None:
            check_durability(ask, self.place, self._asked, self._needs)

    def _inquire(self) -> Ask:
        """Return what asks servers the way: all together in the time of one connection."""
        end = time.monotonic() + self._connect_timeout

        def ask(pool: Pool, command: Command) -> Any:
            def work(connection: DriverConnection) -> Any:
                now = time.monotonic()
                half = max((end - now) / 2, PAUSE)  # the rest is for those who come after
                try:
                    connect(connection, half)
                    return exchange(connection, command, now + half, Stage.CONNECTING)
                finally:
                    connection.disconnect()  # its server's settings were not looked at

            return pool.lend(work, None, end)  # for a moment, and there must be a way

        return ask
