"""`copy` and `move`: all arrives as it stands, nothing is lost, and one place is not two."""

import random
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest

from napixd_store import ConfigError, Conflict, CorruptData, InvalidValue, Unavailable
from napixd_store.backends.memory import Memory, MemoryStore
from napixd_store.connections import close_all
from napixd_store.operations import Moved, Place, copy, move, place_of, places_of
from tests.media import BACKENDS
from tests.operations.places import PAIRS, VALUES, contents, fill, place_on
from tests.processes import fork
from tests.redis.servers import shared
from tests.sizes import size
from tests.test_contract import DictStore


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_all_moves_to_every_other_backend_byte_by_byte(one: str, other: str, quick_path: Path):
    source, target = place_on(one, quick_path), place_on(other, quick_path)
    fill(source, size(quick=10, full=50))
    time.sleep(0.01)  # so that one value is over
    before = contents(source)
    told: list[tuple[int, int]] = []
    copied = copy(source, target, progress=lambda *each: told.append(each))
    assert contents(source) == before == contents(target)
    assert copied == Moved(len(before[0]), sum(map(len, before[0].values())), len(before[1]))
    assert [done for done, _total in told] == sorted(done for done, _total in told)
    assert told[-1][0] <= told[-1][1]
    assert move(source, target) == copied
    assert contents(source) == ({}, {})
    assert contents(target) == before
    assert [target.records("values")[number] for number in range(12)] == VALUES[:12]
    assert 3500 < (target.records("values").expires_in("ends") or 0) <= 3600
    assert not list(source.records("values")._stream())


@pytest.mark.parametrize("backend", BACKENDS[1:])
def test_two_places_of_one_backend(backend: str, tmp_path: Path):
    source, target = place_on(backend, tmp_path / "a"), place_on(backend, tmp_path / "b")
    fill(source, 3)
    time.sleep(0.01)
    before = contents(source)
    move(source, target)
    assert (contents(source), contents(target)) == (({}, {}), before)


def test_a_backend_of_two_verbs_that_lists_nothing(quick_path: Path):
    source, target = Place(DictStore), place_on("RedisKey", quick_path)
    source.records("a")["k"] = 1
    assert move(source, target, collections=["a"]) == Moved(1, 1, 0)
    assert move(target, source) == Moved(1, 1, 0)
    assert source.records("a") == {"k": 1}
    with pytest.raises(ConfigError, match="one place"):
        move(source, Place(DictStore))
    with pytest.raises(ConfigError, match="names no counter class"):
        source.counter("n")
    source.records("a").drop()


# --- one place by two names --------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("transfer", [copy, move])
def test_a_place_is_not_moved_onto_itself(backend: str, transfer: Any, tmp_path: Path):
    place = place_on(backend, tmp_path)
    place.records("a")["b"] = place.counter("n").increment()
    before = contents(place)
    others = [place_on(backend, tmp_path), place]
    if backend in ("File", "Directory"):
        (tmp_path / "link").symlink_to(place.connection.place)
        others += [Place(backend, root=tmp_path / "link")]
    if backend == "SQLite":
        (tmp_path / "link.sqlite").symlink_to(place.connection.place)
        others += [Place(backend, path=tmp_path / "link.sqlite")]
    if "Redis" in backend:
        prefix = place.connection.prefix
        port = shared().port
        others += [
            Place(backend, url=f"redis://{host}:{port}/0?prefix={prefix}")
            for host in ("localhost", "127.0.0.1")
        ]
    for other in others:
        with pytest.raises(ConfigError, match="are one place"):
            transfer(place, other)
        with pytest.raises(ConfigError, match="are one place"):
            transfer(other, place)
    assert contents(place) == before


def test_counters_that_two_backends_share_stay(tmp_path: Path):
    source, target = Place("File", root=tmp_path), Place("Directory", root=tmp_path)
    source.records("a")["b"] = source.counter("n").increment()
    assert move(source, target) == Moved(1, 1, 1)
    assert target.counter("n").value == target.records("a")["b"] == 1
    assert source.collections() == []


# --- what is at the target ---------------------------------------------------------------------


@pytest.fixture
def places(quick_path: Path) -> tuple[Place, Place]:
    return place_on("SQLite", quick_path), place_on("RedisHash", quick_path)


def test_what_differs_is_not_overwritten_unless_told(places: tuple[Place, Place]):
    source, target = places
    source.records("a").update({"same": 1, "other": 2, "new": 3, 17: "x"})
    target.records("a").update({"same": 1, "other": "!", "its own": 4})
    before = contents(source), contents(target)
    for transfer in (copy, move):
        with pytest.raises(Conflict, match=r"holds other values.* under 'other'; ") as refused:
            transfer(source, target)
        assert refused.value.keys == ["other"]
        assert (contents(source), contents(target)) == before
    move(source, target, overwrite=True)
    assert source.collections() == []
    assert target.records("a") == {"same": 1, "other": 2, "new": 3, 17: "x", "its own": 4}


def test_a_counter_is_never_lowered(places: tuple[Place, Place]):
    source, target = places
    for name, mine, theirs in [("up", 5, 3), ("down", 3, 5), ("below", -7, None), ("nil", 0, None)]:
        source.counter(name).reset(mine)
        if theirs is not None:
            target.counter(name).reset(theirs)
    assert copy(source, target, collections=[], counters=["up"]) == Moved(0, 0, 1)
    assert contents(target)[1] == {"up": 5, "down": 5}
    assert move(source, target) == Moved(0, 0, 4)
    assert contents(target)[1] == {"up": 5, "down": 5, "below": -7, "nil": 0}
    assert source.counters() == []


