"""Erasing a large collection of a SQLite file: what others see of it, and when it is broken off."""

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from napixd_store import Store, StoreBackend, StoreError
from napixd_store.backends.sqlite import SQLiteStore, erasing, layout, sql
from napixd_store.operations.backup import backup
from napixd_store.operations.checking import check
from napixd_store.operations.measuring import stat, vacuum
from napixd_store.operations.place import Place
from tests.harness.interrupts import EXCEPTIONS, interruptions
from tests.processes import Signal, fork, run
from tests.sizes import size

RECORDS = size(quick=20_000, full=200_000)


@pytest.fixture
def path(quick_path: Path) -> Path:
    return quick_path / "doc.sqlite"


def at(path: Path, name: str = "large", **more: Any) -> StoreBackend[Any]:
    return Store(name, "SQLite", path=path, durability="process", **more)


def fill(path: Path, name: str = "large", records: int = RECORDS) -> StoreBackend[Any]:
    """Return a store of so many *records*, for which a step has no time."""
    store = at(path, name)
    store.update({number: number for number in range(records)})
    return store


@pytest.fixture
def short_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasing, "_LONGEST", 0.0)


@pytest.fixture
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    at(path, "kept")["a"] = 1
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        yield raw


def left(raw: sqlite3.Connection) -> list[int]:
    """Return the numbers of what was dropped, and has a row still."""
    return [id for (id,) in raw.execute("SELECT id FROM collections WHERE name IS NULL")]


def entries(raw: sqlite3.Connection) -> int:
    return int(raw.execute("SELECT count(*) FROM entries").fetchone()[0])


def _drop_and_stop(path: Path, name: str, inside: Signal) -> None:
    """Drop the collection as far as the second step, and no further."""

    def stop() -> None:
        inside.send()
        Signal().wait()

    erasing._LONGEST, erasing._give_way = 0.0, stop
    at(path, name).drop()


def leave_half(path: Path, name: str = "large") -> None:
    """Have a process drop the collection, and be killed after its first step."""
    inside = Signal()
    with fork(_drop_and_stop, path, name, inside) as child:
        inside.wait()
        child.kill()


# --- what others see ------------------------------------------------------------------------------


def test_readers_see_all_or_nothing_while_another_process_erases(path, raw, short_steps):
    large = fill(path)
    done, while_erasing = Signal(), 0
    seen = _looks(large)
    with fork(_drop, large, done) as child:
        while not done.sent():
            seen += _looks(large)
            while_erasing += bool(left(raw))
        child.result()
    assert while_erasing > 0
    assert set(seen) == {0, RECORDS}
    assert seen == sorted(seen, reverse=True)
    assert (len(large), entries(raw)) == (0, 1)


