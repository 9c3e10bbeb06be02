"""One exchange on a connection: a command leaves, and its reply comes in, both in time."""

import socket
import struct
import time
from typing import Any

from napixd_store.backends.redis.failures import Failure, Stage, driven
from napixd_store.backends.redis.wires import Command, Wire, parts

PAUSE = 0.05
"""The least time, in seconds, that anything is waited for."""

_AT_ONCE = struct.pack("ii", 1, 0)  # a linger of no seconds


def connect(wire: Wire, seconds: float) -> None:
    """Connect *wire* and log in, within so many *seconds*.

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
    return driven(stage, wire.read_response)


def _limit(sock: Any, end: float) -> None:
    sock.settimeout(max(end - time.monotonic(), PAUSE))
