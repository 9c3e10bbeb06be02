"""The contract of the steps that nobody else's change comes between."""

from typing import Any

import pytest

from napixd_store.base import StoreBackend
from napixd_store.errors import (
    Conflict,
    CounterOverflow,
    InvalidValue,
    WrongType,
)
from napixd_store.integers import LARGEST, SMALLEST
from napixd_store.testing.cases import (
    VALUES,
    Open,
    same,
    together,
)


class AtomicContract:
    """What is done to one value in one step; a part of `StoreContract`."""

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
