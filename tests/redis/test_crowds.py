"""Many at once, on a server that is ill-treated meanwhile."""

import collections
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import Any

import pytest

from napixd_store import Counter, OutcomeUnknown, Store, StoreError, StoreFull, Unavailable
from napixd_store.errors import ConfigError, ReadOnly
from tests.harness.netns import Machine
from tests.labs import need
from tests.processes import fork, run
from tests.redis.callers import Caller, all_go_on, counting
from tests.redis.fleets import role, start_sentinels
from tests.redis.servers import Record, Running, until
from tests.sizes import FULL, size

BACKENDS = ["Redis", "RedisHash", "RedisKey"]
Start = Callable[..., Running]


def test_forked_workers_share_no_socket(reach: Mapping[str, Any]) -> None:
    counter = Counter("ids", backend="Redis", **reach)
    store = Store("c", backend="RedisHash", **reach)
    store["parent"] = counter.increment()
    stop = threading.Event()

    def busy() -> None:  # a socket is at work while the process forks
        while not stop.is_set():
            store["busy"] = store.get("busy")

    thread = threading.Thread(target=busy)
    thread.start()

    def work() -> list[int]:
        numbers = [counter.increment() for _ in range(500)]
        store[str(os.getpid())] = numbers
        return numbers

    try:
        numbers = [number for each in run(work, [()] * 6) for number in each]
    finally:
        stop.set()
        thread.join()
    assert sorted(numbers) == list(range(2, 3002))
    assert counter.increment() == 3002
    assert len(store) == 8


def test_the_parent_keeps_its_connection_when_a_child_ends(
    server: Running, reach: Mapping[str, Any]
) -> None:
    counter = Counter("ids", backend="Redis", **reach)
    counter.increment()
    with server.monitored() as commands:
        fork(int).result()
        counter.increment()
    assert len(commands) == 1  # nobody had to log in again


class Crowd:
    """Threads that count and write until told to end, keeping what they were told."""

    def __init__(self, server: Running, size: int, allowed: tuple[type[StoreError], ...]) -> None:
        options: dict[str, Any] = {"host": "127.0.0.1", "port": server.port}
        options |= {"timeout": 1.0, "connect_timeout": 0.5}
        self.counter = Counter("ids", backend="Redis", **options)
        self.stores = [Store("c", backend=name, writeback=False, **options) for name in BACKENDS]
        self.numbers: list[int] = []
        self.unknown = 0
        self.slowest = 0.0
        self.raised: dict[str, int] = {}
        self._allowed, self._size = allowed, size
        self._end = threading.Event()

    def __enter__(self) -> "Crowd":
        self._pool = ThreadPoolExecutor(self._size)
        self._work = [self._pool.submit(self._one, who) for who in range(self._size)]
        until(lambda: len(self.numbers) > 10)
        return self

    def _one(self, who: int) -> None:
        while not self._end.is_set():
            for call in (
                lambda: self.numbers.append(self.counter.increment()),
                lambda: self.stores[who % 3].update({f"k{who}": who, f"other{who}": [who]}),
                lambda: self.stores[who % 3].get(f"k{who}"),
                lambda: self.stores[who % 3].pop(f"k{who}", None),
            ):
                started = time.monotonic()
                try:
                    call()
                except self._allowed as exc:
                    name = type(exc).__name__
                    self.raised[name] = self.raised.get(name, 0) + 1
                    self.unknown += isinstance(exc, OutcomeUnknown)
                self.slowest = max(self.slowest, time.monotonic() - started)

    def __exit__(self, *exception: object) -> None:
        self._end.set()
        self._pool.shutdown()
        for each in self._work:
            each.result()  # raises what was not allowed

    def goes_on(self) -> None:
        """Wait until it counts again."""
        have = len(self.numbers)
        until(lambda: len(self.numbers) > have + 50)

    def check(self) -> None:
        """Nobody got another's number; and the same objects work."""
        assert len(set(self.numbers)) == len(self.numbers)
        assert len(self.numbers) <= self.counter.value <= len(self.numbers) + self.unknown
        for store in self.stores:
            store["after"] = 1
            assert store.pop("after") == 1
        assert self.slowest <= 1.5 + 1.0  # for a busy machine


def test_a_frozen_server_that_thaws(start: Start) -> None:
    server = start()
    with Crowd(server, 20, (Unavailable, OutcomeUnknown)) as crowd:
        server.signal(signal.SIGSTOP)
        until(lambda: sum(crowd.raised.values()) >= 20)
        server.signal(signal.SIGCONT)
        crowd.goes_on()
    crowd.check()


def test_connections_killed_all_the_time(start: Start) -> None:
    server = start()
    client = server.client()
    with Crowd(server, 8, (Unavailable, OutcomeUnknown)) as crowd:
        for _ in range(20):
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            time.sleep(0.05)  # the rhythm of the attack
    client.close()
    crowd.check()


def test_a_server_restarted_under_load(start: Start) -> None:
    server = start("--appendonly", "yes", "--appendfsync", "always")
    with Crowd(server, 8, (Unavailable, OutcomeUnknown)) as crowd:
        for _ in range(3):
            server.stop()
            until(lambda: crowd.raised.get("Unavailable", 0) >= 8)
            server.start()
            crowd.goes_on()
    crowd.check()


