"""The connection to Redis: what stores and counters ask of it."""

import re
import time
from collections.abc import Iterable, Sequence
from itertools import chain, compress
from typing import Any

from napixd_store.backends.redis import several
from napixd_store.backends.redis.attempts import Attempts
from napixd_store.backends.redis.calls import Where
from napixd_store.backends.redis.driver import DriverConnection
from napixd_store.backends.redis.durability import eviction
from napixd_store.backends.redis.exchanges import exchange_all
from napixd_store.backends.redis.failures import Failure
from napixd_store.backends.redis.footing import Footing
from napixd_store.backends.redis.lua import Script
from napixd_store.backends.redis.pool import Pool
from napixd_store.changes import Changes, Expected


class Server(Attempts):
    """One server, Sentinel's master or a cluster, shared by all stores and counters of its options.

    Guarantees: any thread may exchange commands, each on a connection of its own; no socket is
    shared across a fork. An exchange ends within ``connect_timeout`` and ``timeout`` together,
    however its reply drips.
    """

    cache: Any = None
    """What is known of its records, if they are kept in the process."""

    def now(self) -> int:
        """Return the time by which records end: the server's, in milliseconds since 1970.

        In a cluster that of one node for all who have the prefix in common.
        """
        return self._clock.earliest(self._time)

    def latest(self) -> int:
        """Return the latest that it may be there."""
        return self._clock.latest(self._time)

    def _time(self) -> Any:
        return self.read(lambda: f"Redis's clock at {self.place}", self.prefix, "TIME")

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

    def apart(self, stores: Sequence[Any]) -> str | None:
        """As the base; a cluster keeps each collection where it likes."""
        return "a cluster may keep them on two nodes" if self._topology.remembers else None

    def write_all(self, writes: Sequence[tuple[Any, Changes, Expected]]) -> None:
        """Make the *writes* of several stores, by one script."""
        several.write_all(self.run, writes)

    def existing(self, where: Where, names: Iterable[str]) -> set[str]:
        """Return those of *names* under which something stands, in one exchange a server."""
        asked: dict[Pool, list[str]] = {}
        try:
            for name in names:
                asked.setdefault(self._topology.pool(name, self._inquire), []).append(name)
            replies = [self._exists(pool, its) for pool, its in asked.items()]
        except Failure:  # one by one, each goes where it is sent, or says what is wrong
            return {name for name in names if self.read(where, name, "EXISTS", name)}
        return set(chain.from_iterable(map(compress, asked.values(), replies)))

    def _exists(self, pool: Pool, names: list[str]) -> list[int]:
        deadline = time.monotonic() + self.timeout

        def work(connection: DriverConnection) -> list[int]:
            end = self._ready(pool, connection, deadline)
            return exchange_all(connection, [("EXISTS", name) for name in names], end)

        return pool.lend(work, self._most, deadline)

    def examine(self) -> list[str]:
        """Return whether the server evicts, in words."""
        message = eviction(self._memory(), self.place)
        return [] if message is None else [message]

    def sizes(self) -> dict[str, int]:
        """Return the bytes that the server uses, for whomever."""
        found = re.search(rb"^used_memory:([0-9]+)", self._memory(), re.MULTILINE)
        return {"memory of the server": int(found[1])} if found else {}

    def _memory(self) -> Any:
        return self.read(lambda: f"Redis at {self.place}", self.prefix, "INFO", "memory")

    # --- forks and closing -------------------------------------------------------------------

    def close(self) -> None:
        """Close the idle connections now, the others when their exchange is done."""
        self._distrust()
        for pool in self._topology.pools():
            pool.close()

    def begin_anew(self) -> None:
        """Leave the parent its sockets: the child connects anew."""
        super().begin_anew()
        for pool in self._topology.pools():
            pool.forget()
