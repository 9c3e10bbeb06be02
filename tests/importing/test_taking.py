"""What a source holds goes into a store whole, or nothing of it does."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from napixd_store import (
    Conflict,
    CorruptData,
    Counter,
    CounterOverflow,
    ImportRefused,
    Store,
)
from napixd_store.importing import Pair, Source, Unreadable, json_object, take, take_counter
from napixd_store.importing.entries import Entry
from napixd_store.importing.files import TextThatIsNotUTF8
from tests.media import Medium


def of(*entries: Entry) -> Source:
    return lambda: iter(entries)


def pairs(values: dict[Any, Any]) -> Source:
    return of(*(Pair(f"there, {key!r}", key, value) for key, value in values.items()))


def test_everything_arrives_in_every_store(medium: Medium):
    values: dict[Any, Any] = {f"k{number}": {"n": (number, b"x")} for number in range(250)}
    values |= {17: None, "17": "é" * 1000}
    store = medium.store()
    assert take(store, pairs(values)).written == 252
    assert medium.reopened(store) == values
    report = take(store, pairs({"k0": 1, "new": 2}), overwrite=True)
    assert (report.read, report.written, report.replaced, report.refused) == (2, 2, 1, [])
    assert medium.reopened(store) == {**values, "k0": 1, "new": 2}


def test_a_key_that_is_there_is_refused_by_its_name(medium: Medium):
    store = medium.store()
    store.update(a=1, b=2)
    store.save()
    with pytest.raises(ImportRefused, match=r"there, 'b': the key is there already") as caught:
        take(store, pairs({"new": 0, "b": 3}))
    assert caught.value.report.refused == [Unreadable("there, 'b'", "the key is there already")]
    assert caught.value.report.written == 0
    assert medium.reopened(store) == {"a": 1, "b": 2}


REFUSED: list[tuple[Entry, str]] = [
    (Unreadable("p1", "why"), "why"),
    (Pair("p2", None, 1), "a key must be a str or an int, not NoneType: None is no key"),
    (Pair("p3", ("a", 1), 1), "a key must be a str or an int, not tuple: join the parts"),
    (Pair("p4", b"a", 1), "a key must be a str or an int, not bytes: write key.decode()"),
    (Pair("p5", "", 1), "a key must not be empty"),
    (Pair("p6", "x" * 1001, 1), "a key has at most 1000 characters"),
    (Pair("p7", "\udc80", 1), "lone surrogate"),
    (Pair("p8", 1.0, 1), "a key must be a str or an int, not float"),
    (Pair("p9", True, 1), "a key must be a str or an int, not bool"),
    (Pair("p10", "a", [range(3)]), "value[0]: range cannot be stored"),
    (Pair("p11", "b", TextThatIsNotUTF8(b"\xff")), "value: TextThatIsNotUTF8 cannot be stored"),
    (Pair("p12", "twin", 1), "another entry has the same key"),
]


def test_all_that_cannot_be_taken_is_listed_with_its_place(backend: Medium):
    store = backend.store()
    source = of(Pair("p0", "twin", 0), *(entry for entry, _ in REFUSED))
    report = take(store, source, dry_run=True)
    assert (report.read, report.written) == (13, 0)
    assert [entry.place for entry in report.refused] == [f"p{n}" for n in range(1, 13)]
    for entry, (_, said) in zip(report.refused, REFUSED, strict=True):
        assert said in entry.reason
    with pytest.raises(ImportRefused) as caught:
        take(store, source, overwrite=True)
    message = str(caught.value)
    assert "12 of 13 entries cannot be taken, so nothing was written: p1: why; p2: " in message
    assert message.endswith("; and 9 more")
    assert repr(store) in message
    assert backend.reopened(store) == {}


def test_a_dry_run_writes_nothing(medium: Medium):
    store = medium.store()
    report = take(store, pairs({"a": 1, "b": 2}), dry_run=True)
    assert (report.read, report.written, report.refused) == (2, 0, [])
    assert medium.reopened(store) == {}


def test_a_value_that_is_larger_than_the_store_takes_is_refused(backend: Medium):
    store = backend.store(max_value_bytes=100)
    report = take(store, pairs({"a": 1, "b": "x" * 200}), dry_run=True)
    assert [entry.place for entry in report.refused] == ["there, 'b'"]


def test_deadlines_are_kept_and_others_get_the_store_s(medium: Medium):
    store = medium.store(expires_in=500)
    now = time.time()
    take(store, of(Pair("", "a", 1, now + 100), Pair("", "b", 2), Pair("", "c", 3, now + 100)))
    again = medium.reopened(store)
    left = {key: again.expires_in(key) or 0.0 for key in ("a", "b", "c")}
    assert 90 < left["a"] <= 101
    assert left["a"] == pytest.approx(left["c"], abs=1)
    assert 490 < left["b"] <= 501


def test_a_source_that_changes_while_it_is_read_is_noticed(backend: Medium):
    runs: list[int] = []

    def source() -> Iterator[Entry]:
        runs.append(1)
        yield Pair("p", "a", 1)
        if len(runs) > 1:
            yield Unreadable("q", "gone")

    store = backend.store()
    with pytest.raises(CorruptData, match="q: gone: the source changed while it was read"):
        take(store, source)
    assert backend.reopened(store) == {}


def test_a_key_that_another_writes_meanwhile_is_kept(backend: Medium):
    other = backend.store("c")
    runs: list[int] = []

    def source() -> Iterator[Entry]:
        runs.append(1)
        yield Pair("p", "b", 1)
        yield Pair("p", "a", 1)
        if len(runs) > 1:
            other["a"] = "theirs"

    with pytest.raises(Conflict) as caught:
        take(backend.store("c"), source)
    assert caught.value.keys == ["a"]
    assert backend.store("c") == {"a": "theirs"}


def test_a_type_of_the_store_holds_for_what_comes(tmp_path: Path):
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"a": 1, "b": "x"}))
    store = Store("x", "Memory", type=int)
    report = take(store, json_object(path), dry_run=True)
    assert [entry.place for entry in report.refused] == [f"{path}, key 'b'"]


def test_a_counter_comes_to_the_value_and_is_never_lowered(backend: Medium):
    counter = backend.counter()
    assert take_counter(counter, 7, dry_run=True) == 7
    assert counter.value == 0
    assert take_counter(counter, 7) == 7
    with pytest.raises(ImportRefused, match="counts already; it is unchanged"):
        take_counter(counter, 9)
    assert take_counter(counter, 5, overwrite=True) == 7
    assert take_counter(counter, 9, overwrite=True) == counter.value == 9
    with pytest.raises(CounterOverflow):
        take_counter(counter, 2**63, overwrite=True)
    assert take_counter(backend.counter(), -3) == -3


def test_the_source_may_be_wrong(tmp_path: Path):
    with pytest.raises(CorruptData, match="a folder, a pipe or the like"):
        take(Store("x", "Memory"), json_object(tmp_path))
    assert Counter("x", "Memory").value == 0


def test_progress_is_told():
    told: list[tuple[int, int]] = []
    source = pairs({f"{n}": n for n in range(250)})
    take(Store("users"), source, progress=lambda *how_far: told.append(how_far))
    assert told == [(100, 0), (200, 0), (250, 0), (350, 500), (450, 500), (500, 500)]
