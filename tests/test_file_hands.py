"""What other hands do to the files while stores are open: rm, mv, cp, and a script run by root."""

import os
import resource
import shutil
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError  # the built-in one from 3.11 on
from pathlib import Path
from typing import Any

import pytest

from napixd_store import CorruptData, OutcomeUnknown, Store, Unavailable, disk
from tests.files import PROMPT, each_kind, hold, open_kind, tree
from tests.labs import need
from tests.processes import Signal, fork

# --- the folder -----------------------------------------------------------------------------------


@each_kind
def test_a_root_that_was_removed_is_made_anew_by_the_next_write(kind, tmp_path):
    """Every test suite removes a path, and uses it again in the same process."""
    root = tmp_path / "root"
    write, read = open_kind(kind, root)
    for number in range(3):
        write(number)
        assert read() == number
        shutil.rmtree(root)
        assert open_kind("Counter", root)[1]() == 0
        if kind != "Counter":
            assert "a" not in Store("c", kind, root=root)


@each_kind
def test_what_stands_at_the_path_is_what_is_read_and_written(kind, tmp_path):
    """A backup is put in place of it."""
    root, backup = tmp_path / "root", tmp_path / "backup"
    write, read = open_kind(kind, root)
    write(1)
    shutil.copytree(root, backup)
    write(2)
    root.rename(tmp_path / "away")
    backup.rename(root)
    assert read() == 1
    write(3)
    assert read() == 3
    assert open_kind(kind, tmp_path / "away")[1]() == 2


@each_kind
def test_who_waited_for_a_folder_that_is_no_longer_there_writes_to_the_one_that_is(kind, tmp_path):
    root, backup = tmp_path / "root", tmp_path / "backup"
    write, read = open_kind(kind, root)
    write(1)
    shutil.copytree(root, backup)
    held, release = Signal(), Signal()
    with fork(hold, root, held, release), ThreadPoolExecutor(1) as pool:
        held.wait(PROMPT)
        waiting = pool.submit(write, 2)
        with pytest.raises(FutureTimeoutError):
            waiting.result(0.1)
        root.rename(tmp_path / "away")
        backup.rename(root)
        release.send()
        waiting.result(PROMPT)
    assert read() == 2
    assert open_kind(kind, tmp_path / "away")[1]() == 1


