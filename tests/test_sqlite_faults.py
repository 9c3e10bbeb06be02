"""SQLite files that are damaged, foreign, unwritable or on a full disk, and writers that die.

What SQLite cannot see is not tested: a page has no checksum, so a byte flipped inside a record
is returned as it stands.
"""

import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from napixd_store import (
    ConfigError,
    CorruptData,
    Counter,
    ReadOnly,
    Store,
    StoreFull,
)
from napixd_store.backends.sqlite import layout
from napixd_store.connections import close_all
from tests.labs import need
from tests.mounts import fill, mount_small, remount, with_mounts
from tests.processes import Signal, fork
from tests.sizes import size

PAGE = 4096
OLD = {f"key {number}": {"number": number, "text": "x" * 50} for number in range(200)}


def at(path: Path) -> dict[str, Any]:
    return {"backend": "SQLite", "path": path, "durability": "process", "timeout": 5}


def make_database(path: Path) -> None:
    """Let another process make a database of ours at *path*, all of it in the one file."""
    with fork(_make_database, path) as child:
        child.result()


def _make_database(path: Path) -> None:
    Store("old", **at(path)).update(OLD)
    Counter("old", **at(path)).reset(41)
    close_all()


READS: dict[str, Callable[[Path], Any]] = {
    "[]": lambda path: Store("old", **at(path))["key 1"],
    "in": lambda path: "key 1" in Store("old", **at(path)),
    "len": lambda path: len(Store("old", **at(path))),
    "iter": lambda path: list(Store("old", **at(path))),
    "snapshot": lambda path: Store("old", **at(path)).snapshot(),
    "get_many": lambda path: Store("old", **at(path)).get_many(["key 1", "key 2"]),
    "write-back": lambda path: Store("old", writeback=True, **at(path)).snapshot(),
    "value": lambda path: Counter("old", **at(path)).value,
    "collections": lambda path: type(Store("old", **at(path))).collections(
        {name: option for name, option in at(path).items() if name != "backend"}
    ),
}


def _save(path: Path) -> None:
    store = Store("old", writeback=True, **at(path))
    store["key 1"] = 1
    store.save()


WRITES: dict[str, Callable[[Path], Any]] = {
    "[]=": lambda path: Store("old", **at(path)).update(a="x" * 10_000),
    "del": lambda path: Store("old", **at(path)).__delitem__("key 1"),
    "pop": lambda path: Store("old", **at(path)).pop("key 1"),
    "incr": lambda path: Store("old", **at(path)).incr("number"),
    "drop": lambda path: Store("old", **at(path)).drop(),
    "save": _save,
    "increment": lambda path: Counter("old", **at(path)).increment(),
    "reset": lambda path: Counter("old", **at(path)).reset(),
}


def assert_intact(path: Path) -> None:
    """All that `make_database` wrote is there, and the file is sound."""
    assert Store("old", **at(path)).snapshot() == OLD
    assert len(Store("old", **at(path))) == len(OLD)
    assert Counter("old", **at(path)).value == 41
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


# --- what is no database of ours -----------------------------------------------------------------


def _garbage(path: Path) -> None:
    path.write_bytes(b"this is a letter to my aunt\n" * 1_000)


def _short_garbage(path: Path) -> None:
    path.write_bytes(b"{}")


def _random(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(50_000))


def _zeros(path: Path) -> None:
    path.write_bytes(bytes(40_960))


def _empty(path: Path) -> None:
    path.touch()


def _broken_magic(path: Path) -> None:
    make_database(path)
    with open(path, "r+b") as file:
        file.write(b"sqlite format 4\0")


def _broken_header(path: Path) -> None:
    make_database(path)
    with open(path, "r+b") as file:
        file.seek(16)
        file.write(b"\xff" * 84)


def _first_page_zeroed(path: Path) -> None:
    make_database(path)
    with open(path, "r+b") as file:
        file.write(bytes(4096))


def _foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.executescript(
            "CREATE TABLE records (a, b); INSERT INTO records VALUES (1, 2); PRAGMA user_version=1"
        )


def _foreign_with_a_log(path: Path) -> None:
    """Another program's, in WAL mode, which was killed before its log was written back."""
    with fork(_write_foreign_and_die, path) as child:
        assert child.wait() == -signal.SIGKILL
    assert path.with_name(f"{path.name}-wal").stat().st_size > 0


