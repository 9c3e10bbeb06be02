"""SQLite files that are removed, renamed or replaced while they are open, and used again."""

import shutil
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from napixd_store import Counter, OutcomeUnknown, Store, StoreError, Unavailable
from napixd_store.connections import close_all
from tests.descriptors import descriptors
from tests.processes import fork
from tests.test_sqlite_faults import READS, WRITES, assert_intact, at, make_database

NOTICED = 0.02
"""Seconds after which a read must have noticed."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of ours that nobody opens."""
    path = tmp_path_factory.mktemp("whole") / "doc.sqlite"
    make_database(path)
    return path


@pytest.fixture
def path(whole: Path, quick_path: Path) -> Path:
    """A database of ours, with another beside it to replace it by."""
    path = quick_path / "folder" / "doc.sqlite"
    path.parent.mkdir()
    shutil.copy(whole, path)
    shutil.copy(whole, path.with_name("other.sqlite"))
    return path


@pytest.fixture(autouse=True)
def kept(path: Path) -> Any:
    """Stay with one connection, as a service does, and have it open when a test begins."""
    store = Store("old", **at(path))
    store["key 1"] = store["key 1"]
    return store


def _all_of(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{path.name}*"))


def remove(path: Path) -> None:
    for file in _all_of(path):
        file.unlink()


def rename(path: Path) -> None:
    for file in _all_of(path):
        file.rename(file.with_name(f"moved {file.name}"))


def rename_the_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name("moved"))


def replace(path: Path) -> None:
    for file in _all_of(path)[1:]:
        file.unlink()
    path.with_name("other.sqlite").rename(path)


MOVES = [remove, rename, rename_the_folder, replace]


# --- noticed --------------------------------------------------------------------------------------


@pytest.mark.parametrize("move", MOVES, ids=lambda move: move.__name__)
@pytest.mark.parametrize("act", {**READS, **WRITES}.items(), ids=lambda act: act[0])
def test_the_next_operation_is_an_error_and_the_one_after_works_on_what_is_there(path, act, move):
    move(path)
    time.sleep(NOTICED)

    with pytest.raises(Unavailable, match=r"removed, renamed or replaced.*nothing was changed"):
        act[1](path)

    if move is replace:
        assert_intact(path)
    else:
        assert not path.exists()
        assert (Counter("old", **at(path)).value, len(Store("old", **at(path)))) == (0, 0)
        assert path.exists(), "as at a first opening"


@pytest.mark.parametrize("move", MOVES, ids=lambda move: move.__name__)
@pytest.mark.parametrize("act", WRITES.items(), ids=lambda act: act[0])
def test_no_write_is_acknowledged_that_went_into_another_file(path, act, move):
    move(path)
    with pytest.raises((Unavailable, OutcomeUnknown), match="removed, renamed or replaced"):
        act[1](path)


@pytest.mark.parametrize("move", MOVES, ids=lambda move: move.__name__)
def test_no_write_is_judged_by_what_was_in_another_file(path, kept, move):
    counter = Counter("old", **at(path))
    counter.reset(2**63 - 1)
    assert kept.get("key 1") == kept["key 1"]  # so the file has just been looked at
    move(path)
    with pytest.raises(Unavailable, match="nothing was changed"):  # and no CounterOverflow
        counter.increment()
    assert counter.increment() != 2**63 - 1


@pytest.mark.parametrize("move", MOVES, ids=lambda move: move.__name__)
def test_a_file_that_goes_in_the_middle_of_a_transaction_gets_nothing_of_it(path, kept, move):
    def work(cursor: sqlite3.Cursor) -> None:
        cursor.execute("DELETE FROM entries")
        move(path)

    with pytest.raises(Unavailable, match="nothing was changed"):
        kept._connection.transaction(work)

    place = {
        rename: path.with_name(f"moved {path.name}"),
        rename_the_folder: path.parent.with_name("moved") / path.name,
        replace: path,
    }.get(move)
    if place is not None:
        assert_intact(place)


def test_a_log_that_is_removed_is_noticed_and_nothing_of_it_is_lost(path, kept):
    """The handles that are still on it copy it to the file when they close."""
    kept["new"] = 1
    session = kept._connection._pool.session()
    session.trusted_until = time.monotonic() + 60  # else a slow machine notices it at once
    path.with_name(f"{path.name}-wal").unlink()
    kept["newer"] = 2
    session.trusted_until = 0.0

    with pytest.raises(Unavailable, match="nothing was changed"):
        kept["newest"] = 3

    assert (kept.pop("new"), kept.pop("newer")) == (1, 2)
    assert_intact(path)


def test_a_file_that_comes_back_is_worked_with_again(path, kept):
    aside = path.parent.with_name("aside")
    path.parent.rename(aside)
    time.sleep(NOTICED)
    with pytest.raises(Unavailable):
        kept.get("key 1")
    aside.rename(path.parent)
    assert_intact(path)


# --- once -----------------------------------------------------------------------------------------


