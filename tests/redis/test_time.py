"""What ends in Redis: by the server's clock, and how it leaves the server."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from napixd_store import CounterOverflow, LimitReached, Store, WrongType
from napixd_store.backends.redis import clock as server_clock
from napixd_store.connections import close_all
from napixd_store.deadline import deadline
from napixd_store.testing.cases import Clock
from tests.processes import fork, run
from tests.redis.servers import Running, until
from tests.sizes import size

BACKENDS = ["Redis", "RedisHash", "RedisKey"]
SCRIPTED = ["RedisHash", "RedisKey"]
ENDS = {"RedisHash": "hash-until", "RedisKey": "key-until"}


@pytest.fixture
def keys(reach: Mapping[str, Any]) -> Any:
    return Store("c", "RedisKey", **reach)


@pytest.fixture
def hashed(reach: Mapping[str, Any]) -> Any:
    return Store("c", "RedisHash", **reach)


def value(prefix: str, key: str) -> str:
    return f"{prefix}:key:{{c}}:{key}"


def ends(prefix: str, backend: str) -> str:
    return f"{prefix}:{ENDS[backend]}:{{c}}"


def stopped(store: Any, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Stop the clock of *store* for a test to advance."""
    stopped = Clock(store._connection.now())
    monkeypatch.setattr(type(store._connection), "now", lambda _connection: stopped.now)
    monkeypatch.setattr(type(store._connection), "latest", lambda _connection: stopped.now)
    return stopped


# --- values that leave by themselves ------------------------------------------------------------


def test_a_value_leaves_the_server_a_second_after_its_deadline(
    server: Running, keys: Any, prefix: str
) -> None:
    name = value(prefix, "k")
    keys.put("k", 1, expires_in=60)
    assert server.ask("PEXPIRETIME", name) == deadline(server.ask("GET", name)) + 1000  # type: ignore[operator]  # it has one
    keys.touch("k", expires_in=600)
    assert server.ask("PEXPIRETIME", name) == deadline(server.ask("GET", name)) + 1000  # type: ignore[operator]  # as above
    assert 600_000 < server.ask("PTTL", name) <= 601_000


LASTING: dict[str, Callable[[Any], Any]] = {
    "touch": lambda s: s.touch("k"),
    "put": lambda s: s.put("k", 2, expires_in=None),
    "[]": lambda s: s.__setitem__("k", 2),
    "update": lambda s: s.update(k=2, j=2),
}


