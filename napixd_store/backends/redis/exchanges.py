"""One exchange on a connection: a command leaves, and its reply comes in, both in time."""

import socket
import struct
import time
from itertools import chain
from typing import Any

from napixd_store.backends.redis import driver
from napixd_store.backends.redis.driver import Command, DriverConnection, parts
from napixd_store.backends.redis.failures import Failure, Refused, Stage, driven
from napixd_store.backends.redis.footing import note_birth

PAUSE = 0.05
"""The least time, in seconds, that anything is waited for."""

_AT_ONCE = struct.pack("ii", 1, 0)  # a linger of no seconds

_KEPT_ALIVE = {
    getattr(socket, name): value
    for name, value in {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}.items()
    if hasattr(socket, name)
}
"""Seconds, seconds and tries, where the system has them."""


def connect(connection: DriverConnection, seconds: float) -> None:
    """Connect *connection* and log in, within so many *seconds*.

    Raises:
        Failure: it cannot be reached, or does not let us in.
    """
    connection.socket_connect_timeout = connection.socket_timeout = max(seconds, PAUSE)
    driven(Stage.CONNECTING, driver.connect, connection)
    # Else the system goes on sending after we gave up: when the network is back, maybe
    # minutes later, a write would come that the caller has meanwhile made anew.
    connection._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    if connection._sock.family in (socket.AF_INET, socket.AF_INET6):
        # Else nobody notices that a peer is gone, or that a balancer has forgotten us.
        connection._sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEPT_ALIVE.items():
            connection._sock.setsockopt(socket.IPPROTO_TCP, option, value)
    note_birth(connection)


def exchange(
    connection: DriverConnection, command: Command, end: float, stage: Stage = Stage.WAITING
) -> Any:
    """Return the reply to *command*, which is sent once; *end* is by the monotonic clock.

    Raises:
        Refused: the server answered with an error.
        Failure: broken off. Got as far as *stage* (what is meant to be done may be applied) if
            the last part may have left, and not beyond SENDING before that.
    """
    sock = connection._sock
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
    return driven(stage, connection.read_response)


def exchange_all(connection: DriverConnection, commands: list[Command], end: float) -> list[Any]:
    """Return the replies to *commands* that change nothing, which are all sent before one is read.

    Raises:
        Failure: one was refused, or broken off; the others' replies are lost.
    """
    sock = connection._sock
    _limit(sock, end)
    driven(Stage.SENDING, sock.sendall, b"".join(chain.from_iterable(map(parts, commands))))
    try:
        return [driven(Stage.WAITING, connection.read_response) for _ in commands]
    except Refused as exc:  # with the rest unread, the connection is not in order
        raise Failure(exc.stage, exc.cause, exc.code) from None


def is_alive(connection: DriverConnection, seconds: float) -> bool:
    """Whether any answer comes on *connection* within so many *seconds*."""
    try:
        exchange(connection, ("PING",), time.monotonic() + seconds)
    except Refused:  # no right to it
        return True
    except Failure:
        return False
    return True


def _limit(sock: Any, end: float) -> None:
    sock.settimeout(max(end - time.monotonic(), PAUSE))
