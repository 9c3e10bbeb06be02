"""The SQLite file: what its layout refuses, who may open it where, and what creation leaves."""

import os
import resource
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from napixd_store import (
    ConfigError,
    Counter,
    InvalidValue,
    ReadOnly,
    Store,
    StoreError,
    Unavailable,
)
from napixd_store.backends.sqlite import erasing
from napixd_store.backends.sqlite.layout import LAST_ID
from napixd_store.connections import close_all
from tests.labs import need
from tests.mounts import show_read_only, with_mounts
from tests.processes import fork


def at(path: Path) -> dict[str, Any]:
    return {"backend": "SQLite", "path": path, "durability": "process"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "doc.sqlite"


@pytest.fixture
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    """A handle of another program; the file has the collections ``a`` (1) and ``b`` (2)."""
    Store("a", **at(path))["x"] = 1
    Store("b", **at(path))["y"] = 2
    Counter("c", **at(path)).increment()
    with closing(sqlite3.connect(path, isolation_level=None)) as handle:
        yield handle


# --- when it is made ------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_synced_is_told_as_no_change(path, monkeypatch):
    """The file stands there by then, but what it was made for has not begun."""

    store = Store("a", **at(path))
    with monkeypatch.context() as broken:
        broken.setattr("napixd_store.disk.sync", os.rmdir)  # which the system refuses, too
        with pytest.raises(Unavailable, match="nothing was changed"):
            store["k"] = 1
    assert store == {}
    store["k"] = 2
    assert Store("a", **at(path)) == {"k": 2}


# --- rows that are written by hand ----------------------------------------------------------------

INSERT = "INSERT INTO entries (seq, collection, key, record) VALUES"


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO entries (collection, key, record) VALUES (1, 'k', x'31')",
        f"{INSERT} ((2 << 40) + 9, 1, 'k', x'31')",
        f"{INSERT} (1 << 40, 1, 'k', x'31')",
        f"{INSERT} (2 << 40, 1, 'k', x'31')",
        f"{INSERT} (9, 0, 'k', x'31')",
        f"{INSERT} (-9, -1, 'k', x'31')",
        f"{INSERT} ((1 << 40) + 9, 1, '', x'31')",
        f"{INSERT} ((1 << 40) + 9, 1, 'k', '1')",
        f"{INSERT} ((1 << 40) + 9, 1, x'6b', x'31')",
        "UPDATE entries SET collection = 2 WHERE key = 'x'",
        "UPDATE entries SET seq = seq + (1 << 40) WHERE key = 'x'",
        "INSERT INTO collections (id, name) VALUES (0, 'z')",
        "INSERT INTO collections (id, name) VALUES (1 << 23, 'z')",
        "UPDATE collections SET id = 3 WHERE name = 'a'",
        "UPDATE collections SET name = 'z' WHERE name = 'a'",
        "INSERT INTO counters VALUES ('z', 1.5)",
    ],
)
def test_a_row_that_would_count_twice_or_nowhere_is_refused_to_every_program(path, raw, statement):
    with pytest.raises(sqlite3.IntegrityError):
        raw.execute(statement)

    a, b = Store("a", **at(path)), Store("b", **at(path))
    assert (a.snapshot(), len(a), b.snapshot(), len(b)) == ({"x": 1}, 1, {"y": 2}, 1)
    a.clear()
    assert (a.snapshot(), len(a), b.snapshot(), len(b)) == ({}, 0, {"y": 2}, 1)


@pytest.mark.parametrize("leave", ["drop", "by hand", "by hand with foreign keys"])
def test_a_dropped_collection_leaves_no_row_and_its_number_may_be_the_next_ones(path, raw, leave):
    b = Store("b", **at(path))
    assert b["y"] == 2
    if leave == "drop":
        b.drop()
    else:
        raw.execute(f"PRAGMA foreign_keys = {leave.endswith('keys')}")
        raw.execute("DELETE FROM collections WHERE name = 'b'")
    Store("new", **at(path))["y"] = 3
    b.update(z=4)
    numbers = raw.execute("SELECT name, id, holes FROM collections").fetchall()
    assert numbers == [("a", 1, 0), ("new", 2, 0), ("b", 3, 0)]
    assert raw.execute("SELECT collection, key FROM records ORDER BY 1").fetchall() == [
        ("a", "x"),
        ("b", "z"),
        ("new", "y"),
    ]
    assert (b.snapshot(), len(b)) == ({"z": 4}, 1)


