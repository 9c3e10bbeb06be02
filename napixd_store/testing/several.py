"""The contract of transactions of several stores, where the backend can write them as one."""

from contextlib import suppress
from typing import Any

import pytest

from napixd_store.base import StoreBackend
from napixd_store.engine.transactions import transaction
from napixd_store.errors import ConfigError, Conflict, StoreError
from napixd_store.testing.acts import BEFORE
from napixd_store.testing.cases import Open, through
from napixd_store.testing.moments import Interrupted, at, interrupt, not_for_ever, spread


class SeveralContract:
    """Stores that share a connection are written as one, or refused; a part of `StoreContract`."""

    @through
    def test_several_are_written_as_one_or_refused_at_the_door(
        self, open: Open, store: StoreBackend[Any]
    ) -> None:
        stores = [store, open("second"), open("third")]
        for each in stores:
            each.update(BEFORE)
        if not _can(stores):
            with pytest.raises(ConfigError) as caught, transaction(*stores):
                raise AssertionError("the block is not entered")
            assert "'contract'" in str(caught.value)
            assert "'second'" in str(caught.value)
            return
        with transaction(*stores) as inside:
            assert isinstance(inside, tuple)
            assert [each.collection for each in inside] == ["contract", "second", "third"]
            for number, each in enumerate(inside):
                each["a"].append(number)
                each["z"] = each.pop("b")
            assert all(each == BEFORE for each in stores)
        for number, each in enumerate(stores):
            assert each == {"a": [1, number], "c": {"x": 1}, 17: "int", "z": 2}
        with transaction(*reversed(stores)) as (third, _second, first):
            third.clear()
            assert first["z"] == 2
        assert [len(each) for each in stores] == [4, 4, 0]

    @through
    def test_a_conflict_in_one_of_several_leaves_all(
        self, open: Open, store: StoreBackend[Any]
    ) -> None:
        stores = [store, open("second")]
        if not _can(stores):
            pytest.skip("it writes one store at a time")
        for guilty in (0, 1):
            for read in (["a"], ["a", "missing"]):
                for each in stores:
                    each.clear()
                    each["a"] = 1
                with pytest.raises(Conflict) as caught, transaction(*stores) as inside:
                    for each in inside:
                        each["new"] = each.get_many(read)
                    stores[guilty][read[-1]] = 2
                assert caught.value.keys == read[-1:]
                assert [len(each) for each in stores].count(1) >= 3 - len(read)
                assert not any("new" in each for each in stores)

    @through
    @not_for_ever()
    def test_an_interrupt_leaves_both_of_two_or_none(
        self, open: Open, store: StoreBackend[Any]
    ) -> None:
        stores = [store, open("second")]
        if not _can(stores):
            pytest.skip("it writes one store at a time")

        def move() -> None:
            with transaction(*stores) as (first, second):
                second["k"] = first.pop("k")

        store["k"] = 1
        for moment in spread(move, 40):
            store.update(k=1)
            stores[1].clear()
            with suppress(Interrupted):
                at(moment, interrupt, move)
            with suppress(StoreError):
                len(store)
            assert [dict(each) for each in stores] in ([{"k": 1}, {}], [{}, {"k": 1}])


def _can(stores: list[Any]) -> bool:
    why: str | None = stores[0]._connection.apart(stores)
    return why is None
