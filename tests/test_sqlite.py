"""What is peculiar to SQLite: the order, the file's layout, the settings of each session, locks."""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from napixd_store import ConfigError, CorruptData, Counter, Store, Unavailable
from napixd_store.backends.sqlite import SQLiteStore
from napixd_store.backends.sqlite.leases import lease
from napixd_store.backends.sqlite.queue import Queue
from napixd_store.backends.sqlite.session import Session
from napixd_store.connections import close_all
from tests.processes import TIMEOUT, Signal, fork, run_threads


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "doc.sqlite"


@pytest.fixture
def store(path):
    return Store("shelf", "SQLite", path=path)


@pytest.fixture
def raw(path) -> Iterator[sqlite3.Connection]:
    """A handle of another program on the same file, which exists."""
    Store("made", "SQLite", path=path).drop()
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as connection:
        yield connection


# --- order ---------------------------------------------------------------------------------------


def test_keys_come_in_the_order_of_insertion_and_an_overwritten_one_keeps_its_place(store):
    store.update({"c": 1, "a": 2, "b": 3})
    store["d"] = [4]
    store["a"] = 5
    store.update(c=6, e=7)
    store.incr("b")
    with store.edit("d") as value:
        value.append(4)
    assert list(store) == ["c", "a", "b", "d", "e"]

    store["a"] = store.pop("a")
    assert list(store.items()) == [("c", 6), ("b", 4), ("d", [4, 4]), ("e", 7), ("a", 5)]
    assert list(store) == list(store.snapshot()) == list(store.keys())


def test_the_order_is_kept_across_batches_of_the_scan(store):
    keys = [f"{number * 7919 % 5000}" for number in range(5000)]
    store.update(dict.fromkeys(keys, 0))
    assert list(store) == keys
    store.update(dict.fromkeys(sorted(keys), 1))
    assert list(store) == keys


def test_renaming_every_key_while_iterating_meets_each_once(quick_path):
    store = Store("shelf", "SQLite", path=quick_path / "doc.sqlite", durability="process")
    store.update({f"k{number}": number for number in range(1200)})
    for met, key in enumerate(store):
        assert met < 1200, "it does not end"
        store[f"renamed {key}"] = store.pop(key)
    assert list(store) == [f"renamed k{number}" for number in range(1200)]


@pytest.mark.parametrize(
    "take", [lambda store: store.popitem(), lambda store: next(iter(store))], ids=["pop", "iter"]
)
def test_the_first_key_costs_the_same_whatever_the_size(store, monkeypatch, take):
    store.update(dict.fromkeys(range(5000), "x"))
    read_until, read = store._connection.read_until, []

    def count(*asked: Any) -> list[Any]:
        read.append(read_until(*asked))
        rows: list[Any] = read[-1]
        return rows

    monkeypatch.setattr(store._connection, "read_until", count)
    take(store)
    assert len(read) == 1
    assert len(read[0]) <= 10


# --- names and keys ------------------------------------------------------------------------------

ODD = [
    "\0",
    "a\0b",
    "a",
    "A",
    "a:b",
    "a' OR '1'='1",
    'a"; DROP TABLE records; --',
    "%",
    "_",
    "*",
    "../up",
    "=b17",
    "17",
    " ",
    "\n",
    "é",
    "e\u0301",
    "ﬁ",
    "\U0001f600",
    "\uffff",
    "x" * 1000,
]


def test_odd_keys_never_meet(store):
    for number, key in enumerate(ODD):
        store[key] = number
    store[17] = "the int"

    numbers: dict[str | int, Any] = {key: number for number, key in enumerate(ODD)}
    assert store.snapshot() == numbers | {17: "the int"}
    assert store.get_many(ODD) == {key: number for number, key in enumerate(ODD)}
    assert len(store) == len(ODD) + 1
    for number, key in enumerate(ODD):
        assert store.pop(key) == number
    assert store.snapshot() == {17: "the int"}