def test_a_process_whose_threads_are_idle_sees_one_error(path, kept):
    counter = Counter("old", **at(path))
    with ThreadPoolExecutor(1) as another_thread:
        assert another_thread.submit(kept.get, "key 1").result() is not None
        replace(path)
        time.sleep(NOTICED)
        with pytest.raises(Unavailable):
            counter.increment()
        assert another_thread.submit(counter.increment).result() == 42
    assert counter.increment() == 43


def test_busy_threads_see_an_error_each_at_most_and_lose_nothing(path):
    """Each number that was given after the file was replaced is of the new file, and once."""
    counter, replaced = Counter("ids", **at(path)), threading.Event()

    def increment() -> tuple[list[int], list[StoreError]]:
        after: list[int] = []
        errors: list[StoreError] = []
        while len(after) < 100:
            begun_after = replaced.is_set()
            try:
                number = counter.increment()
            except StoreError as exc:
                errors.append(exc)
                if len(errors) > 2:
                    raise
            else:
                after += [number] * begun_after
        return after, errors

    with ThreadPoolExecutor(4) as pool:
        threads = [pool.submit(increment) for _ in range(4)]
        counter.increment()
        with counter._connection.lock:  # a log made between the two steps of it is rightly refused
            replace(path)
        replaced.set()
        outcomes = [thread.result() for thread in threads]

    numbers = sorted(sum((after for after, _ in outcomes), []))
    assert len(numbers) == len(set(numbers)) == 400
    assert numbers[-1] <= counter.value
    assert any(errors for _, errors in outcomes)


def test_the_handles_on_the_old_file_are_closed(path, kept):
    moved = path.with_name(f"moved {path.name}")
    with ThreadPoolExecutor(1) as another_thread:
        another_thread.submit(kept.get, "key 1").result()
        rename(path)
        assert descriptors(moved) > 0
        time.sleep(NOTICED)
        with pytest.raises(Unavailable):
            kept.get("key 1")
        assert descriptors(moved) == 0


# --- whose data -----------------------------------------------------------------------------------


def _make_in_the_other_order(path: Path, *names: str) -> None:
    for name in names:
        Store(name, **at(path)).update({f"{name} {number}": name for number in range(3000)})
    close_all()


@pytest.mark.parametrize("how", ["noticed", "closed"])
def test_a_store_never_takes_the_number_that_its_collection_had_in_another_file(tmp_path, how):
    path = tmp_path / "swapped.sqlite"
    public, passwords = Store("public", **at(path)), Store("passwords", **at(path))
    public["a"], passwords["b"] = 1, 2
    with fork(_make_in_the_other_order, tmp_path / "new", "passwords", "public") as child:
        child.result()
    if how == "closed":
        close_all()
    remove(path)
    (tmp_path / "new").rename(path)
    if how == "noticed":
        time.sleep(NOTICED)
        with suppress(Unavailable):
            public.get("a")

    assert set(public.values()) == {"public"}
    assert set(passwords.values()) == {"passwords"}
    assert len(public) == len(passwords) == 3000
    public.clear()
    assert (len(public), len(passwords)) == (0, 3000)


def test_an_iteration_goes_on_in_its_own_collection_when_the_file_is_replaced(tmp_path):
    path = tmp_path / "swapped.sqlite"
    public = Store("public", **at(path))
    public.update({f"public {number}": "public" for number in range(3000)})
    Store("passwords", **at(path))["b"] = 2
    with fork(_make_in_the_other_order, tmp_path / "new", "passwords", "public") as child:
        child.result()

    values = iter(public.values())
    seen = {next(values)}
    close_all()
    remove(path)
    (tmp_path / "new").rename(path)

    assert seen | set(values) == {"public"}


# --- used again -----------------------------------------------------------------------------------


def _remove_the_folder(path: Path) -> None:
    shutil.rmtree(path.parent)


@pytest.mark.parametrize("clear", [remove, _remove_the_folder], ids=lambda clear: clear.__name__)
def test_a_path_is_used_again_at_once_after_close_all(path, kept, clear):
    counter = Counter("old", **at(path))
    for turn in range(3):
        close_all()
        clear(path)
        assert (counter.increment(), len(kept)) == (1, 0)
        kept[turn] = turn
        assert Store("old", **at(path)).snapshot() == {turn: turn}


def test_a_file_that_takes_the_place_of_a_closed_one_is_looked_at_first(path, kept):
    """Whatever inode it has: a file system gives that of a removed file to the next."""
    close_all()
    path.unlink()
    path.write_bytes(b"not a database\n" * 1000)
    with pytest.raises(StoreError, match="not a database"):
        kept.get("key 1")


def test_another_process_notices_as_well(path):
    with fork(_see_it_go, path) as child:
        remove_when_open(path)
        assert child.result() == 1


def remove_when_open(path: Path) -> None:
    deadline = time.monotonic() + 10
    while not path.with_name("open").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    remove(path)
    path.with_name("open").unlink()


def _see_it_go(path: Path) -> int:
    counter = Counter("old", **at(path))
    assert counter.increment() == 42
    path.with_name("open").touch()
    while path.with_name("open").exists():
        time.sleep(0.005)
    with pytest.raises((Unavailable, OutcomeUnknown)):
        counter.increment()
    return counter.increment()
