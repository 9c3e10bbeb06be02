"""The contract of transactions of one store."""

from contextlib import suppress
from typing import Any, ClassVar

import pytest

from napixd_store.base import StoreBackend
from napixd_store.engine.transactions import transaction
from napixd_store.errors import Conflict, LimitReached, PreconditionFailed
from napixd_store.testing.acts import ACTS, BEFORE, MEANWHILE, READS
from napixd_store.testing.cases import Clock, Open, through, together


class TransactionContract:
    """What is read and written in a block is one step; a part of `StoreContract`."""

    ordered: ClassVar[bool]

    @through
    def test_a_block_sees_what_it_does_and_others_do_not(
        self, open: Open, store: StoreBackend[Any]
    ) -> None:
        plain = open("plain")
        for act in ACTS.values():
            for each in (store, plain):
                each.clear()
                each.update(BEFORE)
            with transaction(store) as inside:
                assert type(inside) is type(store)
                told = act(inside)
                seen = inside.snapshot()
                assert store.snapshot() == BEFORE
            assert told == act(plain)
            assert store.snapshot() == seen == plain.snapshot()
            if self.ordered:
                assert list(store) == list(seen)

    @through
    def test_it_iterates_over_the_collection_with_its_changes(
        self, store: StoreBackend[Any]
    ) -> None:
        store.update(BEFORE)
        with transaction(store) as inside:
            inside["z"] = 26
            del inside["b"]
            inside["c"]["x"] = 2
            expected = {"a": [1], "c": {"x": 2}, 17: "int", "z": 26}
            assert dict(inside.items()) == inside.snapshot() == expected
            assert len(inside) == len(list(inside)) == 4
            if self.ordered:
                assert list(inside) == list(inside.snapshot()) == list(expected)
        assert store == expected

    @through
    def test_an_exception_leaves_everything_as_it_was(self, store: StoreBackend[Any]) -> None:
        store.update(BEFORE)
        for act in ACTS.values():
            with pytest.raises(ZeroDivisionError), transaction(store) as inside:
                act(inside)
                raise ZeroDivisionError
            assert store == BEFORE

    @through
    def test_only_what_is_touched_is_read_and_once(
        self, store: StoreBackend[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store.update({**BEFORE, "unread": 1})
        read: list[Any] = []
        get, load = store._get, store._load

        def _get(text: str) -> bytes | None:
            read.append(text)
            return get(text)

        def _load(keys: Any = None) -> Any:
            read.extend([...] if keys is None else keys)
            return load(keys)

        with transaction(store) as inside:
            monkeypatch.setattr(store, "_load", _load)
            monkeypatch.setattr(store, "_get", _get)
            inside["new"] = inside["new"] = 1
            assert read == []
            for _ in range(2):
                assert inside.get_many(["a", "b", "new", "missing"])
                assert "missing" not in inside
                inside["a"].append(2)
            inside.pop("b")
            inside.update({17: 0, "missing": 3})
            monkeypatch.undo()
        assert sorted(set(read)) == ["a", "b", "missing"]
        assert read.count("a") <= 2  # where `_get` itself loads
        assert store["unread"] == 1

    @through
    def test_what_was_read_is_as_it_was_or_nothing_is_written(
        self, store: StoreBackend[Any]
    ) -> None:
        for read in READS.values():
            for change in MEANWHILE.values():
                store.clear()
                store.update(BEFORE)
                with (
                    pytest.raises(Conflict, match="nothing was written") as caught,
                    transaction(store) as inside,
                ):
                    read(inside)
                    inside["b"] = inside["z"] = 0
                    change(store)
                    after = store.snapshot()
                assert caught.value.keys == ["a"]
                assert store == after

    @through
    def test_what_was_missing_is_missing_yet(self, store: StoreBackend[Any]) -> None:
        for read in ("get", "in", "get_many", "etag", "setdefault", "add"):
            store.clear()
            with pytest.raises(Conflict) as caught, transaction(store) as inside:
                READS[read](inside)
                inside["z"] = 0
                store["a"] = 1
            assert caught.value.keys == ["a"]
            assert store == {"a": 1}

    @through
    def test_what_was_only_read_is_checked_too(self, store: StoreBackend[Any]) -> None:
        store.update(BEFORE)
        with transaction(store) as inside:
            assert inside["b"] == 2
        assert store == BEFORE
        with pytest.raises(Conflict) as caught, transaction(store) as inside:
            assert inside["b"] == 2
            store["b"] = 3
        assert caught.value.keys == ["b"]

    @through
    def test_what_was_not_read_may_change(self, store: StoreBackend[Any]) -> None:
        store.update(BEFORE)
        with transaction(store) as inside:
            assert inside["a"] == [1]
            assert set(inside) == set(BEFORE)
            store["new"] = 1
        with transaction(store) as inside:
            inside["b"] = 3
            inside.put("c", 3)
            store.update(b=0, c=0, a=0)
        assert store == {**BEFORE, "a": 0, "b": 3, "c": 3, "new": 1}

    @through
    def test_it_may_be_run_again_after_a_conflict(self, store: StoreBackend[Any]) -> None:
        store["n"] = 0

        def add(_number: int) -> None:
            for _ in range(5):
                while True:
                    with suppress(Conflict), transaction(store) as inside:
                        inside["n"] += 1
                        inside.incr("m", 2)
                        break

        together(4, add)
        assert store == {"n": 20, "m": 40}

    # --- time and versions -------------------------------------------------------------------

    @through
    def test_what_ends_does_so_inside_as_outside(
        self, store: StoreBackend[Any], clock: Clock
    ) -> None:
        store.put("a", 1, expires_in=60)
        store.put("b", [1], expires_in=60)
        with transaction(store) as inside:
            assert inside.expires_in("a") == 60
            assert inside.touch("a", expires_in=90)
            inside["b"].append(2)
            inside.put("c", 3, expires_in=30)
            assert inside.incr("n", at_most=1, expires_in=30) == 1
            with pytest.raises(LimitReached):
                inside.incr("n", at_most=1)
        assert [store.expires_in(key) for key in "abcn"] == [90, 60, 30, 30]
        assert store.pop("b") == [1, 2]
        clock.advance(30)
        with transaction(store) as inside:
            assert "c" not in inside
            assert len(inside) == len(list(inside)) == 1
            assert inside.add("n", 7, expires_in=60)
            clock.advance(60)
            assert "a" not in inside
        assert store == {}

    @through
    def test_that_what_is_over_is_removed_is_no_conflict(
        self, store: StoreBackend[Any], clock: Clock
    ) -> None:
        for pass_first in (True, False):
            store.clear()
            for key in ("a", "b"):
                store.put(key, 1, expires_in=60)
            if pass_first:
                clock.advance(60)
            with transaction(store) as inside:
                inside["z"] = inside.get("a"), len(inside)
                clock.advance(60)
                store.sweep()
                inside.sweep()
            assert store == {"z": (None, 0) if pass_first else (1, 2)}

    @through
    def test_the_version_that_is_asked_for_is_that_of_the_block(
        self, store: StoreBackend[Any]
    ) -> None:
        store["a"] = [1]
        tag = store.etag("a")
        with transaction(store) as inside:
            inside["a"].append(2)
            assert inside.etag("a") != tag
            with pytest.raises(PreconditionFailed):
                inside.pop("a", if_match=tag)
            inside.put("a", [1, 2, 3], if_match=inside.etag("a"))
        assert store["a"] == [1, 2, 3]
        with pytest.raises(Conflict), transaction(store) as inside:
            inside.put("a", 1, if_match=store.etag("a"))
            store["a"] = 2
        assert store["a"] == 2
