"""The contract of what a transaction refuses, and of one that is interrupted."""

from contextlib import suppress
from traceback import walk_tb
from typing import Any

import pytest

from napixd_store.base import StoreBackend
from napixd_store.engine.transactions import transaction
from napixd_store.errors import ConfigError
from napixd_store.testing.acts import ACTS, BEFORE
from napixd_store.testing.cases import Open, through, together
from napixd_store.testing.moments import Interrupted, at, interrupt, not_for_ever, spread


class TransactionGuardContract:
    """A block is entered once, by stores that it can write; a part of `StoreContract`."""

    def test_a_store_that_writes_back_is_refused(self, open: Open) -> None:
        store = open(writeback=True)
        with pytest.raises(ConfigError, match=r"save\(\) is its transaction"), transaction(store):
            raise AssertionError("the block is not entered")

    @through
    def test_a_second_one_inside_is_refused_and_one_after_it_is_not(
        self, open: Open, store: StoreBackend[Any]
    ) -> None:
        again = open()
        with transaction(store) as inside:
            for stores in ((store,), (again,), (inside,), (open("other"), again)):
                with pytest.raises(ConfigError, match="already"), transaction(*stores):
                    raise AssertionError("the block is not entered")
            with transaction(open("other")) as other:
                other["a"] = 1
            inside["a"] = open("other")["a"]
            together(1, lambda _: transaction(again).__enter__())
        with pytest.raises(ConfigError, match="already"), transaction(store, again):
            raise AssertionError("the block is not entered")
        with transaction(again) as inside:
            inside["b"] = 2
        assert store == {"a": 1, "b": 2}

    @through
    def test_its_store_is_of_no_use_behind_its_end(self, store: StoreBackend[Any]) -> None:
        store.update(BEFORE)
        with transaction(store) as done:
            pass
        with pytest.raises(ZeroDivisionError), transaction(store) as failed:
            raise ZeroDivisionError
        for inside in (done, failed):
            for act in ACTS.values():
                with pytest.raises(ConfigError, match="has ended"):
                    act(inside)
            assert "ended" in repr(inside)
        assert store == BEFORE

    @through
    def test_it_is_for_one_block_whichever_thread_enters_it(self, store: StoreBackend[Any]) -> None:
        def enter_it_as_well(_: int) -> None:
            with pytest.raises(ConfigError, match="for one block"), its:
                raise AssertionError("the block is not entered")

        its = transaction(store)
        with its as inside:
            inside["a"] = 1
            together(1, enter_it_as_well)
            inside["b"] = 2
        enter_it_as_well(0)
        assert store == {"a": 1, "b": 2}

    def test_it_takes_stores_and_nothing_else(self) -> None:
        given: list[tuple[Any, ...]] = [(), ({},)]
        for stores in given:
            with pytest.raises(ConfigError, match="takes"), transaction(*stores):
                raise AssertionError("the block is not entered")

    # --- interrupts --------------------------------------------------------------------------

    @through
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    @not_for_ever()
    def test_an_interrupted_one_is_done_or_not_and_the_next_one_works(
        self, store: StoreBackend[Any]
    ) -> None:
        def change() -> None:
            with transaction(store) as inside:
                inside["a"].append(2)
                inside["z"] = inside.pop("b")
                del inside[17]

        store.update(BEFORE)
        after = {"a": [1, 2], "c": {"x": 1}, "z": 2}
        for moment in spread(change, 40):
            store.clear()
            store.update(BEFORE)
            with suppress(Interrupted):
                at(moment, interrupt, change)
            assert store.snapshot() in (BEFORE, after)
            with transaction(store) as inside:
                inside.incr("n")
            assert store.pop("n") == 1

    @through
    def test_one_that_was_interrupted_as_it_was_entered_stands_in_nobodys_way(
        self, store: StoreBackend[Any]
    ) -> None:
        """Not even if somebody keeps the traceback, in the frame that goes on."""
        enter = type(transaction(store)).__enter__.__code__
        kept: list[Interrupted] = []

        def change() -> None:
            try:
                with transaction(store) as inside:
                    inside["a"] = 1
            except Interrupted as exc:
                kept.append(exc)
                if enter in (frame.f_code for frame, _line in walk_tb(exc.__traceback__)):
                    with transaction(store) as inside:
                        inside["a"] = 2

        for moment in spread(change, 1_000):
            with suppress(Interrupted):  # one that came as all was done
                at(moment, interrupt, change)
        assert store.get("a") in (1, 2)
        assert kept
