"""A cluster that moves its data, and servers that change in the middle of an iteration."""

import collections
import itertools
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
import redis
from redis.crc import key_slot

from napixd_store import Counter, Store, StoreError, Unavailable, WrongType
from napixd_store.backends.redis.names import Kind, physical
from napixd_store.connections import close_all
from tests.labs import need
from tests.redis.fleets import role, start_cluster, start_sentinels
from tests.redis.servers import Running, until
from tests.sizes import size

BACKENDS = ["Redis", "RedisHash", "RedisKey"]
KINDS: dict[str, Kind] = {"Redis": "blob", "RedisHash": "hash", "RedisKey": "index"}
Start = Callable[..., Running]
LASTING = ("--appendonly", "yes", "--appendfsync", "always")


class Move:
    """The move of one slot from a node to another, step by step as `redis-cli` makes it."""

    def __init__(self, nodes: list[Running], name: str) -> None:
        self.slot, self.nodes = key_slot(name.encode()), nodes
        self.source = next(node for node in nodes if _has(node, name))
        self.target = next(node for node in nodes if node is not self.source)
        source, target = (each.ask("CLUSTER", "MYID") for each in (self.source, self.target))
        self._target_id = target
        self.target.ask("CLUSTER", "SETSLOT", self.slot, "IMPORTING", source)
        self.source.ask("CLUSTER", "SETSLOT", self.slot, "MIGRATING", target)

    def take(self, name: str | bytes) -> None:
        self.source.ask("MIGRATE", "127.0.0.1", self.target.port, name, 0, 5000)

    def finish(self) -> None:
        names = self.source.ask("CLUSTER", "GETKEYSINSLOT", self.slot, 10_000)
        for at in range(0, len(names), 50):
            some = names[at : at + 50]
            self.source.ask("MIGRATE", "127.0.0.1", self.target.port, "", 0, 5000, "KEYS", *some)
        for node in (self.target, self.source, *self.nodes):
            node.ask("CLUSTER", "SETSLOT", self.slot, "NODE", self._target_id)


def _has(node: Running, name: str) -> bool:
    try:
        node.ask("EXISTS", name)
    except redis.ResponseError:  # MOVED
        return False
    return True


@pytest.fixture
def at(cluster: list[Running], prefix: str) -> Iterator[dict[str, Any]]:
    """Return the options for a cluster; what it moves meanwhile costs half a second."""
    yield {"port": cluster[0].port, "cluster": True, "prefix": prefix, "timeout": 0.5}
    close_all()


def _values(prefix: str, *texts: str) -> list[str]:
    return [physical(prefix, "key", "c", text) for text in texts]


def _holding(store: Any) -> str:
    return physical(store._connection.prefix, store.kind, store.collection)


OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "snapshot": lambda s: s.snapshot(),
    "items": lambda s: list(s.items()),
    "get_many": lambda s: s.get_many(["k1", "k2", "none"]),
    "set": lambda s: s.__setitem__("k1", 100),
    "update": lambda s: s.update(k1=100, new=1),
    "incr": lambda s: s.incr("k1", 99),
    "delete": lambda s: s.__delitem__("k1"),
    "pop": lambda s: s.pop("k2"),
    "drop": lambda s: s.drop(),
}
"""Name -> what `RedisKey` may refuse while a slot is moved, but must do whole or not at all."""


