"""Write-back: what two working copies of one collection do to each other, what save() writes."""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from napixd_store import (
    Conflict,
    InvalidValue,
    OutcomeUnknown,
    Store,
    StoreBackend,
    Unavailable,
)
from tests.processes import run, run_threads
from tests.test_processes import in_untold_child

COLLECTION = "written back"
Open = Callable[..., StoreBackend[Any]]


@pytest.fixture(params=["SQLite", "Memory"])
def open_store(request, tmp_path) -> Open:
    """Opens the test's collection anew at each call, write-back unless said otherwise."""
    options: dict[str, Any] = {"backend": request.param}
    if request.param == "SQLite":
        options |= {"path": tmp_path / "doc.sqlite", "durability": "process"}

    def open_store(writeback: bool = True) -> StoreBackend[Any]:
        return Store(COLLECTION, writeback=writeback, **options)

    open_store(writeback=False).drop()
    return open_store


@pytest.fixture
def seen(open_store: Open) -> StoreBackend[Any]:
    """The collection as everybody else sees it: write-through."""
    return open_store(writeback=False)


# --- one working copy ----------------------------------------------------------------------------


def test_nothing_is_seen_elsewhere_before_save(open_store, seen):
    store = open_store()
    store["a"] = 1
    store.update(b=2, c=[3])
    store.incr("n", 5)
    assert store.pop("b") == 2
    store.setdefault("d", {})["x"] = 1
    with store.edit("c") as value:
        value.append(4)

    assert store.snapshot() == {"a": 1, "c": [3, 4], "n": 5, "d": {"x": 1}}
    assert seen.snapshot() == {}

    store.save()

    assert seen.snapshot() == {"a": 1, "c": [3, 4], "n": 5, "d": {"x": 1}}


def test_what_others_write_is_seen_after_reload_only(open_store, seen):
    seen["a"] = 1
    store = open_store()
    assert store["a"] == 1

    seen["a"] = 2
    seen["b"] = 3
    assert store.snapshot() == {"a": 1}

    store.reload()
    assert store.snapshot() == {"a": 2, "b": 3}


def test_reload_forgets_unsaved_changes(open_store, seen):
    seen["a"] = [1]
    store = open_store()
    store["a"].append(2)
    store["b"] = 1

    store.reload()
    store.save()

    assert store.snapshot() == seen.snapshot() == {"a": [1]}


def test_a_value_changed_in_place_at_any_depth_is_saved(open_store, seen):
    seen["a"] = {"list": [{"deep": (1, [2])}], "other": 0}
    store = open_store()

    store["a"]["list"][0]["deep"][1].append(3)
    store.save()
    assert seen["a"] == {"list": [{"deep": (1, [2, 3])}], "other": 0}

    store["a"]["list"].clear()
    store.save()
    assert seen["a"] == {"list": [], "other": 0}


def test_a_value_changed_in_place_after_its_assignment_is_saved(open_store, seen):
    store, value = open_store(), [1]
    store["a"] = value
    value.append(2)
    store.save()
    assert seen["a"] == [1, 2]

    value.append(3)
    store.save()
    assert seen["a"] == [1, 2, 3]


def test_an_edit_notices_an_assignment_of_what_stood_there_before_a_change_in_place(open_store):
    """The bytes are those that were loaded, but the value that the edit began with is another."""
    store = open_store()
    store["k"] = [0]
    store["k"].append(9)
    with pytest.raises(Conflict) as caught, store.edit("k") as draft:  # noqa: PT012
        store["k"] = [0]
        draft.append(8)
    assert (caught.value.keys, store["k"]) == (["k"], [0])


def test_values_reached_by_iteration_are_saved_when_changed(open_store, seen):
    seen.update({key: [] for key in range(5)})
    store = open_store()

    for key, value in store.items():
        value.append(key)
    for value in store.values():
        value.append("seen")
    store.save()

    assert seen.snapshot() == {key: [key, "seen"] for key in range(5)}


