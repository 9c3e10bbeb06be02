"""The connection to Redis: exchanges of one command and its reply, each sent at most once.

A write whose reply is lost is never sent again: it is `OutcomeUnknown`. What may be repeated is
what the server cannot have applied (a connection that was refused, a command that did not leave
whole, a redirection), and a read, once.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, compress
from typing import Any, NoReturn

from redis.exceptions import TimeoutError as DriverTimeoutError

from napixd_store.backends.redis.errors import broken_off, refused, unreachable
from napixd_store.backends.redis.exchanges import PAUSE, connect, exchange, exchange_all, is_alive
from napixd_store.backends.redis.failures import Failure, Stage
from napixd_store.backends.redis.footing import Footing
from napixd_store.backends.redis.links import Link
from napixd_store.backends.redis.listing import Listing
from napixd_store.backends.redis.lua import Script
from napixd_store.backends.redis.promises import check_durability, warn_of_eviction
from napixd_store.backends.redis.routes import Ask, Route
from napixd_store.backends.redis.wires import Command, Wire
from napixd_store.connections import Connection
from napixd_store.errors import NotReplicated

Where = Callable[[], str]
"""Gives the place for a message, when there is one to write."""

_MARGIN = 0.2

_REDIRECTIONS = 5
"""So many are followed at once; after that the cluster is given time to agree."""

_OLD = 30.0
"""Seconds after which an idle connection may be one that a balancer has dropped, telling nobody."""

_PASSING = ("LOADING", "TRYAGAIN", "CLUSTERDOWN")
"""What a server says while something goes on that ends."""


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
        max_connections: int | None,
        durability: str | None,
        replicas: int,
        strict: bool,
    ) -> None:
        self._route = route  # first: from now on a fork makes us begin anew
        super().__init__()
        self.place, self.prefix, self.timeout = place, prefix, timeout
        self.durability = durability or "memory"
        self._connect_timeout, self._most = connect_timeout, max_connections
        self._replicas = replicas if durability == "replicated" else 0
        self._asked, self._needs, self._strict = durability, replicas, strict
        self.listing = Listing(prefix)

    # --- what stores and counters ask for ----------------------------------------------------

    def read(self, where: Where, name: str, *command: Any, footing: Footing | None = None) -> Any:
        """Return the reply to a *command* that changes nothing under *name*."""
        return self._call(where, name, command, writing=False, footing=footing)

    def write(self, where: Where, name: str, *command: Any) -> Any:
        """Return the reply to a *command* that changes something under *name*."""
        return self._call(where, name, command, writing=True)

    def run(
        self,
        where: Where,
        names: Sequence[str],
        script: Script,
        *arguments: Any,
        writing: bool,
        footing: Footing | None = None,
    ) -> Any:
        """Return what *script* returns; a server that does not know it yet gets its text."""
        rest = (len(names), *names, *arguments)
        return self._call(
            where,
            names[0],
            ("EVALSHA", script.digest, *rest),
            writing=writing,
            unknown=("EVAL", script.text, *rest),
            follows=script.names_all,
            footing=footing,
        )

    def existing(self, where: Where, names: Iterable[str]) -> set[str]:
        """Return those of *names* under which something stands, in one exchange a server."""
        asked: dict[Link, list[str]] = {}
        try:
            for name in names:
                asked.setdefault(self._route.link(name, self._inquire), []).append(name)
            replies = [self._exists(link, its) for link, its in asked.items()]
        except Failure:  # one by one, each goes where it is sent, or says what is wrong
            return {name for name in names if self.read(where, name, "EXISTS", name)}
        return set(chain.from_iterable(map(compress, asked.values(), replies)))

    def _exists(self, link: Link, names: list[str]) -> list[int]:
        deadline = time.monotonic() + self.timeout

        def work(wire: Wire) -> list[int]:
            end = self._ready(link, wire, deadline)
            return exchange_all(wire, [("EXISTS", name) for name in names], end)

        return link.lend(work, self._most, deadline)

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
        follows: bool = True,
        footing: Footing | None = None,
    ) -> Any:
        """Exchange *command*; *follows*: an ASK leads to where all of *name* can be worked on."""
        deadline = time.monotonic() + self.timeout
        link: Link | None = None
        asking = repeated = False
        redirections = 0
        while True:
            try:
                link = link or self._route.link(name, self._inquire)
                return self._attempt(where, link, command, deadline, writing, asking, footing)
            except Failure as exc:
                failed = exc.with_traceback(None)
            before, link, asking = link, None, False
            in_time = time.monotonic() < deadline
            if failed.code in ("MOVED", "ASK") and before and self._route.remembers:
                redirections += 1
                asking = follows and failed.code == "ASK"
                if asking or failed.code == "MOVED":
                    link = self._route.redirected(name, failed, before)
                if link is None or redirections > _REDIRECTIONS or not in_time:
                    failed.code = "TRYAGAIN"
            if failed.code in _PASSING and in_time and self._waits_for(failed):
                if failed.code == "CLUSTERDOWN":
                    self._route.lost(name)
                time.sleep(PAUSE)
            elif failed.code == "NOSCRIPT" and unknown:
                command, unknown = unknown, None
            elif link is None or not in_time:
                lost = failed.stage is not Stage.REPLIED or failed.code == "READONLY"
                if lost:
                    self._route.lost(name)
                    self.listing.distrust()  # who comes back may have lost its data
                if not lost or repeated or not in_time or not self._repeatable(failed, writing):
                    self._fail(where, name, command, failed, writing)
                repeated = True

    def _waits_for(self, failed: Failure) -> bool:
        """Whether what *failed* may soon work: in a cluster, another node may know better."""
        return failed.code != "CLUSTERDOWN" or self._route.remembers

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
        footing: Footing | None,
    ) -> Any:
        def work(wire: Wire) -> Any:
            end = self._ready(link, wire, deadline)
            if asking:
                exchange(wire, ("ASKING",), end, Stage.SENDING)
            reply = exchange(wire, command, end)
            if footing is not None:
                footing.stand_on(link, wire)
            if writing and self._replicas:
                self._wait_for_replicas(where, wire, end)
            return reply

        return link.lend(work, self._most, deadline)

    def _ready(self, link: Link, wire: Wire, deadline: float) -> float:
        """See to it that *wire* is connected; return when an exchange on it must have ended."""
        if wire._sock is not None:
            if time.monotonic() - wire.idle_since < _OLD:
                return deadline
            if is_alive(wire, min(self._connect_timeout, self.timeout)):
                return deadline
            wire.disconnect()
        end = deadline + self._connect_timeout
        self._connect(link, wire, end)
        return min(end, time.monotonic() + self.timeout)

    def _connect(self, link: Link, wire: Wire, end: float) -> None:
        connect(wire, min(self._connect_timeout, end - time.monotonic()))
        self.listing.distrust()  # who is there now may not be who was there
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

            return link.lend(work, None, end)  # for a moment, and there must be a way

        return ask
