"""The examples of the specification, the Napix server's page *Persistent objects*.

As they stand but for ``redis.example.com``, whose place a real server takes;
``company.dbframework.NapixStoreBackend`` is a class of this name that the tests provide.
"""

import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any, ClassVar

import pytest

from napixd_store import Counter, CounterBackend, NoSuchStoreBackend, Store, StoreBackend, resolve
from tests.redis.servers import shared

HOST = "127.0.0.1"


class NapixStoreBackend:
    """A class that is not derived from ours, as the specification allows."""

    saved: ClassVar[dict[str, dict[str, Any]]] = {}

    def __init__(self, collection: str, options: Mapping[str, Any]) -> None:
        self.collection = collection
        self.values: dict[str, Any] = {}

    def __setitem__(self, key: str, value: Any) -> None:
        self.values[key] = value

    def save(self) -> None:
        self.saved[self.collection] = self.values


@pytest.fixture(autouse=True)
def provided(monkeypatch: pytest.MonkeyPatch) -> None:
    framework = ModuleType("company.dbframework")
    framework.NapixStoreBackend = NapixStoreBackend  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "company", ModuleType("company"))
    monkeypatch.setitem(sys.modules, "company.dbframework", framework)


def test_the_example_of_store():
    default_store = Store("collection_name")
    this_store = Store("collection_name", backend="RedisHashKey", host=HOST, port=shared().port)
    that_store = Store("collection_name", backend="company.dbframework.NapixStoreBackend")

    default_store.update(value=1, value1=2, value2=3)
    assert list(default_store.keys()) == ["value", "value1", "value2"]

    this_store["value"] = 12
    assert this_store["value"] == 12
    assert shared().ask("HGETALL", "napixd:hash:{collection_name}") == {b"value": b"12"}

    that_store["value"] = 123
    that_store.save()
    assert NapixStoreBackend.saved == {"collection_name": {"value": 123}}


def test_the_example_of_counters():
    class Service:
        id_gen = Counter("my-service-id")

        def generate_new_id(self, resource_dict: dict[str, Any]) -> str:
            return "scp-%03i" % self.id_gen.increment()  # noqa: UP031 - as the page has it

    service = Service()
    assert [service.generate_new_id({}) for _ in range(3)] == ["scp-001", "scp-002", "scp-003"]


def test_store_backend_is_built_from_a_collection_and_options(tmp_path):
    """It stores content for a collection, and behaves as a dict."""
    cls = resolve.resolve_store("SQLite")
    store = cls("users", {"path": tmp_path / "doc.sqlite"})
    assert isinstance(store, StoreBackend)
    assert store.collection == "users"
    store["a"] = 1
    assert (store["a"], list(store.keys()), list(store.values())) == (1, ["a"], [1])
    del store["a"]
    assert len(store) == 0


def test_a_synchronous_store_does_each_operation_at_once():
    """Our write-through; `save` does nothing."""
    store = Store("c", writeback=False)
    store["a"] = 1
    assert Store("c", writeback=False)["a"] == 1
    store.save()
    assert Store("c", writeback=False)["a"] == 1


def test_an_asynchronous_store_waits_for_save():
    """Our write-back."""
    store = Store("c", writeback=True)
    store["a"] = 1
    assert "a" not in Store("c")
    store.save()
    assert Store("c")["a"] == 1


def test_drop_cleans_the_object_and_removes_the_collection():
    store = Store("c")
    store["a"] = 1
    store.drop()
    assert len(store) == 0
    assert type(store).collections({}) == []


@pytest.mark.parametrize("name", ["NoSuchBackend", "no.such.module.Class", "os.path"])
def test_a_name_that_resolves_to_no_class_is_no_such_store_backend(name: str):
    for function in (Store, Counter):
        with pytest.raises(NoSuchStoreBackend):
            function("x", backend=name)


def test_a_counter_has_value_increment_and_reset():
    counter = Counter("my-service-id")
    assert isinstance(counter, CounterBackend)
    assert counter.value == 0
    assert counter.increment() == 1
    assert counter.increment(by=4) == 5
    assert counter.reset() == 5
    assert counter.reset(to=3) == 0
    assert counter.value == 3