@pytest.mark.parametrize(
    ("spoil", "mend", "error"),
    [
        (["CONFIG SET maxmemory 1"], ["CONFIG SET maxmemory 0"], StoreFull),
        (["REPLICAOF 127.0.0.1 1"], ["REPLICAOF NO ONE"], ReadOnly),
        (["ACL SETUSER default -@write"], ["ACL SETUSER default +@all"], ConfigError),
    ],
    ids=["full", "replica", "rights"],
)
def test_a_server_spoiled_and_mended(
    start: Start, spoil: list[str], mend: list[str], error: type[StoreError]
) -> None:
    server = start()
    with Crowd(server, 8, (error, Unavailable, OutcomeUnknown)) as crowd:
        for command in spoil:
            server.ask(*command.split())
        until(lambda: crowd.raised.get(error.__name__, 0) >= 8)
        for command in mend:
            server.ask(*command.split())
        crowd.goes_on()
    crowd.check()


# --- a master that is cut off -------------------------------------------------------------------

CUT = size(quick=3.0, full=8.0)
"""Seconds that the master is alone."""


class Fleet:
    """On each of three machines a server, a Sentinel, and a client that counts."""

    def __init__(self, start: Start, machines: list[Machine], durability: str | None) -> None:
        settings = ["--repl-ping-replica-period", "1", "--repl-timeout", "5"]
        settings += ["--min-replicas-max-lag", "2"]
        self.servers, sentinels = start_sentinels(start, *settings, machines=machines)
        for server in self.servers if durability else ():
            server.ask("CONFIG", "SET", "min-replicas-to-write", 1)
        at = [f"{each.host}:{each.port}" for each in sentinels]
        self.callers: list[Caller] = []
        for number, machine in enumerate(machines):  # each asks the Sentinel beside it first
            options: dict[str, Any] = {"sentinel": ",".join(at[number:] + at[:number])}
            options |= {"service": "m", "timeout": 1.0, "durability": durability}
            counter = Counter("ids", backend="Redis", **options)
            self.callers.append(Caller(counter, machine.inside()))

    def has_another_master(self) -> bool:
        return "master" in map(role, self.servers[1:])

    def has_one_master(self) -> bool:
        return sorted(map(role, self.servers)) == ["master", "slave", "slave"]

    def final(self) -> int:
        """Return the number in the one master."""
        (master,) = (server for server in self.servers if role(server) == "master")
        return int(master.ask("GET", "napixd:counter:{ids}"))


@pytest.mark.lab
def test_a_partition_duplicates_and_loses_no_number_that_replicas_confirmed(
    start: Start, machines: list[Machine], record: Record
) -> None:
    """The same cut for a fleet that asks for ``replicated``, and for one that does not."""
    names = ("replicated", None)
    with ThreadPoolExecutor(2) as pool:
        made = pool.map(lambda name: Fleet(start, machines, name), names)
    fleets = dict(zip(names, made, strict=True))
    callers = [caller for fleet in fleets.values() for caller in fleet.callers]
    with counting(callers):
        all_go_on(callers)
        machines[0].cut()
        since = time.monotonic()
        before = {name: len(fleet.callers[0].acked) for name, fleet in fleets.items()}
        until(lambda: all(fleet.has_another_master() for fleet in fleets.values()), 30)
        all_go_on([fleet.callers[1] for fleet in fleets.values()])
        until(lambda: time.monotonic() - since >= CUT)
        alone = {name: len(fleet.callers[0].acked) - before[name] for name, fleet in fleets.items()}
        machines[0].heal()
        until(lambda: all(fleet.has_one_master() for fleet in fleets.values()), 30)
        all_go_on(callers)
    duplicated: dict[str | None, int] = {}
    for name, fleet in fleets.items():
        acked = [number for caller in fleet.callers for number in caller.acked]
        raised = sum((caller.raised for caller in fleet.callers), collections.Counter())
        duplicated[name] = len(acked) - len(set(acked))
        lost = max(len(acked) - fleet.final(), 0)
        record(
            f"partition, durability {name}",
            f"{len(acked)} acknowledged, {alone[name]} of them by the master alone, "
            f"{duplicated[name]} duplicated, {lost} lost; {dict(raised)}",
        )
        if name == "replicated":
            assert (duplicated[name], lost) == (0, 0)
            assert max(acked) <= fleet.final()
    assert duplicated[None]  # so the master was cut off, and what is promised is not for nothing


# --- gevent -------------------------------------------------------------------------------------

GEVENT = """
from gevent import monkey; monkey.patch_all()
import sys, pytest
here = ["-q", "-p", "no:cacheprovider"]
sys.exit(pytest.main([*here, *sys.argv[1:]]))
"""


def test_the_contract_holds_under_gevent() -> None:
    need(find_spec("gevent") is not None, "gevent is not installed")
    # gevent's own locks and its hub are Python that a signal's handler tears apart: the guarantees
    # for handlers leave gevent out (docs/explanation/guarantees.md).
    chosen = size(quick="(RedisHash or Counter)", full="Test")
    chosen += " and not interrupt and not handler"
    files = ["tests/redis/test_contract.py"]
    files += size(quick=[], full=["tests/redis/test_cache_contract.py"])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", GEVENT, *files, "-k", chosen],
        env={**os.environ, FULL: ""},  # gevent changes nothing of how two parameters go together
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
