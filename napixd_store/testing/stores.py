"""The contract of a store."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import pytest

from napixd_store.base import StoreBackend
from napixd_store.changes import ABSENT, PRESENT
from napixd_store.errors import (
    ConfigError,
    Conflict,
    CounterOverflow,
    InvalidKey,
    InvalidName,
    InvalidValue,
    WrongType,
)
from napixd_store.integers import LARGEST, SMALLEST
from napixd_store.resolve import resolve_store
from napixd_store.testing.cases import (
    BAD_KEYS,
    BAD_NAMES,
    KEYS,
    NAMES,
    VALUES,
    Open,
    numbered,
    same,
    together,
)
from napixd_store.testing.interrupted import InterruptedContract
from napixd_store.testing.write_back import WriteBackContract


class StoreContract(InterruptedContract, WriteBackContract):
    """What every store does, whatever keeps it; each test runs write-through and write-back."""

    backend: ClassVar[type | str]
    """The class under test, or its name."""

    ordered: ClassVar[bool] = False
    """Whether it iterates in the order of insertion."""

    @pytest.fixture
    def options(self) -> Mapping[str, Any]:
        """Return the options to open the backend with; equal ones reach the same data."""
        return {}

    @pytest.fixture(params=[False, True], ids=["write-through", "write-back"])
    def open(self, request: pytest.FixtureRequest, options: Mapping[str, Any]) -> Iterator[Open]:
        """Open collections of the backend; those opened are dropped in the end."""
        opened: dict[str, StoreBackend[Any]] = {}

        def open(collection: str = "contract", **more: Any) -> StoreBackend[Any]:
            cls = resolve_store(self.backend)
            given = {**options, "writeback": request.param, **more}
            store: StoreBackend[Any] = cls(collection, given)
            opened.setdefault(collection, store)
            return store

        yield open
        for store in opened.values():
            store.drop()

    @pytest.fixture
    def store(self, open: Open) -> StoreBackend[Any]:
        """Return an empty store."""
        return open()

    # --- a dict ------------------------------------------------------------------------------

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

    # --- keys and values ---------------------------------------------------------------------

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
    def test_a_bad_key_is_refused_everywhere(self, store: StoreBackend[Any], key: Any) -> None:
        store["k"] = 1
        refused: list[Callable[[], Any]] = [
            lambda: store[key],
            lambda: store.__setitem__(key, 1),
            lambda: store.__delitem__(key),
            lambda: key in store,
            lambda: store.get(key),
            lambda: store.get_many([key]),
            lambda: store.pop(key, None),
            lambda: store.setdefault(key, 1),
            lambda: store.update({"k": 2, key: 1}),
            lambda: store.incr(key),
            lambda: store.edit(key, 1).__enter__(),
        ]
        for call in refused:
            with pytest.raises(InvalidKey):
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

    # --- one value, atomically ---------------------------------------------------------------

    def test_incr_adds_and_returns(self, open: Open, store: StoreBackend[Any]) -> None:
        assert [store.incr("n"), store.incr("n", 4), store.incr("n", by=-7)] == [1, 5, -2]
        store["n"] = 5
        assert store.incr("n", 3) == 8
        assert store.incr("m", by=0) == 0
        store.save()
        assert open() == {"n": 8, "m": 0}

    @pytest.mark.parametrize("value", ["1", 1.0, True, None, [1]])
    def test_incr_of_no_integer_is_refused(self, store: StoreBackend[Any], value: Any) -> None:
        store["k"] = value
        with pytest.raises(WrongType):
            store.incr("k")
        assert same(store["k"], value)

    def test_incr_stays_in_64_bits(self, store: StoreBackend[Any]) -> None:
        store.update(top=LARGEST, bottom=SMALLEST, huge=10**30)
        for key, by in (("top", 1), ("bottom", -1), ("huge", 1), ("new", 2**63)):
            with pytest.raises(CounterOverflow):
                store.incr(key, by)
        assert store == {"top": LARGEST, "bottom": SMALLEST, "huge": 10**30}
        assert len(store) == 3

    @pytest.mark.parametrize("by", [True, 1.0, "1", None])
    def test_incr_takes_exact_integers(self, store: StoreBackend[Any], by: Any) -> None:
        with pytest.raises(TypeError):
            store.incr("k", by)
        assert store == {}

    def test_edit_writes_what_the_block_did(self, open: Open, store: StoreBackend[Any]) -> None:
        store["a"] = {"n": 1}
        with store.edit("a") as value:
            value["n"] += 1
        with store.edit("b", []) as value:
            value.append(1)
        store.save()
        assert open() == {"a": {"n": 2}, "b": [1]}

    def test_edit_writes_nothing_after_an_exception(self, store: StoreBackend[Any]) -> None:
        store["a"] = {"n": 1}
        with pytest.raises(ZeroDivisionError), store.edit("a") as value:
            value["n"] = 1 / 0
        with pytest.raises(InvalidValue), store.edit("a") as value:
            value["n"] = object()
        with pytest.raises(KeyError), store.edit("missing"):
            pass
        assert store == {"a": {"n": 1}}

    def test_edit_refuses_to_undo_another_change(self, store: StoreBackend[Any]) -> None:
        store["a"] = {"n": 1}
        with pytest.raises(Conflict) as caught, store.edit("a") as value:
            store["a"] = {"n": 5}
            value["n"] += 1
        assert caught.value.keys == ["a"]
        assert store["a"] == {"n": 5}

    def test_edit_refuses_what_cannot_change_in_place(self, store: StoreBackend[Any]) -> None:
        fixed = [value for value in VALUES if not isinstance(value, list | dict | set)]
        store.update(enumerate(fixed))
        for key, value in enumerate(fixed):
            for edited in (key, "new"):
                with pytest.raises(WrongType, match="incr"), store.edit(edited, value):
                    raise AssertionError("the block is not entered")
        assert same(store.snapshot(), dict(enumerate(fixed)))

    def test_threads_share_a_store(self, store: StoreBackend[Any]) -> None:
        store.update({f"job{i}": i for i in range(40)})

        def work(_number: int) -> list[Any]:
            got = []
            for i in range(40):
                store.incr("sum", i)
                got.append(store.pop(f"job{i}", None))
                store.setdefault(f"first{i}", _number)
            return [value for value in got if value is not None]

        results = together(4, work)
        assert sorted(value for got in results for value in got) == list(range(40))
        assert store["sum"] == 4 * sum(range(40))

    # --- collections and policies ------------------------------------------------------------

    def test_another_handle_sees_what_was_saved(self, open: Open, store: StoreBackend[Any]) -> None:
        store.update(a=1, b={"x": [1]})
        store.save()
        assert open() == {"a": 1, "b": {"x": [1]}}

    def test_drop_empties_this_handle_and_the_next(
        self, open: Open, store: StoreBackend[Any]
    ) -> None:
        store["a"] = 1
        store.save()
        store.drop()
        assert len(store) == 0
        assert len(open()) == 0
        store.drop()
        store["b"] = 2
        store.save()
        assert open() == {"b": 2}

    def test_options_are_not_changed(self, options: Mapping[str, Any]) -> None:
        given = {**options, "writeback": True}
        before = dict(given)
        resolve_store(self.backend)("contract", given)
        assert given == before

    def test_an_unknown_option_is_refused(self, open: Open) -> None:
        with pytest.raises(ConfigError, match=r"unknown option 'writback' \(did you mean"):
            open(writback=True)

    def test_repr_names_the_collection_and_no_value(self, store: StoreBackend[Any]) -> None:
        store["k"] = "value"
        assert "contract" in repr(store)
        assert "value" not in repr(store)

    # --- the verbs themselves ----------------------------------------------------------------

    def test_a_write_applies_all_or_nothing(self, open: Open) -> None:
        store = open(writeback=False)
        store._write({"a": b"1", "b": b"2"}, {"a": ABSENT, "b": ABSENT})
        for expected in ({"a": b"0"}, {"a": ABSENT}, {"c": PRESENT}, {"a": b"1", "c": b"3"}):
            with pytest.raises(Conflict):
                store._write({"a": b"9", "b": None, "c": b"9"}, expected)
        for text, record, wanted in (
            ("a", None, ABSENT),
            ("a", b"9", ABSENT),
            ("c", None, PRESENT),
        ):
            with pytest.raises(Conflict):
                store._write({text: record}, {text: wanted})
        store._write({"c": None}, {"c": ABSENT})
        store._write({}, {"a": PRESENT})
        assert dict(store._load()) == {"a": b"1", "b": b"2"}
        store._write({"a": None, "c": b"3"}, {"a": b"1", "b": PRESENT, "c": ABSENT})
        assert dict(store._load()) == {"b": b"2", "c": b"3"}
        assert dict(store._load(["a", "c", "d"])) == {"c": b"3"}
        assert dict(store._load([])) == {}