def _looks(large: StoreBackend[Any]) -> list[int]:
    """Return how many records there seem to be, one way after another."""
    keys = [0, RECORDS // 2, RECORDS - 1]
    return [
        len(large),
        len(large.get_many(keys)) * RECORDS // len(keys),
        RECORDS * any(True for _ in large),
        RECORDS * (large.collection in large.collections({"path": large._connection.path})),
    ]


def _drop(large: StoreBackend[Any], done: Signal) -> None:
    try:
        large.drop()
    finally:
        done.send()


def test_others_write_between_two_steps_to_whatever_they_like(path, raw):
    fill(path)
    inside = Signal()
    with fork(_drop_and_stop, path, "large", inside):
        inside.wait()
        for name in ("kept", "large", "new"):
            store = at(path, name, timeout=0)
            store.update(a=1, b=2)
            assert (store.snapshot(), len(store)) == ({"a": 1, "b": 2}, 2)
        assert entries(raw) > 6
    assert sorted(SQLiteStore.collections({"path": path})) == ["kept", "large", "new"]


def test_writes_of_another_process_come_in_turn_while_one_erases(path, raw, short_steps):
    large, kept = fill(path), at(path, "kept")
    written = 0
    done = Signal()
    with fork(_drop, large, done) as child:
        while not done.sent():
            kept["a"] = written
            written += bool(left(raw))
        child.result()
    assert written > 3
    assert entries(raw) == 1


def test_what_is_left_is_seen_by_nobody(path, raw, tmp_path):
    fill(path)
    leave_half(path)
    place, copy = Place("SQLite", path=path), Place("SQLite", path=tmp_path / "copy.sqlite")
    backup(place, tmp_path / "copy.sqlite")
    for each in (place, copy):
        assert each.collections() == ["kept"]
        assert check(each) == []
        assert {name: size.records for name, size in stat(each).collections.items()} == {"kept": 1}
    assert raw.execute("SELECT collection, key FROM records").fetchall() == [("kept", "a")]
    assert entries(raw) > 1
    assert (len(at(path)), list(at(path)), at(path).get(0), at(path).sweep()) == (0, [], None, 0)


def test_no_number_is_given_again_while_it_has_entries(path, raw):
    fill(path)
    leave_half(path)
    (number,) = left(raw)
    at(path)["new"] = 1
    raw.execute("INSERT INTO collections (id, name) VALUES (?, 'last')", (layout.LAST_ID,))
    for name in "bcd":  # the numbers that are free are given now
        at(path, name)["new"] = 1
    given = dict(raw.execute("SELECT name, id FROM collections WHERE name IS NOT NULL"))
    assert given.keys() == {"kept", "large", "last", *"bcd"}
    assert number not in given.values()
    assert min(given["b"], given["c"], given["d"]) < number + 5
    for name in ("large", *"bcd"):
        assert at(path, name).snapshot() == {"new": 1}
        assert len(at(path, name)) == 1


# --- what is left, and who erases it --------------------------------------------------------------


def _sweep(path: Path) -> None:
    assert at(path, "kept").sweep() == 0


def _vacuum(path: Path) -> None:
    vacuum(Place("SQLite", path=path))


def _drop_another(path: Path) -> None:
    erasing._LONGEST = 60.0
    at(path, "none").drop()


def _clear_others(path: Path) -> None:
    small = at(path, "small")
    erasing._LONGEST = 0.002
    while small._connection.read(sql.DROPPED, (0,)):
        small["a"] = 1
        small.clear()
        assert len(small) == 0


@pytest.mark.parametrize("finish", [_sweep, _vacuum, _drop_another, _clear_others])
def test_what_a_killed_process_left_is_erased_by_another(finish: Callable[..., None], path, raw):
    fill(path)
    leave_half(path)
    assert entries(raw) > 1
    with fork(finish, path) as child:
        child.result()
    assert (entries(raw), left(raw)) == (1, [])
    assert at(path, "kept").snapshot() == {"a": 1}


def test_whenever_a_process_is_killed_all_or_nothing_is_gone(path, raw, short_steps):
    seed = random.randrange(2**32)
    print(f"{seed=}")  # noqa: T201 - pytest shows it if the test fails
    chance, found = random.Random(seed), set()
    for turn in range(size(quick=10, full=100)):
        large = fill(path, str(turn), 5_000)
        moment = Signal()
        with fork(_drop_slowly, large, moment) as child:
            for _ in range(chance.randrange(20)):
                child.wait_for(moment)
                if moment.sent():
                    moment.wait()
            child.kill()
        there = len(large)
        assert there == len(list(large)) in (0, 5_000)
        found.add(there)
        large.drop()
    assert at(path, "kept").sweep() == 0
    assert (entries(raw), left(raw)) == (1, [])
    assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert 0 in found


def _drop_slowly(large: StoreBackend[Any], moment: Signal) -> None:
    def told() -> None:
        moment.send()
        give_way()

    give_way = erasing._give_way
    erasing._give_way = told
    moment.send()
    large.drop()


def test_several_processes_erase_at_once(path, raw, short_steps):
    fill(path)
    leave_half(path)
    for number in range(3):
        fill(path, f"large {number}", 5_000)
    run(_drop_and_sweep, [(path, number) for number in range(3)])
    assert (entries(raw), left(raw)) == (1, [])


def _drop_and_sweep(path: Path, number: int) -> None:
    at(path, f"large {number}").drop()
    at(path, "kept").sweep()


def test_however_a_drop_is_interrupted_all_or_nothing_is_gone_and_the_rest_follows(path):
    with fork(_drop_and_be_interrupted, path) as child:
        assert child.result() > 10


def _drop_and_be_interrupted(path: Path) -> int:
    """Return how often a part was left."""
    erasing._LONGEST, erasing._AT_ONCE = 0.0, 2
    at(path, "kept")["a"] = 1
    store, halves = fill(path, records=6), 0
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        for turn, ended in enumerate(interruptions(store.drop, *EXCEPTIONS)):
            assert ended.error is ended.interrupt
            assert len(store) == len(list(store)) in (0, 6)
            halves += bool(left(raw))
            if turn % 2:
                store.drop()
            at(path, "kept").sweep()
            assert (entries(raw) - 1, left(raw)) == (len(store), [])
            fill(path, records=6)
    return halves


def test_a_drop_is_done_though_others_keep_it_from_erasing(path, raw, short_steps, monkeypatch):
    large = fill(path)
    monkeypatch.setattr(erasing, "_give_way", lambda: raw.execute("BEGIN IMMEDIATE"))
    at(path, timeout=0.01).drop()
    assert len(large) == 0
    assert len(left(raw)) == 1
    with pytest.raises(StoreError, match="locked by other writers"):
        at(path, timeout=0.01).sweep()
    raw.execute("ROLLBACK")
    monkeypatch.undo()
    large.sweep()
    assert (entries(raw), left(raw)) == (1, [])


def test_a_small_collection_is_erased_by_the_transaction_that_drops_it(path, raw, monkeypatch):
    """Also while there is much that others dropped: it waits for none of it."""
    monkeypatch.setattr(erasing, "_AT_ONCE", 1_001)
    monkeypatch.setattr(erasing, "_LONGEST", 0.0)
    small = at(path, "small")
    transact = small._connection.transaction
    fill(path)
    leave_half(path)
    small.update(dict.fromkeys(range(1_000), 1))
    before, transactions = entries(raw), []

    def counted(work: Any, *arguments: Any) -> Any:
        transactions.append(work)
        return transact(work, *arguments)

    monkeypatch.setattr(small._connection, "transaction", counted)
    small.clear()
    assert len(transactions) == 1
    assert (len(small), entries(raw)) == (0, before - 1_000)
    assert len(left(raw)) == 1


def test_to_delete_some_costs_the_same_however_many_follow(path, raw):
    costs = []
    for number, records in enumerate((1_000, 20_000), 2):
        fill(path, str(number), records)
        steps: list[int] = []
        raw.set_progress_handler(partial(steps.append, 0), 100)
        raw.execute(sql.ERASE, {"id": number, "many": 100})
        raw.set_progress_handler(None, 0)
        assert len(at(path, str(number))) == records - 100
        costs.append(len(steps))
    assert costs[1] < 1.5 * costs[0]


def test_by_hand_a_name_may_be_taken_and_not_changed(path, raw):
    fill(path, records=3)
    for change in ("name = 'other'", "id = id + 1", "id = id + 1, name = NULL"):
        with pytest.raises(sqlite3.IntegrityError, match="keeps its number and name"):
            raw.execute(f"UPDATE collections SET {change} WHERE name = 'large'")
    raw.execute("UPDATE collections SET name = NULL WHERE name = 'large'")
    with pytest.raises(sqlite3.IntegrityError, match="keeps its number and name"):
        raw.execute("UPDATE collections SET name = 'large' WHERE name IS NULL")
    assert (len(at(path)), entries(raw)) == (0, 4)
    at(path).sweep()
    assert entries(raw) == 1