def test_a_deleted_key_is_deleted_by_save(open_store, seen):
    seen.update(a=1, b=2, c=3)
    store = open_store()
    del store["a"]
    store.pop("b")
    store["b"] = 4
    store.save()
    assert seen.snapshot() == {"b": 4, "c": 3}

    store.clear()
    assert seen.snapshot() == {"b": 4, "c": 3}
    store.save()
    assert seen.snapshot() == {}
    assert len(seen) == 0


def test_the_block_saves_when_it_ends(open_store, seen):
    with open_store() as store:
        store["a"] = [1]
        store["a"].append(2)
        assert seen.snapshot() == {}

    assert seen.snapshot() == {"a": [1, 2]}


def test_the_block_discards_on_an_exception(open_store, seen):
    seen["a"] = [1]
    store = open_store()

    def change_and_fail() -> None:
        with store:
            store["a"].append(2)
            store["b"] = 1
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        change_and_fail()

    assert store.snapshot() == seen.snapshot() == {"a": [1]}


# --- two working copies --------------------------------------------------------------------------


def test_changes_of_different_keys_are_merged(open_store, seen):
    seen.update(a=1, b=2, c=3, d=4)
    one, other = open_store(), open_store()
    assert len(one) == len(other) == 4
    one["a"] = 10
    one["new"] = 1
    del one["c"]
    other["b"] = 20
    other["newer"] = 2
    del other["d"]

    one.save()
    other.save()

    assert seen.snapshot() == {"a": 10, "b": 20, "new": 1, "newer": 2}


def _set(store: StoreBackend[Any]) -> None:
    store["both"] = 100


def _change_in_place(store: StoreBackend[Any]) -> None:
    store["both"].append(100)


def _delete(store: StoreBackend[Any]) -> None:
    del store["both"]


@pytest.mark.parametrize("theirs", [_set, _change_in_place, _delete])
@pytest.mark.parametrize("mine", [_set, _change_in_place, _delete])
def test_the_same_key_changed_by_both_is_a_conflict(open_store, seen, mine, theirs):
    seen.update({"both": [1], "mine": 1, 7: "untouched"})
    one, other = open_store(), open_store()
    one["mine"], other["theirs"] = 2, 3
    mine(one)
    theirs(other)
    other.save()
    before = seen.snapshot()

    with pytest.raises(Conflict, match="nothing was written") as conflict:
        one.save()

    assert conflict.value.keys == ["both"]
    assert seen.snapshot() == before  # "mine" was changed by one alone, and is not written either
    assert one["mine"] == 2
    assert one.get("both") == {_set: 100, _change_in_place: [1, 100], _delete: None}[mine]


def test_a_key_created_by_both_is_a_conflict(open_store, seen):
    one, other = open_store(), open_store()
    one["created"], other["created"] = 1, 2
    other.save()

    with pytest.raises(Conflict) as conflict:
        one.save()

    assert conflict.value.keys == ["created"]
    assert seen["created"] == 2


def test_a_conflict_names_every_key_and_no_other(open_store, seen):
    seen.update(dict.fromkeys(range(10), 0))
    one, other = open_store(), open_store()
    for key in range(6):
        one[key] = 1
    for key in (2, 4, 5, 8):
        other[key] = 2
    other.save()

    with pytest.raises(Conflict) as conflict:
        one.save()

    assert sorted(conflict.value.keys) == [2, 4, 5]
    assert seen.snapshot() == {**dict.fromkeys(range(10), 0), 2: 2, 4: 2, 5: 2, 8: 2}


def test_after_a_conflict_the_changes_are_kept_and_a_retry_after_reload_works(open_store, seen):
    seen["list"] = []
    one, other = open_store(), open_store()
    one["list"].append("one")
    other["list"].append("other")
    other.save()

    for _ in range(2):  # it does not go away by itself
        with pytest.raises(Conflict):
            one.save()
        assert one["list"] == ["one"]

    one.reload()
    assert one["list"] == ["other"]
    one["list"].append("one")
    one.save()
    assert seen["list"] == ["other", "one"]


