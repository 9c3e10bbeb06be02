"""What an operation costs, as the server itself sees it, is what the docs' table says."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from napixd_store import Counter, CounterBackend, Store, StoreBackend
from napixd_store.backends.redis import listing, lua
from napixd_store.backends.redis.counter import RedisCounter
from tests.markdown import rows
from tests.redis.servers import PAGE, Running, until

BACKENDS = ["RedisHash", "RedisKey", "Redis"]
SCRIPTS = {each.digest: each.name for each in vars(lua).values() if isinstance(each, lua.Script)}

Operation = Callable[[StoreBackend[Any], CounterBackend], object]


def _edit(store: StoreBackend[Any]) -> None:
    with store.edit("d") as value:
        value["n"] += 1


OPERATIONS: dict[str, list[Operation]] = {
    "`s[k]`, `s.get(k)`": [
        lambda s, _: s["d"],
        lambda s, _: s.get("d"),
        lambda s, _: s.get("missing"),
    ],
    "`k in s`": [lambda s, _: "d" in s, lambda s, _: "missing" in s],
    "`s.get_many(…)`": [lambda s, _: s.get_many(["d", "n", "missing"])],
    "`len(s)`": [lambda s, _: len(s)],
    "`iter(s)`, a batch": [lambda s, _: set(iter(s))],  # list() asks for the length first
    "`s.items()`, a batch": [lambda s, _: set(map(str, s.items()))],
    "`s.range(…)`, a page": [
        lambda s, _: list(s.range(limit=2)),
        lambda s, _: list(s.range(after="o", limit=50, reverse=True)),
    ],
    "`s.snapshot()`": [lambda s, _: s.snapshot()],
    "`s[k] = v`, `s.update(…)`": [
        lambda s, _: s.__setitem__("new", [1]),
        lambda s, _: s.update(a=1, b=2, d=3),
    ],
    "`del s[k]`": [lambda s, _: s.__delitem__("d")],
    "`s.put(k, v, expires_in=…)`": [lambda s, _: s.put("d", 1, expires_in=60)],
    "`s.expires_in(k)`": [lambda s, _: s.expires_in("d")],
    "`s.touch(k)`": [lambda s, _: s.touch("d", expires_in=60)],
    "`s.sweep()`, nothing is over": [lambda s, _: s.sweep()],
    "`s.incr(k)`": [lambda s, _: s.incr("n"), lambda s, _: s.incr("new", 5)],
    "`s.setdefault(k, v)`, `k` is there": [lambda s, _: s.setdefault("d", 1)],
    "`s.setdefault(k, v)`, `s.pop(k)`, `s.edit(k)`": [
        lambda s, _: s.setdefault("new", 1),
        lambda s, _: s.pop("d"),
        lambda s, _: _edit(s),
    ],
    "`s.popitem()`": [lambda s, _: s.popitem()],
    "`s.clear()`, `s.drop()`": [lambda s, _: s.clear(), lambda s, _: s.drop()],
    "`c.value`": [lambda _, c: c.value],
    "`c.increment()`, `c.decrement()`": [
        lambda _, c: c.increment(),
        lambda _, c: c.decrement(3),
    ],
    "`c.reset(…)`": [lambda _, c: c.reset(), lambda _, c: c.reset(7)],
    "`c.drop()`": [lambda _, c: c.drop()],
}
WORKING_COPY = "a working copy: load, `s.save()`"
TWO = re.compile(r"setdefault\(k, v\)`, `s\.pop|popitem|touch|drop|range|a working copy")
"""The operations that cost two commands; each other one costs one."""
IN_PARTS = ("`s.incr(k)`", "`del s[k]`")

COSTS = rows(PAGE, "What an operation costs")
HEADS = COSTS.pop("operation")


def sent(commands: list[str]) -> str:
    """Return the *commands* as the table names them."""
    words = [command.split() for command in commands]
    return ", ".join(
        f"*{SCRIPTS[rest[0]]}*" if name.upper() == "EVALSHA" else name for name, *rest in words
    )


def test_the_table_tells_of_these_operations_and_none_costs_beyond_two() -> None:
    assert [f"`{name}`" for name in BACKENDS] == HEADS
    assert list(COSTS) == [*OPERATIONS, WORKING_COPY]
    for operation, costs in COSTS.items():
        most = 2 if TWO.search(operation) else 1
        assert all(len(cost.split(", ")) <= most for cost in costs[:2])
        # Nobody but us can look into a part of a string: there these are a read and a write too.
        assert len(costs[2].split(", ")) <= (2 if operation in IN_PARTS else most)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_costs_what_the_table_says(
    server: Running, reach: Mapping[str, Any], backend: str, operation: str
) -> None:
    def opened(name: str) -> StoreBackend[Any]:
        return Store(name, backend=backend, writeback=False, **reach)

    counter = Counter("c", backend="Redis", **reach)
    for each in (store := opened("c"), opened("warm")):
        # The server knows the scripts from now on, and the registry the collections.
        each.update(d={"n": 1}, n=5)
        each.incr("n")
        each.setdefault("once", 1)
        each.get_many(["d", "n"])
        each.touch("d", expires_in=60)
        del each["d"]
        each.popitem()
        each.snapshot()
        each.sweep()
        list(each)
        list(each.range())
        _ = "d" in each
        each.drop()
    counter.reset()
    for run in OPERATIONS[operation]:
        store.update(d={"n": 1}, n=5)
        counter.reset(7)  # from 0 on it would be entered in the list anew
        with server.monitored() as commands:
            run(store, counter)
        assert sent(commands) == COSTS[operation][BACKENDS.index(backend)]
        store.drop()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_working_copy_costs_one_read_and_one_write(
    server: Running, reach: Mapping[str, Any], backend: str
) -> None:
    def work() -> None:
        with Store("c", backend=backend, writeback=True, **reach) as copy:
            copy["a"].append(2)
            copy.pop("b")
            copy.incr("n")

    store = Store("c", backend=backend, writeback=False, **reach)
    store.update(a=[1], b=2)
    work()  # from now on the server knows the scripts
    store["b"] = 2
    with server.monitored() as commands:
        work()
    assert sent(commands) == COSTS[WORKING_COPY][BACKENDS.index(backend)]
    assert store == {"a": [1, 2, 2], "n": 2}


def test_a_hundred_numbers_of_a_lease_cost_one_command(
    server: Running, reach: Mapping[str, Any]
) -> None:
    leased = Counter("c", backend="Redis", lease=100, **reach)
    leased.reset(7)
    with server.monitored() as commands:
        numbers = [leased.increment() for _ in range(200)]
    assert sent(commands) == "INCRBY, INCRBY"
    assert numbers == list(range(8, 208))


def test_what_searches_or_empties_the_database_is_never_sent(
    server: Running, reach: Mapping[str, Any]
) -> None:
    with server.monitored() as commands:
        for backend in ("Redis", "RedisHash", "RedisKey"):
            store = Store("c*", backend=backend, writeback=False, **reach)
            store.update(a=1, b=2)
            assert dict(store.items()) == {"a": 1, "b": 2}
            assert type(store).collections(reach) == ["c*"]
            store.clear()
            store.drop()
            assert type(store).collections(reach) == []
    assert {command.split()[0].upper() for command in commands}.isdisjoint(
        {"KEYS", "SCAN", "FLUSHDB", "FLUSHALL", "RANDOMKEY"}
    )


def test_a_counter_is_noted_once_a_second_and_the_list_takes_a_few_round_trips(
    server: Running, reach: Mapping[str, Any]
) -> None:
    counters = [Counter(f"c{number}", "Redis", **reach) for number in range(200)]
    with server.monitored() as commands:
        for counter in counters[:2] * 3:
            counter.increment()
    assert sent(commands) == "INCRBY, SADD, INCRBY, SADD, INCRBY, INCRBY, INCRBY, INCRBY"
    for counter in counters:
        counter.reset(7)
    before = server.info("stats")["total_reads_processed"]
    assert RedisCounter.counters(reach) == sorted(counter.name for counter in counters)
    assert server.info("stats")["total_reads_processed"] - before < 20


def test_a_counter_that_cannot_be_noted_counts_all_the_same_and_is_noted_later(
    start: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "_SPARED", 0.3)
    server = start()
    options = {"port": server.port}
    counter = Counter("c", "Redis", **options)
    server.ask("ACL", "SETUSER", "default", "-sadd")
    with server.monitored() as commands:
        assert [counter.increment() for _ in range(3)] == [1, 2, 3]
    assert sent(commands).count("SADD") <= 1  # MONITOR need not show what was refused
    assert RedisCounter.counters(options) == []
    server.ask("ACL", "SETUSER", "default", "+sadd")
    until(lambda: counter.increment() and RedisCounter.counters(options) == ["c"])


def test_counters_are_right_whatever_is_dropped_or_flushed(start: Callable[..., Running]) -> None:
    server = start()
    options = {"port": server.port}
    counter = Counter("c", "Redis", **options)
    counter.increment()
    server.ask("FLUSHDB")
    assert RedisCounter.counters(options) == []
    assert counter.increment() == 1
    assert RedisCounter.counters(options) == ["c"]
    assert server.ask("SMEMBERS", "napixd:collections:counter") == {b"c"}  # for others, too
    counter.drop()
    assert server.ask("DBSIZE") == 0
