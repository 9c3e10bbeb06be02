"""The contract of a dict: what every store shares with one."""

from typing import Any

import pytest

from napixd_store.base import StoreBackend
from napixd_store.errors import (
    InvalidKey,
    InvalidValue,
)
from napixd_store.testing.cases import (
    Open,
)


class MappingContract:
    """What a dict does; a part of `StoreContract`."""

    def test_a_collection_never_used_is_empty(self, store: StoreBackend[Any]) -> None:
        assert (len(store), list(store), store.snapshot(), bool(store)) == (0, [], {}, False)
        assert "k" not in store

    def test_what_is_set_is_read(self, store: StoreBackend[Any]) -> None:
        store["k"] = 1
        store["k"] = {"a": [1]}
        assert store["k"] == {"a": [1]}
        assert "k" in store
        assert "other" not in store
        assert len(store) == 1

    def test_a_missing_key_is_a_key_error_that_names_it(self, store: StoreBackend[Any]) -> None:
        for missing in ("k", 17):
            with pytest.raises(KeyError) as caught:
                store[missing]
            assert caught.value.args == (missing,)
            with pytest.raises(KeyError) as caught:
                del store[missing]
            assert caught.value.args == (missing,)
            with pytest.raises(KeyError):
                store.pop(missing)
        assert store.get("k") is None
        assert store.get("k", 5) == 5

    def test_a_deleted_key_is_gone(self, store: StoreBackend[Any]) -> None:
        store.update(a=1, b=2)
        del store["a"]
        assert store == {"b": 2}

    def test_keys_values_items(self, store: StoreBackend[Any]) -> None:
        content = {"a": 1, "b": [2], 3: None}
        store.update(content)
        assert set(store) == set(store.keys()) == set(content)
        assert dict(store.items()) == content
        assert sorted(map(repr, store.values())) == ["1", "None", "[2]"]
        assert [2] in store.values()
        assert 7 not in store.values()
        assert ("a", 1) in store.items()
        assert store.snapshot() == content

    def test_equality_is_of_the_content(self, open: Open, store: StoreBackend[Any]) -> None:
        other = open("other")
        store.update(a=1)
        other.update(a=1)
        assert store == other == {"a": 1}
        other["a"] = 2
        assert store != other
        with pytest.raises(TypeError):
            hash(store)

    def test_update_takes_what_dict_takes(self, store: StoreBackend[Any]) -> None:
        store.update()
        store.update({})
        store.update({"a": 1}, b=2)
        store.update([("c", 3)], self=4)
        store |= {"d": 5}
        assert store == {"a": 1, "b": 2, "c": 3, "self": 4, "d": 5}
        assert store | {"a": 0} == {**store.snapshot(), "a": 0}
        assert {"a": 0} | store == store.snapshot()
        with pytest.raises(TypeError):
            store.update(42)
        with pytest.raises(TypeError):
            _ = store | 42

    def test_update_is_all_or_nothing(self, store: StoreBackend[Any]) -> None:
        store["a"] = 1
        with pytest.raises(InvalidValue):
            store.update({"a": 2, "b": 3, "c": object()})
        with pytest.raises(InvalidKey):
            store.update({"a": 2, "": 3})
        assert store == {"a": 1}

    def test_pop_returns_and_removes(self, store: StoreBackend[Any]) -> None:
        store.update(a=[1], b=2)
        assert store.pop("a") == [1]
        assert store.pop("a", "default") == "default"
        assert store == {"b": 2}

    def test_popitem_empties_the_store(self, store: StoreBackend[Any]) -> None:
        content = {"a": 1, 2: "b", "c": None}
        store.update(content)
        assert dict(store.popitem() for _ in range(3)) == content
        with pytest.raises(KeyError):
            store.popitem()

    def test_setdefault_keeps_what_is_there(self, store: StoreBackend[Any]) -> None:
        assert store.setdefault("a", [1]) == [1]
        assert store.setdefault("a", [2]) == [1]
        assert store.setdefault("b") is None
        assert store == {"a": [1], "b": None}

    def test_clear_empties(self, store: StoreBackend[Any]) -> None:
        store.update(a=1, b=2)
        store.clear()
        assert store == {}
        store["a"] = 3
        assert store == {"a": 3}

    def test_get_many_leaves_out_missing_keys(self, store: StoreBackend[Any]) -> None:
        store.update({f"k{i}": i for i in range(1000)})
        store[17] = "int"
        wanted: list[str | int] = [17, "17", *(f"k{i}" for i in range(0, 1100, 2))]
        assert store.get_many(wanted) == {f"k{i}": i for i in range(0, 1000, 2)} | {17: "int"}
        assert store.get_many([]) == {}

    def test_iterating_while_deleting_is_safe(self, store: StoreBackend[Any]) -> None:
        store.update({f"k{i}": i for i in range(50)})
        seen = []
        for key in store:
            seen.append(key)
            del store[key]
        assert len(seen) == len(set(seen)) == 50
        assert len(store) == 0

    def test_iterating_while_renaming_or_adding_ends(self, store: StoreBackend[Any]) -> None:
        content = {f"k{i}": i for i in range(20)}
        store.update(content)
        for step, key in enumerate(store):
            store[f"renamed {step}"] = store.pop(key)
            assert step < 1000
        assert sorted(store.values()) == sorted(content.values())
        for step, _key in enumerate(store):
            store[f"added {step}"] = 0
            assert step < 1000

    def test_equality_and_copies_ask_once(
        self, store: StoreBackend[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """So they read one state, and no key can go between two questions."""
        store.update(content := {"a": 1, "b": 2})
        monkeypatch.setattr(store, "_get", None)
        target: dict[Any, Any] = {}
        assert store == content
        assert store | {} == {} | store == store | store == content
        target |= store.snapshot()
        assert target == content
        assert store.snapshot() == content
        store.update(store)
        assert store == content