@pytest.mark.parametrize("index_first", [True, False])
@pytest.mark.parametrize("name", OPERATIONS)
def test_what_meets_a_collection_on_two_nodes_is_right_or_is_refused(
    cluster: list[Running], at: dict[str, Any], name: str, index_first: bool
) -> None:
    store = Store("c", "RedisKey", **at)
    store.update({f"k{number}": number for number in range(6)})
    before = after = store.snapshot()
    shadow = Store("c", "Memory")
    shadow.update(before)
    expected = OPERATIONS[name](shadow)
    index = physical(at["prefix"], "index", "c")
    move = Move(cluster, index)
    for each in [index] if index_first else _values(at["prefix"], "k1", "k3"):
        move.take(each)
    try:
        result = OPERATIONS[name](store)
    except Unavailable as exc:
        assert "the cluster moves the data" in str(exc)  # noqa: PT017 - it may also be done
        assert "nothing was changed" in str(exc)  # noqa: PT017
    else:
        after = shadow.snapshot()
        assert result == expected or sorted(result) == sorted(expected)
    move.finish()
    assert store.snapshot() == after
    assert OPERATIONS["items"](store) == [*store.snapshot().items()] or len(store) == len(after)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_counter_and_stores_are_right_while_all_is_moved_to_and_fro(
    cluster: list[Running], at: dict[str, Any], backend: str
) -> None:
    at["timeout"] = 20  # longer than a move
    store, counter = Store("c", backend, writeback=False, **at), Counter("c", backend, **at)
    store["n"] = 0
    counter.increment()
    names = [physical(at["prefix"], "counter", "c"), _holding(store)]
    assert key_slot(names[0].encode()) == key_slot(names[1].encode())
    done, sums, numbers = threading.Event(), [], []

    def work() -> None:
        while not done.is_set():
            sums.append(store.incr("n"))
            store[f"k{len(sums) % 50}"] = len(sums)
            numbers.append(counter.increment())
            assert store["n"] == len(sums)
            assert dict(store.items()).keys() >= {"n", f"k{len(sums) % 50}"}

    failed: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as exc:  # noqa: BLE001 - for the thread that waits
            failed.append(exc)

    worker = threading.Thread(target=run)
    worker.start()
    for _ in range(size(quick=4, full=20)):
        so_far = len(sums)
        until(lambda now=so_far: failed or len(sums) > now + 5)  # type: ignore[misc]  # a lambda
        Move(cluster, names[0]).finish()
    done.set()
    worker.join()
    assert failed == []
    assert sums == list(range(1, len(sums) + 1))
    assert numbers == list(range(2, len(numbers) + 2))


def _in_the_first(slots: int, prefix: str, kind: Kind) -> str:
    """Return the name of a collection that lies in one of the first *slots*."""
    names = (f"c{number}" for number in itertools.count())
    return next(name for name in names if key_slot(physical(prefix, kind, name).encode()) < slots)


@pytest.mark.lab
def test_nothing_is_lost_while_redis_cli_reshards(
    cluster: list[Running], at: dict[str, Any]
) -> None:
    need(shutil.which("redis-cli") is not None, "redis-cli is not installed")
    at["timeout"] = 20
    slots = size(quick=100, full=300)
    stores = [
        Store(_in_the_first(slots, at["prefix"], kind), backend, writeback=False, **at)
        for backend, kind in KINDS.items()
    ]
    counter = Counter(_in_the_first(slots, at["prefix"], "counter"), "RedisHash", **at)
    done = threading.Event()

    def work(store: Any) -> dict[str, int]:
        acknowledged: dict[str, int] = {}
        for number in itertools.takewhile(lambda _: not done.is_set(), itertools.count()):
            key = f"k{number % 400}"
            store[key] = acknowledged[key] = number
            assert store.incr("sum") == number + 1
            counter.increment()
            assert dict(store.items()).keys() >= {"sum", key}
        return acknowledged

    here, there = cluster[0], cluster[1]
    with ThreadPoolExecutor(3) as pool:
        results = [pool.submit(work, store) for store in stores]
        for _ in range(size(quick=1, full=2)):
            for source, target in ((here, there), (there, here)):
                _reshard(source, target, slots)
        done.set()
        acknowledged = [result.result() for result in results]
    for store, expected in zip(stores, acknowledged, strict=True):
        found = store.snapshot()
        assert {key: found[key] for key in expected} == expected
    # Every increment was acknowledged, so none was counted twice or begun anew.
    assert counter.value == sum(store["sum"] for store in stores)