def test_a_conflict_at_the_end_of_a_block_reaches_the_caller(open_store, seen):
    seen["a"] = 1
    store = open_store()

    def change_beside_another() -> None:
        with store:
            store["a"] = 2
            seen["a"] = 3

    with pytest.raises(Conflict):
        change_beside_another()
    assert seen["a"] == 3


def test_a_change_and_its_reversal_conflict_with_nobody(open_store, seen):
    seen["a"] = [1]
    store = open_store()
    store["a"].append(2)
    store["a"].pop()
    store["b"] = 1
    del store["b"]
    seen["a"] = [5]
    seen["b"] = 6

    store.save()

    assert seen.snapshot() == {"a": [5], "b": 6}


# --- what cannot be saved ------------------------------------------------------------------------


def test_a_bad_value_put_in_place_is_refused_by_save_with_its_key(open_store, seen):
    seen.update(good=[1], bad=[1])
    store = open_store()
    store["good"].append(2)
    store["bad"].append(object())
    store["new"] = 1

    for _ in range(2):
        with pytest.raises(InvalidValue, match=r"'bad'.*value\[1\].*object") as refused:
            store.save()
        assert "nothing was changed" in str(refused.value)
        assert seen.snapshot() == {"good": [1], "bad": [1]}

    store["bad"].pop()
    store["bad"].append("mended")
    store.save()
    assert seen.snapshot() == {"good": [1, 2], "bad": [1, "mended"], "new": 1}


def test_a_bad_value_is_refused_on_the_line_that_assigns_it(open_store, seen):
    store = open_store()
    store["a"] = 1

    with pytest.raises(InvalidValue, match="'b'"):
        store["b"] = {1, object()}
    with pytest.raises(InvalidValue, match="'c'"):
        store.update(a=2, c=object())

    assert store.snapshot() == {"a": 1}
    store.save()
    assert seen.snapshot() == {"a": 1}


def test_a_save_that_found_the_medium_locked_can_be_repeated(tmp_path):
    path = tmp_path / "doc.sqlite"
    store = Store(COLLECTION, "SQLite", path=path, writeback=True, timeout=0.1)
    store["a"] = [1]
    store.save()
    store["a"].append(2)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable):
            store.save()
        assert store["a"] == [1, 2]
        other.execute("ROLLBACK")

    store.save()

    assert Store(COLLECTION, "SQLite", path=path).snapshot() == {"a": [1, 2]}


# --- a save that was cut off --------------------------------------------------------------------


@pytest.fixture
def cut_off(open_store, seen, monkeypatch):
    """A working copy whose save the medium took, but which raised all the same."""
    seen.update(a=[1], b=[1], c=[1])
    store = open_store()
    store["a"].append(2)
    store["new"] = 1
    del store["c"]
    write = store._write

    def write_and_break_off(changes: Any, expected: Any) -> None:
        write(changes, expected)
        raise OutcomeUnknown("the line is dead")

    with monkeypatch.context() as patch:
        patch.setattr(store, "_write", write_and_break_off)
        with pytest.raises(OutcomeUnknown):
            store.save()
    assert seen == {"a": [1, 2], "b": [1], "new": 1}
    return store


def test_a_save_that_was_cut_off_is_repeated_with_what_changed_since(cut_off, seen):
    cut_off["a"].append(3)
    cut_off["c"] = "again"
    cut_off.save()
    assert cut_off == seen == {"a": [1, 2, 3], "b": [1], "new": 1, "c": "again"}


