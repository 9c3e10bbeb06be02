"""Connections to a server go when nobody needs them: no descriptor, no warning, no record stays."""

import gc
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import pytest
import redis

from napixd_store import Counter, Store, Unavailable, connections
from tests.redis.proxy import before
from tests.redis.servers import Running, until

BACKENDS = ["Redis", "RedisHash", "RedisKey"]


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Let nothing go but what no reference keeps."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def clients(server: Running) -> int:
    """Return how many connections the server has, without the one that asks."""
    return int(server.info("clients")["connected_clients"]) - 1


@pytest.mark.usefixtures("uncollected")
def test_the_connections_of_a_server_that_no_store_uses_go_at_once(
    start: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_KEPT", 0)
    server = start()
    store = Store("c", "RedisHash", port=server.port)
    store["k"] = 1
    assert clients(server) == 1
    del store
    until(lambda: clients(server) == 0)


def test_a_client_made_in_each_call_leaves_nothing_behind(
    start: Callable[..., Running],
) -> None:
    server = start()
    for _ in range(connections._KEPT + 20):
        with redis.Redis(port=server.port) as client:
            Store("c", "RedisHash", client=client).get("k")
    gc.collect()
    until(lambda: clients(server) <= connections._KEPT)


@pytest.mark.parametrize("backend", BACKENDS)
def test_whoever_iterates_keeps_no_connection_from_others(
    server: Running, prefix: str, backend: str
) -> None:
    store = Store("c", backend, writeback=False, port=server.port, prefix=prefix)
    store.update({str(n): n for n in range(1000)})

    def connection() -> int:
        return int(store._connection.read(store._where, "c", "CLIENT", "ID"))

    before = connection()
    suspended = [iter(store.items()) for _ in range(3)]
    for each in suspended:
        next(each)
    assert connection() == before


def test_a_limit_of_connections_is_kept_and_its_threads_wait_their_turn(
    start: Callable[..., Running],
) -> None:
    server = start()
    counter = Counter("c", "Redis", port=server.port, max_connections=3)
    most: list[int] = []

    def work(_: int) -> list[int]:
        return [counter.increment() for _ in range(50)]

    with ThreadPoolExecutor(12) as pool:
        results = [pool.submit(work, number) for number in range(12)]
        while not all(result.done() for result in results):
            most.append(clients(server))
    assert sorted(chain.from_iterable(each.result() for each in results)) == list(range(1, 601))
    assert max(most) <= 3


def test_who_waits_for_a_connection_for_too_long_is_told_of_the_limit(
    start: Callable[..., Running],
) -> None:
    server = start()
    options = {"port": server.port, "max_connections": 1}
    patient = Store("c", "RedisHash", timeout=20, **options)
    hasty = Store("c", "RedisHash", timeout=0.2, **options)
    patient["a"] = 1
    with ThreadPoolExecutor(1) as pool:
        server.signal(signal.SIGSTOP)
        result = pool.submit(patient.get, "a")
        (pool,) = patient._connection._topology.pools()
        until(lambda: not pool._idle)
        with pytest.raises(Unavailable, match=r"max_connections= allows \(1\).*nothing was chang"):
            hasty.get("a")
        server.signal(signal.SIGCONT)
        assert result.result() == 1
    assert hasty["a"] == 1


def test_stores_of_many_prefixes_share_their_connections(start: Callable[..., Running]) -> None:
    server = start()
    stores = [Store("c", "RedisHash", port=server.port, prefix=f"p{n}") for n in range(20)]
    for store in stores:
        store["a"] = 1
    assert clients(server) == 1


def test_a_connection_that_was_dropped_in_silence_costs_a_probe(
    start: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start()
    with before(server.port) as proxy:
        store = Store("c", "RedisHash", port=proxy.port, timeout=30, connect_timeout=0.3)
        store["a"] = 1
        monkeypatch.setattr("napixd_store.backends.redis.attempts._OLD", 0.0)
        proxy.arm(b"PING", 1, keep=None)
        began = time.monotonic()
        store["a"] = 2
        assert time.monotonic() - began < 5
        assert store["a"] == 2
