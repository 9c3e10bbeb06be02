"""The connection to Redis: exchanges of one command and its reply, each sent at most once.

A write whose reply is lost is never sent again: it is `OutcomeUnknown`. What may be repeated is
what the server cannot have applied (a connection that was refused, a command that did not leave
whole, a redirection), and a read, once.
"""

import socket
import struct
import time
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from redis.exceptions import TimeoutError as DriverTimeoutError

from napixd_store.backends.redis.errors import (
    RAISED,
    Failure,
    Stage,
    broken_off,
    failure,
    refused,
    unreachable,
)
from napixd_store.backends.redis.links import Link, Wire
from napixd_store.backends.redis.lua import Script
from napixd_store.backends.redis.names import Kind, registry
from napixd_store.backends.redis.promises import check_durability, warn_of_eviction
from napixd_store.backends.redis.routes import Ask, Route
from napixd_store.connections import Connection
from napixd_store.errors import NotReplicated, StoreError

Where = Callable[[], str]
"""Gives the place for a message, when there is one to write."""

Command = tuple[Any, ...]

_PART = 1000  # arguments of a command
_PAUSE = 0.05  # seconds between two looks at a server that is loading
_MARGIN = 0.2
_REDIRECTIONS = 5
_AT_ONCE = struct.pack("ii", 1, 0)  # a linger of no seconds


class Server(Connection):
    """One server, Sentinel's master or a cluster, shared by all stores and counters of its options.

    Guarantees: any thread may exchange commands, each on a connection of its own; no socket is
    shared across a fork. An exchange ends within ``connect_timeout`` and ``timeout`` together.
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
        super().__init__()
        self.place, self.prefix, self.timeout = place, prefix, timeout
        self.durability = durability or "memory"
        self._route, self._connect_timeout = route, connect_timeout
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
            reply, failed = self._attempt(where, name, link, command, deadline, writing, asking)
            if failed is None:
                return reply
            link, asking = None, False
            in_time = time.monotonic() < deadline
            if failed.code in ("LOADING", "TRYAGAIN") and in_time:
                time.sleep(_PAUSE)
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
        if isinstance(failed.cause, DriverTimeoutError):
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
        name: str,
        link: Link | None,
        command: Command,
        deadline: float,
        writing: bool,
        asking: bool,
    ) -> tuple[Any, Failure | None]:
        stage = Stage.CONNECTING
        wire: Wire = None
        try:
            link = link or self._route.link(name, self._inquire)
            wire, fresh = link.take()
            if fresh:
                deadline += self._connect_timeout
                self._connect(link, wire, deadline)
            stage = Stage.SENDING
            if asking:
                self._limit(wire, deadline)
                _exchange(wire, "ASKING")
            self._send(wire, command, deadline)
            stage = Stage.WAITING
            self._limit(wire, deadline)
            reply = wire.read_response()
            if writing and self._replicas:
                self._wait_for_replicas(where, wire, deadline)
        except StoreError:  # ours already, and some are an OSError too
            if link is not None and wire is not None:
                link.discard(wire)
            raise
        except RAISED as exc:
            failed = failure(stage, exc)
            if link is not None and wire is not None:
                if failed.stage is Stage.REPLIED and wire._sock is not None:
                    link.give_back(wire)
                else:
                    link.discard(wire)
            return None, failed
        except BaseException:
            # Interrupted: a reply may still come, and must not be taken for the next one's.
            if link is not None and wire is not None:
                link.discard(wire)
            raise
        link.give_back(wire)
        return reply, None

    def _connect(self, link: Link, wire: Wire, end: float) -> None:
        _hurry(wire, min(self._connect_timeout, end - time.monotonic()))
        wire.connect()
        self._registered.clear()  # who is there now may not be who was there
        # Else the system goes on sending after we gave up: when the network is back, maybe
        # minutes later, a write would come that the caller has meanwhile made anew.
        wire._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        if not link.checked:
            link.checked = True
            warn_of_eviction(lambda *c: _exchange(wire, *c), self.place, strict=self._strict)
        if self._asked is not None:
            check_durability(lambda *c: _exchange(wire, *c), self.place, self._asked, self._needs)

    def _send(self, wire: Wire, command: Command, deadline: float) -> None:
        for place, part in enumerate(_packed(wire, command)):
            if place and time.monotonic() >= deadline:
                raise DriverTimeoutError("Timeout writing to socket")
            self._limit(wire, deadline)
            wire.send_packed_command((part,), check_health=False)

    def _limit(self, wire: Wire, deadline: float) -> None:
        left = deadline - time.monotonic()
        wire._sock.settimeout(max(min(left, self.timeout), _PAUSE))

    def _wait_for_replicas(self, where: Where, wire: Wire, deadline: float) -> None:
        # Less than the socket waits, so that the answer comes first: a server counts in tenths.
        left = max(min(deadline - time.monotonic(), self.timeout), 2 * _PAUSE)
        left = max(left - _MARGIN, left / 2)
        try:
            confirmed = _exchange(wire, "WAIT", self._replicas, int(left * 1000))
        except RAISED as exc:
            failed = failure(Stage.WAITING, exc)
            raise NotReplicated(
                f"{where()}: applied on the master, which then did not say whether its replicas "
                f"have it ({failed.text}); a failover may lose it: read it back"
            ) from failed.shown
        if confirmed < self._replicas:
            raise NotReplicated(
                f"{where()}: applied on the master, but only {confirmed} of {self._replicas} "
                f"replicas confirmed it in time; a failover may lose it: read it back"
            )

    def _inquire(self) -> Ask:
        """Return what asks servers the way: all together in the time of one connection."""
        end = time.monotonic() + self._connect_timeout

        def ask(link: Link, command: Command) -> Any:
            wire, _fresh = link.take()
            try:
                _hurry(wire, (end - time.monotonic()) / 2)  # the rest is for those who come after
                wire.connect()
                return _exchange(wire, *command)
            finally:
                link.discard(wire)

        return ask


def _hurry(wire: Wire, seconds: float) -> None:
    seconds = max(seconds, _PAUSE)
    wire.socket_connect_timeout = wire.socket_timeout = seconds
    if wire._sock is not None:
        wire._sock.settimeout(seconds)


def _packed(wire: Wire, command: Command) -> Iterator[bytes | memoryview]:
    """Yield *command* as it is sent; a long one in parts: one is read while the next is packed."""
    if len(command) <= _PART:
        yield from wire.pack_command(*command)
        return
    yield b"*%d\r\n" % len(command)
    for start in range(0, len(command), _PART):
        part = command[start : start + _PART]
        # redis-py takes a first argument apart at its spaces, so it gets one of ours.
        first, *rest = wire.pack_command("x", *part)
        ahead = len(b"*%d\r\n$1\r\nx\r\n" % (len(part) + 1))
        yield memoryview(first)[ahead:]
        yield from rest


def _exchange(wire: Wire, *command: Any) -> Any:
    wire.send_packed_command(wire.pack_command(*command), check_health=False)
    return wire.read_response()
