"""Of many who change one key at once, each change counts once, and no value is given to two."""

from collections import Counter as Tally
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from napixd_store import Conflict, Store, StoreBackend, Unavailable
from napixd_store.backends.memory import MemoryStore
from tests.crowds import CROWDS, Crowd, gather, shuffled
from tests.sizes import size

COLLECTION = "atomicity"
KEYS = range(size(quick=60, full=400))
TURNS = size(quick=40, full=200)
EDITS = size(quick=6, full=25)


@pytest.fixture(params=CROWDS)
def crowd(request, tmp_path) -> Iterator[Crowd]:
    crowd = gather(request.param, tmp_path)
    # Those that write back would each change a working copy of their own.
    crowd = replace(crowd, options={**crowd.options, "writeback": False})
    Store(COLLECTION, **crowd.options).drop()
    yield crowd
    Store(COLLECTION, **crowd.options).drop()


def test_a_popped_key_goes_to_exactly_one(crowd):
    store = Store(COLLECTION, **crowd.options)
    store.update({key: f"value {key}" for key in KEYS})

    popped = crowd.run(_pop_all, KEYS)

    assert sorted(sum(popped, [])) == sorted(f"value {key}" for key in KEYS)
    assert len(store) == 0


def _pop_all(options: dict[str, Any], who: int, keys: range) -> list[str]:
    store = Store(COLLECTION, **options)
    found = [store.pop(key, None) for key in shuffled(keys, who)]
    return [value for value in found if value is not None]


def test_pop_without_a_default_tells_all_but_one_that_the_key_is_missing(crowd):
    Store(COLLECTION, **crowd.options)["only"] = 1

    assert sorted(crowd.run(_pop_one)) == ["KeyError"] * (crowd.size - 1) + ["got 1"]


def _pop_one(options: dict[str, Any], who: int) -> str:
    try:
        return f"got {Store(COLLECTION, **options).pop('only')}"
    except KeyError:
        return "KeyError"


def test_a_deleted_key_was_deleted_by_exactly_one(crowd):
    store = Store(COLLECTION, **crowd.options)
    store.update(dict.fromkeys(KEYS, "x"))

    deleted = crowd.run(_delete_all, KEYS)

    assert sorted(sum(deleted, [])) == list(KEYS)


def _delete_all(options: dict[str, Any], who: int, keys: range) -> list[int]:
    store = Store(COLLECTION, **options)
    mine = []
    for key in shuffled(keys, who):
        try:
            del store[key]
        except KeyError:
            continue
        mine.append(key)
    return mine


def test_popitem_gives_each_pair_to_exactly_one(crowd):
    store = Store(COLLECTION, **crowd.options)
    store.update({key: key * key for key in KEYS})

    popped = crowd.run(_popitem_until_empty)

    assert sorted(sum(popped, [])) == [(key, key * key) for key in KEYS]
    assert len(store) == 0


def _popitem_until_empty(options: dict[str, Any], who: int) -> list[tuple[Any, Any]]:
    store, mine = Store(COLLECTION, **options), []
    while True:
        try:
            mine.append(store.popitem())
        except KeyError:
            return mine


def test_setdefault_gives_all_the_value_of_whoever_came_first(crowd):
    seen = crowd.run(_setdefault_all, KEYS)

    stored = Store(COLLECTION, **crowd.options).snapshot()
    assert len(stored) == len(KEYS)
    assert all(values == stored for values in seen)


def _setdefault_all(options: dict[str, Any], who: int, keys: range) -> dict[Any, Any]:
    store = Store(COLLECTION, **options)
    return {key: store.setdefault(key, [who, key]) for key in keys}


def test_every_incr_of_a_key_counts_and_no_sum_is_given_twice(crowd):
    sums = crowd.run(_incr, TURNS)

    # Each adds 1, 2, 3, 1, 2, 3 …: the sums differ, and their steps add up.
    everything = sorted(sum(sums, []))
    assert len(set(everything)) == crowd.size * TURNS
    assert Store(COLLECTION, **crowd.options)["total"] == everything[-1]
    assert everything[-1] == crowd.size * sum(1 + turn % 3 for turn in range(TURNS))