def _write_foreign_and_die(path: Path) -> None:
    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute("PRAGMA journal_mode=WAL")
    raw.executescript("CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1);")
    os.kill(os.getpid(), signal.SIGKILL)


def _newer(path: Path) -> None:
    make_database(path)
    with closing(sqlite3.connect(path)) as raw:
        raw.execute(f"PRAGMA user_version = {layout.VERSION + 1}")
        raw.execute("PRAGMA journal_mode = DELETE")


def _without_tables(path: Path) -> None:
    make_database(path)
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("DROP VIEW records")
        for table in ("entries", "collections", "counters"):
            raw.execute(f"DROP TABLE {table}")
        raw.execute("PRAGMA journal_mode = DELETE")


BAD = [
    _garbage,
    _short_garbage,
    _random,
    _zeros,
    _empty,
    _broken_magic,
    _broken_header,
    _first_page_zeroed,
    _foreign,
    _foreign_with_a_log,
    _newer,
    _without_tables,
]


@pytest.mark.parametrize("make", BAD, ids=[make.__name__.strip("_") for make in BAD])
def test_a_file_that_is_not_ours_is_refused_and_keeps_every_byte(make, tmp_path):
    path = tmp_path / "bad.sqlite"
    make(path)
    files = {file: file.read_bytes() for file in tmp_path.iterdir() if file.suffix != ".sqlite-shm"}

    for attempt in (*READS.values(), *WRITES.values()):
        with pytest.raises(CorruptData, match=re.escape(str(path))):
            attempt(path)
    close_all()

    assert {file: file.read_bytes() for file in files} == files


def test_another_program_finds_its_own_data_after_we_refused_its_file(tmp_path):
    path = tmp_path / "theirs.sqlite"
    _foreign_with_a_log(path)
    with pytest.raises(CorruptData, match="another program"):
        Counter("c", **at(path)).increment()
    close_all()

    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT a FROM theirs").fetchall() == [(1,)]


def test_a_file_of_a_newer_version_says_what_to_do(tmp_path):
    path = tmp_path / "newer.sqlite"
    _newer(path)
    with pytest.raises(CorruptData, match="upgrade napixd-store"):
        Counter("c", **at(path)).increment()


def _refused_when_cut(whole: Path, lengths: Iterable[int]) -> None:
    content = whole.read_bytes()
    for length in lengths:
        path = whole.with_name(f"cut at {length}.sqlite")
        path.write_bytes(content[:length])
        for attempt in (READS["snapshot"], READS["value"], WRITES["[]="], WRITES["increment"]):
            with pytest.raises(CorruptData, match=re.escape(str(path))):
                attempt(path)
        close_all()
        assert path.read_bytes() == content[:length]


def test_an_empty_file_is_called_what_it_is(tmp_path):
    path = tmp_path / "empty.sqlite"
    path.touch()
    with pytest.raises(CorruptData, match="is empty"):
        Counter("c", **at(path)).increment()


def test_a_database_cut_at_any_length_is_never_taken_for_a_smaller_one(tmp_path):
    whole = tmp_path / "whole.sqlite"
    make_database(whole)
    last_page = whole.stat().st_size - PAGE
    assert last_page > 9 * PAGE

    _refused_when_cut(whole, [*range(0, last_page + 1, 512), 1, 15, 16, 17, 99, 100, 101, 4095])


def test_a_database_cut_inside_its_last_page_is_refused(tmp_path):
    whole = tmp_path / "whole.sqlite"
    make_database(whole)
    size = whole.stat().st_size
    _refused_when_cut(whole, [size - PAGE + 1, *range(size - PAGE + 512, size, 512), size - 1])


def test_a_cut_database_beside_the_log_of_a_killed_writer_is_whole_or_refused(tmp_path):
    """What is in the log need not be in the file; what is in neither is noticed."""
    whole = tmp_path / "whole.sqlite"
    make_database(whole)
    with fork(_write_and_die, whole) as child:
        assert child.wait() == -signal.SIGKILL
    log = tmp_path / "whole.sqlite-wal"
    content, logged = whole.read_bytes(), log.read_bytes()
    assert logged

    outcomes = set()
    for length in range(0, len(content) + 1, 512):
        path = tmp_path / f"cut at {length}.sqlite"
        path.write_bytes(content[:length])
        path.with_name(f"{path.name}-wal").write_bytes(logged)
        try:
            assert Store("old", **at(path)).snapshot() == {**OLD, "logged": 1}
            outcomes.add("whole")
        except CorruptData:
            outcomes.add("refused")
        close_all()
    assert outcomes == {"whole", "refused"}


