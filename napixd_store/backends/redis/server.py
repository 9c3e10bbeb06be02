"""The connection to Redis: exchanges of one command and its reply, each sent at most once.

A write whose reply is lost is never sent again: it is `OutcomeUnknown`. What may be repeated is
what the server cannot have applied (a connection that was refused, a command that did not leave
whole, a redirection), and a read, once.
"""

import time
from collections.abc import Callable
from typing import Any, NoReturn

from redis.exceptions import TimeoutError as DriverTimeoutError

from napixd_store.backends.redis.errors import broken_off, refused, unreachable
from napixd_store.backends.redis.exchanges import PAUSE, connect, exchange
from napixd_store.backends.redis.failures import Failure, Stage
from napixd_store.backends.redis.links import Link
from napixd_store.backends.redis.lua import Script
from napixd_store.backends.redis.names import Kind, registry
from napixd_store.backends.redis.promises import check_durability, warn_of_eviction
from napixd_store.backends.redis.routes import Ask, Route
from napixd_store.backends.redis.wires import Command, Wire
from napixd_store.connections import Connection
from napixd_store.errors import NotReplicated

Where = Callable[[], str]
"""Gives the place for a message, when there is one to write."""

_MARGIN = 0.2
_REDIRECTIONS = 5


class Server(Connection):
    """One server, Sentinel's master or a cluster, shared by all stores and counters of its options.

    Guarantees: any thread may exchange commands, each on a connection of its own; no socket is
    shared across a fork. An exchange ends within ``connect_timeout`` and ``timeout`` together,
    however its reply drips.
    """

    def __init__(
        self,
        route: Route,
        place: str,
        *,
        prefix: str,
        connect_timeout: float,
        timeout: float,
        durability: str | None,
        replicas: int,
        strict: bool,
    ) -> None:
        self._route = route  # first: from now on a fork makes us begin anew
        super().__init__()
        self.place, self.prefix, self.timeout = place, prefix, timeout
        self.durability = durability or "memory"
        self._connect_timeout = connect_timeout
        self._replicas = replicas if durability == "replicated" else 0
        self._asked, self._needs, self._strict = durability, replicas, strict
        self._registered: set[tuple[Kind, str]] = set()

    # --- what stores and counters ask for ----------------------------------------------------

    def read(self, where: Where, name: str, *command: Any) -> Any:
        """Return the reply to a *command* that changes nothing under *name*."""
        return self._call(where, name, command, writing=False)

    def write(self, where: Where, name: str, *command: Any) -> Any:
        """Return the reply to a *command* that changes something under *name*."""
        return self._call(where, name, command, writing=True)

    def run(self, where: Where, name: str, script: Script, *arguments: Any, writing: bool) -> Any:
        """Return what *script* returns; a server that does not know it yet gets its text."""
        rest = (1, name, *arguments)
        return self._call(
            where,
            name,
            ("EVALSHA", script.digest, *rest),
            writing=writing,
            unknown=("EVAL", script.text, *rest),
        )

    def register(self, where: Where, kind: Kind, collection: str) -> None:
        """Note that *collection* exists: before the first write over a new connection."""
        if (kind, collection) not in self._registered:
            name = registry(self.prefix, kind)
            # Adding it twice is as good as once, so it may be repeated like a read.
            self._call(where, name, ("SADD", name, collection), writing=False)
            self._registered.add((kind, collection))

    # --- forks and closing -------------------------------------------------------------------

    def close(self) -> None:
        """Close the idle connections now, the others when their exchange is done."""
        for link in self._route.links():
            link.close()

    def begin_anew(self) -> None:
        """Leave the parent its sockets: the child connects anew."""
        super().begin_anew()
        for link in self._route.links():
            link.forget()

    # --- exchanges ---------------------------------------------------------------------------

    def _call(
        self,
        where: Where,
        name: str,
        command: Command,
        *,
        writing: bool,
        unknown: Command | None = None,
    ) -> Any:
        deadline = time.monotonic() + self.timeout
        link: Link | None = None
        asking = repeated = False
        redirections = 0
        while True:
            try:
                link = link or self._route.link(name, self._inquire)
                return self._attempt(where, link, command, deadline, writing, asking)
            except Failure as exc:
                failed = exc.with_traceback(None)
            link, asking = None, False
            in_time = time.monotonic() < deadline
            if failed.code in ("LOADING", "TRYAGAIN") and in_time:
                time.sleep(PAUSE)
            elif failed.code == "NOSCRIPT" and unknown:
                command, unknown = unknown, None
            elif failed.code in ("MOVED", "ASK") and redirections < _REDIRECTIONS:
                redirections += 1
                link = self._route.redirected(name, failed)
                asking = failed.code == "ASK"
                if link is None:
                    self._fail(where, name, command, failed, writing)
            else:
                lost = failed.stage is not Stage.REPLIED or failed.code == "READONLY"
                if lost:
                    self._route.lost(name)
                    self._registered.clear()  # who comes back may have lost its data
                if not lost or repeated or not in_time or not self._repeatable(failed, writing):
                    self._fail(where, name, command, failed, writing)
                repeated = True

    def _repeatable(self, failed: Failure, writing: bool) -> bool:
        if failed.code == "READONLY":
            return self._route.moves
        if isinstance(failed.cause, DriverTimeoutError | TimeoutError):
            return False
        if failed.stage is Stage.CONNECTING:
            return self._route.remembers
        return failed.stage is Stage.SENDING or not writing

    def _fail(
        self, where: Where, name: str, command: Command, failed: Failure, writing: bool
    ) -> NoReturn:
        asked = f"{command[0]} on {name}"
        if failed.stage is Stage.REPLIED:
            error = refused(where(), failed, asked)
        elif failed.stage is Stage.WAITING:
            error = broken_off(where(), failed, writing=writing)
        else:
            error = unreachable(where(), failed, asked)
        raise error from failed.shown

    def _attempt(
        self,
        where: Where,
        link: Link,
        command: Command,
        deadline: float,
        writing: bool,
        asking: bool,
    ) -> Any:
        def work(wire: Wire) -> Any:
            end = deadline
            if wire._sock is None:
                end += self._connect_timeout
                self._connect(link, wire, end)
                end = min(end, time.monotonic() + self.timeout)
            if asking:
                exchange(wire, ("ASKING",), end, Stage.SENDING)
            reply = exchange(wire, command, end)
            if writing and self._replicas:
                self._wait_for_replicas(where, wire, end)
            return reply

        return link.lend(work)

    def _connect(self, link: Link, wire: Wire, end: float) -> None:
        connect(wire, min(self._connect_timeout, end - time.monotonic()))
        self._registered.clear()  # who is there now may not be who was there
        end = min(end, time.monotonic() + self._connect_timeout)

        def ask(*command: Any) -> Any:
            return exchange(wire, command, end, Stage.CONNECTING)

        if self._strict or not link.checked:
            link.checked = True  # before the warning, which may be an error: it comes once
            warn_of_eviction(ask, self.place, strict=self._strict)
        if self._asked is not None:
            check_durability(ask, self.place, self._asked, self._needs)

    def _wait_for_replicas(self, where: Where, wire: Wire, end: float) -> None:
        # Less than the socket waits, so that the answer comes first: a server counts in tenths.
        now = time.monotonic()
        left = max(end - now, 2 * PAUSE)
        waits = max(left - _MARGIN, left / 2)
        try:
            confirmed = exchange(wire, ("WAIT", self._replicas, int(waits * 1000)), now + left)
        except Failure as exc:
            failed = exc.with_traceback(None)
        else:
            if confirmed >= self._replicas:
                return
            raise NotReplicated(
                f"{where()}: applied on the master, but only {confirmed} of {self._replicas} "
                f"replicas confirmed it in time; a failover may lose it: read it back"
            )
        raise NotReplicated(
            f"{where()}: applied on the master, which then did not say whether its replicas "
            f"have it ({failed.text}); a failover may lose it: read it back"
        ) from failed.shown

    def _inquire(self) -> Ask:
        """Return what asks servers the way: all together in the time of one connection."""
        end = time.monotonic() + self._connect_timeout

        def ask(link: Link, command: Command) -> Any:
            def work(wire: Wire) -> Any:
                now = time.monotonic()
                half = max((end - now) / 2, PAUSE)  # the rest is for those who come after
                try:
                    connect(wire, half)
                    return exchange(wire, command, now + half, Stage.CONNECTING)
                finally:
                    wire.disconnect()  # its server's settings were not looked at

            return link.lend(work)

        return ask
