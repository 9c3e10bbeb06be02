"""Connections as redis-py makes them, but for two things: what is packed by whom, and the time.

redis-py bounds each piece of a reply: one that drips would take hours. Here all that is read
between two calls of ``settimeout`` has those seconds together.
"""

import functools
import socket
import sys
import time
from collections.abc import Iterator
from traceback import walk_tb
from typing import Any

from redis.backoff import NoBackoff
from redis.retry import Retry

DriverConnection = Any
"""A redis-py connection."""

Command = tuple[Any, ...]

_PART = 2**16  # bytes
_OPENING = {"redis", "socket", "ssl", __name__.partition(".")[0]}
"""The packages that open sockets here."""


def new_connection(kind: type, **settings: Any) -> DriverConnection:
    """Return a connection of redis-py's *kind*, which repeats nothing; it is not connected yet."""
    return _timed(kind)(
        **settings,
        retry=Retry(NoBackoff(), 0),
        retry_on_error=[],
        protocol=2,
        command_packer=Packer(),
    )


@functools.cache
def _timed(kind: type) -> type:
    def connect(self: DriverConnection) -> _Timed:
        end = time.monotonic() + self.socket_timeout
        return _Timed(kind._connect(self), end)  # type: ignore[attr-defined]  # redis-py's

    return type(kind.__name__, (kind,), {"_connect": connect})


def connect(connection: DriverConnection) -> None:
    """Connect *connection*; if that is broken off, leave no socket behind.

    One that is not the connection's yet nobody else knows, and whoever keeps the exception of a
    signal handler, as a list of errors does, would keep it open.
    """
    before = sys.exc_info()[1]
    try:
        connection.connect()
    except BaseException as exc:
        for sock in _sockets(exc, before):
            socket.SocketType.close(sock)  # its own asks for what one has that is half made
        raise


def _sockets(exc: BaseException | None, before: BaseException | None) -> Iterator[socket.socket]:
    """Yield those in the driver's frames that led to *exc*, and not *before* all this."""
    while exc is not None and exc is not before:
        for frame, _ in walk_tb(exc.__traceback__):
            if frame.f_globals.get("__name__", "").partition(".")[0] in _OPENING:
                for value in frame.f_locals.values():
                    sock = getattr(value, "_sock", None) if isinstance(value, _Timed) else value
                    if isinstance(sock, socket.socket):
                        yield sock
        exc = exc.__context__


class _Timed:
    """A socket whose readings all end at one time, the seconds of `settimeout` later."""

    __slots__ = ("_end", "_recv", "_recv_into", "_settimeout", "_sock", "fileno", "sendall")

    def __init__(self, sock: Any, end: float) -> None:
        self._sock, self._end = sock, end
        # Looked up once: they are needed for every command.
        self._settimeout, self._recv, self._recv_into = sock.settimeout, sock.recv, sock.recv_into
        self.fileno, self.sendall = sock.fileno, sock.sendall

    def settimeout(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._settimeout(seconds)

    def recv(self, size: int) -> bytes:
        self._hurry()
        return self._recv(size)  # type: ignore[no-any-return]  # a socket's or an SSL one's

    def recv_into(self, buffer: bytearray) -> int:
        self._hurry()
        return self._recv_into(buffer)  # type: ignore[no-any-return]  # as recv

    def _hurry(self) -> None:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._settimeout(left)

    def __getattr__(self, name: str) -> Any:
        if name == "_sock":  # broken off before there was one
            raise AttributeError(name)
        return getattr(self._sock, name)


def parts(command: Command) -> Iterator[bytes]:
    """Yield *command* as it is sent; a long one in parts: one is read while the next is packed.

    The last part is never a large value: that one is on its way says little.
    """
    packed = [b"*%d\r\n" % len(command)]
    volume = 0
    for argument in command:
        if volume > _PART:
            yield b"".join(packed)
            packed, volume = [], 0
        raw = argument if type(argument) is bytes else str(argument).encode()
        size = len(raw)
        if size > _PART:
            packed.append(b"$%d\r\n" % size)
            yield b"".join(packed)
            yield raw
            packed, volume = [b"\r\n"], 0
        else:
            packed.append(b"$%d\r\n%b\r\n" % (size, raw))
            volume += size
    yield b"".join(packed)


class Packer:
    """Packs what redis-py itself sends while it connects.

    Its own ways go through hiredis, which ends the process when a signal handler raises while
    it packs a number.
    """

    def pack(self, *command: Any) -> list[bytes]:
        """Return *command* as it is sent."""
        return list(parts(command))