def test_who_iterates_over_a_dropped_collection_meets_nothing_of_the_one_with_its_number(path):
    store = Store("old", **at(path))
    store.update(dict.fromkeys(map(str, range(500)), "old"))
    pairs = iter(store.items())
    seen = [next(pairs) for _ in range(5)]
    with fork(_replace, path) as other:
        assert other.result() == [("new", 1)]
    seen += pairs
    assert {value for _key, value in seen} == {"old"}
    assert len(seen) < 500
    assert (len(store), store.get("7"), store.pop("7", None)) == (0, None, None)
    store.incr("7")
    store.drop()
    assert len(Store("new", **at(path))) == 500


def _replace(path: Path) -> list[tuple[str, int]]:
    """Have another collection take the number of this one; return the numbers."""
    Store("old", **at(path)).drop()
    Store("new", **at(path)).update(dict.fromkeys(map(str, range(500)), "new"))
    with closing(sqlite3.connect(path)) as file:
        return file.execute("SELECT name, id FROM collections").fetchall()


def test_when_the_numbers_are_used_up_those_of_dropped_collections_are_given(path, raw):
    raw.execute("INSERT INTO collections (id, name) VALUES (?, 'last')", (LAST_ID,))
    last = Store("last", **at(path))
    last.update(x=1, y=2)
    Store("a", **at(path)).drop()
    for name in ("c", "d"):
        Store(name, **at(path))["k"] = name
    assert raw.execute("SELECT name, id FROM collections ORDER BY id").fetchall() == [
        ("c", 1),
        ("b", 2),
        ("d", 3),
        ("last", LAST_ID),
    ]
    assert (last.snapshot(), len(last)) == ({"x": 1, "y": 2}, 2)
    last.drop()
    assert raw.execute("SELECT count(*) FROM entries").fetchall() == [(3,)]


def test_a_large_drop_counts_for_the_log_as_its_rows_do(path, monkeypatch):
    monkeypatch.setattr(erasing, "_LONGEST", 60.0)  # else the log is looked at before each step
    store: Any = Store("a", **at(path))
    store.update(dict.fromkeys(map(str, range(5_000)), 1))
    store["x"] = 1
    before = store._connection._log.due
    store.drop()
    assert before - store._connection._log.due > 5_000


FIRST_LAYOUT = """
CREATE TABLE collections (
    id    INTEGER PRIMARY KEY,
    name  TEXT NOT NULL UNIQUE,
    holes INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE entries (
    seq        INTEGER PRIMARY KEY,
    collection INTEGER NOT NULL REFERENCES collections,
    key        TEXT NOT NULL,
    record     BLOB NOT NULL,
    UNIQUE (collection, key)
) STRICT;
CREATE TRIGGER holes AFTER DELETE ON entries BEGIN
    UPDATE collections SET holes = holes + 1 - max(0, old.seq - coalesce(
        (SELECT max(seq) FROM entries WHERE seq > id << 40 AND seq < (id + 1) << 40), id << 40
    )) WHERE id = old.collection;
END;
CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE VIEW records AS
    SELECT name AS collection, key, CAST(record AS TEXT) AS record
    FROM entries JOIN collections ON collections.id = entries.collection;
INSERT INTO collections VALUES (1, 'a', 0);
INSERT INTO entries VALUES ((1 << 40) + 1, 1, 'x', x'31'), ((1 << 40) + 2, 1, 'y', x'32');
INSERT INTO counters VALUES ('c', 41);
PRAGMA application_id = 0x4E505844;
PRAGMA user_version = 1;
PRAGMA journal_mode = WAL;
"""


KEPT = """
CREATE TRIGGER number_kept BEFORE DELETE ON collections BEGIN
    SELECT raise(ABORT, 'a collection keeps its number: processes hold it');
END;
"""
"""What files of that layout had later on, before a drop took the number with it."""