def test_odd_collections_and_counters_never_meet(path):
    for number, name in enumerate(ODD):
        Store(name, "SQLite", path=path)["key"] = number
        Counter(name, "SQLite", path=path).reset(number)

    assert SQLiteStore.collections({"path": path}) == sorted(ODD)
    Store(ODD[0], "SQLite", path=path).drop()
    for number, name in enumerate(ODD[1:], 1):
        assert Store(name, "SQLite", path=path).snapshot() == {"key": number}
        assert Counter(name, "SQLite", path=path).value == number


def test_collections_lists_exactly_those_that_hold_something(path):
    def listed() -> list[str]:
        return SQLiteStore.collections({"path": path})

    assert listed() == []
    first, second = Store("first", "SQLite", path=path), Store("second", "SQLite", path=path)
    first["a"] = 1
    assert listed() == ["first"]
    second.update(a=1, b=2)
    Counter("a counter", "SQLite", path=path).increment()
    assert listed() == ["first", "second"]

    first.clear()
    del second["a"]
    assert listed() == ["second"]
    second.pop("b")
    first["a"] = 1
    first.drop()
    assert listed() == []


# --- the file, for other programs ----------------------------------------------------------------


def test_the_file_is_read_as_its_documentation_says(store, path):
    store["scp-001"] = {"title": "No coffee", "open": True}
    Counter("ids", "SQLite", path=path).increment(7)
    with closing(sqlite3.connect(path)) as other:
        record = other.execute("SELECT record FROM records WHERE collection = 'shelf'").fetchall()
        counter = other.execute("SELECT name, value FROM counters").fetchall()
    assert record == [('{"title":"No coffee","open":true}',)]
    assert counter == [("ids", 7)]


def _insert(raw: sqlite3.Connection, key: str, record: bytes) -> None:
    raw.execute(
        "INSERT INTO entries (collection, key, record, seq) SELECT id, ?, ?, 1 + coalesce("
        "(SELECT max(seq) FROM entries WHERE seq > id << 40 AND seq < (id + 1) << 40), id << 40) "
        "FROM collections WHERE name = 'shelf'",
        (key, record),
    )


def test_a_row_inserted_by_hand_is_a_value_like_any_other(store, raw):
    store["ours"] = 1
    _insert(raw, "theirs", b' { "by" : "hand" } ')
    _insert(raw, "=b17", b"[1.5, null]")

    assert store["theirs"] == {"by": "hand"}
    assert store[17] == [1.5, None]
    assert list(store.items()) == [("ours", 1), ("theirs", {"by": "hand"}), (17, [1.5, None])]
    with store.edit("theirs") as value:
        value["and"] = "us"
    assert store.pop("theirs") == {"by": "hand", "and": "us"}


def test_a_row_inserted_by_hand_under_the_next_number_is_counted(store, raw):
    store["ours"] = 1
    _insert(raw, "theirs", b"2")
    assert len(store) == len(list(store)) == 2
    del store["ours"]
    assert len(store) == 1


def test_the_size_is_right_whatever_was_deleted_and_replaced(store, raw):
    """It is the newest number less the holes: each kind of hole comes, and goes again."""
    store.update(dict.fromkeys("abcdef", 0))
    del store["c"]  # in the middle
    del store["f"]  # the newest
    store.update(dict.fromkeys("abgh", 1))  # two keep their place, two are new
    assert len(store) == len(list(store)) == 6
    del store["h"]  # the newest, behind which only holes were
    store["i"] = store["a"] = 2
    assert len(store) == len(list(store)) == 6
    raw.execute("DELETE FROM entries WHERE key IN ('a', 'i')")
    assert len(store) == len(list(store)) == 4
    store.clear()
    assert len(store) == len(list(store)) == 0
    store["j"] = 1
    assert len(store) == len(list(store)) == 1