def _incr(options: dict[str, Any], who: int, times: int) -> list[int]:
    store = Store(COLLECTION, **options)
    return [store.incr("total", by=1 + turn % 3) for turn in range(times)]


def test_no_edit_is_lost_when_the_caller_repeats_it_on_conflict(crowd):
    store = Store(COLLECTION, **crowd.options)
    store["log"] = []

    crowd.run(_edit, EDITS)

    log = store["log"]
    assert Tally(who for who, _turn in log) == dict.fromkeys(range(crowd.size), EDITS)
    assert [turn for who, turn in log if who == 3] == list(range(EDITS))


def _edit(options: dict[str, Any], who: int, times: int) -> None:
    store = Store(COLLECTION, **options)
    for turn in range(times):
        while True:
            try:
                with store.edit("log") as log:
                    log.append([who, turn])
                break
            except Conflict:
                continue


def test_edits_that_create_the_key_meet_in_one_value(crowd):
    crowd.run(_edit_a_new_key)

    assert sorted(Store(COLLECTION, **crowd.options)["new"]) == list(range(crowd.size))


def _edit_a_new_key(options: dict[str, Any], who: int) -> None:
    store = Store(COLLECTION, **options)
    while True:
        try:
            with store.edit("new", []) as members:
                members.append(who)
            return
        except Conflict:
            continue


def test_a_reader_never_sees_half_of_an_update(crowd):
    """Half of the crowd writes the same number to 300 keys, the others read them all."""
    Store(COLLECTION, **crowd.options).update(dict.fromkeys(range(300), 0))

    torn = crowd.run(_update_or_look, size(quick=8, full=15))

    assert torn == [[]] * crowd.size


def _update_or_look(options: dict[str, Any], who: int, times: int) -> list[set[Any]]:
    store, torn = Store(COLLECTION, **options), []
    for turn in range(times):
        if who % 2:
            store.update(dict.fromkeys(range(300), who * 1_000 + turn))
        else:
            for seen in (store.get_many(range(300)), store.snapshot()):
                if len(seen) != 300 or len(set(seen.values())) != 1:
                    torn.append(set(seen.values()))
    return torn


def test_len_is_exact_after_a_crowd_put_and_removed_keys(crowd):
    crowd.run(_come_and_go, range(60))

    store = Store(COLLECTION, **crowd.options)
    assert len(store) == len(list(store)) == len(store.snapshot())


def _come_and_go(options: dict[str, Any], who: int, keys: range) -> None:
    store = Store(COLLECTION, **options)
    for turn, key in enumerate(shuffled(keys, who)):
        store[key] = who
        store.update({key: turn, (key + 1) % 60: turn})
        if turn % 3 == who % 3:
            store.pop(key, None)


@pytest.mark.parametrize(
    "operation",
    [
        lambda store: store.incr("n"),
        lambda store: store.pop("n"),
        lambda store: store.popitem(),
        lambda store: store.setdefault("new", 1),
    ],
    ids=["incr", "pop", "popitem", "setdefault"],
)
def test_who_is_too_slow_each_time_is_told_so_in_the_end(operation, monkeypatch):
    class Crowded(MemoryStore[int]):
        """Somebody else writes between any two steps."""

        _incr = StoreBackend._incr

        def _write(self, changes, expected):
            if expected:
                raise self._conflict(list(changes))
            super()._write(changes, expected)

    store = Crowded("crowded", {})
    store["n"] = 1
    monkeypatch.setattr(type(store._connection), "timeout", 0.05)
    with pytest.raises(Unavailable, match="others write it all the time; nothing was changed"):
        operation(store)
    assert store.snapshot() == {"n": 1}
