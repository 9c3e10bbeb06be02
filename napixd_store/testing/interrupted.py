"""The contract of what is interrupted, or used by a signal's handler, in mid-operation."""

from collections.abc import Callable
from contextlib import suppress
from itertools import product
from typing import Any

import pytest

from napixd_store.base import StoreBackend
from napixd_store.counter import CounterBackend
from napixd_store.errors import Unavailable
from napixd_store.testing.cases import Open, together
from napixd_store.testing.moments import Interrupted, at, interrupt, not_for_ever, spread

WRITES: dict[str, tuple[Callable[[StoreBackend[Any]], Any], dict[str, Any]]] = {
    "set": (lambda s: s.__setitem__("a", [2]), {"a": [2], "b": 2}),
    "delete": (lambda s: s.__delitem__("a"), {"b": 2}),
    "update": (lambda s: s.update(a=3, b=3, c=3), {"a": 3, "b": 3, "c": 3}),
    "pop": (lambda s: s.pop("a"), {"b": 2}),
    "setdefault": (lambda s: s.setdefault("c", 3), {"a": [1], "b": 2, "c": 3}),
    "incr": (lambda s: s.incr("b"), {"a": [1], "b": 3}),
    "edit": (lambda s: _append(s), {"a": [1, 1], "b": 2}),
    "put": (lambda s: s.put("c", 3, expires_in=60), {"a": [1], "b": 2, "c": 3}),
    "add": (lambda s: s.add("c", 3), {"a": [1], "b": 2, "c": 3}),
    "compute": (lambda s: s.compute("b", lambda n: n + 1), {"a": [1], "b": 3}),
    "delete_many": (lambda s: s.delete_many(["a", "b"]), {}),
    "clear": (lambda s: s.clear(), {}),
}
"""Name -> a write to ``{"a": [1], "b": 2}``, and what stands there when it is done."""


def _append(store: StoreBackend[Any]) -> None:
    with store.edit("a") as value:
        value.append(1)


def _begin(store: StoreBackend[Any]) -> dict[str, Any]:
    store.clear()
    store.update(a=[1], b=2)
    store.save()
    return {"a": [1], "b": 2}


# A handler may raise in a finaliser, too, where Python can only print it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
class InterruptedContract:
    """What holds wherever a signal comes; a part of `StoreContract`."""

    @pytest.mark.parametrize("name", WRITES)
    @not_for_ever()
    def test_an_interrupted_write_is_done_or_not_and_the_next_one_works(
        self, store: StoreBackend[Any], name: str
    ) -> None:
        write, after = WRITES[name]
        before, kept = _begin(store), []
        for moment in spread(lambda: write(store)):
            _begin(store)
            try:
                at(moment, interrupt, lambda: write(store))
            except Interrupted as exc:
                kept.append(exc)  # with its frames, as a debugger or a logger keeps it
            assert store.snapshot() in (before, after)
            together(1, lambda _: store.incr("other thread"))
            assert store.pop("other thread") == 1
        assert kept

    @pytest.mark.parametrize("name", WRITES)
    @not_for_ever()
    def test_a_handler_in_the_middle_of_a_write_is_refused_or_counts(
        self, store: StoreBackend[Any], name: str
    ) -> None:
        write, after = WRITES[name]
        _begin(store)
        for moment in spread(lambda: write(store)):
            _begin(store)
            done: list[int] = []

            def handle(done: list[int] = done) -> None:
                with suppress(Unavailable):
                    done.append(store.incr("handled"))

            at(moment, handle, lambda: write(store))
            handled = store.pop("handled", None)
            assert done == [1] or handled is None
            assert handled == 1 or not done or name == "clear"
            assert store.snapshot() == after

    @not_for_ever()
    def test_an_interrupted_save_is_repeated_without_a_conflict(self, open: Open) -> None:
        def change(store: StoreBackend[Any]) -> StoreBackend[Any]:
            store["a"].append(2)
            store["c"] = 3
            del store["b"]
            return store

        plain = open(writeback=False)
        _begin(plain)
        for moment in spread(change(open(writeback=True)).save):
            before = _begin(plain)
            store = change(open(writeback=True))
            with suppress(Interrupted):
                at(moment, interrupt, store.save)
            assert plain.snapshot() in (before, {"a": [1, 2], "c": 3})
            store["a"].append(3)
            store["b"] = 2
            store.save()
            assert store.snapshot() == plain.snapshot() == {"a": [1, 2, 3], "b": 2, "c": 3}

    @not_for_ever()
    def test_saves_that_were_interrupted_conflict_with_none_that_follows(self, open: Open) -> None:
        plain = open(writeback=False)
        _begin(plain)
        for first, second in product(_moments_of_a_save(open), repeat=2):
            _begin(plain)
            store = open(writeback=True)
            for moment in (first, second):
                store["a"].append(2)
                with suppress(Interrupted):
                    at(moment, interrupt, store.save)
            store.save()
            assert store.snapshot() == plain.snapshot() == {"a": [1, 2, 2], "b": 2}

    @not_for_ever()
    def test_what_an_interrupted_drop_left_is_saved_as_a_whole(self, open: Open) -> None:
        plain = open(writeback=False)
        before = _begin(plain)
        for moment in spread(open(writeback=True).drop):
            _begin(plain)
            store = open(writeback=True)
            assert store["b"] == 2
            with suppress(Interrupted):
                at(moment, interrupt, store.drop)
            assert plain.snapshot() in (before, {})
            store["a"] = [1]
            store.save()
            assert store.snapshot() == plain.snapshot()
            assert store.snapshot() in (before, {"a": [1]})


