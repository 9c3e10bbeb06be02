"""`backup` and `restore`: a whole place, beside those who write to it."""

import gzip
import os
import sqlite3
import stat
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from napixd_store import (
    ConfigError,
    CorruptData,
    Counter,
    Store,
    StoreError,
    Unavailable,
    archive,
)
from napixd_store.connections import close_all
from napixd_store.operations import Place, backup, restore
from tests.media import BACKENDS
from tests.operations.places import contents, fill, place_on
from tests.processes import Signal, fork, spawn
from tests.sizes import size


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_backup_is_private_and_brings_all_back(backend: str, quick_path: Path):
    place = place_on(backend, quick_path)
    fill(place, 5)
    before = contents(place)
    made = backup(place, quick_path / "kept")
    os.utime(made)  # it is there
    for path in [made, *made.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    assert not [each for each in quick_path.iterdir() if each.name.startswith(".")]
    place.records("keys").drop()
    place.records("values")["new"] = 1
    place.records("another")["new"] = 1
    place.counter("most").drop()
    place.counter("another").increment()
    found = restore(made, place)
    now = contents(place)
    assert {name: {k: r for k, r in c.items() if k != "over"} for name, c in now[0].items()} == {
        name: {k: r for k, r in c.items() if k != "over"} for name, c in before[0].items()
    }
    assert now[1] == before[1] == found.counters
    with pytest.raises(StoreError):
        restore(quick_path / "nowhere", place)
    assert contents(place) == now


@pytest.mark.parametrize("backend", ["SQLite", "File", "Directory"])
def test_a_backup_is_a_place(backend: str, quick_path: Path):
    place = place_on(backend, quick_path)
    place.records("a")["k"] = place.counter("n").increment()
    made = place.at(backup(place, quick_path / "kept"))
    assert contents(made) == contents(place)
    made.records("a")["k"] = made.counter("n").increment()
    assert place.records("a")["k"] == place.counter("n").value == 1


def test_what_stands_at_the_target(quick_path: Path):
    desk, files = place_on("SQLite", quick_path), place_on("File", quick_path)
    for place in (desk, files):
        place.records("a")["k"] = 1
    for target in (quick_path / "kept.sqlite", quick_path / "kept.sqlite"):
        backup(desk, target)  # an older backup is replaced
    desk.records("a")["k"] = 2
    used = desk.at(quick_path / "kept.sqlite")
    used.records("a")["k"] = 3
    for target in (quick_path / "doc.sqlite", quick_path / "kept.sqlite"):
        with pytest.raises(ConfigError, match="is in use"):
            backup(desk, target)
    assert (desk.records("a")["k"], used.records("a")["k"]) == (2, 3)
    backup(files, quick_path / "kept")
    for target in (quick_path / "kept", quick_path / "files"):
        with pytest.raises(ConfigError, match="is there already"):
            backup(files, target)
    for place in (desk, files):
        with pytest.raises(StoreError):
            backup(place, quick_path / "no" / "folder")
        with pytest.raises(ConfigError, match="the place itself"):
            restore(place.connection.place, place)
    assert not [each for each in quick_path.iterdir() if each.name.startswith(".")]


def test_a_file_of_another_program_in_a_root_is_not_touched(quick_path: Path):
    root = quick_path / "files"
    place = Place("File", root=root)
    place.records("a")["k"] = 1
    desk = Place("SQLite", path=root / "store.sqlite")
    desk.records("a")["k"] = 1
    backup(place, quick_path / "kept")
    assert [each.name for each in (quick_path / "kept").iterdir()] == ["a.store.json"]


def test_a_write_half_done_is_finished_in_the_backup(quick_path: Path):
    place = place_on("Directory", quick_path)
    store = place.records("a")
    store.update({"k": 1, "l": 1})
    folder = Path(place.connection.place) / "a.store"
    from napixd_store.backends.files import document, keyfile

    (folder / ".0.aside").write_bytes(keyfile.write("a", "k", b"2"))
    journal = b'{"rename":{".0.aside":"k.json"},"delete":["l.json"]}'
    (folder / ".journal").write_bytes(document.write({"collection": "a"}, "changes", journal))
    made = place.at(backup(place, quick_path / "kept"))
    assert made.records("a") == {"k": 2} == store


@pytest.mark.parametrize("backend", ["File", "Directory"])
def test_a_folder_that_holds_nothing_of_ours_is_no_backup(backend: str, quick_path: Path):
    place = place_on(backend, quick_path)
    place.records("a")["k"] = 1
    (folder := quick_path / "another").mkdir()
    for _ in range(2):
        with pytest.raises(ConfigError, match="holds nothing, so it is no backup"):
            restore(folder, place)
        assert place.records("a") == {"k": 1}
        (folder / "notes.txt").write_text("of somebody")


def test_a_damaged_backup_changes_nothing(quick_path: Path):
    for backend in ("SQLite", "File"):
        place = place_on(backend, quick_path)
        place.records("a")["k"] = "x" * 10_000
        made = backup(place, quick_path / f"kept of {backend}")
        damaged = made if made.is_file() else made / "a.store.json"
        data = damaged.read_bytes()
        damaged.write_bytes(data.replace(b"x" * 100, b"y" * 99))
        place.records("a")["k"] = "newer"
        with pytest.raises(CorruptData):
            restore(made, place)
        assert place.records("a")["k"] == "newer"


def test_restore_refuses_while_another_process_has_the_file_open(quick_path: Path):
    place = place_on("SQLite", quick_path)
    place.records("a")["k"] = 1
    made = backup(place, quick_path / "kept")
    opened, release = Signal(), Signal()

    def hold() -> None:
        place.records("a")["k"] = 2
        opened.send()
        release.wait()

    worker = fork(hold)
    opened.wait()
    with pytest.raises(Unavailable, match="stop the service"):
        restore(made, place)
    assert place.records("a")["k"] == 2
    release.send()
    worker.result()
    restore(made, place)
    assert place.records("a")["k"] == 1


# --- SQLite, beside four processes that write --------------------------------------------------


def test_a_collection_of_which_all_has_ended_is_restored_as_none(quick_path: Path):
    """Redis lists it until it is swept; elsewhere its last record may end at any moment."""
    source, place = place_on("RedisHash", quick_path), place_on("SQLite", quick_path)
    source.records("over").put("k", 1, expires_in=0.001)
    source.records("users")["ann"] = 1
    for name in ("over", "users"):
        place.records(name)["old"] = 0
    time.sleep(0.05)
    assert restore(source, place).collections == {"over": 0, "users": 1}
    assert contents(place)[0] == {"users": {"ann": b"1"}}


def write(path: Path, number: int, acknowledged: Signal, stop: Signal) -> int:
    store = Store("tickets", "SQLite", path=path)
    ids = Counter("ids", "SQLite", path=path)
    written = 0
    while not stop.sent():
        store.update({f"{number}-{written}-{half}": ids.increment() for half in "ab"})
        written += 1
        if written == 3:
            acknowledged.send()
    return written


def test_each_backup_beside_four_writers_is_whole_and_holds_what_was_acknowledged(tmp_path: Path):
    path = tmp_path / "desk.sqlite"
    place = Place("SQLite", path=path)
    store = place.records("tickets")
    signals = [(Signal(), Signal()) for _ in range(4)]
    workers = [fork(write, path, i, *each) for i, each in enumerate(signals)]
    for begun, _stop in signals:
        begun.wait()
    for number in range(size(quick=3, full=20)):
        store[f"mine {number}"] = number
        known, counted = set(store), place.counter("ids").value
        made = backup(place, tmp_path / f"kept {number}")
        assert holds_lock_against_others(place)
        database = sqlite3.connect(made)
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        database.close()
        copy = place.at(made)
        there = {str(key) for key in copy.records("tickets")}
        assert known <= there
        assert copy.counter("ids").value >= counted
        assert len({key for key in there if key.endswith("-a")}) == len(
            {key for key in there if key.endswith("-b")}
        )
        close_all()
        made.unlink()
    for _begun, stop in signals:
        stop.send()
    written = [worker.result() for worker in workers]
    assert len(store) == 2 * sum(written) + number + 1
    assert place.counter("ids").value == 2 * sum(written)


def holds_lock_against_others(place: Place) -> bool:
    """Whether a write lock that a thread holds over a backup still keeps other processes out."""
    inside, go_on = threading.Event(), threading.Event()

    def work(_cursor: object) -> None:
        inside.set()
        go_on.wait(10)

    holder = threading.Thread(target=place.connection.transaction, args=(work,))
    holder.start()
    inside.wait(20)
    target = Path(place.connection.place).with_name("while locked")
    backup(place, target)
    target.unlink()
    locked: bool = spawn(is_locked, place.connection.place).result()
    go_on.set()
    holder.join()
    return locked


def is_locked(path: str) -> bool:
    database = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        database.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return True
    finally:
        database.close()
    return False


@pytest.mark.parametrize("write", [archive.dump, backup])
def test_what_is_no_backup_of_that_kind_is_never_replaced(write: Any, quick_path: Path):
    """A slip, such as to name the place itself or its settings, costs nothing."""
    desk = place_on("SQLite", quick_path)
    desk.records("a")["k"] = 1
    settings, pipe, link = (quick_path / name for name in ("desk.ini", "pipe", "link"))
    packed, older = quick_path / "other.tar.gz", quick_path / "older"
    settings.write_text("[store]\n")
    packed.write_bytes(gzip.compress(b"not ours"))
    os.mkfifo(pipe)
    write(desk, older)
    link.symlink_to(older)
    other_kind = quick_path / "other"
    (backup if write is archive.dump else archive.dump)(desk, other_kind)
    for standing in (settings, pipe, link, packed, other_kind, Path(desk.connection.place)):
        before = os.lstat(standing)
        with pytest.raises(ConfigError, match=r"no (archive|file of SQLite)|is in use"):
            write(desk, standing)
        after = os.lstat(standing)
        assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert desk.records("a")["k"] == 1
    empty = quick_path / "empty"
    empty.touch()
    for fine in (empty, older):
        write(desk, fine)


def test_an_archive_that_was_cut_off_may_be_replaced(quick_path: Path):
    desk = place_on("SQLite", quick_path)
    desk.records("a")["k"] = 1
    for name in ("kept.archive", "kept.archive.gz"):
        archive.dump(desk, quick_path / name)
        os.truncate(quick_path / name, 30)
        archive.dump(desk, quick_path / name)
        archive.verify(quick_path / name)
