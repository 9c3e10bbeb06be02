"""The contract of write-back: what a working copy shows, and what saving it writes."""

from typing import Any, ClassVar

import pytest

from napixd_store.base import StoreBackend
from napixd_store.errors import Conflict, InvalidKey, PreconditionFailed
from napixd_store.testing.cases import Open, together

_once = pytest.mark.parametrize("open", [True], ids=["write-back"], indirect=True)
"""For a test that says the policy itself."""


class WriteBackContract:
    """What holds of a working copy; a part of `StoreContract`."""

    ordered: ClassVar[bool]

    def test_with_saves_on_success(self, open: Open) -> None:
        with open() as store:
            store["a"] = 1
        assert open() == {"a": 1}

    def test_with_discards_a_working_copy_on_an_exception(self, open: Open) -> None:
        with pytest.raises(ZeroDivisionError), open() as store:
            store["a"] = 1 / 1
            store["b"] = 1 / 0
        assert store == open() == ({} if store.writeback else {"a": 1.0})

    @_once
    def test_write_back_waits_for_save(self, open: Open) -> None:
        store = open(writeback=True)
        store.update(a=1, b=2)
        del store["b"]
        assert open() == {}
        store.save()
        assert open() == {"a": 1}

    @_once
    def test_write_back_saves_nested_changes(self, open: Open) -> None:
        store = open(writeback=True)
        store["a"] = assigned = {"list": [1]}
        assigned["list"].append(2)
        store.save()
        store["a"]["list"].append(3)
        assert open()["a"] == {"list": [1, 2]}
        store.save()
        assert open()["a"] == {"list": [1, 2, 3]}

    @_once
    def test_write_back_merges_different_keys(self, open: Open) -> None:
        open(writeback=False).update(a=1, b=1, c=1)
        one, two = open(writeback=True), open(writeback=True)
        one["a"], two["b"] = 2, 2
        del two["c"]
        one.save()
        two.save()
        assert open() == {"a": 2, "b": 2}

    @_once
    def test_write_back_never_overwrites_another_change(self, open: Open) -> None:
        open(writeback=False).update(a=1, b=1)
        one, two = open(writeback=True), open(writeback=True)
        one["a"] = "one"
        two["a"], two["b"] = "two", "two"
        one.save()
        with pytest.raises(Conflict) as caught:
            two.save()
        assert caught.value.keys == ["a"]
        assert two == {"a": "two", "b": "two"}
        assert open() == {"a": "one", "b": 1}
        two.reload()
        assert two == {"a": "one", "b": 1}
        two["b"] = "two"
        two.save()
        assert open() == {"a": "one", "b": "two"}

    @_once
    def test_write_back_is_stable_until_reload(self, open: Open) -> None:
        store, other = open(writeback=True), open(writeback=False)
        assert store.get("a") is None
        other["a"] = 1
        assert store.get("a") is None
        store.reload()
        assert store["a"] == 1

    @_once
    def test_write_back_shows_the_order_that_it_saves(self, open: Open) -> None:
        """A key that was there keeps its place, even if it was deleted and set again."""
        store = open(writeback=True)
        store.update(a=1, b=2, c=3)
        store.save()
        store["d"] = store.pop("b")
        store["e"], store["b"] = 5, 6
        store["d"] = store.pop("d")
        del store["a"]
        list_of = list if self.ordered else sorted
        shown = list_of(store)
        assert sorted(shown) == ["b", "c", "d", "e"]
        store.save()
        assert list_of(store) == shown
        assert list_of(open(writeback=False)) == shown
        store.reload()
        assert list_of(store) == shown

    @_once
    def test_reload_of_keys_keeps_the_changes_of_all_others(self, open: Open) -> None:
        open(writeback=False).update(a=[1], b=[1], c=[1], d=[1])
        one, two = open(writeback=True), open(writeback=True)
        assert one == two  # both are loaded
        one["a"].append("one")
        del one["b"]
        one.save()
        two["a"].append("two")
        two["b"], two["e"] = "two", "two"
        two["c"].append("two")
        del two["d"]
        with pytest.raises(Conflict) as caught:
            two.save()
        assert sorted(caught.value.keys) == ["a", "b"]
        two.reload(*caught.value.keys)
        assert two == {"a": [1, "one"], "c": [1, "two"], "e": "two"}
        two.save()
        assert two == open() == {"a": [1, "one"], "c": [1, "two"], "e": "two"}
        with pytest.raises(InvalidKey):
            two.reload("a", "")

    def test_a_snapshot_shares_nothing_with_the_store(self, store: StoreBackend[Any]) -> None:
        store["k"] = {"a": [1]}
        store.snapshot()["k"]["a"].append(2)
        (store | {})["k"]["a"].append(2)
        store.save()
        store.reload()
        assert store == {"k": {"a": [1]}}

    @_once
    def test_an_edit_loses_no_change_of_the_stores_own_object(self, open: Open) -> None:
        store = open(writeback=True)
        store["k"] = [0]
        own = store["k"]
        own.append(1)
        with store.edit("k") as value:
            value.append(2)
        own.append(3)
        assert store["k"] is own
        with pytest.raises(Conflict), store.edit("k") as value:
            store["k"].append(4)
            value.append("refused")
        with pytest.raises(ZeroDivisionError), store.edit("k"):
            store["k"].append(1 // 0 or 5)
        store["k"].append(6)
        store.save()
        assert open() == {"k": [0, 1, 2, 3, 4, 6]}

    @_once
    def test_a_block_that_edits_shows_nothing_before_its_end(self, open: Open) -> None:
        store = open(writeback=True)
        store["k"] = own = [0]
        with store.edit("k") as value:
            value.append(1)
            assert store["k"] == [0]
            store.save()
            assert open() == {"k": [0]}
        with pytest.raises(ZeroDivisionError), store.edit("k") as value:
            value.append(1 // 1)
            value.append(1 // 0)
        assert own[:2] == store["k"] == [0, 1]

    @_once
    @pytest.mark.parametrize("condition", [False, True])
    def test_a_block_that_edits_begins_with_what_another_thread_has_just_assigned(
        self, open: Open, monkeypatch: pytest.MonkeyPatch, condition: bool
    ) -> None:
        """The thread is in between the first look at the value and the block."""
        store = open(writeback=True)
        store["k"] = [0]
        seen = store.etag("k") if condition else None
        assert store._copy is not None
        lend, once = store._copy.lend, iter([[1]])

        def overtaken(text: str, record: bytes) -> bytes:
            for value in once:
                store["k"] = value
            return lend(text, record)

        monkeypatch.setattr(store._copy, "lend", overtaken)
        if condition:
            with pytest.raises(PreconditionFailed), store.edit("k", if_match=seen):
                raise AssertionError("the block was run")
        with store.edit("k") as value:
            value.append(2)
        assert store["k"] == [1, 2]

    @_once
    def test_threads_that_set_one_default_share_its_value(self, open: Open) -> None:
        store = open(writeback=True)

        def work(who: int) -> None:
            for turn in range(20):
                store.setdefault(turn, []).append(who)

        together(4, work)
        assert [sorted(value) for value in store.values()] == [[0, 1, 2, 3]] * 20

    @_once
    def test_threads_that_assign_one_key_leave_the_value_of_one(self, open: Open) -> None:
        store = open(writeback=True)
        values = [[who] for who in range(4)]

        def work(who: int) -> None:
            for _turn in range(20):
                store["k"] = values[who]

        together(4, work)
        assert any(store["k"] is value for value in values)
        store["k"].append("changed")
        assert store.snapshot()["k"][1] == "changed"