def test_records_that_are_not_ours_are_corrupt_and_stay_as_they_are(store, raw):
    store["good"] = 1
    for key, record in {"cut": b'{"a":', "latin": b'"\xe9"', "tag": b'{"$nothing": 1}'}.items():
        _insert(raw, key, record)
        for attempt in (store.__getitem__, store.pop, store.incr):
            with pytest.raises(CorruptData, match=f"'shelf'.*'{key}'"):
                attempt(key)
        found = raw.execute("SELECT record FROM entries WHERE key = ?", (key,)).fetchone()
        assert found == (record,)
    assert store["good"] == 1


# --- durability ----------------------------------------------------------------------------------

SYNCHRONOUS = {"power": 2, "process": 1}  # FULL and NORMAL


@pytest.mark.parametrize("durability", ["power", "process"])
def test_each_session_has_the_settings_its_durability_needs(path, durability):
    store = Store("shelf", "SQLite", path=path, durability=durability)
    assert store.durability == durability

    def settings(handle: sqlite3.Connection) -> list[Any]:
        return [
            handle.execute(f"PRAGMA {setting}").fetchone()[0]
            for setting in ("journal_mode", "synchronous")
        ]

    def look() -> list[Any]:
        found: list[Any] = store._connection.transaction(settings)
        return found

    found = [look(), *run_threads(look, [(), ()])]
    close_all()
    found.append(look())
    with fork(look) as child:
        found.append(child.result())

    assert found == [["wal", SYNCHRONOUS[durability]]] * 5


def test_power_is_the_default(path):
    assert Store("a", "SQLite", path=path).durability == "power"
    assert Counter("a", "SQLite", path=path).durability == "power"


@pytest.mark.parametrize("durability", ["memory", "replicated", "full"])
def test_a_durability_that_sqlite_cannot_give_is_refused_at_opening(path, durability):
    with pytest.raises(ConfigError, match="durability"):
        Store("a", "SQLite", path=path, durability=durability)


def test_two_durabilities_of_one_file_see_the_same_data(path):
    power = Store("shelf", "SQLite", path=path, durability="power")
    process = Store("shelf", "SQLite", path=path, durability="process")
    ids = [Counter("ids", "SQLite", path=path, durability=each) for each in SYNCHRONOUS]
    assert power._connection is not process._connection

    power["a"] = 1
    process["b"] = 2
    numbers = [counter.increment() for counter in ids * 3]

    assert power.snapshot() == process.snapshot() == {"a": 1, "b": 2}
    assert len(power) == len(process) == 2
    assert numbers == [1, 2, 3, 4, 5, 6]


# --- threads that end ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "event", [close_all, lambda: fork(os.getpid).result()], ids=["close_all", "fork"]
)
def test_the_handle_of_a_thread_that_ends_is_closed_by_nobody_else_at_once(
    path, monkeypatch, event
):
    """Two threads in ``close()`` of one handle crash Python 3.10."""
    store = Store("shelf", "SQLite", path=path)
    store["a"] = 1
    closed: list[sqlite3.Connection] = []
    begun = threading.Event()

    class Slow(sqlite3.Connection):
        def close(self) -> None:
            closed.append(self)
            begun.set()
            time.sleep(0.2)
            super().close()

    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Slow))
    thread = threading.Thread(target=store.get, args=("a",))
    thread.start()
    assert begun.wait(TIMEOUT)
    event()
    thread.join()
    assert len(closed) == 1
    close_all()
    assert os.listdir(path.parent) == [path.name], "the last handle to be closed leaves one file"


def test_what_the_thread_that_handles_signals_had_is_closed_by_the_next_operation(
    path, monkeypatch
):
    """By none of our code while it is finalised: what a handler raised there would be lost."""
    store = Store("shelf", "SQLite", path=path)
    store["a"] = 1
    closed: list[Session] = []
    monkeypatch.setattr(Session, "close_if_idle", lambda session: closed.append(session))
    left, sessions = Session(str(path), Queue(path)), set[Session]()

    lease(left, sessions)

    assert (closed, sessions) == ([], {left})
    assert store["a"] == 1
    assert (closed, sessions) == ([left], set())


