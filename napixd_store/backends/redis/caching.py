"""A server whose records are kept in the process, see `Cache`; all else goes as it does without."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from napixd_store.backends.redis.cache import Cache
from napixd_store.backends.redis.calls import Where
from napixd_store.backends.redis.exchanges import connect
from napixd_store.backends.redis.failures import Failure, Stage, driven
from napixd_store.backends.redis.footing import Footing
from napixd_store.backends.redis.lua import Script
from napixd_store.backends.redis.resp3 import ErrorReply
from napixd_store.backends.redis.server import Server
from napixd_store.backends.redis.topology import Topology
from napixd_store.backends.redis.tracked import Tracked
from napixd_store.errors import ConfigError


class CachingServer(Server):
    """One server, or Sentinel's master, and what is known of its records."""

    def __init__(self, topology: Topology, place: str, *, cache: int, **options: Any) -> None:
        self._bytes = cache
        (pool,) = topology.pools()
        timeout = options["timeout"]
        patience = (
            min(options["connect_timeout"], timeout) / 2
        )  # to wait for a turn, and for a sign
        self.cache = Cache(pool, place, patience=patience, timeout=timeout)
        self._pool = pool
        super().__init__(topology, place, **options)

    def read(self, where: Where, name: str, *command: Any, footing: Footing | None = None) -> Any:
        """As without a cache."""
        try:
            return super().read(where, name, *command, footing=footing)
        finally:
            self.cache.doubt()

    def write(self, where: Where, name: str, *command: Any) -> Any:
        """As without a cache."""
        try:
            return super().write(where, name, *command)
        finally:
            self.cache.forget((name,))

    def run(
        self,
        where: Where,
        names: Sequence[str],
        script: Script,
        *arguments: Any,
        writing: bool,
        footing: Footing | None = None,
    ) -> Any:
        """As without a cache."""
        try:
            return super().run(where, names, script, *arguments, writing=writing, footing=footing)
        finally:
            self.cache.doubt()  # of a write, too: what it answers, a refusal say, tells of others

    def existing(self, where: Where, names: Iterable[str]) -> set[str]:
        """As without a cache."""
        try:
            return super().existing(where, names)
        finally:
            self.cache.doubt()

    def close(self) -> None:
        """Close the idle connections and the tracked one now, the others when they are done."""
        super().close()
        self.cache.drop()

    def _distrust(self) -> None:
        super()._distrust()
        self.cache.doubt()

    def tracked(self, keep: Callable[[Tracked], None]) -> None:
        """Have a tracked connection to the server kept that the others lead to.

        Raises:
            ConfigError: the server does not track, or not for this user.
            Failure: it cannot be reached.
        """
        way = self._pool.way  # before: it may become another one meanwhile
        end = time.monotonic() + self._connect_timeout
        connection = self._pool.apart()
        tracked = None
        try:
            connect(connection, self._connect_timeout)
            tracked = driven(Stage.CONNECTING, Tracked, connection, way, self._bytes)
            refusal = driven(Stage.CONNECTING, tracked.start, end)
            if refusal is not None:
                raise self._refused(refusal)
            keep(tracked)
            # Only now: who closes all from now on finds it.
            if tracked.peer != self._pool.peer or way is not self._pool.way:
                raise Failure(Stage.CONNECTING, ConnectionError("another server"))
        except BaseException:
            if tracked is not None:  # it may be kept already
                tracked.whole = False
            connection.disconnect()
            raise

    def _refused(self, said: ErrorReply) -> Exception:
        if not said.text.startswith(("NOPERM", "NOPROTO", "ERR")):  # BUSY, or so: it ends
            return Failure(Stage.CONNECTING, ConnectionError(said.text))
        if said.text.startswith("NOPERM"):
            todo = "give the user +ping and +client|tracking (before Redis 7 +client)"
        else:
            todo = "it needs Redis 6 or newer, or Valkey: use such a server, or leave it out"
        return ConfigError(
            f"{self.place}: cache= needs a server that tells of changes, and this one refuses to "
            f"({said.text[:100]}); nothing was changed: {todo}"
        )
