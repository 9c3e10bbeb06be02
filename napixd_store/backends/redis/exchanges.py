"""One exchange on a connection: a command leaves, and its reply comes in, both in time."""

import socket
import struct
import time
from collections.abc import Iterator
from typing import Any

from redis.backoff import NoBackoff
from redis.retry import Retry

from napixd_store.backends.redis.failures import Failure, Stage, driven
from napixd_store.backends.redis.links import Wire

Command = tuple[Any, ...]

PAUSE = 0.05
"""The least time, in seconds, that anything is waited for."""

_PART = 2**16  # bytes
_AT_ONCE = struct.pack("ii", 1, 0)  # a linger of no seconds


def new_wire(kind: type, **settings: Any) -> Wire:
    """Return a connection of redis-py's *kind*, which repeats nothing; it is not connected yet."""
    return kind(
        **settings,
        retry=Retry(NoBackoff(), 0),
        retry_on_error=[],
        protocol=2,
        command_packer=Packer(),
    )


def connect(wire: Wire, seconds: float) -> None:
    """Connect *wire* and log in, with so many *seconds* for each step.

    Raises:
        Failure: it cannot be reached, or does not let us in.
    """
    wire.socket_connect_timeout = wire.socket_timeout = max(seconds, PAUSE)
    driven(Stage.CONNECTING, wire.connect)
    # Else the system goes on sending after we gave up: when the network is back, maybe
    # minutes later, a write would come that the caller has meanwhile made anew.
    wire._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)


def exchange(wire: Wire, command: Command, end: float, stage: Stage = Stage.WAITING) -> Any:
    """Return the reply to *command*, which is sent once; *end* is by the monotonic clock.

    Raises:
        Refused: the server answered with an error.
        Failure: broken off. Got as far as *stage* (what is meant to be done may be applied) if
            the last part may have left, and not beyond SENDING before that.
    """
    sock = wire._sock
    part = b""
    for following in parts(command):
        if part:
            _limit(sock, end)
            driven(min(stage, Stage.SENDING), sock.sendall, part)
            if time.monotonic() >= end:
                raise Failure(min(stage, Stage.SENDING), TimeoutError("timed out"))
        part = following
    _limit(sock, end)
    driven(stage, sock.sendall, part)
    _limit(sock, end)
    return driven(stage, wire.read_response)


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


def _limit(sock: Any, end: float) -> None:
    sock.settimeout(max(end - time.monotonic(), PAUSE))
