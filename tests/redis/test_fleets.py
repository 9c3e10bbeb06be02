"""More servers than one: a cluster, and a master that changes."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import redis
from redis.crc import key_slot

from napixd_store import ConfigError, Counter, NotReplicated, OutcomeUnknown, Store, Unavailable
from napixd_store.backends.redis.names import physical
from napixd_store.connections import close_all
from napixd_store.testing import CounterContract, StoreContract
from tests.redis.fleets import role, start_sentinels
from tests.redis.servers import Record, Running, until

Start = Callable[..., Running]


def reaching(cluster: list[Running], prefix: str, **more: Any) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": cluster[0].port, "cluster": True, "prefix": prefix, **more}


class OnCluster:
    @pytest.fixture
    def options(self, cluster: list[Running], prefix: str) -> Iterator[Mapping[str, Any]]:
        yield reaching(cluster, prefix)
        close_all()


class TestRedisStore(OnCluster, StoreContract):
    backend = "Redis"


class TestRedisHashStore(OnCluster, StoreContract):
    backend = "RedisHash"


class TestRedisKeyStore(OnCluster, StoreContract):
    backend = "RedisKey"


class TestRedisCounter(OnCluster, CounterContract):
    backend = "Redis"


@pytest.mark.parametrize("backend", ["Redis", "RedisHash", "RedisKey"])
def test_collections_lie_all_over_the_cluster(
    cluster: list[Running], prefix: str, backend: str
) -> None:
    options = reaching(cluster, prefix)
    stores = [Store(f"c{n}", backend=backend, writeback=False, **options) for n in range(30)]
    for number, store in enumerate(stores):
        store.update(a=number, b=number)
        store.incr("a")
    assert all(node.ask("DBSIZE") for node in cluster)
    assert type(stores[0]).collections(options) == sorted(f"c{n}" for n in range(30))
    assert [store.snapshot() for store in stores] == [{"a": n + 1, "b": n} for n in range(30)]
    close_all()


def test_counters_lie_all_over_the_cluster_and_are_listed_together(
    cluster: list[Running], prefix: str
) -> None:
    options = reaching(cluster, prefix)
    counters = [Counter(f"c{n}", backend="Redis", **options) for n in range(30)]
    for counter in counters:
        counter.increment()
    counters.pop().drop()
    assert type(counters[0]).counters(options) == sorted(counter.name for counter in counters)
    close_all()


def test_a_node_asked_without_the_option_says_that_it_is_a_cluster(cluster: list[Running]) -> None:
    counters = [Counter(f"c{n}", backend="Redis", port=cluster[0].port) for n in range(20)]
    with pytest.raises(ConfigError, match="cluster=true"):
        [counter.increment() for counter in counters]
    close_all()


def test_a_redis_py_cluster_client_will_do(cluster: list[Running], prefix: str) -> None:
    client = redis.RedisCluster(host="127.0.0.1", port=cluster[0].port)
    counters = [Counter(f"c{n}", backend="Redis", client=client, prefix=prefix) for n in range(9)]
    assert [counter.increment() for counter in counters] == [1] * 9
    client.close()
    close_all()


def test_a_slot_that_moves_is_followed(cluster: list[Running], prefix: str) -> None:
    counter = Counter("moving", backend="Redis", **reaching(cluster, prefix))
    numbers = [counter.increment()]
    name = physical(prefix, "counter", "moving")
    slot = key_slot(name.encode())
    nodes = {node.ask("CLUSTER", "MYID").decode(): node for node in cluster}
    source = next(i for i, node in nodes.items() if node.ask("CLUSTER", "COUNTKEYSINSLOT", slot))
    target = next(each for each in nodes if each != source)
    nodes[target].ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source)
    nodes[source].ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target)
    numbers.append(counter.increment())  # still there
    nodes[source].ask("MIGRATE", "127.0.0.1", nodes[target].port, name, 0, 1000)
    numbers.append(counter.increment())  # by ASK
    for each in (target, source):
        nodes[each].ask("CLUSTER", "SETSLOT", slot, "NODE", target)
    numbers += [counter.increment(), counter.increment()]  # by MOVED, and known from then on
    assert numbers == [1, 2, 3, 4, 5]
    close_all()


# --- Sentinel ----------------------------------------------------------------------------------


@pytest.mark.parametrize("durability", [None, "replicated"])
def test_a_failover_is_survived_without_a_restart(
    start: Start, durability: str | None, record: Record
) -> None:
    servers, sentinels = start_sentinels(start)
    for server in servers:
        server.ask("CONFIG", "SET", "min-replicas-to-write", "1" if durability else "0")
    options: dict[str, Any] = {
        "sentinel": ",".join(f"127.0.0.1:{each.port}" for each in sentinels),
        "service": "m",
        "timeout": 1.0,
        "durability": durability,
    }
    counter = Counter("ids", backend="Redis", **options)
    store = Store("c", backend="RedisHash", writeback=False, **options)
    acked: list[int] = []
    raised: dict[str, int] = {}

    def count(until_there_are: int) -> None:
        deadline = time.monotonic() + 20
        while len(acked) < until_there_are:
            assert time.monotonic() < deadline, raised
            try:
                acked.append(counter.increment())
                store[str(acked[-1])] = 1
            except (Unavailable, OutcomeUnknown, NotReplicated) as exc:
                raised[type(exc).__name__] = raised.get(type(exc).__name__, 0) + 1
                time.sleep(0.02)

    count(300)
    servers[0].stop()
    died = time.monotonic()
    count(301)
    down = time.monotonic() - died
    count(600)
    duplicates = len(acked) - len(set(acked))
    record(
        f"failover, durability {durability}",
        f"{raised}, down for {down:.1f} s, {duplicates} duplicates of {len(acked)}",
    )
    if durability:
        assert duplicates == 0
    assert down < 1.0 + 3.0 + 1.5  # down-after, the election, and one call that waited
    close_all()


def test_a_demoted_master_is_left(start: Start) -> None:
    servers, sentinels = start_sentinels(start)
    sentinel = f"127.0.0.1:{sentinels[0].port}"
    store = Store("c", backend="RedisHash", sentinel=sentinel, service="m", writeback=False)
    caching = Store("kept", backend="RedisKey", sentinel=sentinel, service="m", cache=True)
    caching["k"] = store["k"] = 1
    assert [caching["k"] for _ in range(3)] == [1] * 3
    until(lambda: servers[1].ask("HGET", "napixd:hash:{c}", "k") == b"1")
    sentinels[0].ask("SENTINEL", "FAILOVER", "m")
    until(lambda: "master" in map(role, servers[1:]), 20)
    (new,) = (each for each in servers[1:] if role(each) == "master")
    until(lambda: sentinels[0].info("sentinel")["master0"]["address"].endswith(f":{new.port}"), 20)
    servers[0].ask("REPLICAOF", "127.0.0.1", new.port)  # as Sentinel does, but leaving clients be
    store["k"] = 2
    assert new.ask("HGET", "napixd:hash:{c}", "k") == b"2"
    caching["k"] = 2
    assert [caching["k"] for _ in range(3)] == [2] * 3
    Store("kept", backend="RedisKey", unix_socket_path=new.socket)["k"] = 3
    until(lambda: caching["k"] == 3)
    close_all()


def test_an_unknown_service_is_unavailable(start: Start) -> None:
    server = start()
    sentinel = start(sentinel_of=server)
    at = {"sentinel": f"127.0.0.1:{sentinel.port}", "timeout": 0.3}
    with pytest.raises(Unavailable, match="No master found"):
        Counter("c", backend="Redis", service="other", **at).increment()
    assert Counter("c", backend="Redis", service="m", **at).increment() == 1
    close_all()
