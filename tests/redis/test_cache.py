"""Records that are kept in the process: as fresh as the server says, and no longer than it does."""

import gc
import itertools
import os
import random
import select
import socket
import time
import tracemalloc
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from napixd_store import ConfigError, Conflict, Counter, Store, Unavailable, transaction
from napixd_store.backends.redis.failures import Failure, Stage, driven
from napixd_store.backends.redis.records import MISSING, Records
from napixd_store.backends.redis.tracked import Tracked
from tests.processes import Signal, fork, fork_in_c
from tests.redis.proxy import before
from tests.redis.servers import PAGE, Running, until
from tests.redis.test_interrupts import handler, interrupted_at
from tests.sizes import size

Start = Callable[..., Running]
Stores = tuple[Any, Any]

BACKENDS = ["RedisHash", "RedisKey"]


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def cached(backend: str, at: Mapping[str, Any], **more: Any) -> Any:
    """Return a store that keeps records, of which it has read one."""
    store = Store("c", backend, **{"cache": True, **at, **more})
    store["k"] = 0
    kept(store)
    return store


def kept(store: Any, key: str = "k") -> None:
    """Have the record of *key* kept, now or when the server lets us."""
    tracked = store._connection.cache
    until(lambda: (store[key], tracked.get(*whereabouts(store, key)))[1] is not MISSING)


def whereabouts(store: Any, key: str) -> tuple[str, str]:
    place = store._begins + key
    return store._told or place, place


@pytest.fixture
def stores(backend: str, reach: Mapping[str, Any]) -> Stores:
    """Return one that keeps records, and one of the same collection that does not."""
    return cached(backend, reach), Store("c", backend, **reach)


def sent(commands: list[str]) -> list[str]:
    """Return *commands* but for the signs of life that are asked for once a second."""
    return [command for command in commands if command != "PING"]


def test_what_was_read_costs_the_server_nothing(server: Running, stores: Stores) -> None:
    store, _ = stores
    assert store.get("missing") is None
    with server.monitored() as commands:
        for _ in range(100):
            assert (store["k"], "k" in store) == (0, True)
            assert (store.get("missing"), "missing" in store) == (None, False)
    assert sent(commands) == []


def test_what_others_write_is_read_at_once(stores: Stores) -> None:
    store, other = stores
    for number in range(size(quick=300, full=5_000)):
        other["k"] = number
        until(partial(lambda number: store["k"] == number, number))
        assert store["k"] == number
    del other["k"]
    until(lambda: "k" not in store)
    other["k"] = 1
    until(lambda: store.get("k") == 1)
    other.drop()
    until(lambda: "k" not in store)


def test_what_was_seen_or_written_here_is_never_contradicted(stores: Stores) -> None:
    """Whatever it was seen by; the truth is told by another store, and by no timing."""
    store, other = stores
    truth: dict[str, int] = {"k": 0}
    keys = ["k", *"abcdef"]

    def theirs() -> None:
        key = random.choice(keys)
        other[key] = truth[key] = random.randrange(10**9)
        assert store.snapshot() == truth  # from now on we know of it

    def put(key: str) -> None:
        store[key] = truth[key] = random.randrange(10**9)

    def batch(*some: str) -> None:
        values = {key: random.randrange(10**9) for key in some}
        store.update(values)
        truth.update(values)

    def delete(key: str) -> None:
        assert store.pop(key, None) == truth.pop(key, None)

    def increment(key: str) -> None:
        truth[key] = truth.get(key, 0) + 1
        assert store.incr(key) == truth[key]

    def several(key: str, second: str) -> None:
        with transaction(store) as inside:
            inside[key] = truth[key] = inside.get(second, 0) + 1

    def drop() -> None:
        store.drop()
        truth.clear()

    acts: list[Callable[[], object]] = [
        theirs,
        lambda: put(random.choice(keys)),
        lambda: batch(*random.sample(keys, 3)),
        lambda: delete(random.choice(keys)),
        lambda: increment(random.choice(keys)),
        lambda: several(*random.sample(keys, 2)),
        lambda: store.get_many(keys),
        lambda: store.delete_many(["a"]) and truth.pop("a"),
    ]
    for number in range(size(quick=400, full=10_000)):
        random.choice(acts)()
        if number % 50 == 49:
            drop()
        for key in keys:
            assert (key in store, store.get(key)) == (key in truth, truth.get(key))
    assert store == truth


