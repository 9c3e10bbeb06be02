"""How many commands an operation costs, as the server itself sees them."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from napixd_store import Counter, Store, StoreBackend
from tests.redis.servers import Running

Operation = Callable[[StoreBackend[Any]], object]


def _edit(store: StoreBackend[Any]) -> None:
    with store.edit("d") as value:
        value["n"] += 1


OPERATIONS: dict[str, tuple[int, Operation]] = {
    "s[k]": (1, lambda s: s["d"]),
    "s.get(missing)": (1, lambda s: s.get("missing")),
    "k in s": (1, lambda s: "d" in s),
    "len(s)": (1, lambda s: len(s)),
    "[k for k in s]": (1, lambda s: set(iter(s))),  # list() asks for the length first
    "dict(s.items())": (1, lambda s: dict(s.items())),
    "s.snapshot()": (1, lambda s: s.snapshot()),
    "s.get_many(…)": (1, lambda s: s.get_many(["d", "n", "missing"])),
    "s[k] = v": (1, lambda s: s.__setitem__("new", [1])),
    "del s[k]": (1, lambda s: s.__delitem__("d")),
    "s.update(…)": (1, lambda s: s.update(a=1, b=2, d=3)),
    "s.incr(k)": (1, lambda s: s.incr("n")),
    "s.clear()": (1, lambda s: s.clear()),
    "s.drop()": (1, lambda s: s.drop()),
    "s.pop(k)": (2, lambda s: s.pop("d")),
    "s.popitem()": (2, lambda s: s.popitem()),
    "s.setdefault(k, …)": (2, lambda s: s.setdefault("new", 1)),
    "s.setdefault(there, …)": (1, lambda s: s.setdefault("d", 1)),
    "s.edit(k)": (2, _edit),
}
WHOLE_BLOB = {"s.incr(k)": 2}
"""What costs more where a collection is one string: nobody but us can add to a part of it."""


@pytest.mark.parametrize("backend", ["Redis", "RedisHash", "RedisKey"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_costs_no_more_than_it_must(
    server: Running, reach: Mapping[str, Any], backend: str, operation: str
) -> None:
    most, run = OPERATIONS[operation]
    store = Store("c", backend=backend, writeback=False, **reach)
    warm = Store("warm", backend=backend, writeback=False, **reach)
    for each in (store, warm):  # the server knows the scripts, and the registry the collections
        each.update(d={"n": 1}, n=5)
        each.incr("n")
        each.setdefault("once", 1)
        each.popitem()
        each.drop()
        each.update(d={"n": 1}, n=5)
        each.snapshot()
    with server.monitored() as commands:
        run(store)
    assert 1 <= len(commands) <= (WHOLE_BLOB.get(operation, most) if backend == "Redis" else most)


@pytest.mark.parametrize("backend", ["Redis", "RedisHash", "RedisKey"])
def test_a_working_copy_costs_one_read_and_one_write(
    server: Running, reach: Mapping[str, Any], backend: str
) -> None:
    Store("c", backend=backend, writeback=False, **reach).update(a=[1], b=2, n=1)
    with Store("c", backend=backend, writeback=True, **reach) as store:
        store["a"].append(2)  # from now on the server knows the scripts
    store = Store("c", backend=backend, writeback=True, **reach)
    with server.monitored() as commands:
        store["a"].append(3)
        store.pop("b")
        store.incr("n")
        store.save()
    assert len(commands) == 2


def test_a_counter_costs_one_command(server: Running, reach: Mapping[str, Any]) -> None:
    counter = Counter("c", backend="Redis", **reach)
    counter.reset()
    for call in (lambda: counter.value, counter.increment, counter.decrement, counter.reset):
        with server.monitored() as commands:
            call()
        assert len(commands) == 1


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