# --- locks ---------------------------------------------------------------------------------------


def test_a_writer_that_waits_longer_than_timeout_is_told_and_nothing_is_changed(path, raw):
    options: dict[str, Any] = {"backend": "SQLite", "path": path, "timeout": 0.2}
    store, counter = Store("shelf", **options), Counter("ids", **options)
    back = Store("shelf", writeback=True, **options)
    store["a"], back["b"] = 1, 2
    counter.increment()
    raw.execute("BEGIN IMMEDIATE")

    for attempt in (
        lambda: store.update(a=2),
        lambda: store.pop("a"),
        lambda: store.incr("a"),
        store.drop,
        back.save,
        counter.increment,
        counter.reset,
    ):
        began = time.perf_counter()
        with pytest.raises(Unavailable, match="timeout="):
            attempt()
        assert 0.15 < time.perf_counter() - began < 2
    assert (store["a"], counter.value, len(store)) == (1, 1, 1)  # reading needs no lock
    raw.execute("ROLLBACK")

    assert store.snapshot() == {"a": 1}
    assert counter.increment() == 2
    back.save()
    assert store.snapshot() == {"a": 1, "b": 2}


def test_a_writer_waits_for_another_process_within_its_timeout(path):
    counter = Counter("ids", "SQLite", path=path, timeout=10)
    counter.increment()
    locked = Signal()
    with fork(_hold_for_a_while, path, locked) as holder:
        locked.wait()
        assert counter.increment() == 2
        holder.result()


def _hold_for_a_while(path: Path, locked: Signal) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        locked.send()
        time.sleep(0.3)  # the length of its work
        other.execute("COMMIT")


def test_a_reader_in_the_middle_of_a_transaction_keeps_no_writer_waiting(path, store, raw):
    store["a"] = 1
    raw.execute("BEGIN")
    assert raw.execute("SELECT count(*) FROM records").fetchone() == (1,)

    store["a"] = 2
    Counter("ids", "SQLite", path=path, timeout=0.2).increment()

    assert raw.execute("SELECT record FROM records").fetchone() == ("1",)
    raw.execute("ROLLBACK")
    assert raw.execute("SELECT record FROM records").fetchone() == ("2",)


def test_an_iteration_that_is_left_keeps_no_lock(store, raw):
    store.update(dict.fromkeys(range(3000), 1))
    iterator = iter(store)
    next(iterator)

    raw.execute("BEGIN EXCLUSIVE")
    raw.execute("ROLLBACK")
    assert raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    assert len(list(iterator)) == 2999


# --- paths and versions --------------------------------------------------------------------------


def test_a_sqlite_that_is_too_old_is_refused_at_opening(path, monkeypatch):
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 0))
    for open_ in (Store, Counter):
        with pytest.raises(ConfigError, match=r"3\.37\.0 or newer"):
            open_("a", "SQLite", path=path)
    assert not path.exists()


def test_the_oldest_sqlite_that_is_new_enough_is_taken(path, monkeypatch):
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 37, 0))
    assert Counter("a", "SQLite", path=path).increment() == 1


@pytest.mark.parametrize(
    "name", ["with space.sqlite", "50%.sqlite", "what?.sqlite", "#1.sqlite", "ü.sqlite", "a&b=c"]
)
def test_a_path_may_hold_what_means_something_in_a_uri(tmp_path, name):
    path = tmp_path / name
    Counter("a", "SQLite", path=path).increment()
    assert Counter("a", "SQLite", path=str(path)).increment() == 2
    close_all()
    assert os.listdir(tmp_path) == [name]


def test_a_tilde_in_the_path_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    Counter("tilde", "SQLite", path="~/tilde/doc.sqlite").increment()
    assert (tmp_path / "tilde" / "doc.sqlite").exists()


def test_a_relative_path_means_the_folder_in_which_the_store_was_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    counter = Counter("a", "SQLite", path="relative.sqlite")
    counter.increment()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    close_all()

    assert counter.increment() == 2