def test_only_what_is_named(places: tuple[Place, Place]):
    source, target = places
    for name in "abc":
        source.records(name)["k"] = source.counter(name).increment()
    assert move(source, target, collections=["a"], counters=["b"]) == Moved(1, 1, 1)
    assert (source.collections(), source.counters()) == (["b", "c"], ["a", "c"])
    assert (target.collections(), target.counters()) == (["a"], ["b"])


# --- what cannot go there ----------------------------------------------------------------------


def test_a_record_that_is_no_json_is_told_and_stays(places: tuple[Place, Place]):
    source, target = places
    source.records("a")["b"] = 1
    for record in (b'{"a":', b"\xff", b"NaN", b"[" * 100_000, b'"\xff"', b""):
        source.records("a")._write({"bad": record}, {})
        with pytest.raises(CorruptData, match="key 'bad': the record is no JSON"):
            move(source, target)
        assert source.records("a")._get("bad") == record
        assert source.records("a")["b"] == 1


def test_json_that_a_backend_would_change_is_told_and_stays(quick_path: Path):
    source, target = place_on("SQLite", quick_path), place_on("File", quick_path)
    source.records("a")._write({"b": b'{"a":\n1}'}, {})
    with pytest.raises(InvalidValue, match="cannot keep the record as it stands"):
        move(source, target)
    assert source.records("a")["b"] == {"a": 1}
    move(source, place_on("Directory", quick_path))


def test_a_pickle_signed_for_the_source_alone_stays(quick_path: Path):
    signed = Place("SQLite", path=quick_path / "a.sqlite", serializer="pickle", secret="s")
    signed.store("a").put("b", 1j, expires_in=60)
    with pytest.raises(ConfigError, match="signed for SQLiteStore alone"):
        move(signed, place_on("RedisKey", quick_path))
    assert signed.store("a")["b"] == 1j
    other = Place("SQLite", path=quick_path / "b.sqlite", serializer="pickle", secret="s")
    move(signed, other)
    assert other.store("a")["b"] == 1j


# --- interrupted, and beside writers -----------------------------------------------------------


def test_a_move_that_is_killed_goes_on_where_it_was(quick_path: Path, tmp_path: Path):
    chance = random.Random(16)
    for number in range(size(quick=2, full=15)):
        one, other = chance.choice([each for each in PAIRS if "Memory" not in each])
        folder = quick_path / str(number)
        source, target = place_on(one, folder), place_on(other, folder)
        for name in ("a", "b"):
            source.records(name).update({key: [key] * 20 for key in range(3_000)})
            source.counter(name).reset(7)
        before = contents(source)
        close_all()
        began = time.monotonic()
        kills = 0
        while True:
            worker = fork(move, source, target)
            time.sleep(chance.uniform(0.0, 0.15 * 2**kills))
            worker.kill()
            kills += 1
            for name, records in before[0].items():
                there = target.records(name)._load()
                assert {**source.records(name)._load(), **there} == records
            if kills > 3 or time.monotonic() - began > 5:
                break
        move(source, target)
        assert contents(target) == before
        assert contents(source) == ({}, {})


def test_a_move_beside_a_writer_loses_nothing(places: tuple[Place, Place]):
    """The writer changes and adds at the source, between any two steps of the move."""
    source, target = places
    store = source.records("a")
    store.update(dict.fromkeys(range(6000), 0))
    model = dict(store.snapshot())
    chance = random.Random(3)
    steps = 0

    def write(_done: int, _total: int) -> None:
        nonlocal steps
        steps += 1
        if steps > 12:
            return
        for key in chance.sample(range(6_000), 20):
            if key in store:
                store[key] = model[key] = steps
        store[f"new {steps}"] = model[f"new {steps}"] = steps

    move(source, target, progress=write)
    assert steps > 9
    assert target.records("a") == model
    assert source.collections() == []


def test_a_move_beside_a_writer_that_never_rests_ends(places: tuple[Place, Place]):
    source, target = places
    store = source.records("a")
    store["first"] = 0

    def write(done: int, _total: int) -> None:
        store[f"new {done}"] = done

    with pytest.raises(Unavailable, match="go on writing there"):
        move(source, target, progress=write)
    assert "first" in target.records("a")
    move(source, target)
    assert source.collections() == []


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_record_that_changes_as_it_is_removed_is_brought_over(backend: str, quick_path: Path):
    source, target = place_on(backend, quick_path / "a"), Place(Slow, folder=str(quick_path))
    store = source.records("a")
    store.update({"changed": 1, "deleted": 1, "stays": 1})

    def between() -> None:
        store["changed"] = 2
        del store["deleted"]

    Slow.then = between
    move(source, target)
    assert target.records("a") == {"changed": 2, "stays": 1}
    assert source.collections() == []
    target.records("a").drop()


class Slow(MemoryStore[Any]):
    """Somebody writes to the source between the last comparison and the removal."""

    opener = staticmethod(lambda *, folder: Memory())  # type: ignore[assignment]
    counter = None  # type: ignore[assignment]
    looks = 0
    then: Any = None

    def _load(self, keys: Collection[str] | None = None) -> Mapping[str, bytes]:
        found = super()._load(keys)
        if keys is not None and Slow.then is not None:
            Slow.looks += 1
            if Slow.looks == 2:  # the first compares, the second is just before the removal
                Slow.looks, between, Slow.then = 0, Slow.then, None
                between()
        return found


@pytest.mark.parametrize("name", ["backend", "self", "cls", "options", "nope"])
def test_an_option_that_no_place_has_is_told(name: str):
    for lead in (place_of, places_of):
        with pytest.raises(ConfigError, match=f"unknown option '{name}'"):
            lead(f"sqlite:desk.sqlite?{name}=1")
    with pytest.raises(ConfigError, match=f"unknown option '{name}'"):
        Place("SQLite", path="desk.sqlite", **{name: 1})