@pytest.mark.parametrize("more", ["", KEPT], ids=["first", "later"])
def test_a_file_that_was_made_before_there_were_checks_is_used_as_it_is(path, more):
    with closing(sqlite3.connect(path)) as old:
        old.executescript(FIRST_LAYOUT + more)
    store, counter = Store("a", **at(path)), Counter("c", **at(path))
    assert (store.snapshot(), len(store), counter.increment()) == ({"x": 1, "y": 2}, 2, 42)
    del store["x"]
    store.update(z=3)
    Store("b", **at(path))["x"] = 4
    close_all()
    assert (store.snapshot(), len(store)) == ({"y": 2, "z": 3}, 2)
    store.drop()
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("SELECT name FROM collections").fetchall() == [("b",)]
        assert file.execute("SELECT key FROM entries").fetchall() == [("x",)]


# --- creation -------------------------------------------------------------------------------------


def _aside(folder: Path, age: float) -> Path:
    aside = folder / f".sqlite-{int(age):016x}.new"
    aside.write_bytes(b"half of it")
    os.utime(aside, (time.time() - age,) * 2)
    return aside


def test_what_killed_makers_left_is_cleared_by_the_next_and_nothing_else(tmp_path):
    left = _aside(tmp_path, 4_000)
    left.with_name(f"{left.name}-journal").write_bytes(b"")
    os.utime(f"{left}-journal", (0, 0))
    others = [_aside(tmp_path, 60), tmp_path / ".sqlite-history", tmp_path / "mine.new"]
    for other in others[1:]:
        other.write_text("mine")
        os.utime(other, (0, 0))

    Counter("c", **at(tmp_path / "doc.sqlite")).increment()
    close_all()
    assert sorted(tmp_path.iterdir()) == sorted([*others, tmp_path / "doc.sqlite"])


def test_the_second_name_of_a_file_whose_maker_was_killed_is_cleared(path):
    Counter("c", **at(path)).increment()
    close_all()
    aside = path.with_name(".sqlite-0123456789abcdef.new")
    os.link(path, aside)
    assert Counter("c", **at(path), timeout=5).value == 1  # as a new process opens it
    assert not aside.exists()
    assert path.stat().st_nlink == 1


@pytest.fixture
def of_a_service() -> Iterator[Path]:
    """A folder of another user, whom `as_service` becomes."""
    need(os.geteuid() == 0, "only root can make files for another user")
    with tempfile.TemporaryDirectory(prefix="napixd-store-") as name:
        os.chown(name, 4242, 4242)
        yield Path(name)


def as_service(work: Callable[..., Any], *args: Any) -> Any:
    def changed() -> Any:
        os.setgroups([])
        os.setgid(4242)
        os.setuid(4242)
        return work(*args)

    with fork(changed) as child:
        return child.result()


@pytest.mark.parametrize("first", ["root", "service"])
def test_a_script_of_root_does_not_lock_the_service_out(of_a_service, first):
    path = of_a_service / "doc.sqlite"

    def count() -> int:
        return Counter("c", **at(path)).increment()

    def as_root() -> int:
        with fork(count) as child:  # which closes nothing: the log stays
            return int(child.result())

    turns = [as_root, lambda: as_service(count)]
    numbers = [turn() for turn in (turns if first == "root" else turns[::-1]) * 2]
    assert numbers == [1, 2, 3, 4]
    assert {file.stat().st_uid for file in of_a_service.iterdir()} == {4242}


@pytest.mark.parametrize("length", [240, 251])
def test_a_long_name_is_taken_as_long_as_there_is_room_for_the_names_beside_it(tmp_path, length):
    path = tmp_path / ("n" * length)
    assert Counter("c", **at(path)).increment() == 1
    close_all()
    assert Counter("c", **at(path)).increment() == 2


@pytest.mark.parametrize("name", ["n" * 252, "n" * 255, "n" * 300, "é" * 126])
def test_a_name_that_is_too_long_is_a_wrong_setting_and_makes_no_file(tmp_path, name):
    with pytest.raises(ConfigError, match="251 bytes"):
        Counter("c", **at(tmp_path / name)).increment()
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_is_too_long_is_a_wrong_setting_and_makes_no_folder(tmp_path):
    path = tmp_path.joinpath(*["folder"] * 80, "doc.sqlite")
    with pytest.raises(ConfigError, match="the whole path 470"):
        Counter("c", **at(path)).increment()
    assert list(tmp_path.iterdir()) == []


