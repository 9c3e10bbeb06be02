"""The contract of how what has ended leaves the medium."""

from collections.abc import Callable
from typing import Any

import pytest

from napixd_store.base import StoreBackend
from napixd_store.engine import deadlines
from napixd_store.engine.change import DELETE
from napixd_store.testing.cases import Clock, Open

TAKES: dict[str, Callable[[StoreBackend[Any], int], Any]] = {
    "pop": lambda store, number: store.pop(number),
    "popitem": lambda store, _number: store.popitem(),
    "del": lambda store, number: store.__delitem__(number),
    "delete_many": lambda store, number: store.delete_many([number]),
    "compute": lambda store, number: store.compute(number, lambda _value: DELETE),
    "incr": lambda store, number: store.incr(number),
}
"""What writes no new value, and yet is a write."""


class SweepingContract:
    """By `sweep`, or with the writes; a part of `StoreContract`."""

    def test_sweep_removes_what_is_over(
        self, open: Open, store: StoreBackend[Any], clock: Clock
    ) -> None:
        store.update(a=1, b=2)
        for n in range(5):
            store.put(n, n, expires_in=60)
        store.put("later", 1, expires_in=61)
        store.save()
        assert store.sweep() == 0
        clock.advance(60)
        assert open("other").sweep() == 0
        assert open().sweep() == 5
        assert store.sweep() == 0
        assert dict(open(writeback=False)._load()).keys() == {"a", "b", "later"}

    def test_what_nobody_looks_at_again_leaves_with_the_writes_of_others(
        self, open: Open, store: StoreBackend[Any], clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(deadlines, "AT_ONCE", 10)
        for number in range(50):
            store.incr(number, at_most=5, expires_in=60)
            store.save()
            clock.advance(60)
        assert len(open(writeback=False)._load()) <= 25

    def test_who_asks_for_any_pair_in_vain_sweeps_too(
        self, open: Open, store: StoreBackend[Any], clock: Clock
    ) -> None:
        store.update(dict.fromkeys(range(20), 1))
        for number in range(20):
            store.touch(number, expires_in=60)
        store.save()
        clock.advance(60)
        other = open(writeback=False)
        other._connection.sweeps[other._swept] = 10  # writes until it is time
        for _ in range(2):
            with pytest.raises(KeyError):
                other.popitem()
        assert not other._load()

    @pytest.mark.parametrize("take", TAKES)
    def test_who_only_takes_or_counts_sweeps_too(
        self,
        open: Open,
        store: StoreBackend[Any],
        clock: Clock,
        take: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(deadlines, "AT_ONCE", 10)
        for number in range(50):
            store.put(f"dead {number}", 1, expires_in=60)
        store.update(dict.fromkeys(range(50), 1))
        store.save()
        clock.advance(60)
        other = open(writeback=False)
        assert "dead 7" not in other
        other._connection.sweeps[other._swept] = 10  # writes until it is time
        for number in range(50):
            TAKES[take](other, number)
        assert sum(text.startswith("dead") for text in other._load()) <= 10
