"""Connections to one server: idle ones are kept, each serves one exchange at a time.

redis-py's `Connection` does the wire. Its pools are not used: they differ between versions in
their limits and in how they notice a dead connection, and a fork must find none half done.
"""

import select
from collections.abc import Callable
from typing import Any

Wire = Any
"""A redis-py connection."""


class Link:
    """The connections to one server, used by all threads: list and set operations are atomic."""

    def __init__(self, make: Callable[[], Wire]) -> None:
        self._make = make
        self._idle: list[Wire] = []
        self._leased: set[Wire] = set()
        self.checked = False
        """Whether the server's settings have been looked at."""

    def take(self) -> tuple[Wire, bool]:
        """Return a connection, and whether it is yet to be connected.

        One that the server closed meanwhile, or that holds an answer nobody waited for, shows as
        readable before anything is sent: it is closed, and another is taken.
        """
        while True:
            try:
                wire = self._idle.pop()
            except IndexError:
                wire = self._make()
                self._leased.add(wire)
                return wire, True
            if wire._sock is not None and _is_quiet(wire._sock):
                self._leased.add(wire)
                return wire, False
            wire.disconnect()

    def give_back(self, wire: Wire) -> None:
        """Take *wire* back: its exchange is done, and all that was sent has been read."""
        if wire in self._leased:  # not one from before `close` or a fork
            self._leased.discard(wire)
            self._idle.append(wire)
        else:
            wire.disconnect()

    def discard(self, wire: Wire) -> None:
        """Close *wire*, whose exchange did not end as it should."""
        self._leased.discard(wire)
        wire.disconnect()

    def close(self) -> None:
        """Close the idle connections, and let those at work be closed when they are done."""
        self._leased.clear()
        while self._idle:
            try:
                self._idle.pop().disconnect()
            except IndexError:  # another thread was faster
                return

    def forget(self) -> None:
        """Close this process's copies in a forked child; the parent's connections go on."""
        for wire in (*self._idle, *self._leased):
            wire.disconnect()  # redis-py knows who made it, and closes the descriptor alone
        self._idle, self._leased = [], set()


def _is_quiet(sock: Any) -> bool:
    if not hasattr(select, "poll"):
        return not select.select([sock], [], [], 0)[0]
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return not poll.poll(0)
