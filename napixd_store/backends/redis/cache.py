"""The cache of a server's records, in this process; the server says what of it is no longer true.

What is in here was true when all was that this process knows of the server. What is learned by
other connections, by a list of all records say, may be newer: so whoever reads by one of those
raises a *doubt*, and before the next record is given from here, the server is asked for a sign
(PING), before which it has told of all that happened until then. Who writes takes away what is
written. Both do so before they return: no thread is ever given an older state of a record than
any thread has seen or written.
"""

import time
from collections.abc import Callable, Iterable

from napixd_store.backends.redis.driver import Command
from napixd_store.backends.redis.failures import Failure, Stage, driven
from napixd_store.backends.redis.pool import Pool
from napixd_store.backends.redis.records import MISSING, Found
from napixd_store.backends.redis.tracked import Tracked
from napixd_store.errors import Unavailable
from napixd_store.exclusive import Exclusive
from napixd_store.processes import notice

_SPARED = 1.0
"""Seconds from one attempt to connect to the next; until then nothing is kept."""

Connect = Callable[[Callable[[Tracked], None]], None]
"""Connects, and has what it made kept, unless it raises."""
Read = Callable[[], bytes | None]


class Cache(Exclusive):
    """The records that one tracked connection has read, for all threads.

    Guarantees: what is given was true at the server when it was asked for, or at most
    `tracked.TRUSTED` seconds before; and it was not known in this process to be otherwise.
    Where there is any doubt about the connection, all is dropped with it. In a process that was
    forked off it is empty, and the parent's goes on.
    """

    def __init__(self, pool: Pool, place: str, *, patience: float, timeout: float) -> None:
        self._tracked: Tracked | None = None  # first: from now on a fork makes us begin anew
        super().__init__()
        self.place = place
        self._pool, self._patience, self._timeout = pool, patience, timeout
        self._doubt = object()
        self._next = 0.0

    def get(self, name: str, place: str) -> Found:
        """Return what is known for certain of *place*, of which the server tells under *name*."""
        notice()
        tracked = self._tracked
        if (
            tracked is not None
            and not tracked.ready(0, 1)
            and tracked.whole  # only now: another thread may just have emptied the socket,
            and tracked is self._tracked  # or closed it
            and tracked.settled is self._doubt
            and time.monotonic() < tracked.until
        ):
            return tracked.records.get(name, place)
        return MISSING

    def fetch(
        self, name: str, place: str, command: Command, read: Read, connect: Connect
    ) -> bytes | None:
        """Return what *command* finds, and keep it; or what *read* does, by another connection.

        Who only needs a sign of the server waits for it, as others do: one is enough for all.
        Who has to read waits for nobody.

        Raises:
            ConfigError: the server does not track.
        """
        tracked = self._tracked
        if tracked is not None:
            known = tracked.records.get(name, place) is not MISSING
            try:
                waits = self._patience if known else 0
                found = self.exclusively(self._found, name, place, command, timeout=waits)
            except Unavailable:  # busy, or this is a signal handler in the middle of it
                found = MISSING
            if found is not MISSING:
                return found
        record = read()
        if self._tracked is None:
            try:  # noqa: SIM105 - nothing may come between
                self.exclusively(self._connect, connect, timeout=0)
            except Unavailable:  # another thread does
                pass
        return record

    def doubt(self) -> None:
        """Take note that something was learned by another connection."""
        self._doubt = object()

    def forget(self, names: Iterable[str]) -> None:
        """Take note that what the server calls so may have been written."""
        tracked = self._tracked
        if tracked is not None:
            tracked.records.forget(names)

    def drop(self) -> None:
        """Keep nothing: the connection may lead to who is not asked any more."""
        tracked, self._tracked = self._tracked, None
        self._next = 0.0
        if tracked is not None:
            tracked.close()

    def begin_anew(self) -> None:
        """Leave the parent its connection."""
        super().begin_anew()
        self.drop()

    def _found(self, name: str, place: str, command: Command) -> Found:
        tracked = self._tracked
        if tracked is None:
            return MISSING
        if not tracked.begin() or tracked.way is not self._pool.way:
            self.drop()
            return MISSING
        try:
            return driven(Stage.WAITING, self._ask, tracked, name, place, command)
        except Failure:
            self.drop()
            self._next = time.monotonic() + _SPARED
            return MISSING

    def _ask(self, tracked: Tracked, name: str, place: str, command: Command) -> Found:
        tracked.catch_up()
        records = tracked.records
        doubtful = tracked.settled is not self._doubt and records.get(name, place) is not MISSING
        if doubtful or time.monotonic() >= tracked.until:
            tracked.ask(("PING",), self._patience, self._doubt)
        found = records.get(name, place)
        if found is MISSING:
            mark = records.mark(name)
            reply = tracked.ask(command, self._timeout, self._doubt)
            if reply is None or isinstance(reply, bytes):  # else it is asked anew: what is wrong?
                found = reply
                records.put(place, mark, found)
        tracked.end()
        return found

    def _connect(self, connect: Connect) -> None:
        if self._tracked is not None or time.monotonic() < self._next:
            return
        try:
            connect(self._keep)
        except Failure:
            self._next = time.monotonic() + _SPARED

    def _keep(self, tracked: Tracked) -> None:
        self._tracked = tracked
