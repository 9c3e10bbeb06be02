"""The log of a SQLite file: after a crash it is played into its own file, and into no other.

What the operator does between the crash and the next start is tried with every kind of copy.
"""

import os
import random
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from napixd_store import CorruptData, Counter, Store
from napixd_store.backends.sqlite import log, recovery
from napixd_store.connections import close_all
from tests.harness.writers import Interrupted, SQLiteWriter, kill
from tests.processes import fork, run
from tests.redis.servers import until

PAGE = 4096
FRAME = 24 + PAGE


def at(path: Path) -> dict[str, Any]:
    return {"backend": "SQLite", "path": path, "durability": "process", "timeout": 20}


def wal(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def write(path: Path, first: int, last: int) -> None:
    """Make the writes *first* to *last*: each changes one key of ten, and a few remove it."""
    store, counter = Store("it", **at(path)), Counter("n", **at(path))
    for number in range(first, last + 1):
        if number % 7:
            store[number % 10] = [number] * (number % 200)
        else:
            store.pop(number % 10, None)
        counter.increment()


def written(last: int) -> tuple[dict[str | int, Any], int]:
    """Return what is found after the writes 1 to *last*."""
    state: dict[str | int, Any] = {}
    for number in range(1, last + 1):
        if number % 7:
            state[number % 10] = [number] * (number % 200)
        else:
            state.pop(number % 10, None)
    return state, last


def found(path: Path) -> tuple[dict[str | int, Any], int]:
    store = Store("it", **at(path))
    state = store.snapshot()
    assert len(store) == len(state) == len(list(store))
    return state, Counter("n", **at(path)).value


def of_another_process(work: Callable[..., Any], *args: Any) -> Any:
    with fork(work, *args) as child:
        return child.result()


def write_and_die(path: Path, first: int, last: int) -> None:
    """Let a process make the writes *first* to *last* and die; its log is left."""
    of_another_process(write, path, first, last)  # which ends without closing anything
    assert wal(path).stat().st_size > 0


def write_and_close(path: Path, first: int, last: int) -> None:
    def work() -> None:
        write(path, first, last)
        close_all()

    of_another_process(work)
    assert not wal(path).exists()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "doc.sqlite"


@pytest.fixture
def short_logs(monkeypatch) -> None:
    """Let a log begin anew every few writes, in this process and those forked off it."""
    monkeypatch.setattr(log, "_LONG", 30)
    monkeypatch.setattr(log, "_ROWS", 3)


def assert_refused(path: Path) -> None:
    """The file is refused in words that name the log, and nothing was touched."""
    before = {file: file.read_bytes() for file in (path, wal(path)) if file.exists()}
    for attempt in (found, lambda path: write(path, 1, 1)):
        with pytest.raises(CorruptData, match=f"{path.name}-wal.*move"):
            attempt(path)
    close_all()
    assert {file: file.read_bytes() for file in before} == before
    assert path in before or not path.exists()


# --- the file is gone -----------------------------------------------------------------------------


def test_no_new_file_is_made_beside_the_log_of_one_that_is_gone(path):
    write_and_die(path, 1, 50)
    path.rename(path.with_name("moved"))
    assert_refused(path)

    path.with_name("moved").rename(path)
    assert found(path) == written(50)


def test_beginning_anew_takes_moving_the_log_away(path):
    write_and_die(path, 1, 50)
    path.unlink()
    wal(path).unlink()
    assert found(path) == ({}, 0)


def test_no_process_takes_the_log_of_one_that_was_faster_for_one_left_behind(tmp_path):
    def first_write(path: Path) -> int:
        return Counter("n", **at(path)).increment()

    for turn in range(5):
        path = tmp_path / f"{turn}.sqlite"
        assert sorted(run(first_write, [(path,)] * 4)) == [1, 2, 3, 4]


# --- another file stands there --------------------------------------------------------------------


def _copied(path: Path, copy: Path) -> None:
    shutil.copy(path, copy)


def _backed_up(path: Path, copy: Path) -> None:
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def _vacuumed(path: Path, copy: Path) -> None:
    with closing(sqlite3.connect(path)) as source:
        source.execute("VACUUM INTO ?", (str(copy),))


def _in_place(copy: Path, path: Path) -> None:
    shutil.copy(copy, path)  # the same inode, as `cp` does


def _moved(copy: Path, path: Path) -> None:
    shutil.copy(copy, path.with_name("moved"))
    path.with_name("moved").rename(path)


COPIES = [_copied, _backed_up, _vacuumed]
WAYS = [_in_place, _moved]


@pytest.fixture(params=COPIES, ids=lambda make: make.__name__.strip("_"))
def make_copy(request) -> Callable[[Path, Path], None]:
    return request.param  # type: ignore[no-any-return]  # pytest does not know


@pytest.fixture(params=WAYS, ids=lambda put: put.__name__.strip("_"))
def put(request) -> Callable[[Path, Path], None]:
    return request.param  # type: ignore[no-any-return]  # pytest does not know


def test_a_copy_from_before_the_last_restart_does_not_get_the_log(path, make_copy, put):
    write_and_close(path, 1, 100)
    make_copy(path, copy := path.with_name("copy"))
    write_and_close(path, 101, 103)
    write_and_die(path, 104, 150)
    put(copy, path)
    assert_refused(path)

    wal(path).rename(path.with_name("set aside"))
    assert found(path) == written(100)


def test_a_copy_from_while_the_service_ran_does_not_get_a_later_log(path, put, short_logs):
    def work() -> None:
        write(path, 1, 100)
        for make in (_backed_up, _vacuumed):
            make(path, path.with_name(make.__name__))
        write(path, 101, 200)

    of_another_process(work)
    for make in (_backed_up, _vacuumed):
        put(path.with_name(make.__name__), path)
        assert_refused(path)


def test_an_older_state_of_the_file_alone_does_not_get_a_later_log(path, put, short_logs):
    """``cp`` of the file without its log is no backup; put back beside a log it is noticed."""
    copies = []

    def work() -> None:
        for turn in range(12):
            write(path, 20 * turn + 1, 20 * turn + 20)
            shutil.copy(path, path.with_name(f"copy {turn}"))

    of_another_process(work)
    saved = wal(path).read_bytes()
    for turn in range(12):
        put(path.with_name(f"copy {turn}"), path)
        try:
            assert found(path) == written(240)  # it is of the time of this very log
            copies.append(turn)
        except CorruptData as exc:
            assert "move the log away" in str(exc)  # noqa: PT017 - one or the other
        close_all()
        wal(path).write_bytes(saved)
    assert 0 not in copies
    assert 11 in copies


def test_another_database_of_ours_does_not_get_the_log(path, put):
    other = path.with_name("other")
    write_and_close(other, 1, 30)
    write_and_die(path, 1, 60)
    put(other, path)
    assert_refused(path)


def test_a_log_is_found_beside_the_file_that_a_link_leads_to(path, put):
    write_and_close(path, 1, 10)
    shutil.copy(path, copy := path.with_name("copy"))
    write_and_close(path, 11, 12)
    write_and_die(path, 13, 20)
    put(copy, path)
    link = path.with_name("link")
    link.symlink_to(path)
    with pytest.raises(CorruptData, match=r"doc\.sqlite-wal"):
        found(link)


# --- the log is gone ------------------------------------------------------------------------------


@pytest.mark.parametrize("lose", [Path.unlink, lambda log: log.write_bytes(b"")])
@pytest.mark.parametrize("begin", [write_and_close, write_and_die])
def test_a_file_that_lost_its_last_writes_with_the_log_is_refused(path, begin, lose):
    begin(path, 1, 20)
    write_and_die(path, 21, 50)
    saved = wal(path).read_bytes()
    lose(wal(path))
    assert_refused(path)

    wal(path).write_bytes(saved)
    assert found(path) == written(50)


def test_going_on_without_a_lost_log_takes_moving_the_note_away(path):
    write_and_close(path, 1, 20)
    write_and_die(path, 21, 50)
    wal(path).unlink()
    path.with_name(f"{path.name}-note").unlink()
    assert found(path) == written(20)


def test_a_log_that_any_program_copied_to_the_file_is_not_missed(path):
    write_and_die(path, 1, 50)
    with closing(sqlite3.connect(path)) as other:
        other.execute("SELECT * FROM counters").fetchall()
    assert not wal(path).exists()
    assert found(path) == written(50)


def test_a_file_that_is_closed_as_soon_as_it_is_written_is_never_refused(path, short_logs):
    """The times of a file tell 4 milliseconds apart, in which all of this may happen."""
    for number in range(1, 100):
        write(path, number, number)
        close_all()
        assert found(path) == written(number)


# --- the file itself stands there -----------------------------------------------------------------


def test_a_copy_of_the_whole_folder_after_a_crash_has_all(path, short_logs):
    write_and_die(path, 1, 200)
    elsewhere = path.parent / "elsewhere"
    elsewhere.mkdir()
    for file in (path, wal(path)):
        shutil.copy(file, elsewhere)

    assert found(elsewhere / path.name) == written(200)
    assert found(path) == written(200)


def test_a_file_put_back_as_it_was_at_the_crash_gets_its_log(path, put):
    write_and_die(path, 1, 200)
    shutil.copy(path, copy := path.with_name("copy"))
    put(copy, path)
    path.chmod(0o640)
    assert found(path) == written(200)


def _checkpoint(path: Path) -> list[tuple[int, bytes]]:
    """Return what a checkpoint would write to the file: (number, page), in its order."""
    content = wal(path).read_bytes()
    pages, committed = {}, {}
    for start in range(32, len(content) - FRAME + 1, FRAME):
        frame = content[start : start + FRAME]
        if frame[8:16] != content[16:24]:
            break
        pages[int.from_bytes(frame[:4], "big")] = frame[24:]
        if any(frame[4:8]):
            committed.update(pages)
    return sorted(committed.items())


def test_a_checkpoint_that_was_cut_short_anywhere_leaves_the_file_its_log(path, short_logs):
    write_and_die(path, 1, 150)
    pages, content, logged = _checkpoint(path), path.read_bytes(), wal(path).read_bytes()
    assert len(pages) > 5

    for done in range(len(pages) + 1):
        copy = path.with_name(f"{done}.sqlite")
        copy.write_bytes(content)
        with open(copy, "r+b") as file:
            for number, page in pages[:done]:
                file.seek((number - 1) * PAGE)
                file.write(page)
        wal(copy).write_bytes(logged)
        assert found(copy) == written(150)
        close_all()


def test_no_kill_of_a_writer_whose_logs_are_short_loses_an_acknowledged_write(tmp_path, short_logs):
    writer = Interrupted(SQLiteWriter, tmp_path, random.Random(11))
    for _ in range(25):
        writer.once(kill)
    writer.look()
    assert (writer.tally.lost, writer.tally.unreadable) == (0, 0)


def test_whoever_opens_a_file_that_others_write_to_is_never_refused(path, monkeypatch):
    monkeypatch.setattr(log, "_LONG", 1)  # it begins anew with every write
    monkeypatch.setattr(log, "_ROWS", 1)
    write(path, 1, 10)
    with fork(_write_for_ever, path), fork(_write_for_ever, path):
        end = time.monotonic() + 1
        while time.monotonic() < end:
            recovery.check(path, 0)  # as if it was read long ago: it is looked at again
        until(lambda: found(path)[1] > 100)


def _write_for_ever(path: Path) -> None:
    while True:
        Counter("n", **at(path)).increment()


# --- logs that other programs wrote ---------------------------------------------------------------


def _by_hand(path: Path, *statements: str) -> None:
    """Let another program run *statements* and die."""

    def work() -> None:
        handle = sqlite3.connect(path, isolation_level=None)
        for statement in statements:
            handle.execute(statement).fetchall()
        os._exit(0)

    with fork(work) as child:
        child.wait()


LAST = "UPDATE counters SET value = 60"


@pytest.mark.parametrize(
    "statements",
    [
        [LAST],
        ["CREATE INDEX theirs ON entries (record)", LAST],
        ["BEGIN", *(f"CREATE TABLE t{i} (a)" for i in range(20)), "COMMIT", LAST],
        ["VACUUM", LAST],
        [LAST, "PRAGMA wal_checkpoint"],
        ["UPDATE counters SET value = 59", "PRAGMA wal_checkpoint(TRUNCATE)", LAST],
    ],
    ids=["update", "index", "tables", "vacuum", "checkpoint", "truncate"],
)
@pytest.mark.parametrize("before", [write_and_close, write_and_die])
def test_what_another_program_wrote_before_it_died_is_read(path, before, statements):
    before(path, 1, 50)
    _by_hand(path, *statements)
    assert wal(path).stat().st_size > 0
    assert found(path) == (written(50)[0], 60)


def test_a_log_that_sqlite_would_not_play_in_is_no_reason_to_refuse_a_file(path):
    """The page of its mark did not reach the disk whole."""
    write_and_close(path, 1, 10)
    shutil.copy(path, copy := path.with_name("copy"))
    write_and_close(path, 11, 12)
    write_and_die(path, 13, 20)
    with open(wal(path), "r+b") as file:
        file.seek(32 + 24 + 100)
        file.write(b"torn")
    shutil.copy(copy, path)
    assert found(path) == written(10)


# --- the mark -------------------------------------------------------------------------------------


def _first_page_of_the_log(path: Path) -> int:
    with open(wal(path), "rb") as file:
        file.seek(32)
        return int.from_bytes(file.read(4), "big")


@pytest.mark.parametrize("renew", [lambda: None, close_all], ids=["goes on", "closes"])
def test_each_log_begins_with_the_first_page(path, short_logs, renew):
    begun = set()
    for number in range(1, 200):
        write(path, number, number)
        with open(wal(path), "rb") as file:
            begun.add(file.read(32)[16:24])
        assert _first_page_of_the_log(path) == 1
        if number % 50 == 0:
            renew()
    assert len(begun) > 5


def test_a_log_does_not_grow_without_end(path):
    """It is copied to the file after about a thousand pages, as SQLite does by itself."""
    counter = Counter("n", **at(path))
    for _ in range(3_000):
        counter.increment()
    assert wal(path).stat().st_size < 1_200 * FRAME


def test_a_reader_in_the_way_keeps_nobody_from_writing(path):
    write(path, 1, 10)
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM entries").fetchone()
        for _ in range(2_000):
            Counter("n", **at(path)).increment()
    assert Counter("n", **at(path)).value == 2_010


def test_a_copy_by_vacuum_gets_a_log_of_its_own(path):
    write(path, 1, 50)
    _vacuumed(path, copy := path.with_name("copy"))
    write(copy, 51, 60)
    assert found(copy) == written(60)
    with closing(sqlite3.connect(copy)) as raw:
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)