def _write_and_die(path: Path) -> None:
    Store("old", **at(path))["logged"] = 1
    os.kill(os.getpid(), signal.SIGKILL)


def test_what_a_killed_writer_left_in_its_log_is_read_even_without_its_index(tmp_path):
    path = tmp_path / "doc.sqlite"
    make_database(path)
    with fork(_write_and_die, path) as child:
        assert child.wait() == -signal.SIGKILL
    (tmp_path / "doc.sqlite-shm").unlink()

    assert Store("old", **at(path)).snapshot() == {**OLD, "logged": 1}


# --- paths that cannot be a file -----------------------------------------------------------------


def test_a_folder_as_path_is_a_wrong_setting(tmp_path):
    for attempt in (*READS.values(), *WRITES.values()):
        with pytest.raises(ConfigError, match=r"check (the )?path"):
            attempt(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("below", ["doc.sqlite", "folder/doc.sqlite"])
def test_a_path_below_a_file_is_a_wrong_setting(below, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ConfigError, match=r"check (the )?path"):
        Counter("c", **at(tmp_path / "file" / below)).increment()
    assert (tmp_path / "file").read_text() == "mine"


def test_a_dangling_link_is_a_wrong_setting_and_is_not_followed(tmp_path):
    path = tmp_path / "doc.sqlite"
    path.symlink_to(tmp_path / "nowhere")
    for attempt in (READS["len"], WRITES["increment"]):
        with pytest.raises(ConfigError, match=r"check (the )?path"):
            attempt(path)
    assert os.listdir(tmp_path) == ["doc.sqlite"]


def test_a_link_to_a_database_of_ours_is_followed(tmp_path):
    (tmp_path / "real").mkdir()
    make_database(tmp_path / "real" / "doc.sqlite")
    link = tmp_path / "link.sqlite"
    link.symlink_to(tmp_path / "real" / "doc.sqlite")

    assert_intact(link)
    Counter("new", **at(link)).increment()
    close_all()
    assert Counter("new", **at(tmp_path / "real" / "doc.sqlite")).value == 1
    assert link.is_symlink()


# --- no right to write ---------------------------------------------------------------------------

NOBODY = 65534


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users can reach, which pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="napixd-store-") as name:
        os.chmod(name, 0o755)
        yield Path(name)


@pytest.fixture
def theirs(open_folder: Path) -> Path:
    """A database in a folder, both owned by the unprivileged user that `as_nobody` becomes."""
    path = open_folder / "folder" / "doc.sqlite"
    make_database(path)
    if os.geteuid() == 0:
        for owned in (path.parent, path):
            os.chown(owned, NOBODY, NOBODY)
    return path


def as_nobody(work: Callable[..., Any], *args: Any) -> Any:
    """Return what *work* returns in a child without the rights of root, if we have them."""
    with fork(_without_rights, work, args) as child:
        return child.result()