@pytest.mark.parametrize("name", LASTING)
def test_what_lasts_from_now_on_does_not_leave(
    server: Running, keys: Any, prefix: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys.put("k", 1, expires_in=60)
    LASTING[name](keys)
    assert server.ask("PTTL", value(prefix, "k")) == -1
    assert not server.ask("EXISTS", ends(prefix, "RedisKey"))
    stopped(keys, monkeypatch).advance(61)
    assert len(keys) == len(list(keys)) == len({"k", *keys})


def test_a_value_that_has_left_is_not_counted_and_is_swept(
    server: Running, keys: Any, prefix: str
) -> None:
    keys["stays"] = 1
    keys.put("k", 1, expires_in=0.3)  # not over while it is put, which may sweep
    until(lambda: not server.ask("EXISTS", value(prefix, "k")))
    assert len(keys) == 1
    assert keys.sweep() == 1
    assert server.ask("ZRANGE", f"{prefix}:index:{{c}}", 0, -1) == [b"stays"]
    assert not server.ask("EXISTS", ends(prefix, "RedisKey"))


def test_an_index_that_somebody_took_away_is_empty(
    server: Running, keys: Any, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its deadlines stand there still."""
    keys.put("k", 1, expires_in=60)
    stopped(keys, monkeypatch).advance(60)
    server.ask("DEL", f"{prefix}:index:{{c}}")
    assert (len(keys), list(keys), bool(keys)) == (0, [], False)
    assert keys.sweep() in (0, 1)
    keys["k"] = 2
    assert (len(keys), list(keys)) == (1, ["k"])


@pytest.mark.parametrize("backend", SCRIPTED)
def test_a_number_too_large_says_where(reach: Mapping[str, Any], backend: str) -> None:
    store = Store("c", backend, writeback=False, **reach)
    store["top"] = 2**63 - 1
    with pytest.raises(CounterOverflow, match="key 'top'"):
        store.incr("top")


ANEW: dict[str, Callable[[Any], Any]] = {
    "incr": lambda s: s.incr("k", 7),
    "add": lambda s: s.add("k", 7),
    "[]": lambda s: s.__setitem__("k", 7),
}


@pytest.mark.parametrize("name", ANEW)
def test_what_is_put_where_a_value_has_left_is_new(
    server: Running, keys: Any, prefix: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys.put("k", 1, expires_in=60)
    clock = stopped(keys, monkeypatch)
    clock.advance(61)
    server.ask("DEL", value(prefix, "k"))  # as it leaves by itself
    ANEW[name](keys)
    assert keys.snapshot() == {"k": 7}
    assert keys.expires_in("k") is None
    assert len(keys) == 1
    assert keys.sweep() == 0
    assert keys["k"] == 7


def test_what_somebody_else_put_over_a_value_is_not_swept(
    server: Running, keys: Any, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys.put("k", 1, expires_in=60)
    server.ask("SET", value(prefix, "k"), "2")
    stopped(keys, monkeypatch).advance(61)
    assert keys.sweep() == 0
    assert keys == {"k": 2}
    assert len(keys) == 1


# --- a plain HSET over what has a deadline ------------------------------------------------------


def test_an_assignment_to_a_hash_is_one_hset_and_its_key_lasts(
    server: Running, hashed: Any, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in "abc":
        hashed.put(key, 1, expires_in=60)
    with server.monitored() as commands:
        hashed["a"] = 2
    assert [command.split()[0] for command in commands] == ["HSET"]
    stopped(hashed, monkeypatch).advance(60)
    assert hashed.snapshot() == {"a": 2}
    assert len(hashed) == 1
    assert hashed.sweep() == 2
    assert hashed == {"a": 2}
    assert not server.ask("EXISTS", ends(prefix, "RedisHash"))


def test_a_sweep_passes_what_lasts_by_now(hashed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = stopped(hashed, monkeypatch)
    for number in range(20):
        hashed.put(number, 1, expires_in=60)
    for number in range(10):
        hashed[number] = 2
    clock.advance(60)
    assert hashed._sweep(3) == (3, 3)
    assert len(hashed) == 10
    assert hashed.sweep() == 7
    assert set(hashed) == set(range(10))


# --- what both have -----------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_drop_leaves_nothing(server: Running, reach: Mapping[str, Any], backend: str) -> None:
    store = Store("c", backend, writeback=False, **reach)
    store["a"] = 1
    store.put("k", 1, expires_in=60)
    store.drop()
    client = server.client()
    assert client.keys(f"{reach['prefix']}*") == []
    client.close()


@pytest.mark.parametrize("backend", SCRIPTED)
def test_deleting_what_ends_leaves_no_deadline(
    server: Running, reach: Mapping[str, Any], backend: str
) -> None:
    store = Store("c", backend, **reach)
    store["stays"] = 1
    for key in "abcd":
        store.put(key, 1, expires_in=60)
    del store["a"]
    store.pop("b")
    assert store.delete_many(["c", "d"]) == 2
    assert not server.ask("EXISTS", ends(reach["prefix"], backend))


@pytest.mark.parametrize("backend", SCRIPTED)
def test_what_is_no_sorted_set_is_refused_and_nothing_changed(
    server: Running, reach: Mapping[str, Any], backend: str
) -> None:
    store = Store("c", backend, **reach)
    store.update(k=1, n=1)
    server.ask("SET", ends(reach["prefix"], backend), "foreign")
    for call in (
        lambda: store.put("k", 2, expires_in=60),
        lambda: store.put("new", 2, expires_in=60),
        lambda: len(store),
        store.sweep,
    ):
        with pytest.raises(WrongType, match="something else stands"):
            call()
    assert store.snapshot() == {"k": 1, "n": 1}


# --- whose clock --------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("seconds", [5, -5])
def test_of_two_clocks_that_are_apart_neither_counts_but_the_servers(
    server: Running, reach: Mapping[str, Any], backend: str, seconds: float
) -> None:
    def opened() -> Any:
        return Store("c", backend, writeback=False, **reach)

    def on_another_machine() -> tuple[float, bool, bool]:
        close_all()  # there nobody knows what is known here
        for name, unit in (("time", 1), ("time_ns", 10**9), ("monotonic", 1)):
            real = getattr(time, name)
            setattr(time, name, lambda real=real, unit=unit: real() + seconds * unit)
        store = opened()
        store.put("theirs", 1, expires_in=60)
        return store.expires_in("theirs"), "over" in store, "ours" in store

    store = opened()
    store.put("ours", 1, expires_in=2.5)
    store.put("over", 1, expires_in=0.001)
    time.sleep(0.1)
    left, over, ours = fork(on_another_machine).result()
    assert (over, ours) == (False, True)
    assert left == pytest.approx(60, abs=1)
    assert store.expires_in("theirs") == pytest.approx(60, abs=1)
    second, microsecond = server.ask("TIME")
    assert store._connection.now() == pytest.approx(second * 1000 + microsecond // 1000, abs=500)


def test_the_time_is_asked_once_a_connection_and_after_a_while(
    server: Running, keys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asks() -> int:
        with server.monitored() as commands:
            keys.put("k", 1, expires_in=60)
            assert keys.expires_in("k") > 59
            assert len(keys) == 1
        return commands.count("TIME")

    monkeypatch.setattr(server_clock, "_SLOW", 60.0)  # else a busy machine asks twice, rightly
    assert [asks(), asks()] == [1, 0]
    close_all()  # the next one may be another server
    assert [asks(), asks()] == [1, 0]
    monkeypatch.setattr(server_clock, "_TRUSTED", 0.0)
    close_all()
    assert asks() > 1


def test_a_store_in_which_nothing_ends_asks_for_no_time_when_it_reads_and_writes(
    server: Running, reach: Mapping[str, Any]
) -> None:
    with server.monitored() as commands:
        for backend in BACKENDS:
            store = Store("c", backend, writeback=False, **reach)
            store.update(k=[1], n=1)
            store.incr("n")
            with store.edit("k") as value:
                value.append(2)
            assert store.pop("k") == [1, 2]
            assert store.snapshot() == {"n": 2}
            store.clear()
    assert "TIME" not in commands


# --- many processes -----------------------------------------------------------------------------

PROCESSES, TIMES = size(quick=(4, 50), full=(8, 500))


@pytest.mark.parametrize("backend", BACKENDS)
def test_of_processes_that_add_a_key_one_wins_also_when_it_is_over(
    reach: Mapping[str, Any], backend: str
) -> None:
    store = Store("c", backend, writeback=False, **reach)

    def add(who: int) -> bool:
        return store.add("k", who, expires_in=3600)

    for _round in range(2):
        assert sum(run(add, [(who,) for who in range(PROCESSES)])) == 1
        store.touch("k", expires_in=0.001)
        until(lambda: "k" not in store)


@pytest.mark.parametrize("backend", BACKENDS)
def test_of_what_processes_compute_nothing_is_lost(reach: Mapping[str, Any], backend: str) -> None:
    store = Store("c", backend, writeback=False, **reach)
    store.put("n", 0, expires_in=3600)

    def compute() -> None:
        for _ in range(TIMES):
            store.compute("n", lambda n: n + 1)

    run(compute, [()] * PROCESSES)
    assert store["n"] == PROCESSES * TIMES
    assert store.expires_in("n") is not None


@pytest.mark.parametrize("backend", BACKENDS)
def test_of_processes_that_count_to_a_bound_no_more_than_that_get_in(
    reach: Mapping[str, Any], backend: str
) -> None:
    store = Store("c", backend, writeback=False, **reach)

    def enter() -> int:
        entered = 0
        for _ in range(400 // PROCESSES):
            try:
                store.incr("n", at_most=100, expires_in=3600)
            except LimitReached:
                continue
            entered += 1
        return entered

    assert sum(run(enter, [()] * PROCESSES)) == 100
    assert store["n"] == 100