def _reshard(source: Running, target: Running, slots: int) -> None:
    own, other = (each.ask("CLUSTER", "MYID").decode() for each in (source, target))
    command = ["redis-cli", "--cluster", "reshard", f"127.0.0.1:{source.port}", "--cluster-yes"]
    command += ["--cluster-from", own, "--cluster-to", other, "--cluster-slots", str(slots)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def test_a_node_that_was_taken_out_and_runs_on_is_left(start: Start) -> None:
    nodes = start_cluster(start, "--cluster-require-full-coverage", "no")
    gone, *left = nodes
    counters = [Counter(f"c{n}", "RedisHash", port=gone.port, cluster=True) for n in range(12)]
    for counter in counters:
        counter.increment()
    for node in left:
        node.ask("CLUSTER", "FORGET", gone.ask("CLUSTER", "MYID"))
    gone.ask("FLUSHALL")  # its names are lost, which is not what is tried here
    gone.ask("CLUSTER", "RESET", "HARD")
    left[0].ask("CLUSTER", "ADDSLOTSRANGE", 0, 16384 // 3 - 1)
    until(lambda: left[1].ask("CLUSTER INFO")["cluster_slots_ok"] == "16384")
    for counter in counters:
        assert counter.increment() in (1, 2)
    close_all()


# --- iterations -----------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["RedisHash", "RedisKey"])
def test_an_iteration_over_a_restart_misses_nothing(start: Start, backend: str) -> None:
    server = start(*LASTING)
    store = Store("c", backend, port=server.port, timeout=20)
    everything = {f"k{number}": number for number in range(3000)}
    store.update(everything)
    for _ in range(size(quick=2, full=8)):
        found: list[Any] = []
        for number, pair in enumerate(store.items()):
            found.append(pair)
            if number in (200, 1500):
                server.stop()
                server.start()
        assert dict(found) == everything
        assert len(found) == len(everything)


@pytest.mark.parametrize("backend", ["RedisHash", "RedisKey"])
def test_an_iteration_over_the_move_of_its_slot_misses_nothing(
    cluster: list[Running], at: dict[str, Any], backend: str
) -> None:
    at["timeout"] = 20
    store = Store("c", backend, **at)
    everything = {f"k{number}": number for number in range(400)}
    store.update(everything)
    found = []
    for number, pair in enumerate(store.items()):
        found.append(pair)
        if number in (50, 250):
            Move(cluster, _holding(store)).finish()
    assert dict(found) == everything
    assert len(found) == len(everything)


def test_an_iteration_over_a_failover_misses_nothing_without_an_error(start: Start) -> None:
    servers, sentinels = start_sentinels(start)
    guards = ",".join(f"127.0.0.1:{each.port}" for each in sentinels)
    everything = {f"k{number}": number for number in range(2000)}
    stores = {}
    for backend in ("RedisHash", "RedisKey"):
        stores[backend] = Store("c", backend, sentinel=guards, service="m", timeout=20)
        stores[backend].update(everything)
    completed = collections.Counter[str]()
    for turn in range(size(quick=1, full=8)):
        master = next(each for each in servers if role(each) == "master")
        assert master.ask("WAIT", 2, 20_000) == 2
        begun = {backend: iter(store.items()) for backend, store in stores.items()}
        found = {backend: list(itertools.islice(pairs, 300)) for backend, pairs in begun.items()}
        _fail_over(sentinels[0], master)
        for backend, pairs in begun.items():
            with suppress(Unavailable):
                found[backend] += pairs
                completed[backend] += 1
                assert dict(found[backend]) == everything, (backend, turn)
                assert len(found[backend]) == len(everything)
    assert all(completed[backend] for backend in stores)


def _fail_over(sentinel: Running, master: Running) -> None:
    def has_another() -> bool:
        _host, port = sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "m")
        if int(port) != master.port:
            return True
        with suppress(redis.ResponseError):  # one is under way
            sentinel.ask("SENTINEL", "FAILOVER", "m")  # the last one may have been given up
        return False

    until(has_another, 60)
    until(lambda: role(master) == "slave", 60)


def test_an_iteration_whose_server_changes_all_the_time_says_so(
    server: Running, reach: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store("c", "RedisHash", **reach)
    store.update({f"k{number}": number for number in range(5000)})
    read = store._connection.read

    def read_anew(*args: Any, **more: Any) -> Any:
        close_all()
        return read(*args, **more)

    monkeypatch.setattr(store._connection, "read", read_anew)
    with pytest.raises(Unavailable, match="changed 20 times while it was iterated"):
        list(store.items())


# --- what is not there any more -------------------------------------------------------------------


def test_a_value_of_another_type_is_refused_by_get_many_too(
    server: Running, reach: dict[str, Any]
) -> None:
    store = Store("c", "RedisKey", **reach)
    store.update(a=1, b=2)
    (name,) = _values(reach["prefix"], "b")
    server.ask("DEL", name)
    server.ask("RPUSH", name, "x")
    with pytest.raises(WrongType):
        store.get_many(["a", "b"])


LOOKS: dict[str, Callable[[Any], Any]] = {
    "list": list,
    "snapshot": lambda s: s.snapshot(),
    "delete": lambda s: s.__delitem__("a"),
    "popitem": lambda s: s.popitem(),
}


@pytest.mark.parametrize("name", LOOKS)
def test_a_value_that_is_gone_is_counted_until_somebody_looks_for_it(
    server: Running, reach: dict[str, Any], name: str
) -> None:
    store = Store("c", "RedisKey", **reach)
    store["a"] = 1
    server.ask("DEL", *_values(reach["prefix"], "a"))
    assert len(store) == 1
    with suppress(KeyError):
        LOOKS[name](store)
    assert len(store) == 0


@pytest.mark.parametrize("backend", BACKENDS)
def test_collections_are_right_whatever_is_dropped_or_flushed(start: Start, backend: str) -> None:
    server = start()
    store = Store("c", backend, port=server.port, writeback=False)
    listed = "napixd:collections:*"
    store["a"] = 1
    assert type(store).collections({"port": server.port}) == ["c"]
    store.drop()
    assert type(store).collections({"port": server.port}) == []
    assert server.client().keys(listed) == []

    store["a"] = 1
    server.ask("FLUSHDB")
    store["a"] = 2
    assert type(store).collections({"port": server.port}) == ["c"]
    assert len(server.client().keys(listed)) == 1  # for other processes, too


def test_collections_take_a_few_round_trips_however_many_there_are(
    server: Running, reach: dict[str, Any]
) -> None:
    for number in range(200):
        Store(f"c{number}", "RedisHash", **reach)["a"] = 1
    before = server.info("stats")["total_reads_processed"]
    assert len(type(Store("c", "RedisHash", **reach)).collections(reach)) == 200
    assert server.info("stats")["total_reads_processed"] - before < 20


def test_collections_of_a_cluster_are_found_on_all_nodes(at: dict[str, Any]) -> None:
    names = sorted(f"c{number}" for number in range(30))
    for name in names:
        Store(name, "RedisHash", **at)["a"] = 1
    assert type(Store("c", "RedisHash", **at)).collections(at) == names


MAY_NOT: dict[str, list[tuple[str, Callable[[Any], Any]]]] = {
    "RedisKey": [
        ("zadd", lambda s: s.incr("new")),
        ("zrem", lambda s: s.incr("new")),
        ("mset", lambda s: s.update(a=4, new=5)),
        ("zrem", lambda s: s.update(a=4, new=5)),
        ("zadd", lambda s: s.put("a", 4, expires_in=60)),
        ("pexpireat", lambda s: s.put("a", 4, expires_in=60)),
        ("unlink", lambda s: s.__delitem__("a")),
        ("zrem", lambda s: s.__delitem__("ends")),
        ("unlink", lambda s: s.pop("a")),
    ],
    "RedisHash": [
        ("zadd", lambda s: s.put("a", 4, expires_in=60)),
        ("zrem", lambda s: s.touch("ends")),
        ("hdel", lambda s: s.__delitem__("ends")),
        ("zrem", lambda s: s.__delitem__("ends")),
        ("hdel", lambda s: s.pop("ends")),
        ("zrem", lambda s: s.pop("ends")),
    ],
}
"""Backend -> rights that are missing, and what is refused without them."""


@pytest.mark.parametrize("backend", MAY_NOT)
def test_what_a_script_may_not_do_at_its_end_it_does_not_begin(start: Start, backend: str) -> None:
    server = start()
    server.ask("ACL", "SETUSER", "app", "on", ">pw", "~*", "+@all")
    store = Store("c", backend, port=server.port, username="app", password="pw")
    store.update(a=3, b=2)
    store.put("ends", 1, expires_in=60)
    before = store.snapshot()
    for right, write in MAY_NOT[backend]:
        server.ask("ACL", "SETUSER", "app", f"-{right}")
        with pytest.raises(StoreError, match="nothing was changed"):
            write(store)
        server.ask("ACL", "SETUSER", "app", f"+{right}")
        assert store.snapshot() == before
        assert len(store) == 3
        assert store.expires_in("ends") is not None
        assert store.expires_in("a") is None