def _moments_of_a_save(open: Open) -> range:
    store = open(writeback=True)
    store["a"].append(2)
    return spread(store.save, 6)


def _dropped(counter: CounterBackend) -> int:
    counter.drop()
    return 0


COUNTS: dict[str, tuple[Callable[[CounterBackend], int], Callable[[int], tuple[int, int]]]] = {
    "increment": (lambda c: c.increment(3), lambda n: (n + 3, n + 3)),
    "decrement": (lambda c: c.decrement(), lambda n: (n - 1, n - 1)),
    "reset": (lambda c: c.reset(40), lambda n: (n, 40)),
    "drop": (_dropped, lambda n: (0, 0)),
}
"""Name -> what changes a counter, and for each value what it answers and leaves there."""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
class InterruptedCounterContract:
    """What holds wherever a signal comes; a part of `CounterContract`."""

    @pytest.mark.parametrize("name", COUNTS)
    @not_for_ever()
    def test_an_interrupted_change_is_made_or_not_and_the_next_one_works(
        self, counter: CounterBackend, name: str
    ) -> None:
        change, result = COUNTS[name]
        kept = []
        for moment in spread(lambda: change(counter)):
            counter.reset(5)
            try:
                at(moment, interrupt, lambda: change(counter))
            except Interrupted as exc:
                kept.append(exc)
            (number,) = together(1, lambda _: counter.increment())
            assert number == counter.value in (6, result(5)[1] + 1)
        assert kept

    @pytest.mark.parametrize("name", COUNTS)
    @not_for_ever()
    def test_a_handler_in_the_middle_of_a_change_is_refused_or_counts(
        self, counter: CounterBackend, name: str
    ) -> None:
        change, result = COUNTS[name]
        answer, value = result(5)
        allowed = [
            ([], answer, value),  # refused
            ([6], *result(6)),  # as if called before
            ([value + 1], answer, value + 1),  # or after
        ]
        for moment in spread(lambda: change(counter)):
            counter.reset(5)
            handled: list[int] = []
            answers: list[int] = []

            def handle(handled: list[int] = handled) -> None:
                with suppress(Unavailable):
                    handled.append(counter.increment())

            def changing(answers: list[int] = answers) -> None:
                answers.append(change(counter))

            at(moment, handle, changing)
            assert (handled, *answers, counter.value) in allowed