# --- limits ---------------------------------------------------------------------------------------


def test_too_many_open_files_are_called_so_and_are_no_lasting_harm(path):
    with fork(_with_no_descriptor_left, path) as child:
        child.result()


def _with_no_descriptor_left(path: Path) -> None:
    store, counter = Store("a", **at(path)), Counter("c", **at(path))
    store["x"] = 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    held, failed = [], []
    with suppress(OSError):
        while True:
            held.append(os.open(os.devnull, os.O_RDONLY))

    def attempt() -> None:  # a new thread needs a handle of its own
        for work in (lambda: store["x"], counter.increment):
            try:
                work()
            except StoreError as exc:
                failed.append(exc)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    for descriptor in held:
        os.close(descriptor)
    assert [type(exc) for exc in failed] == [Unavailable] * 2
    assert all("Too many open files" in str(exc) for exc in failed)
    assert (store["x"], counter.increment()) == (1, 1)


@pytest.mark.parametrize("size", [1_000_000_001, 2**31])
@pytest.mark.parametrize("keys", ["one", "several"])
def test_a_record_that_is_larger_than_sqlite_keeps_is_refused(path, size, keys):
    store = Store("a", **at(path))
    store["x"] = 1
    changes = {"x": bytes(size)} if keys == "one" else {"w": b"2", "x": bytes(size)}
    with pytest.raises(InvalidValue, match=r"1,000,000,000 bytes a record; nothing was changed"):
        store._write(changes, {})
    assert store.snapshot() == {"x": 1}


# --- read-only ------------------------------------------------------------------------------------


@pytest.mark.lab
def test_a_volume_that_is_mounted_read_only_is_read(tmp_path):
    with_mounts(_read_only_here, tmp_path)


def _read_only_here(folder: Path) -> None:
    (folder / "real").mkdir()
    (folder / "shown").mkdir()
    real, shown = (folder / name / "doc.sqlite" for name in ("real", "shown"))
    with fork(_write, real, 1, True) as child:
        child.result()
    show_read_only(folder / "real", folder / "shown")

    store, counter = Store("a", **at(shown)), Counter("c", **at(shown))
    assert (store.snapshot(), list(store), len(store)) == ({"x": 1}, ["x"], 1)
    assert (store.get_many(["x", "y"]), counter.value) == ({"x": 1}, 1)
    for write in (lambda: store.update(x=2), store.clear, counter.increment, counter.reset):
        with pytest.raises(ReadOnly):
            write()
    with pytest.raises(ReadOnly):
        Counter("c", **at(folder / "shown" / "new.sqlite")).increment()

    for number, close in enumerate([True, False, True], 2):  # who may write there goes on
        with fork(_write, real, number, close) as child:
            child.result()
        assert (store["x"], counter.value) == (number, number)
    assert sorted(os.listdir(folder / "real")) == ["doc.sqlite"]


def _write(path: Path, number: int, close: bool) -> None:
    Store("a", **at(path))["x"] = number
    assert Counter("c", **at(path)).increment() == number
    if close:
        close_all()


@pytest.mark.lab
def test_what_a_crash_left_in_the_log_is_never_left_out_on_a_read_only_volume(tmp_path):
    with_mounts(_read_only_after_a_crash, tmp_path)


def _read_only_after_a_crash(folder: Path) -> None:
    (folder / "real").mkdir()
    (folder / "shown").mkdir()
    real, shown = (folder / name / "doc.sqlite" for name in ("real", "shown"))
    for number, close in ((1, True), (2, False)):
        with fork(_write, real, number, close) as child:
            child.result()
    show_read_only(folder / "real", folder / "shown")
    assert Store("a", **at(shown))["x"] == 2
    close_all()

    real.with_name("doc.sqlite-shm").unlink()  # without it SQLite cannot read the log there
    with pytest.raises(ReadOnly):
        Store("a", **at(shown)).get("x")
    assert Store("a", **at(real))["x"] == 2
