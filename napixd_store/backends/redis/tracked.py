"""A tracked connection: the server says on it, in order, what changed of all that was read by it.

Redis and Valkey call this client-side caching (``CLIENT TRACKING``). Here the connection that is
told is the one that reads. What is told and what is replied come as one stream, in the order in
which the server did it: so what was told up to a reply is all that had changed when it was made.
"""

import select
import time
from collections.abc import Callable
from typing import Any

from napixd_store.backends.redis.driver import Command, DriverConnection, parts
from napixd_store.backends.redis.records import Records
from napixd_store.backends.redis.resp3 import ErrorReply, Garbled, Incomplete, Push, parse

TRUSTED = 1.0
"""Seconds after which the server is asked whether it is still there: a dead network is silent."""

_START = (("HELLO", 3), ("CLIENT", "TRACKING", "ON"), ("PING",))
_PART = 2**16
_LOOK = 0.05  # seconds between two looks whether another thread has given this up


class Tracked:
    """A connection, and the records that were read by it: they are gone when it is.

    One thread at a time exchanges; any may look whether what is here is still true.
    """

    def __init__(self, connection: DriverConnection, way: object, most: int) -> None:
        self.records = Records(most)
        self.whole = True
        """Whether all that was taken from the socket has been applied, and it is still open."""
        self.until = 0.0
        """When the server must be asked whether it is there, by the monotonic clock."""
        self.settled: object = None
        """The last doubt (see `Cache`) before which all that happened is known here."""
        self.way = way
        """That of the others (see `Pool`) when this one was connected."""
        self._connection = connection
        self._sock = connection._sock._sock  # below what times it: nothing here ever blocks
        self._sock.settimeout(0)
        self.peer: Any = self._sock.getpeername()
        self.ready = _ready(self._sock.fileno())
        """Whether something waits in the socket, at once or within some seconds."""
        self._pending = getattr(self._sock, "pending", int)  # TLS decrypts more than it gives
        self._raw, self._reply = bytearray(), None
        self._awaited = self._busy = False

    def start(self, end: float) -> ErrorReply | None:
        """Have the server track this; return what it refuses, if it does.

        Raises:
            OSError: the connection is lost, or *end* has come, by the monotonic clock.
        """
        replies = (self.ask(command, end - time.monotonic(), None) for command in _START)
        return next((reply for reply in replies if isinstance(reply, ErrorReply)), None)

    def begin(self) -> bool:
        """Begin something that ends with `end`; return False if something else never did.

        An exception of a signal handler left it in the middle, and this is of no use any more.
        """
        usable = self.whole and not self._busy
        self._busy = True
        return usable

    def end(self) -> None:
        """End what was begun."""
        self._busy = False

    def ask(self, command: Command, seconds: float, doubt: object) -> Any:
        """Return the reply to *command*; all that was told before it is applied by then.

        Raises:
            OSError: none came within so many *seconds*, or the connection is lost.
        """
        now = time.monotonic()
        sent, end = now, now + seconds
        packed = b"".join(parts(command))
        self._awaited = True
        if self._sock.send(packed) != len(packed):
            raise TimeoutError("the socket takes no more")
        while self._awaited:
            self._wait(end)
        self.until, self.settled = sent + TRUSTED, doubt
        return self._reply

    def catch_up(self) -> None:
        """Apply what has come."""
        while self.ready(0, 1):
            self._take_in()

    def close(self) -> None:
        """Close it; who has just looked whether something waits here must not be misled."""
        self.whole = False
        self._connection.disconnect()

    def _wait(self, end: float) -> None:
        left = end - time.monotonic()
        if self.ready(min(max(left, 0), _LOOK), 1):
            self._take_in()
        elif left <= 0:
            raise TimeoutError("timed out")
        elif not self.whole:
            raise ConnectionError("closed by another thread")

    def _take_in(self) -> None:
        # First, for another thread may look now: nothing waits there, and nothing is applied yet.
        self.whole = False
        self._receive()
        at: int | None = 0
        while at is not None:
            at = self._apply_next(at)
        self.whole = True

    def _apply_next(self, at: int) -> int | None:
        """Apply what stands in `_raw` at this place; return the next, or None if none is whole."""
        try:
            said, end = parse(self._raw, at)
        except Incomplete:
            del self._raw[:at]
            return None
        self._apply(said)
        return end

    def _receive(self) -> None:
        while True:
            try:
                data = self._sock.recv(_PART)
            except BlockingIOError:
                return
            except OSError as exc:
                if _wants_more(exc):
                    return
                raise
            if not data:
                raise ConnectionError("the server closed the connection")
            self._raw += data
            if not self._pending():
                return

    def _apply(self, said: Any) -> None:
        match said:
            case Push([b"invalidate", None]):  # the database was emptied
                self.records.forget_all()
            case Push([b"invalidate", [*names]]) if all(type(name) is bytes for name in names):
                self.records.forget(map(bytes.decode, names))
            case Push([b"invalidate", *_]):
                raise Garbled("what was changed is not told by name")
            case Push():
                pass
            case _ if self._awaited:
                self._reply, self._awaited = said, False
            case _:
                raise Garbled("a reply came that nobody had asked for")


def _wants_more(exc: OSError) -> bool:
    return type(exc).__name__ == "SSLWantReadError"


def _ready(descriptor: int) -> Callable[[float, int], Any]:
    if hasattr(select, "epoll"):  # many threads may look at once, and it costs least
        watching = select.epoll()
        watching.register(descriptor, select.EPOLLIN)
        return watching.poll

    def ready(seconds: float, most: int) -> Any:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return poll.poll(seconds * 1000)

    return ready
