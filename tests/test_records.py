"""Records in memory: each change is one step, and the first key costs the same however many."""

import time
import tracemalloc
from itertools import islice

import pytest

from napixd_store import Store
from napixd_store.engine.records import Records


def test_a_change_without_deletions_keeps_the_places_of_known_keys():
    records = Records(a=b"1", b=b"2")
    assert records.changed({"c": b"3", "a": b"4"}) is records
    assert list(records.items()) == [("a", b"4"), ("b", b"2"), ("c", b"3")]


def test_a_change_that_takes_several_steps_is_made_in_a_copy():
    records = Records(a=b"1", b=b"2", c=b"3")
    after = records.changed({"d": b"4", "a": None, "b": b"5", "x": None})
    assert list(records.items()) == [("a", b"1"), ("b", b"2"), ("c", b"3")]
    assert list(after.items()) == [("b", b"5"), ("c", b"3"), ("d", b"4")]


def test_texts_are_those_at_the_start_but_for_what_changes_meanwhile():
    records = Records(a=b"1", b=b"2", c=b"3")
    texts = records.texts()
    assert next(texts) == "a"
    del records["a"]
    records["d"] = b"4"
    assert list(texts) == ["b", "c", "d"]
    assert list(Records().texts()) == []


@pytest.mark.parametrize("writeback", [False, True])
def test_the_first_key_costs_no_list_of_all(writeback):
    store = Store("many", backend="Memory", writeback=writeback)
    store.update({f"k{i}": i for i in range(20_000)})
    tracemalloc.start()
    try:
        assert next(iter(store)) == "k0"
        assert store.popitem() == ("k0", 0)
        assert tracemalloc.get_traced_memory()[1] < 20_000
    finally:
        tracemalloc.stop()
    store.drop()


def test_a_queue_that_is_emptied_costs_the_same_at_each_key():
    """A dict passes the places of all deleted keys on the way to its first one."""

    def seconds_a_key(size: int, keys: int = 3_000) -> float:
        records, best = Records({f"k{i}": b"" for i in range(size)}), 1.0
        for _ in range(size // keys - 1):
            start = time.process_time()
            for _ in range(keys):
                records = records.changed({next(records.texts()): None})
            best = min(best, time.process_time() - start)
        assert list(islice(records, 1)) == [f"k{size - len(records)}"]
        return best / keys

    assert seconds_a_key(120_000) < 8 * seconds_a_key(6_000)