def test_what_a_save_that_was_cut_off_wrote_can_be_taken_back(cut_off, seen):
    cut_off["a"].pop()
    cut_off["c"] = [1]
    del cut_off["new"]
    cut_off.save()
    assert cut_off == seen == {"a": [1], "b": [1], "c": [1]}


def test_what_others_wrote_after_a_save_that_was_cut_off_is_a_conflict(cut_off, seen):
    seen.update(a="theirs", b="theirs")
    cut_off["b"].append(2)
    with pytest.raises(Conflict) as conflict:
        cut_off.save()
    assert sorted(conflict.value.keys) == ["a", "b"]
    assert seen == {"a": "theirs", "b": "theirs", "new": 1}


def test_a_save_that_was_refused_takes_nothing_of_others_for_its_own(open_store, seen, monkeypatch):
    store = open_store()
    store["a"] = 1

    def refuse(_changes: Any, _expected: Any) -> None:
        raise Unavailable("not now")

    with monkeypatch.context() as patch:
        patch.setattr(store, "_write", refuse)
        with pytest.raises(Unavailable):
            store.save()
    seen["a"] = 1
    with pytest.raises(Conflict):
        store.save()


# --- handlers and forks --------------------------------------------------------------------------


def test_a_handler_in_the_middle_of_a_save_may_read_and_gets_no_write(
    open_store, seen, monkeypatch
):
    store = open_store()
    store["a"] = [1]
    write = store._write
    heard: list[Any] = []

    def handle() -> None:
        heard.append((store["a"], len(store), list(store), "b" in store, store.get_many(["a"])))
        for refused in (
            lambda: store.update(b=1),
            lambda: store.incr("n"),
            store.save,
            store.reload,
            store.snapshot,
        ):
            with pytest.raises(Unavailable, match="in the middle of a write"):
                refused()

    def write_and_handle(changes: Any, expected: Any) -> None:
        handle()
        write(changes, expected)

    monkeypatch.setattr(store, "_write", write_and_handle)
    store.save()
    assert heard == [([1], 1, ["a"], False, {"a": [1]})]
    assert store == seen == {"a": [1]}


def test_a_child_that_nobody_was_told_of_saves_while_its_parent_is_saving(monkeypatch):
    store = Store("forked", "Memory", writeback=True)
    store["a"] = 1
    saving, forked = threading.Event(), threading.Event()
    write = store._write

    def write_slowly(changes: Any, expected: Any) -> None:
        saving.set()
        assert forked.wait(20)
        write(changes, expected)

    monkeypatch.setattr(store, "_write", write_slowly)
    thread = threading.Thread(target=store.save)
    thread.start()
    assert saving.wait(20)

    def saved_in_child() -> bool:
        forked.set()
        store["b"] = 2
        store.save()
        return bool(store == {"a": 1, "b": 2})

    assert in_untold_child(saved_in_child)
    forked.set()
    thread.join()
    assert store == Store("forked", "Memory") == {"a": 1}
    store.drop()


# --- what save() writes --------------------------------------------------------------------------


@pytest.fixture
def written(tmp_path):
    """A collection of three records in the form another language wrote them, and a function
    that returns the keys written or deleted since, as SQLite itself noted them."""
    path = tmp_path / "doc.sqlite"
    Store(COLLECTION, "SQLite", path=path).update(a=[1], b=[1], c=[1])
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.executescript(
            """
            UPDATE entries SET record = CAST('[ 1 ]' AS BLOB);
            CREATE TABLE noted (key TEXT);
            CREATE TRIGGER i AFTER INSERT ON entries BEGIN INSERT INTO noted VALUES (new.key); END;
            CREATE TRIGGER u AFTER UPDATE ON entries BEGIN INSERT INTO noted VALUES (new.key); END;
            CREATE TRIGGER d AFTER DELETE ON entries BEGIN INSERT INTO noted VALUES (old.key); END;
            """
        )

    def noted() -> list[str]:
        with closing(sqlite3.connect(path)) as raw:
            return [key for (key,) in raw.execute("SELECT key FROM noted ORDER BY key")]

    return Store(COLLECTION, "SQLite", path=path, writeback=True), noted


