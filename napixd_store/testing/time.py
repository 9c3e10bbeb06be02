"""The contract of values that end."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from napixd_store.base import StoreBackend
from napixd_store.errors import CorruptData, InvalidValue
from napixd_store.testing.cases import Clock, Open

USES: dict[str, Callable[[StoreBackend[Any]], Any]] = {
    "in": lambda store: "k" in store,
    "get": lambda store: store.get("k", "none"),
    "get_many": lambda store: store.get_many(["k"]),
    "iter": lambda store: list(store),
    "items": lambda store: list(store.items()),
    "values": lambda store: list(store.values()),
    "len": lambda store: len(store),
    "snapshot": lambda store: store.snapshot(),
    "equal": lambda store: store == {},
    "or": lambda store: store | {},
    "pop": lambda store: store.pop("k", "none"),
    "setdefault": lambda store: store.setdefault("k", "new"),
    "add": lambda store: store.add("k", "new"),
    "incr": lambda store: store.incr("k", 5),
    "incr at most": lambda store: store.incr("k", 5, at_most=5),
    "compute": lambda store: store.compute("k", lambda value: [value], "none"),
    "delete_many": lambda store: store.delete_many(["k", "other"]),
    "touch": lambda store: store.touch("k"),
    "clear": lambda store: store.clear(),
    "update": lambda store: [store.__ior__({"other": 1}).snapshot(), len(store)],
}
"""Every method, and what it says of a store in which `k` is or is not."""

REFUSED: dict[str, Callable[[StoreBackend[Any]], Any]] = {
    "[]": lambda store: store["k"],
    "del": lambda store: store.__delitem__("k"),
    "pop": lambda store: store.pop("k"),
    "popitem": lambda store: store.popitem(),
    "edit": lambda store: store.edit("k").__enter__(),
    "compute": lambda store: store.compute("k", lambda value: value),
    "expires_in": lambda store: store.expires_in("k"),
}
"""What a missing key is a `KeyError` to."""

DAMAGED: dict[str, tuple[bytes, int | None]] = {
    "zero": (b'{"$until":[0,1]}', None),
    "below 0": (b'{"$until":[-5,1]}', None),
    "a word": (b'{"$until":["soon",1]}', None),
    "no value": (b'{"$until":[9999999999999]}', 9_999_999_999_999),
    "far too late": (b'{"$until":[%d,1]}' % 10**30, None),
}
"""What somebody else may have written, and when that ends."""

BAD: list[Any] = [0, -1, float("nan"), float("inf"), True, "60", b"60", [1], 10**12, timedelta(0)]


class TimeContract:
    """What ends, and when; a part of `StoreContract`."""

    @pytest.mark.parametrize("use", USES)
    def test_what_is_over_is_absent_to_every_method(
        self, open: Open, store: StoreBackend[Any], clock: Clock, use: str
    ) -> None:
        never = open("never")
        store.put("k", 7, expires_in=60)
        store.save()
        clock.advance(60)
        assert USES[use](store) == USES[use](never)
        assert store.snapshot() == never.snapshot()
        assert len(store) == len(list(store)) == len(never)

    @pytest.mark.parametrize("use", REFUSED)
    def test_what_is_over_is_a_key_error(
        self, store: StoreBackend[Any], clock: Clock, use: str
    ) -> None:
        store.put("k", [7], expires_in=60)
        clock.advance(60)
        with pytest.raises(KeyError):
            REFUSED[use](store)

    def test_what_lives_is_there_until_its_deadline(
        self, open: Open, store: StoreBackend[Any], clock: Clock
    ) -> None:
        store.put("k", [7], expires_in=60)
        store.put("j", [7], expires_in=timedelta(minutes=1))
        clock.advance(59.999)
        assert store["k"] == store["j"] == [7]
        assert store.expires_in("k") == store.expires_in("j") == 0.001
        store.save()
        assert open().snapshot() == {"k": [7], "j": [7]}
        clock.advance(0.001)
        assert open().snapshot() == {}

    def test_an_assignment_lives_as_long_as_the_store_says(self, open: Open, clock: Clock) -> None:
        store = open(expires_in=60)
        store["set"] = 1
        store.update(update=1)
        store.put("put", 1)
        store.setdefault("setdefault", 1)
        store.add("add", 1)
        store.incr("incr")
        store.compute("compute", lambda n: n + 1, 0)
        with store.edit("edit", []) as made:
            made.append(1)
        assert {store.expires_in(key) for key in store} == {60.0}
        assert len(store) == 8
        store.put("put", 1, expires_in=None)
        store.add("ever", 1, expires_in=None)
        clock.advance(60)
        assert store.snapshot() == {"put": 1, "ever": 1}
        assert store.expires_in("put") is None

    def test_a_change_keeps_the_deadline(self, store: StoreBackend[Any], clock: Clock) -> None:
        store.put("n", 1, expires_in=60)
        store.put("v", [1], expires_in=60)
        clock.advance(10)
        store.incr("n")
        store.incr("n", at_most=10, expires_in=1000)
        store.compute("n", lambda n: n + 1)
        with store.edit("v") as value:
            value.append(2)
        store.compute("v", lambda value: [*value, 3])
        assert store.snapshot() == {"n": 4, "v": [1, 2, 3]}
        assert store.expires_in("n") == store.expires_in("v") == 50
        store["n"] = 0
        assert store.expires_in("n") is None

    def test_touch_begins_anew(self, open: Open, store: StoreBackend[Any], clock: Clock) -> None:
        assert not store.touch("k", expires_in=5)
        store.put("k", [1], expires_in=60)
        clock.advance(50)
        assert store.touch("k", expires_in=60)
        assert store.expires_in("k") == 60
        assert store["k"] == [1]
        assert store.touch("k")  # as long as the store's, and this one has none
        assert store.expires_in("k") is None
        store.save()
        assert open(expires_in=7).touch("k")

    def test_in_a_working_copy_the_clock_runs_from_the_call(self, open: Open, clock: Clock) -> None:
        store = open(writeback=True)
        store.put("k", [1], expires_in=60)
        clock.advance(20)
        store["k"].append(2)
        store.save()
        other = open(writeback=False)
        assert other["k"] == [1, 2]
        assert other.expires_in("k") == 40
        store["k"].append(3)
        assert store.touch("k", expires_in=30)
        store["k"].append(4)
        store.save()
        assert other["k"] == [1, 2, 3, 4]
        assert other.expires_in("k") == 30

    def test_what_ends_is_known_to_end_whatever_was_dropped_before_it_was_saved(
        self, open: Open, clock: Clock
    ) -> None:
        store, other = open(writeback=True), open(writeback=False)
        store.put("k", 1, expires_in=60)
        other.drop()
        store.save()
        assert len(other) == 1
        clock.advance(60)
        assert len(other) == len(list(other)) == 0

    def test_no_conflict_that_nobody_caused(
        self, open: Open, store: StoreBackend[Any], clock: Clock
    ) -> None:
        store.put("k", [1], expires_in=60)
        store.put("j", [1], expires_in=60)
        store.save()
        clock.advance(60)
        with store.edit("k", []) as value:
            assert open(writeback=False).sweep() == 2
            value.append(2)
        store["j"] = 3
        store.save()
        assert open().snapshot() == {"k": [2], "j": 3}

    def test_nothing_ends_early(self, store: StoreBackend[Any]) -> None:
        """By the true clock of the medium."""
        for _round in range(20):
            begun = time.monotonic()
            store.put("k", 1, expires_in=0.02)
            while "k" in store:
                pass
            assert time.monotonic() - begun >= 0.02

    @pytest.mark.parametrize("duration", BAD, ids=repr)
    def test_no_duration_is_refused(self, store: StoreBackend[Any], duration: Any) -> None:
        store["k"] = 1
        for use in (
            lambda: store.put("k", 2, expires_in=duration),
            lambda: store.add("new", 2, expires_in=duration),
            lambda: store.touch("k", expires_in=duration),
            lambda: store.incr("k", expires_in=duration),
            lambda: store.incr("new", at_most=5, expires_in=duration),
        ):
            with pytest.raises(InvalidValue, match="expires_in must be"):
                use()
        assert store == {"k": 1}
        assert store.expires_in("k") is None

    def test_a_value_that_looks_like_a_deadline_is_none(self, open: Open, clock: Clock) -> None:
        for store in (open(), open("typed", type=dict[str, Any])):
            looks = {"$until": [1, 2]}
            store["k"] = looks
            store.put("j", looks, expires_in=60)
            store.save()
            assert store.snapshot() == {"k": looks, "j": looks}
            assert store.expires_in("k") is None
            assert store.expires_in("j") == 60
            for seconds in (30, None):
                assert store.touch("k", expires_in=seconds)
                store.save()
                assert store["k"] == looks
                assert store.expires_in("k") == seconds
            with store.edit("j") as value:
                value["x"] = 1
            store.save()
            assert store["j"] == {**looks, "x": 1}
            assert store.expires_in("j") == 60

    @pytest.mark.parametrize("damaged", DAMAGED)
    def test_a_damaged_deadline_spoils_one_key_only(
        self, open: Open, store: StoreBackend[Any], clock: Clock, damaged: str
    ) -> None:
        record, deadline = DAMAGED[damaged]
        with open(writeback=False) as other:
            other["j"] = 2
            other._write({"k": record}, {})
        clock.now = (deadline or clock.now) - 1
        assert "k" in store
        assert len(store) == len(list(store)) == 2
        assert store.sweep() == 0
        for use in (lambda: store["k"], lambda: store.touch("k", expires_in=1), store.snapshot):
            with pytest.raises(CorruptData, match="k"):
                use()
        if deadline:
            clock.now = deadline
            assert "k" not in store
            assert len(store) == len(list(store)) == store.sweep() == 1
        store["k"] = 3
        store.save()
        assert store.snapshot() == {"k": 3, "j": 2}
