"""Connections to one server: idle ones are kept, each serves one exchange at a time.

redis-py's `Connection` speaks the protocol. Its pools are not used: they differ between versions
in their limits and in how they notice a dead connection, and a fork must find none half done.
"""

import select
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakSet

from napixd_store.backends.redis.driver import DriverConnection
from napixd_store.backends.redis.failures import Refused, Stage, driven
from napixd_store.processes import notice

T = TypeVar("T")

_TURN = 0.01  # seconds between two looks whether a connection has come free


class Pool:
    """The connections to one server, used by all threads: list operations are atomic."""

    def __init__(self, make: Callable[[], DriverConnection]) -> None:
        self._make = make
        self._idle: list[DriverConnection] = []
        self._made: WeakSet[DriverConnection] = WeakSet()
        self._lock = threading.RLock()  # a signal's handler may come in again
        self.checked = False
        """Whether the server's settings have been looked at."""
        self.peer: Any = None
        """Where the latest connection led, if it is known."""
        self.way = object()
        """Another one whenever that may be another server than before."""

    def lend(self, work: Callable[[DriverConnection], T], most: int | None, until: float) -> T:
        """Return ``work(connection)``, done on a connection that is nobody else's meanwhile.

        There are at most so many at a time; the others wait *until* then, by the monotonic clock.
        It is kept if *work* returns or the server has `Refused`. Else it is closed: a reply may
        still come, and must not be taken for the next one's. One that is new is not connected.
        """
        notice()
        idle = self._idle  # another list after `close` and in another process
        held: list[DriverConnection] = []
        try:
            self._wait_for_one(idle, held, most, until)
            answer = work(held[0])
            self._keep(idle, held)
            return answer
        except Refused:
            self._keep(idle, held)
            raise
        finally:
            for connection in held:
                connection.disconnect()
                connection.counts = False

    def apart(self) -> DriverConnection:
        """Return a new connection that is never lent, nor counted, but is left to the parent."""
        connection = driven(Stage.CONNECTING, self._make)
        connection.counts = False
        self._made.add(connection)
        return connection

    def met(self, connection: DriverConnection) -> None:
        """Take note of where *connection* leads, which has just been connected."""
        peer = connection._sock.getpeername()
        if peer != self.peer:
            self.peer, self.way = peer, object()

    def close(self) -> None:
        """Close the idle connections, and let those at work be closed when they are done."""
        idle, self._idle = self._idle, []
        self.peer, self.way = None, object()
        while idle:
            try:
                connection = idle.pop()
                connection.disconnect()
                connection.counts = False
            except IndexError:  # another thread was faster
                return

    def forget(self) -> None:
        """Close this process's copies in a forked child; the parent's connections go on."""
        self._idle, self._lock = [], threading.RLock()
        for connection in list(self._made):
            connection.disconnect()  # redis-py knows who made it, and closes the descriptor alone

    def _wait_for_one(
        self,
        idle: list[DriverConnection],
        held: list[DriverConnection],
        most: int | None,
        until: float,
    ) -> None:
        while not self._take(idle, held, most):
            if time.monotonic() >= until:
                raise Refused(Stage.REPLIED, TimeoutError(str(most)), "TOOMANY")
            time.sleep(_TURN)

    def _take(
        self, idle: list[DriverConnection], held: list[DriverConnection], most: int | None
    ) -> bool:
        """Move a connection from *idle* to *held*, or make one; return if there was one to take.

        One that the server closed meanwhile, or that holds an answer nobody waited for, shows as
        readable before anything is sent: it is closed, and another is taken.
        """
        while True:
            try:
                _move(idle, held)
            except IndexError:
                return self._new(held, most)
            if _is_quiet(held[0]._sock):
                return True
            held[0].disconnect()
            held[0].counts = False
            held.clear()

    def _new(self, held: list[DriverConnection], most: int | None) -> bool:
        with self._lock:
            if most is not None and sum(each.counts for each in list(self._made)) >= most:
                return False
            held.append(driven(Stage.CONNECTING, self._make))
            held[0].counts = True
            self._made.add(held[0])
            return True

    def _keep(self, idle: list[DriverConnection], held: list[DriverConnection]) -> None:
        if idle is self._idle and held and held[0]._sock is not None:
            held[0].idle_since = time.monotonic()
            _move(held, idle)


def _move(source: list[DriverConnection], target: list[DriverConnection]) -> None:
    # In one call of C: no signal comes in between, and no connection is in both or in neither.
    target.extend(map(list.pop, [source]))


def _is_quiet(sock: Any) -> bool:
    if not hasattr(select, "poll"):
        return not select.select([sock], [], [], 0)[0]
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return not poll.poll(0)
