"""A cluster that loses nodes, and names that could confuse it."""

import itertools
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from redis.crc import key_slot

from napixd_store import Counter, Store
from napixd_store.backends.redis.names import physical, registry
from napixd_store.connections import close_all
from tests.redis.callers import Caller, all_go_on, counting
from tests.redis.fleets import has_replica
from tests.redis.servers import Record, Running, until

CONNECT, REPLY, SLACK = 0.4, 0.4, 0.2


@pytest.fixture
def prefix(prefix: str) -> str:
    """Return one under which the list of counters is the third node's, which is to fail."""
    prefixes = (f"{prefix}-{number}" for number in itertools.count())
    lists = ((each, registry(each, "counter").encode()) for each in prefixes)
    return next(each for each, name in lists if key_slot(name) > 2 * 16384 // 3)


@pytest.fixture
def callers(frail_cluster: list[Running], prefix: str) -> Iterator[list[Caller]]:
    """Return a dozen callers, whose counters lie all over the cluster."""
    options: dict[str, Any] = {"host": "127.0.0.1", "port": frail_cluster[1].port, "cluster": True}
    options |= {"prefix": prefix, "connect_timeout": CONNECT, "timeout": REPLY}
    yield [Caller(Counter(f"c{number}", backend="Redis", **options)) for number in range(12)]
    close_all()


def _of(node: Running, callers: list[Caller], prefix: str) -> list[Caller]:
    """Return the callers whose counters are *node*'s."""
    found = []
    for caller in callers:
        try:
            node.ask("GET", physical(prefix, "counter", caller.counter.name))
        except redis.ResponseError:  # MOVED
            continue
        found.append(caller)
    assert found
    return found


@pytest.mark.parametrize("how", ["dies", "freezes"])
def test_a_node_that_fails_takes_only_its_own_names_with_it(
    frail_cluster: list[Running], callers: list[Caller], prefix: str, how: str
) -> None:
    node = frail_cluster[2]
    its_own = _of(node, callers, prefix)
    others = [caller for caller in callers if caller not in its_own]
    with counting(callers):
        all_go_on(callers)
        node.stop() if how == "dies" else node.signal(signal.SIGSTOP)
        until(lambda: all(caller.failed >= 3 for caller in its_own))
        all_go_on(others)
        node.start() if how == "dies" else node.signal(signal.SIGCONT)
        all_go_on(callers)
    for caller in callers:
        assert len(set(caller.acked)) == len(caller.acked)
        unknown = caller.raised["OutcomeUnknown"]
        assert len(caller.acked) <= caller.counter.value <= len(caller.acked) + unknown
        assert caller.slowest <= CONNECT + REPLY + SLACK
    assert {kind for caller in its_own for kind in caller.raised} <= {
        "Unavailable",
        "OutcomeUnknown",
    }
    assert [dict(caller.raised) for caller in others] == [{}] * len(others)


def test_a_cluster_that_freezes_ends_calls_within_their_budget(
    frail_cluster: list[Running], callers: list[Caller]
) -> None:
    with counting(callers):
        all_go_on(callers)
        for node in frail_cluster:
            node.signal(signal.SIGSTOP)
        until(lambda: all(caller.failed >= 3 for caller in callers))
        for node in frail_cluster:
            node.signal(signal.SIGCONT)
        all_go_on(callers, 20)
    assert max(caller.slowest for caller in callers) <= CONNECT + REPLY + SLACK


def test_a_replica_takes_over(
    frail_cluster: list[Running], callers: list[Caller], prefix: str, record: Record
) -> None:
    pair = frail_cluster[0], frail_cluster[-1]  # they may have changed places
    until(lambda: any(map(has_replica, pair)))
    (node,) = filter(has_replica, pair)
    its_own = _of(node, callers, prefix)
    with counting(callers):
        all_go_on(callers)
        node.stop()
        died = time.monotonic()
        all_go_on(its_own, 20)
        down = time.monotonic() - died
        node.start()  # and is the replica now
        all_go_on(callers)
    acked = sum(len(caller.acked) for caller in its_own)
    duplicated = acked - sum(len(set(caller.acked)) for caller in its_own)
    raised = its_own[0].raised
    record(
        "cluster, a node dies",
        f"{duplicated} duplicated of {acked}, down for {down:.1f} s; {dict(raised)}",
    )
    for caller in callers:
        assert caller in its_own or not caller.raised


@pytest.mark.parametrize("backend", ["Redis", "RedisHash", "RedisKey"])
@pytest.mark.parametrize(
    "name", ["{", "}", "{}", "a{b}c", "}a{", "{}{a}", "{{a}}", "{a}:{b}", "%7B"]
)
def test_no_name_crosses_the_slots(
    cluster: list[Running], prefix: str, backend: str, name: str
) -> None:
    """Braces are how a cluster finds the slot of a name; here they are part of names."""
    options: dict[str, Any] = {"host": "127.0.0.1", "port": cluster[0].port, "cluster": True}
    options |= {"prefix": f"{prefix}{name}", "backend": backend}
    for writeback in (False, True):
        store = Store(name, writeback=writeback, **options)
        keys = ["{a}", "{b}", "}{", name, "other", "last"]
        store.update(dict.fromkeys(keys, 1))
        store.save()
        del store["{a}"]
        assert store.setdefault("new{x}y", 1) == 1
        with store.edit("{c}", []) as listed:
            listed.append(5)
        assert (store.incr(name), store.pop("}{")) == (2, 1)
        assert store.get_many(["{b}", name, "{none}"]) == {"{b}": 1, name: 2}
        store.save()
        left = {"{b}": 1, "{c}": [5], name: 2, "other": 1, "last": 1, "new{x}y": 1}
        assert dict(store.items()) == store.snapshot() == left
        assert (len(store), store.popitem()[0] in left) == (6, True)
        store.save()
        store.clear()
        store.save()
        assert type(store).collections(_connection(options)) == []
        store.drop()
    counter = Counter(name, **options)
    assert (counter.increment(), counter.reset(), counter.value) == (1, 1, 0)
    close_all()


def _connection(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name != "backend"}
