"""The unit of work: one object a store, saved or dropped with it, and nobody's when it is over."""

import threading
from contextvars import copy_context
from typing import Any

import pytest

from napixd_store import Conflict, Counter, Store
from napixd_store.unit_of_work import UnitOfWork, current
from tests.media import BACKENDS, Medium


@pytest.fixture(autouse=True)
def _empty() -> Any:
    yield
    Store("u", "Memory").drop()


def opened(**options: Any) -> Any:
    return Store("u", "Memory", **{"writeback": True, **options})


def kept() -> Any:
    return Store("u", "Memory").snapshot()


def test_who_opens_a_store_twice_gets_one():
    unit = UnitOfWork()
    assert unit.run(opened) is unit.run(opened)
    assert unit.run(opened) is not unit.run(opened, max_value_bytes=9)
    assert len(unit) == 2


def test_what_writes_through_is_nothing_to_it():
    unit = UnitOfWork()
    unit.run(opened, writeback=False)
    unit.run(Counter, "u", "Memory")
    assert len(unit) == 0


def test_it_saves_what_it_has_as_often_as_one_likes():
    unit = UnitOfWork()
    store = unit.run(opened)
    for n in (1, 2):
        store["a"] = n
        unit.save()
        assert kept() == {"a": n}


def test_what_was_dropped_is_not_saved():
    unit = UnitOfWork()
    unit.run(opened)["a"] = 1
    unit.drop()
    unit.run(opened)["b"] = 1
    unit.save()
    assert kept() == {"b": 1}


@pytest.mark.parametrize("backend", [name for name in BACKENDS if name != "Directory"])
def test_stores_that_can_be_saved_as_one_are(backend, tmp_path):
    medium = Medium(backend, tmp_path, writeback=True)
    unit = UnitOfWork()
    first, idle, last = (
        unit.run(Store, name, backend, **medium.options, writeback=True)
        for name in ("first", "idle", "last")
    )
    apart = unit.run(opened)
    first["a"] = last["b"] = apart["c"] = 1
    medium.store("last", writeback=False)["b"] = 2
    with pytest.raises(Conflict) as caught:
        unit.save()
    assert caught.value.keys == ["b"]
    assert medium.store("first", writeback=False) == {}
    last.reload()
    last["d"] = 3
    unit.save()
    assert medium.store("first", writeback=False) == {"a": 1}
    assert medium.store("last", writeback=False) == {"b": 2, "d": 3}
    assert idle == medium.store("idle", writeback=False) == {}
    assert kept() == {"c": 1}
    for store in (first, last):
        store.drop()


def test_two_of_one_collection_are_saved_one_after_the_other():
    unit = UnitOfWork()
    unit.run(opened)["a"] = 1
    unit.run(opened, max_value_bytes=9)["b"] = 2
    unit.save()
    assert kept() == {"a": 1, "b": 2}


def test_outside_of_it_nothing_belongs_to_it():
    unit = UnitOfWork()
    opened()["a"] = 1
    unit.save()
    assert kept() == {}


def test_one_inside_another_holds_as_long_as_it_runs():
    outer, inner = UnitOfWork(), UnitOfWork()
    assert outer.run(lambda: [current(), inner.run(current), current()]) == [outer, inner, outer]
    assert current() is None


def test_an_error_ends_its_hold():
    with pytest.raises(ZeroDivisionError):
        UnitOfWork().run(lambda: 1 / 0)
    assert current() is None


def test_a_thread_with_the_work_s_context_belongs_to_it_until_it_is_over():
    unit, stores = UnitOfWork(), []
    context = unit.run(copy_context)

    def work():
        stores.append(context.run(opened))

    for _ in range(2):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert stores[0] is stores[1]
    unit.end()
    work()
    assert stores[2] is not stores[0]
    assert len(unit) == 0


class Foreign(dict[str, Any]):
    """A store of the original's kind, which does not say what it has to save."""

    def __init__(self, collection: str, options: Any) -> None:
        super().__init__()
        self.saved = 0

    def save(self) -> None:
        self.saved += 1


def test_a_class_that_is_not_ours_is_saved_once():
    unit = UnitOfWork()
    store: Any = unit.run(Store, "u", Foreign)
    unit.save()
    unit.save()
    assert store.saved == 1