def _in_the_middle(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Have *act* called once, when a file is staged and not yet renamed."""
    stage = disk.stage

    def stage_and_act(descriptor: int, data: bytes) -> None:
        stage(descriptor, data)
        monkeypatch.undo()
        act()

    monkeypatch.setattr(disk, "stage", stage_and_act)


@each_kind
def test_no_write_is_acknowledged_that_went_to_a_folder_that_was_replaced(
    kind, tmp_path, monkeypatch
):
    """And the one that stands there now, which other writers have locked, is not touched."""
    root, backup = tmp_path / "root", tmp_path / "backup"
    write, read = open_kind(kind, root)
    write(1)
    shutil.copytree(root, backup)

    def replace() -> None:
        root.rename(tmp_path / "away")
        backup.rename(root)

    before = tree(backup)
    _in_the_middle(monkeypatch, replace)
    with pytest.raises(OutcomeUnknown, match="was removed or replaced during the write"):
        write(2)
    assert tree(root) == before
    assert read() == 1
    assert open_kind(kind, tmp_path / "away")[1]() == 2


def test_no_write_is_acknowledged_that_went_to_a_collection_that_was_replaced(
    tmp_path, monkeypatch
):
    store, folder = Store("c", "Directory", root=tmp_path), tmp_path / "c.store"
    store["a"] = 1

    def replace() -> None:
        folder.rename(tmp_path / "away")
        shutil.copytree(tmp_path / "away", folder, ignore=shutil.ignore_patterns(".*"))

    _in_the_middle(monkeypatch, replace)
    with pytest.raises(OutcomeUnknown, match="was removed or replaced during the write"):
        store["a"] = 2
    assert store["a"] == 1


@each_kind
def test_a_write_whose_folder_is_removed_in_the_middle_is_made_in_a_new_one(
    kind, tmp_path, monkeypatch
):
    root = tmp_path / "root"
    write, read = open_kind(kind, root)
    write(1)
    _in_the_middle(monkeypatch, lambda: shutil.rmtree(root))
    write(2)
    assert read() == 2


@each_kind
def test_whatever_is_removed_from_the_folder_the_next_writer_waits(kind, tmp_path):
    """There is no lock file that an operator could tidy away."""
    write, _read = open_kind(kind, tmp_path)
    write(1)
    held, release = Signal(), Signal()
    with fork(hold, tmp_path, held, release), ThreadPoolExecutor(1) as pool:
        held.wait(PROMPT)
        for entry in tmp_path.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        waiting = pool.submit(write, 2)
        with pytest.raises(FutureTimeoutError):
            waiting.result(0.1)
        release.send()
        waiting.result(PROMPT)


def test_renaming_keys_while_iterating_comes_to_an_end(quick_path):
    store = Store("c", "Directory", root=quick_path)
    store.update({f"k{number}": number for number in range(50)})
    steps = 0
    for key in store:
        steps += 1
        store[f"renamed {steps}"] = store.pop(key)
    assert 50 <= steps <= 51
    assert sorted(store.values()) == list(range(50))


# --- what is not ours -----------------------------------------------------------------------------


def _photo(folder: Path) -> None:
    (folder / "2024").mkdir()
    (folder / "2024" / "a.jpg").write_text("precious")


def _notes(folder: Path) -> None:
    (folder / "notes.txt").write_text("precious")


def _hidden(folder: Path) -> None:
    (folder / ".hidden").write_text("precious")


def _json(folder: Path) -> None:
    (folder / "z.json").write_text('{"precious": true}')


def _link(folder: Path) -> None:
    (folder / "z.json").symlink_to(folder / "a.json")


def _damaged(folder: Path) -> None:
    with open(folder / "b.json", "r+b") as stream:
        stream.seek(-4, os.SEEK_END)
        stream.write(b"7")


def _another_s(folder: Path) -> None:
    shutil.copy(folder.parent / "other.store" / "z.json", folder)


def _journal(folder: Path) -> None:
    (folder / ".journal").write_text('{"precious": true}')


@pytest.mark.parametrize(
    "spoil", [_photo, _notes, _hidden, _json, _link, _damaged, _another_s, _journal]
)
def test_a_folder_that_holds_what_is_not_ours_or_damaged_is_neither_cleared_nor_dropped(
    spoil, tmp_path
):
    Store("other", "Directory", root=tmp_path)["z"] = 1
    store = Store("c", "Directory", root=tmp_path)
    store.update(a=1, b=22_222, c=3)
    spoil(tmp_path / "c.store")
    before = tree(tmp_path)
    for remove in (store.clear, store.drop):
        with pytest.raises(CorruptData) as caught:
            remove()
        assert str(tmp_path / "c.store") in str(caught.value)
        assert tree(tmp_path) == before


def test_a_folder_of_something_else_is_not_dropped(tmp_path):
    (tmp_path / "photos.store").mkdir()
    _photo(tmp_path / "photos.store")
    before = tree(tmp_path)
    for remove in ("clear", "drop"):
        with pytest.raises(CorruptData, match="2024"):
            getattr(Store("photos", "Directory", root=tmp_path), remove)()
    assert tree(tmp_path) == before


@pytest.mark.parametrize("text", ['{"precious": true}', "", "[", '{"napixd-store": 1}'])
def test_a_file_that_is_not_ours_or_damaged_is_neither_cleared_nor_dropped(text, tmp_path):
    store, path = Store("c", "File", root=tmp_path, writeback=False), tmp_path / "c.store.json"
    store["a"] = 1
    for data in (text.encode(), path.read_bytes()[:-2]):
        path.write_bytes(data)
        for remove in (store.clear, store.drop):
            with pytest.raises(CorruptData, match="left as it is"):
                remove()
            assert path.read_bytes() == data


def test_what_came_into_a_folder_while_it_was_dropped_is_kept(tmp_path, monkeypatch):
    """It is out of sight, in a folder that no writer takes for a leftover file of its own."""
    store = Store("c", "Directory", root=tmp_path)
    store["a"] = 1
    rename = os.rename

    def rename_late(*names: Any, **within: Any) -> None:
        _photo(tmp_path / "c.store")
        rename(*names, **within)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", rename_late)
        store.drop()
    assert "a" not in store
    for number in range(3):
        store.update({"a": number, "b": number})
    assert [path.read_text() for path in tmp_path.rglob("a.jpg")] == ["precious"]


# --- root, and rights -----------------------------------------------------------------------------

SERVICE = 4242
"""Some user's number; nobody need have it."""


def _as_service(work: Callable[[], Any]) -> Any:
    def changed() -> Any:
        os.setgroups([])
        os.setgid(SERVICE)
        os.setuid(SERVICE)
        return work()

    return fork(changed).result(PROMPT)


@pytest.mark.lab
@each_kind
def test_what_root_wrote_is_the_service_s_to_read_and_to_write(kind, open_folder):
    need(os.geteuid() == 0, "only root may become another user")
    os.chown(open_folder, SERVICE, SERVICE)
    root = open_folder / "new" / "root"

    def serve() -> object:
        write, read = open_kind(kind, root)
        before = read()
        write(2)
        return before, read()

    open_kind(kind, root)[0](1)  # root comes first, and makes the folders
    assert _as_service(serve) == (1, 2)
    open_kind(kind, root)[0](3)
    assert _as_service(serve) == (3, 2)
    if kind == "Directory":
        Store("c", kind, root=root).update(a=4, b=5)
        assert _as_service(serve) == (4, 2)
        assert _as_service(lambda: Store("c", kind, root=root)["b"]) == 5
        _as_service(Store("c", kind, root=root).drop)

    owners = {
        (facts.st_uid, facts.st_gid, stat.S_IMODE(facts.st_mode) & 0o077)
        for path in (open_folder, *open_folder.rglob("*"))
        if (facts := path.stat()) and path != open_folder
    }
    assert owners == {(SERVICE, SERVICE, 0)}


@each_kind
def test_too_many_open_files_are_unavailable_and_named_and_then_all_goes_on(kind, tmp_path):
    write, read = open_kind(kind, tmp_path)
    write(1)
    operations = [read, lambda: write(2)]
    if kind != "Counter":
        store = Store("c", kind, root=tmp_path)
        operations += [lambda: len(store), store.snapshot, store.drop]

    def starve() -> list[str]:
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
        held, said = [], []
        try:
            while True:
                held.append(os.dup(0))
        except OSError:
            pass
        for operation in operations:
            try:
                operation()
            except Unavailable as exc:
                said.append(str(exc))
        for descriptor in held:
            os.close(descriptor)
        write(3)
        assert read() == 3
        return said

    said = fork(starve).result(PROMPT)
    assert len(said) == len(operations)
    for message in said:
        assert "Too many open files; nothing was changed" in message
        assert "may have 40 at once (ulimit -n)" in message
        assert str(tmp_path) in message
    assert read() == 3
