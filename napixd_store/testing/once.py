"""The contract of what is done once only, at most so often, or again."""

from typing import Any

import pytest

from napixd_store.base import StoreBackend
from napixd_store.engine.change import DELETE
from napixd_store.errors import InvalidValue, LimitReached
from napixd_store.testing.cases import Clock, Open, together


class OnceContract:
    """Put if absent, count up to a bound, compute, delete many; a part of `StoreContract`."""

    def test_add_puts_once(self, open: Open, store: StoreBackend[Any], clock: Clock) -> None:
        assert store.add("k", 1, expires_in=60)
        assert not store.add("k", 2, expires_in=1000)
        assert store["k"] == 1
        assert store.expires_in("k") == 60
        clock.advance(60)
        assert store.add("k", 3)
        store.save()
        assert open() == {"k": 3}

    def test_of_threads_that_add_one_key_one_wins(
        self, open: Open, store: StoreBackend[Any], clock: Clock
    ) -> None:
        for _round in range(3):
            assert sorted(together(4, lambda n: store.add("k", n, expires_in=60))) == (
                [False, False, False, True]
            )
            clock.advance(60)

    def test_incr_stops_at_its_bound(self, store: StoreBackend[Any], clock: Clock) -> None:
        hits = [store.incr("ip", at_most=3, expires_in=60) for _ in range(3)]
        assert hits == [1, 2, 3]
        clock.advance(20)
        with pytest.raises(LimitReached) as caught:
            store.incr("ip", at_most=3, expires_in=60)
        assert caught.value.retry_after == 40
        assert store["ip"] == 3
        with pytest.raises(LimitReached):
            store.incr("ip", 0, at_most=2)  # below the present value
        assert store.incr("ip", -1, at_most=0) == 2
        with pytest.raises(LimitReached):
            store.incr("ip", 5, at_most=6)
        clock.advance(40)
        assert store.incr("ip", at_most=3) == 1
        with pytest.raises(LimitReached) as caught:
            store.incr("ip", 3, at_most=3)
        assert caught.value.retry_after is None
        with pytest.raises(LimitReached):
            store.incr("new", at_most=0, expires_in=5)
        assert "new" not in store

    @pytest.mark.parametrize("at_most", [True, 1.0, "1"])
    def test_a_bound_is_an_exact_integer(self, store: StoreBackend[Any], at_most: Any) -> None:
        with pytest.raises(InvalidValue):
            store.incr("k", at_most=at_most)
        assert store == {}

    def test_compute_repeats_until_nobody_got_in_between(
        self, store: StoreBackend[Any], clock: Clock
    ) -> None:
        store["n"] = 0

        def work(_number: int) -> None:
            for _ in range(20):
                store.compute("n", lambda n: n + 1)

        together(4, work)
        assert store["n"] == 80

    def test_compute_changes_nothing_when_its_function_raises(
        self, store: StoreBackend[Any]
    ) -> None:
        store["v"] = [1]
        with pytest.raises(ZeroDivisionError):
            store.compute("v", lambda value: value.append(2) or 1 / 0)
        assert store.compute("v", lambda _value: DELETE) is None
        assert store.compute("v", lambda _value: DELETE, default=None) is None
        shared: list[int] = []
        assert store.compute("v", lambda value: [*value, 1], shared) == [1]
        assert shared == []
        assert store == {"v": [1]}

    def test_delete_many_says_how_many_were_there(
        self, open: Open, store: StoreBackend[Any], clock: Clock
    ) -> None:
        store.update({"a": 1, "b": 2, 3: 3})
        store.put("over", 1, expires_in=1)
        clock.advance(1)
        unstorable: list[Any] = [None, "", b"a"]
        assert store.delete_many(["a", 3, "over", "missing", *unstorable]) == 2
        assert store.delete_many([]) == 0
        store.save()
        assert open() == {"b": 2}