def _without_rights(work: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    return work(*args)


def _refused_writes(path: Path) -> None:
    for attempt in WRITES.values():
        with pytest.raises(ReadOnly, match=re.escape(str(path))):
            attempt(path)


def test_a_file_without_write_permission_is_read_but_not_written(theirs):
    theirs.chmod(0o400)

    as_nobody(_read_but_not_write, theirs)

    for file in theirs.parent.iterdir():  # SQLite gave its -wal and -shm files the same rights
        file.chmod(0o600)
    as_nobody(assert_intact, theirs)
    assert as_nobody(WRITES["increment"], theirs) == 42


def _read_but_not_write(path: Path) -> None:
    _refused_writes(path)
    assert Store("old", **at(path)).snapshot() == OLD
    assert Counter("old", **at(path)).value == 41
    _refused_writes(path)


def test_a_handle_that_was_refused_works_when_the_file_may_be_written_again(theirs):
    as_nobody(_lose_and_regain_the_file, theirs)


def _lose_and_regain_the_file(path: Path) -> None:
    store, counter = Store("old", **at(path)), Counter("old", **at(path))
    with closing(sqlite3.connect(path)) as other:
        other.execute("SELECT * FROM counters").fetchall()  # makes the -wal and -shm files
        path.chmod(0o400)
        with pytest.raises(ReadOnly):
            counter.increment()
        path.chmod(0o600)
    assert counter.increment() == 42
    assert store.snapshot() == OLD


def test_a_folder_without_write_permission_is_a_clear_refusal(theirs):
    """Not even reading is possible, for SQLite needs its -shm file beside the database."""
    theirs.parent.chmod(0o500)

    as_nobody(_refused, theirs)

    theirs.parent.chmod(0o700)
    assert os.listdir(theirs.parent) == ["doc.sqlite"]
    as_nobody(assert_intact, theirs)
    assert as_nobody(WRITES["increment"], theirs) == 42


def _refused(path: Path) -> None:
    for attempt in (*READS.values(), *WRITES.values()):
        with pytest.raises(ReadOnly, match=re.escape(str(path))):
            attempt(path)


def test_one_handle_is_refused_while_the_rights_are_missing_and_works_when_they_are_back(theirs):
    as_nobody(_lose_and_regain_rights, theirs)


def _lose_and_regain_rights(path: Path) -> None:
    store, counter = Store("old", **at(path)), Counter("old", **at(path))
    path.parent.chmod(0o500)
    for _ in range(2):
        with pytest.raises(ReadOnly):
            counter.increment()
        with pytest.raises(ReadOnly):
            store["new"] = 1
    path.parent.chmod(0o700)
    assert counter.increment() == 42
    assert store.snapshot() == OLD


def test_a_new_file_in_a_folder_without_write_permission_is_refused_and_leaves_nothing(theirs):
    theirs.parent.chmod(0o500)
    for below in ("new.sqlite", "new/folder/new.sqlite"):
        as_nobody(_refused, theirs.parent / below)
    assert os.listdir(theirs.parent) == ["doc.sqlite"]


def test_a_file_of_another_user_is_refused_and_stays_as_it_is(open_folder):
    need(os.geteuid() == 0, "only root can make a file that its tests may not read")
    path = open_folder / "doc.sqlite"
    make_database(path)
    content = path.read_bytes()

    as_nobody(_refused, path)

    assert path.read_bytes() == content
    assert_intact(path)


# --- a read-only file system ---------------------------------------------------------------------


@pytest.mark.lab
def test_a_read_only_file_system_refuses_writes_and_keeps_the_data(tmp_path):
    with_mounts(_on_a_read_only_file_system, tmp_path)


def _on_a_read_only_file_system(folder: Path) -> None:
    mount_small(folder, "4m")
    path = folder / "doc.sqlite"
    make_database(path)

    remount(folder, read_only=True)  # closed before: SQLite cannot make its -shm file
    _read_but_not_write(path)
    _refused(folder / "new.sqlite")
    close_all()

    remount(folder, read_only=False)
    assert os.listdir(folder) == ["doc.sqlite"]
    assert_intact(path)
    assert Counter("old", **at(path)).increment() == 42


@pytest.mark.lab
def test_a_handle_used_on_a_read_only_file_system_works_when_it_may_be_written_again(tmp_path):
    with_mounts(_read_only_for_a_while, tmp_path)


def _read_only_for_a_while(folder: Path) -> None:
    mount_small(folder, "4m")
    path = folder / "doc.sqlite"
    make_database(path)
    with fork(_write_and_die, path) as child:
        assert child.wait() == -signal.SIGKILL
    counter = Counter("old", **at(path))

    remount(folder, read_only=True)
    for _ in range(2):
        with pytest.raises(ReadOnly):
            counter.increment()
    assert counter.value == 41
    remount(folder, read_only=False)

    assert counter.increment() == 42


@pytest.mark.lab
def test_a_file_system_that_turns_read_only_after_a_crash_can_still_be_read(tmp_path):
    """The killed writer left its -wal and -shm files, so SQLite need not make them."""
    with_mounts(_read_only_after_a_crash, tmp_path)


def _read_only_after_a_crash(folder: Path) -> None:
    mount_small(folder, "4m")
    path = folder / "doc.sqlite"
    make_database(path)
    with fork(_write_and_die, path) as child:
        assert child.wait() == -signal.SIGKILL
    remount(folder, read_only=True)

    assert Store("old", **at(path)).snapshot() == {**OLD, "logged": 1}
    _refused_writes(path)
    assert Store("old", **at(path)).snapshot() == {**OLD, "logged": 1}

    close_all()
    remount(folder, read_only=False)
    assert Counter("old", **at(path)).increment() == 42
    assert Store("old", **at(path)).pop("logged") == 1


# --- a full disk ---------------------------------------------------------------------------------


@pytest.mark.lab
def test_a_full_disk_refuses_writes_keeps_the_data_and_works_once_there_is_room(tmp_path):
    with_mounts(_on_a_full_disk, tmp_path)


def _on_a_full_disk(folder: Path) -> None:
    mount_small(folder, "1m")
    path = folder / "doc.sqlite"
    make_database(path)
    store, counter = Store("old", **at(path)), Counter("old", **at(path))
    assert store.snapshot() == OLD
    before = sorted(os.listdir(folder))
    filler = fill(folder)

    for _ in range(2):
        with pytest.raises(StoreFull, match="old data is intact"):
            store["new"] = "x" * 100_000
        with pytest.raises(StoreFull):
            store.update(dict.fromkeys(OLD, "y" * 1_000))
        with pytest.raises(StoreFull):
            counter.increment()
    _refused_save(path)
    assert_intact(path)

    filler.unlink()
    store["new"] = "x" * 100_000
    assert counter.increment() == 42
    assert store.pop("new") == "x" * 100_000
    assert counter.reset(41) == 42
    # These come with the first write.
    assert sorted(os.listdir(folder)) == sorted([*before, "doc.sqlite-note", "doc.sqlite-queue"])
    assert_intact(path)


def _refused_save(path: Path) -> None:
    """A working copy that could not be saved is kept."""
    store = Store("old", writeback=True, **at(path))
    for value in store.values():
        value["more"] = "z" * 1_000
    with pytest.raises(StoreFull):
        store.save()
    assert all(value["more"] for value in store.values())


@pytest.mark.lab
def test_numbers_given_until_the_disk_is_full_are_given_once(tmp_path):
    with_mounts(_count_until_full, tmp_path)


def _count_until_full(folder: Path) -> None:
    mount_small(folder, "1m")
    path = folder / "doc.sqlite"
    counter, store = Counter("ids", **at(path)), Store("log", **at(path))
    numbers, kept = [counter.increment()], {}

    def write_until_full() -> None:
        for _ in range(100_000):
            number = counter.increment()
            numbers.append(number)
            store[number] = "x" * 5_000
            kept[number] = "x" * 5_000

    with pytest.raises(StoreFull):
        write_until_full()

    assert numbers == list(range(1, len(numbers) + 1))
    assert counter.value == numbers[-1]
    assert store.snapshot() == kept
    assert len(kept) > 20


@pytest.mark.lab
def test_a_closed_store_on_a_full_disk_is_intact_and_works_once_there_is_room(tmp_path):
    with_mounts(_open_on_a_full_disk, tmp_path)


def _open_on_a_full_disk(folder: Path) -> None:
    mount_small(folder, "1m")
    path = folder / "doc.sqlite"
    make_database(path)
    filler = fill(folder)

    for attempt in (*READS.values(), *WRITES.values()):  # no room for the -shm file
        with pytest.raises(StoreFull):
            attempt(path)
    close_all()

    filler.unlink()
    assert_intact(path)
    assert Counter("old", **at(path)).increment() == 42


@pytest.mark.lab
def test_a_new_store_on_a_full_disk_leaves_nothing_behind_and_works_once_there_is_room(tmp_path):
    with_mounts(_create_on_a_full_disk, tmp_path)


def _create_on_a_full_disk(folder: Path) -> None:
    mount_small(folder, "1m")
    filler = fill(folder)
    counter = Counter("ids", **at(folder / "doc.sqlite"))

    for room in (0, 4_096, 12_288, 20_480):
        os.truncate(filler, filler.stat().st_size - room)
        with pytest.raises(StoreFull):
            counter.increment()
        fill(folder)
        assert os.listdir(folder) == ["filler"]

    filler.unlink()
    assert counter.increment() == 1


# --- writers that die ----------------------------------------------------------------------------


def test_20_kills_of_a_writer_lose_nothing_acknowledged_and_repeat_no_number(tmp_path):
    path = tmp_path / "doc.sqlite"
    dice, acknowledged, torn = random.Random(9), [], 0

    for _ in range(20):
        read, write = os.pipe()
        with fork(_write_for_ever, path, write) as writer:
            os.close(write)
            with os.fdopen(read, "rb") as lines:
                mine = [int(lines.readline()) for _ in range(dice.randrange(1, 60))]
                writer.kill()
                mine += [int(line) for line in lines if line.endswith(b"\n")]
        acknowledged += mine

        assert len(acknowledged) == len(set(acknowledged))
        stored = Store("numbers", **at(path)).get_many(acknowledged)
        assert stored == {number: [number] * 20 for number in acknowledged}
        torn += Counter("ids", **at(path)).value - max(acknowledged)
        close_all()

    store = Store("numbers", **at(path))
    assert len(store) == len(list(store)) >= len(acknowledged)
    assert torn <= 20 * 2  # at most one number a kill was taken and not acknowledged


def _write_for_ever(path: Path, acknowledge: int) -> None:
    store, counter = Store("numbers", **at(path)), Counter("ids", **at(path))
    while True:
        number = counter.increment()
        store[number] = [number] * 20
        os.write(acknowledge, b"%d\n" % number)


STRIDE = size(quick=12, full=4)
DONE = signal.SIGTERM


@pytest.mark.lab
def test_a_new_file_is_whole_or_absent_whenever_its_maker_is_killed(tmp_path):
    """SIGKILL at the entry of one in STRIDE of the syscalls of the very first write."""
    _kill_at_each_syscall(tmp_path, STRIDE)


@pytest.mark.lab
@pytest.mark.torture
def test_a_new_file_is_whole_or_absent_whenever_its_maker_is_killed_at_any_syscall(tmp_path):
    _kill_at_each_syscall(tmp_path, 1)


def _kill_at_each_syscall(folder: Path, stride: int) -> None:
    need(shutil.which("strace") is not None, "strace is not installed")
    log = folder / "strace.log"
    Store("loaded", **at(folder / "loaded.sqlite")).drop()  # no module is loaded after the fork
    assert _first_write(folder / "counted", f"--output={log}") == -DONE
    made: dict[str, int] = {}
    for line in log.read_text().splitlines():
        called = re.match(r"(\w+)\(", line)
        if called:
            made[called[1]] = made.get(called[1], 0) + 1
    points = [(name, count) for name in sorted(made) for count in range(1, made[name] + 1)]
    assert {"linkat", "fsync", "unlink"} & set(made), made

    outcomes = {"absent": 0, "whole": 0}
    for name, count in points[::stride]:
        place = folder / f"{name} {count}"
        inject = f"--inject={name}:signal=SIGKILL:when={count}"
        code = _first_write(place, f"--output={log}", f"--trace={name}", inject)
        if code == -DONE:
            continue  # a syscall that was made while strace attached
        assert code == -signal.SIGKILL
        path = place / "doc.sqlite"
        if path.exists():
            with closing(sqlite3.connect(path)) as raw:
                assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        outcomes["whole" if path.exists() else "absent"] += 1
        assert Store("first", **at(path)).snapshot() in ({}, {"a": 1})
        assert Counter("ids", **at(path)).increment() == 1
        close_all()
        left = {file.name for file in place.iterdir()} - {"doc.sqlite"}
        assert all(file.startswith(".sqlite-") for file in left)
    assert min(outcomes.values()) > 5, outcomes


def _first_write(folder: Path, *options: str) -> int:
    """Let a child make the first write in *folder* under strace; return how it ended."""
    ready, go = Signal(), Signal()
    with fork(_write_when_told, folder / "doc.sqlite", ready, go) as child:
        ready.wait()
        strace = subprocess.Popen(
            ["strace", "-qq", f"--attach={child.pid}", *options], stderr=subprocess.PIPE, text=True
        )
        try:
            _wait_for(strace, child.pid)
            go.send()
            code = child.wait()
        finally:
            child.kill()
            strace.wait(10)
            if strace.stderr is not None:
                strace.stderr.close()
    return code


def _write_when_told(path: Path, ready: Signal, go: Signal) -> None:
    ready.send()
    go.wait()
    Store("first", **at(path))["a"] = 1
    os.kill(os.getpid(), DONE)  # an exit would first write the coverage, call by call


def _wait_for(strace: subprocess.Popen[str], pid: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if strace.poll() is not None:  # the syscall in which the child waits was the one to die at
            assert strace.communicate()[1] == ""
            return
        if "TracerPid:\t0" not in Path(f"/proc/{pid}/status").read_text():
            return
        time.sleep(0.001)
    raise AssertionError("strace never attached")
