"""Topology: which server holds a name, on one server, behind Sentinel, and in a cluster.

redis-py's own cluster client is not used: it sends a command again whose reply was lost, even
with its retries switched off. What is needed of it, a table of slots, is here.
"""

from collections.abc import Callable
from typing import Any, Protocol

from redis.crc import key_slot

from napixd_store.backends.redis.driver import DriverConnection
from napixd_store.backends.redis.failures import Failure, Stage
from napixd_store.backends.redis.pool import Pool

Address = tuple[str, int]
Ask = Callable[[Pool, tuple[Any, ...]], Any]
"""Exchange one command on a connection of a pool, for the topology's own questions."""
Inquire = Callable[[], Ask]
"""Begin to ask: the time for all of the questions runs from here."""


class Topology(Protocol):
    """From names to servers."""

    moves: bool
    """Whether the master may be another one tomorrow."""

    remembers: bool
    """Whether a server that cannot be reached may be an outdated memory of where to go."""

    def pool(self, name: str, inquire: Inquire) -> Pool:
        """Return the connections to the server that holds *name*."""

    def pools(self) -> list[Pool]:
        """Return those to every server that was talked to."""

    def lost(self, name: str) -> None:
        """Take note that the server of *name* could not be reached, or has become a replica."""

    def redirected(self, name: str, failed: Failure, by: Pool) -> Pool | None:
        """Return where a MOVED or ASK that *by* answered points to; None where to nobody."""


class OneServer:
    """All names on the server, or on whatever *make* connects to: with Sentinel the master."""

    remembers = False

    def __init__(self, make: Callable[[], DriverConnection], *, moves: bool) -> None:
        self.moves = moves
        self._pool = Pool(make)

    def pool(self, name: str, inquire: Inquire) -> Pool:
        """Return the one pool."""
        return self._pool

    def pools(self) -> list[Pool]:
        """Return the one pool."""
        return [self._pool]

    def lost(self, name: str) -> None:
        """Begin anew: what is idle leads to a server that is gone, or is master no more."""
        self._pool.close()
        if self.moves:
            self._pool.checked = False

    def redirected(self, name: str, failed: Failure, by: Pool) -> Pool | None:
        """Return None: a server that redirects is a cluster's."""
        return None


class Cluster:
    """Names by slot, as the cluster's nodes tell; asked again whenever it proves outdated."""

    moves = remembers = True

    def __init__(self, nodes: list[Address], make: Callable[[str, int], DriverConnection]) -> None:
        self._make = make
        self._seeds = nodes
        self._pools: dict[Address, Pool] = {}
        self._owners: dict[int, Address] = {}
        self._told: tuple[Address, ...] = ()  # who told us last, if anybody
        self._doubted: Address | None = None  # it failed last: it may be out, and run on

    def pool(self, name: str, inquire: Inquire) -> Pool:
        """Return the connections to the master of the slot of *name*."""
        slot = key_slot(name.encode())
        owner = self._owners.get(slot)
        if owner is None:  # or another thread has just lost it
            owner = self._learn(inquire(), slot).get(slot)
        if owner is None:
            raise _lost(f"no node of the cluster serves slot {slot}")
        return self._to(owner)

    def pools(self) -> list[Pool]:
        """Return those to all nodes that were talked to."""
        return list(self._pools.values())

    def lost(self, name: str) -> None:
        """Forget who has *name*, and ask again when it matters; the others go on as they are."""
        owner = self._owners.pop(key_slot(name.encode()), None)
        if owner is not None:
            self._doubted = owner
            self._to(owner).close()

    def redirected(self, name: str, failed: Failure, by: Pool) -> Pool | None:
        """Return those to the node that *by* pointed to; without a host it is at the same."""
        address = str(failed.cause).split()[-1]
        host, _, port = address.rpartition(":")
        if not port.isdigit():
            return None
        host = host or next((at[0] for at, pool in list(self._pools.items()) if pool is by), "")
        if failed.code == "MOVED":
            self._owners[key_slot(name.encode())] = (host, int(port))
        return self._to((host, int(port)))

    def _to(self, address: Address) -> Pool:
        found = self._pools.get(address)
        if found is None:
            found = self._pools.setdefault(address, Pool(lambda: self._make(*address)))
        return found

    def _learn(self, ask: Ask, slot: int) -> dict[int, Address]:
        # First who answered last time: a node that hangs costs the next call nothing. Those that
        # were named come last, for they may be gone; and after them who may be out of the cluster.
        unanswered: Failure | None = None
        owners: dict[int, Address] = {}
        known = dict.fromkeys((*self._told, *self._pools, *self._seeds))
        for address in sorted(known, key=lambda each: each == self._doubted):
            try:
                table = ask(self._to(address), ("CLUSTER", "SLOTS"))
            except Failure as exc:
                unanswered = exc.with_traceback(None)
                continue
            owners = {}
            for first, last, master, *_replicas in table:
                host = master[0].decode() if master[0] else address[0]
                owners.update(dict.fromkeys(range(first, last + 1), (host, master[1])))
            if slot in owners:
                self._owners, self._told = owners, (address,)
                return owners
        if unanswered and not owners:
            raise unanswered
        return owners


def _lost(what: str) -> Failure:
    return Failure(Stage.CONNECTING, LookupError(what))


def behind(sentinels: Any, service: str, make: Callable[[str, int], DriverConnection]) -> Topology:
    """Return the topology of the master of *service*, whoever that is, as *sentinels* tell."""
    return OneServer(lambda: make(*sentinels.discover_master(service)), moves=True)