def test_what_was_seen_is_believed_though_the_word_of_its_change_is_late(
    server: Running, prefix: str, backend: str
) -> None:
    with before(server.port) as proxy:
        store = cached(backend, {"host": "127.0.0.1", "port": proxy.port, "prefix": prefix})
        other = Store("c", backend, unix_socket_path=server.socket, prefix=prefix)
        counter = Counter("c", backend, **store._opened[1])
        options = {**store._opened[1], "writeback": False}
        second, others = (Store("second", backend, **to) for to in (options, other._opened[1]))
        second["changed"] = counter.reset()  # and both are listed

        def conflicting() -> None:
            with transaction(second) as inside:
                inside["changed"] += 1
                others["changed"] = number

        def refused() -> None:
            with pytest.raises(Conflict):
                conflicting()

        proxy.late = 0.02
        ways: list[Callable[[], object]] = [
            store.snapshot,
            lambda: store.get_many(["k"]),
            lambda: list(store.range()),
            lambda: list(store),
            lambda: len(store),
            lambda: counter.value,
            lambda: counter.reset(1),
            refused,
            lambda: store.put("k", number),
        ]
        for number, look in enumerate(ways):
            kept(store)
            other["k"] = number
            look()
            assert store["k"] == number


def test_a_system_without_epoll_polls(
    backend: str, reach: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As macOS, and as Linux under gevent."""
    monkeypatch.delattr(select, "epoll", raising=False)
    store, other = cached(backend, reach), Store("c", backend, **reach)
    test_what_others_write_is_read_at_once((store, other))


def test_a_process_that_tells_by_the_server_is_believed(
    backend: str, reach: Mapping[str, Any]
) -> None:
    """Who learns by a counter that a value was written reads it, or a later one."""
    options = {**reach, "cache": True}
    rounds = size(quick=300, full=4_000)
    store, counter = cached(backend, options), Counter("told", backend, **options)

    def write() -> None:
        writer, teller = Store("c", backend, **reach), Counter("told", backend, **reach)
        for number in range(1, rounds + 1):
            writer["k"] = number
            teller.reset(number)

    other = fork(write)
    told = 0
    while told < rounds:
        told = counter.value
        assert store["k"] >= told
    other.result()


@pytest.mark.parametrize("way", ["threads", "processes", "both"])
def test_no_thread_reads_what_is_older_than_what_any_has_read(
    backend: str, reach: Mapping[str, Any], way: str
) -> None:
    race(backend, reach, way, size(quick=0.4, full=1.5))


@pytest.mark.torture
def test_the_same_for_long(backend: str, reach: Mapping[str, Any]) -> None:
    race(backend, reach, "both", 60.0)


def race(backend: str, reach: Mapping[str, Any], way: str, seconds: float) -> None:
    """Let writers count keys up, here and elsewhere, and readers look how far each has come."""
    keys = ["a", "b", "c"]
    options = {**reach, "cache": True}
    store = cached(backend, options)
    store.update(dict.fromkeys(keys, 0))
    seen = dict.fromkeys(keys, 0)
    end = time.monotonic() + seconds
    ways: list[Callable[[str], int]] = [
        lambda key: store[key],
        lambda key: store.get_many(keys)[key],
        lambda key: store.snapshot()[key],
        lambda key: dict(store.range())[key],
    ]

    def write(writer: Any) -> None:
        while time.monotonic() < end:
            key = random.choice(keys)
            writer.compute(key, lambda number: number + 1)
            time.sleep(random.choice((0, 0, 0.002)))

    def read() -> int:
        reads = 0
        while time.monotonic() < end:
            key = random.choice(keys)
            floor = seen[key]
            found = random.choices(ways, (97, 1, 1, 1))[0](key)
            assert found >= floor, (key, found, floor)
            if found > seen[key]:
                seen[key] = found
            reads += 1
        return reads

    writers = [fork(write, Store("c", backend, **reach)) for _ in range(2 * (way != "threads"))]
    with ThreadPoolExecutor() as pool:
        here = [pool.submit(write, store) for _ in range(2 * (way != "processes"))]
        readers = [pool.submit(read) for _ in range(3)]
    assert sum(each.result() for each in readers) > 100
    for each in here:
        each.result()
    for worker in writers:
        worker.result()


def test_every_increment_counts_though_it_begins_at_what_is_kept(
    backend: str, reach: Mapping[str, Any]
) -> None:
    options = {**reach, "cache": True}
    store = cached(backend, options)
    times = size(quick=50, full=500)

    def count() -> None:
        for _ in range(times):
            store.compute("k", lambda number: number + 1)

    others = [fork(count) for _ in range(2)]
    count()
    for other in others:
        other.result()
    assert store["k"] == 3 * times


# --- what may happen to the connection ----------------------------------------------------------


def test_a_connection_that_is_closed_takes_its_records_along(start: Start, backend: str) -> None:
    server = start()
    store = cached(backend, {"unix_socket_path": server.socket})
    other = Store("c", backend, unix_socket_path=server.socket)
    for number in range(1, size(quick=2, full=9)):
        assert server.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") > 0
        other["k"] = number
        assert store["k"] == number
        kept(store)
    server.ask("FLUSHALL")
    until(lambda: "k" not in store)
    other["k"] = 4
    until(lambda: store.get("k") == 4)
    kept(store)
    server.stop()
    with pytest.raises(Unavailable):
        store["k"]
    server.start()
    assert "k" not in store
    other["k"] = 5
    until(lambda: store.get("k") == 5)
    kept(store)


def test_a_network_that_fell_silent_hides_a_change_for_a_moment_only(
    start: Start, backend: str
) -> None:
    server = start()
    other = Store("c", backend, unix_socket_path=server.socket)
    with before(server.port) as proxy:
        way = {"host": "127.0.0.1", "port": proxy.port, "connect_timeout": 0.2, "timeout": 0.2}
        store = cached(backend, way)
        proxy.silent = True
        other["k"] = 1

        def is_noticed() -> bool:
            try:
                assert store["k"] == 0
            except Unavailable:
                return True
            return False

        until(is_noticed)
        proxy.silent = False
        assert store["k"] == 1


def test_to_connect_takes_no_longer_than_it_may(server: Running, backend: str, prefix: str) -> None:
    with before(server.port) as proxy:
        way = {"host": "127.0.0.1", "port": proxy.port, "prefix": prefix, "connect_timeout": 0.5}
        store = cached(backend, way)
        store._connection.cache.drop()
        proxy.pause = 0.15  # each request is in time, and all together are not
        assert store["k"] == 0
        assert store._connection.cache._tracked is None


class Told:
    """A connection on which somebody has said so much already; it takes whatever is sent."""

    def __init__(self, said: bytes) -> None:
        ours, self.theirs = socket.socketpair()
        self.theirs.sendall(said)
        self._sock: Any = type("Timed", (), {"_sock": ours})

    def disconnect(self) -> None:
        self._sock._sock.close()
        self.theirs.close()


def test_what_no_server_says_ends_the_connection() -> None:
    for said in [
        b"+a reply to nothing\r\n",
        b"*1\r\n" * 5_000,
        b">1\r\n" * 5_000,
        b">1\r\n$10\r\ninvalidate\r\n",
        b">2\r\n$10\r\ninvalidate\r\n:5\r\n",
        b">2\r\n$10\r\ninvalidate\r\n*1\r\n:5\r\n",
        b">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\n\xff\r\n",
        b"$" + b"9" * 5_000 + b"\r\n",
        b"hello\r\n",
        b"\r\n",
    ]:
        tracked = Tracked(Told(said), None, 2**16)
        with pytest.raises(Failure):
            driven(Stage.WAITING, tracked.catch_up)
        assert not tracked.whole
        tracked.close()


# --- forks and interrupts -----------------------------------------------------------------------


@pytest.mark.parametrize("told", [True, False], ids=["told", "untold"])
def test_a_forked_process_begins_with_nothing_and_leaves_ours(
    server: Running, stores: Stores, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    store, other = stores
    if not told:
        monkeypatch.setattr(os, "fork", fork_in_c)
    go_on = Signal()

    def child() -> None:
        for number in range(100):
            store["theirs"] = number
            assert store["theirs"] == number
        kept(store)
        go_on.wait()
        until(lambda: store["k"] == 1)

    worker = fork(child)
    for number in range(100):
        store["ours"] = number
        assert store["ours"] == number
    kept(store)
    other["k"] = 1
    go_on.send()
    worker.result()
    until(lambda: store["k"] == 1)
    with server.monitored() as commands:
        assert store["k"] == 1
    assert sent(commands) == []


def sockets() -> int:
    """Return how many this process has open."""
    gc.collect()
    open_files = Path("/proc/self/fd").iterdir()
    return sum(
        str(file.readlink()).startswith("socket:") for file in open_files if file.is_symlink()
    )


# To connect, redis-py opens files, which are closed by finalisers.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("state", ["kept", "changed", "unknown", "unconnected"])
def test_an_interrupted_read_leaves_what_is_right_or_nothing(stores: Stores, state: str) -> None:
    store, other = stores
    errors: list[BaseException | None] = []  # with their tracebacks, to the end
    counted = sockets()
    every = size(quick=3, full=1) * (30 if state == "unconnected" else 1)
    with handler(KeyboardInterrupt, TimeoutError) as do:
        for number in itertools.count(random.randint(1, every), every):
            if state == "unconnected":
                store._connection.cache.drop()
                store.get("k")
                store._connection.cache.drop()
            else:
                kept(store)
            if state == "unknown":
                store._connection.cache.forget([whereabouts(store, "k")[0]])
            if state == "changed":
                other["k"] = number
                store.snapshot()
            outcome = interrupted_at(number, lambda: store["k"], do)
            errors.append(outcome.raised)
            other["k"] = number + 1
            until(partial(lambda number: store["k"] == number + 1, number))
            store["k"] = number
            assert store["k"] == number
            if not outcome.reached:
                break
            if state != "unconnected":  # where redis-py, and what it imports, swallow some
                assert isinstance(outcome.raised, KeyboardInterrupt | TimeoutError)
    assert len(errors) > 3
    assert sockets() <= counted


def test_nothing_is_kept_of_a_connection_that_was_closed_while_it_was_made(
    stores: Stores,
) -> None:
    server = stores[0]._connection
    found: list[Tracked] = []

    def keep(tracked: Tracked) -> None:
        server.close()  # another thread's, which does not find this one yet
        found.append(tracked)

    with pytest.raises(Failure):
        server.tracked(keep)
    assert not found[0].whole


def test_a_handler_may_read_what_it_interrupts(stores: Stores) -> None:
    store, other = stores
    found: list[Any] = []
    for number in itertools.count(1):
        other["k"] = number
        store.snapshot()
        found.clear()
        outcome = interrupted_at(number, lambda: store["k"], lambda: found.append(store["k"]))
        assert (outcome.raised, outcome.returned) == (None, number)
        assert set(found) <= {number}
        if not outcome.reached:
            break


# --- how much, and where not --------------------------------------------------------------------


def test_no_more_is_kept_than_is_allowed_and_what_is_used_stays(
    backend: str, reach: Mapping[str, Any]
) -> None:
    most = 2**16
    store = cached(backend, reach, cache=most)
    store.update({f"key {n}": "x" * 100 for n in range(500)})
    records = store._connection.cache._tracked.records
    kept(store)
    for number in range(500):
        assert (store[f"key {number}"][:1], store["k"]) == ("x", 0)
        assert records._size <= most
    assert 50 < len(records._entries) < 200
    assert records.get(*whereabouts(store, "k")) == b"0"
    assert records.get(*whereabouts(store, "key 499")) is not MISSING
    assert records.get(*whereabouts(store, "key 1")) is MISSING
    others = len(records._entries)
    store["large"] = "x" * most
    assert store["large"] == store["large"]
    assert len(records._entries) == others
    assert records._size <= most


def test_the_bytes_that_are_counted_are_those_that_are_taken() -> None:
    tracemalloc.start()
    try:
        records = Records(10**9)
        for number in range(2_000):
            name = f"napixd:key:{{collection}}:key {number}"
            records.put(name, records.mark(name), b"x" * 120 + b"%d" % number)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0.5 * records._size < taken <= records._size


def test_marks_do_not_pile_up() -> None:
    records = Records(2**16)
    for number in range(5_000):
        records.put(f"hash {number}:k", records.mark(f"hash {number}"), b"1")
    assert len(records._marks) < 2_000
    for number in range(5_000):
        records.mark(f"of another type {number}")  # the server refuses to read it
    assert len(records._marks) < 2_000


def test_where_it_cannot_be_it_is_refused(reach: Mapping[str, Any]) -> None:
    with pytest.raises(ConfigError, match="not for a cluster"):
        Store("c", "RedisHash", cluster=True, cache=True)
    with pytest.raises(ConfigError, match="is for RedisHash and RedisKey"):
        Store("c", "Redis", cache=True, **reach)
    for wrong in (1, 100, -1):
        with pytest.raises(ConfigError, match="65536 bytes or more"):
            Store("c", "RedisHash", cache=wrong, **reach)


def test_texts_say_it_too(server: Running) -> None:
    for said, kept in [("yes", 64 * 2**20), ("100000", 100_000), ("no", None)]:
        store: Any = Store("c", "RedisKey", url=f"unix://{server.socket}?cache={said}")
        assert getattr(store._connection, "_bytes", None) == kept


def test_a_user_without_the_rights_is_told_which(start: Start, backend: str) -> None:
    server = start()
    line = next(
        line.split("`")[3].split()
        for line in PAGE.read_text().splitlines()
        if line.startswith(f"| `{backend}` | `ACL")
    )
    server.ask(*line)
    at = {"host": "127.0.0.1", "port": server.port, "username": line[2], "password": line[4][1:]}
    needed = ["+ping", "+client|tracking"]
    for missing in needed:
        for right in needed:
            server.ask(
                "ACL", "SETUSER", line[2], right.replace("+", "-" if right == missing else "+")
            )
        store = Store("c", backend, cache=True, prefix="napixd", **at, timeout=5 + len(missing))
        with pytest.raises(ConfigError, match=r"\+ping and \+client\|tracking"):
            store.get("k")
    server.ask("ACL", "SETUSER", line[2], *needed)
    cached(backend, at)


def test_a_server_that_does_not_track_is_named(start: Start, backend: str) -> None:
    server = start("--rename-command", "CLIENT", "")
    store = Store("c", backend, cache=True, unix_socket_path=server.socket)
    for _ in range(2):
        with pytest.raises(ConfigError, match="Redis 6 or newer"):
            store.get("k")
