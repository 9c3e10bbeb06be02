"""Forks that Python is not told of (uWSGI forks so): no process gets another's replies."""

import os
import time
from collections.abc import Mapping
from typing import Any

import pytest

from napixd_store import Counter, Store
from tests.processes import Signal, fork, fork_in_c, run
from tests.redis.servers import until

WORKERS, OPERATIONS = 4, 500
BACKENDS = ["Redis", "RedisHash", "RedisKey"]


@pytest.fixture(autouse=True)
def untold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a fork happen in C alone."""
    monkeypatch.setattr(os, "fork", fork_in_c)


@pytest.fixture(params=BACKENDS)
def opened(request: pytest.FixtureRequest, reach: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return a store and a counter, with connections that were used."""
    store = Store("c", request.param, writeback=False, **reach)
    counter = Counter("c", request.param, **reach)
    store.update({f"worker {n}": n for n in range(WORKERS + 1)})
    counter.reset()
    assert store["worker 0"] == counter.value == 0
    return store, counter


def work(store: Any, counter: Any, mine: int) -> list[int]:
    """Return numbers of the counter; every record must be ours."""
    numbers = []
    for _ in range(OPERATIONS // 2):
        assert store[f"worker {mine}"] == mine
        numbers.append(counter.increment())
    return numbers


def test_each_worker_gets_its_own_records_and_no_number_comes_twice(
    opened: tuple[Any, Any],
) -> None:
    workers = [fork(work, *opened, n) for n in range(WORKERS)]
    numbers = work(*opened, WORKERS)  # the parent goes on, too
    for worker in workers:
        numbers += worker.result()
    assert sorted(numbers) == list(range(1, len(numbers) + 1))


def test_a_child_of_a_child_begins_anew_beside_its_parent(opened: tuple[Any, Any]) -> None:
    def child() -> list[int]:
        grandchild = fork(work, *opened, 1)
        return work(*opened, 0) + list(grandchild.result())

    numbers = run(child, [()] * 2)
    assert sorted(sum(numbers, [])) == list(range(1, 2 * OPERATIONS + 1))


def test_a_child_whose_parent_is_gone_goes_on(opened: tuple[Any, Any]) -> None:
    store, counter = opened
    gone = Signal()

    def orphan() -> None:
        gone.wait()
        store["orphan"] = work(store, counter, 1)

    def parent() -> None:
        work(store, counter, 0)
        fork(orphan)
        store["parent"] = "is ready"
        time.sleep(60)

    with fork(parent):
        until(lambda: "parent" in store)
    gone.send()  # it was killed
    until(lambda: "orphan" in store)
    assert store["orphan"] == list(range(OPERATIONS // 2 + 1, OPERATIONS + 1))


def test_what_a_child_closes_stays_open_for_the_parent(opened: tuple[Any, Any]) -> None:
    store, _ = opened

    def id_of_connection() -> int:
        return int(store._connection.read(store._where, "c", "CLIENT", "ID"))

    before = id_of_connection()
    assert fork(id_of_connection).result() != before
    assert fork(lambda: store._connection.close()).result() is None
    assert id_of_connection() == before
