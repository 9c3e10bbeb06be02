"""The contract of keys and values: which are kept, as what, and which are refused."""

from collections.abc import Callable
from typing import Any

import pytest

from napixd_store.base import StoreBackend
from napixd_store.errors import (
    InvalidKey,
    InvalidName,
    InvalidValue,
    NoSuchKey,
)
from napixd_store.testing.cases import (
    BAD_KEYS,
    BAD_NAMES,
    KEYS,
    NAMES,
    VALUES,
    Open,
    numbered,
    same,
)


class KeysAndValuesContract:
    """What holds of keys and values; a part of `StoreContract`."""

    def test_keys_do_not_meet(self, open: Open, store: StoreBackend[Any]) -> None:
        for number, key in enumerate(KEYS):
            store[key] = number
        store.save()
        again = open()
        assert len(again) == len(KEYS)
        for number, key in enumerate(KEYS):
            assert again[key] == number
        assert set(map(type, again)) == {int, str}
        assert set(again) == set(KEYS)

    @pytest.mark.parametrize("key", BAD_KEYS, ids=numbered(BAD_KEYS))
    def test_a_bad_key_is_refused_where_it_would_be_put(
        self, store: StoreBackend[Any], key: Any
    ) -> None:
        store["k"] = 1
        refused: list[Callable[[], Any]] = [
            lambda: store.__setitem__(key, 1),
            lambda: store.setdefault(key, 1),
            lambda: store.update({"k": 2, key: 1}),
            lambda: store.incr(key),
            lambda: store.put(key, 1),
            lambda: store.add(key, 1),
            lambda: store.compute(key, lambda value: value, 1),
            lambda: store.edit(key, 1).__enter__(),
        ]
        for call in refused:
            with pytest.raises(InvalidKey) as caught:
                call()
            assert not isinstance(caught.value, KeyError)
        assert store == {"k": 1}

    @pytest.mark.parametrize("key", [*BAD_KEYS, ["unhashable"]], ids=numbered([*BAD_KEYS, []]))
    def test_reading_a_bad_key_is_reading_an_absent_one(
        self, store: StoreBackend[Any], key: Any
    ) -> None:
        store["k"] = 1
        assert key not in store
        assert store.get(key) is None
        assert store.get(key, 5) == store.pop(key, 5) == 5
        assert store.get_many([key, "k"]) == {"k": 1}
        assert store.delete_many([key]) == 0
        assert not store.touch(key)
        absent: list[Callable[[], Any]] = [
            lambda: store[key],
            lambda: store.__delitem__(key),
            lambda: store.pop(key),
            lambda: store.expires_in(key),
            lambda: store.compute(key, lambda value: value),
            lambda: store.edit(key).__enter__(),
        ]
        for call in absent:
            with pytest.raises(NoSuchKey, match=r"^a key .*; so there is no such key$"):
                call()
        assert store == {"k": 1}

    def test_collections_do_not_meet(self, open: Open) -> None:
        for number, name in enumerate(NAMES):
            store = open(name)
            store["b:c"] = store["c"] = number
            store.save()
        open("a").drop()
        for number, name in enumerate(NAMES[1:], start=1):
            assert open(name) == {"b:c": number, "c": number}
            assert open(name).collection == name

    @pytest.mark.parametrize("name", BAD_NAMES, ids=numbered(BAD_NAMES))
    def test_a_bad_collection_name_is_refused(self, open: Open, name: Any) -> None:
        with pytest.raises(InvalidName):
            open(name)

    @pytest.mark.parametrize("value", VALUES, ids=numbered(VALUES))
    def test_a_value_comes_back_equal_and_of_its_type(self, open: Open, value: Any) -> None:
        store = open()
        store["k"] = value
        assert same(store["k"], value)
        store.save()
        assert same(open()["k"], value)

    def test_a_refused_value_leaves_the_old_one(self, store: StoreBackend[Any]) -> None:
        cyclic: list[Any] = []
        cyclic.append(cyclic)
        store["k"] = "old"
        for value in (object(), {"a": [1, print]}, cyclic, 10**4300, bytearray(b"x")):
            with pytest.raises(InvalidValue):
                store["k"] = value
        assert store["k"] == "old"
        with pytest.raises(InvalidValue, match=r"value\['a'\]\[3\]: object"):
            store["k"] = {"a": [0, 1, 2, object()]}

    def test_a_value_over_the_limit_is_refused(self, open: Open) -> None:
        store = open(max_value_bytes=10)
        store["k"] = "12345678"
        with pytest.raises(InvalidValue, match="max_value_bytes"):
            store["k"] = "123456789"
        assert store["k"] == "12345678"

    def test_what_was_read_is_a_value_of_its_own(self, open: Open) -> None:
        store = open(writeback=False)
        store["k"] = [1]
        store["k"].append(2)
        assert store["k"] == [1]