def test_save_writes_the_differences_and_nothing_else(written):
    store, noted = written
    assert store.snapshot() == {"a": [1], "b": [1], "c": [1]}  # all of them touched

    store["a"].append(2)
    store["new"] = 1
    del store["c"]
    store.save()

    assert noted() == ["a", "c", "new"]


def test_save_without_a_change_writes_nothing(written):
    store, noted = written
    for value in store.values():
        value.append(2)
        value.remove(2)
    store["b"] = [1]  # an equal value; the record's form is another

    store["b"].append(9)
    store["b"].pop()
    store.reload()
    store.save()
    store.save()

    assert noted() == []


def test_a_record_that_was_only_read_keeps_every_byte(written, tmp_path):
    store, _noted = written
    store.snapshot()
    store["b"].append(2)
    store.save()

    with closing(sqlite3.connect(tmp_path / "doc.sqlite")) as raw:
        records = dict(raw.execute("SELECT key, record FROM entries"))
    assert records == {"a": b"[ 1 ]", "b": b"[1,2]", "c": b"[ 1 ]"}


def test_a_second_save_writes_only_what_changed_since_the_first(written):
    store, noted = written
    store["a"].append(2)
    store.save()
    store["b"].append(2)
    store.save()
    assert noted() == ["a", "b"]


# --- many ----------------------------------------------------------------------------------------


def test_saves_of_disjoint_keys_by_8_processes_are_all_there(tmp_path):
    options = {"backend": "SQLite", "path": tmp_path / "doc.sqlite", "durability": "process"}

    run(_save_disjoint, [(options, who) for who in range(8)])

    expected: dict[str, Any] = {
        f"{who}/{turn}": [who, turn, "later"] for who in range(8) for turn in range(20)
    }
    expected |= {f"first of {who}": 20 for who in range(8)}
    store = Store(COLLECTION, **options)
    assert store.snapshot() == expected
    assert len(store) == len(expected)


def _save_disjoint(options: dict[str, Any], who: int) -> None:
    store = Store(COLLECTION, writeback=True, **options)
    for turn in range(20):
        if turn:
            store[f"{who}/{turn - 1}"].append("later")
        store[f"{who}/{turn}"] = [who, turn]
        store.incr(f"first of {who}")
        store.save()
    store[f"{who}/19"].append("later")
    store.save()


def test_saves_of_one_key_by_8_processes_lose_nothing_but_what_a_conflict_told(tmp_path):
    options = {"backend": "SQLite", "path": tmp_path / "doc.sqlite", "durability": "process"}

    saved = run(_save_one_key, [(options, who) for who in range(8)])

    assert sorted(Store(COLLECTION, **options)["log"]) == sorted(sum(saved, []))
    assert all(len(mine) == 20 for mine in saved)


def _save_one_key(options: dict[str, Any], who: int) -> list[str]:
    store, saved = Store(COLLECTION, writeback=True, **options), []
    for turn in range(20):
        while True:
            store.setdefault("log", []).append(f"{who}/{turn}")
            try:
                store.save()
            except Conflict:
                store.reload()
                continue
            saved.append(f"{who}/{turn}")
            break
    return saved


def test_threads_that_share_a_working_copy_lose_nothing(open_store, seen):
    store = open_store()

    def work(who: int) -> list[int]:
        sums = []
        for turn in range(40):
            store[f"{who}/{turn}"] = turn
            sums.append(store.incr("total"))
            if turn % 10 == who % 10:
                store.save()
        return sums

    sums = run_threads(work, [(who,) for who in range(16)])
    store.save()

    assert sorted(sum(sums, [])) == list(range(1, 16 * 40 + 1))
    assert seen["total"] == 16 * 40
    assert len(seen) == 16 * 40 + 1
