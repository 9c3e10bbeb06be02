"""Places: the home folder, and what nobody else may read."""

import os
import stat
from pathlib import Path

import pytest

from napixd_store import ConfigError, Counter, Store
from napixd_store.connections import close_all
from napixd_store.disk import make_private_folder
from napixd_store.places import home
from tests.processes import run, run_threads, spawn


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=["umask 000", "umask 022", "umask 077"])
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"NAPIXD_HOME": "/srv/new", "NAPIXHOME": "/srv/old"}, "/srv/new"),
        ({"NAPIXHOME": "/srv/old"}, "/srv/old"),
        ({"NAPIXD_HOME": "", "NAPIXHOME": "/srv/old"}, "/srv/old"),
        ({"NAPIXD_HOME": "~/napixd"}, "/home/somebody/napixd"),
        ({}, "/home/somebody/.napixd"),
    ],
    ids=["both", "the old name", "an empty one", "a tilde", "neither"],
)
def test_home_is_the_first_that_is_named(monkeypatch, variables, expected):
    for name in ("NAPIXD_HOME", "NAPIXHOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/home/somebody", **variables}.items():
        monkeypatch.setenv(name, value)

    assert home() == Path(expected)


WITHOUT_HOME = {
    "the default": {},
    "of the variable": {"NAPIXD_HOME": "~nosuchuser/napixd"},
    "of the old variable": {"NAPIXHOME": "$HOME/napix"},
}


@pytest.mark.parametrize("variables", WITHOUT_HOME.values(), ids=WITHOUT_HOME)
def test_a_home_that_cannot_be_found_says_what_to_set(monkeypatch, variables):
    def nobody(uid: int):
        raise KeyError(uid)

    for name in ("HOME", "NAPIXD_HOME", "NAPIXHOME", "NAPIXD_STORE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", nobody)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    for backend in ("SQLite", "File", "Directory"):
        for opened in (Store, Counter):
            with pytest.raises(ConfigError, match=next(iter(variables), "NAPIXD_HOME")):
                opened("a", backend)


PATHS = {"SQLite": "path", "File": "root", "Directory": "root"}


@pytest.mark.parametrize("backend", PATHS)
@pytest.mark.parametrize(
    "named", ["", " ", "~nosuchuser/x", "/a\0b", "\ud800", "$HOME/x", b"/x"], ids=repr
)
def test_a_path_that_leads_nowhere_is_refused_at_opening(backend, named):
    for opened in (Store, Counter):
        with pytest.raises(ConfigError, match=rf"the option '{PATHS[backend]}' "):
            opened("a", backend, **{PATHS[backend]: named})


@pytest.mark.parametrize("backend", PATHS)
def test_a_relative_path_needs_the_working_folder(backend, tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    relative = {PATHS[backend]: "here"}
    for opened in (Store, Counter):
        with pytest.raises(ConfigError, match="relative, but the working folder cannot be found"):
            opened("a", backend, **relative)


@pytest.mark.parametrize("backend", PATHS)
def test_a_path_means_what_it_meant_when_it_was_opened(backend, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = Store("a", backend, **{PATHS[backend]: "here"})
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with store:
        store["a"] = 1
    assert (tmp_path / "here").exists()
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_the_default_is_a_private_file_in_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("NAPIXD_HOME", str(tmp_path / "home" / "napixd"))
    monkeypatch.delenv("NAPIXD_STORE_URL", raising=False)

    with spawn(_use_the_default) as fresh:
        assert fresh.result() == 1

    stores = tmp_path / "home" / "napixd" / "stores"
    assert [file.name for file in stores.iterdir()] == ["store.sqlite"]
    assert rights(stores / "store.sqlite") == 0o600
    for folder in (stores, stores.parent, stores.parent.parent):
        assert rights(folder) == 0o700


def _use_the_default() -> int:
    number = Counter("ids").increment()
    Store("default")["a"] = number
    close_all()
    return number


def test_every_file_and_folder_made_is_private_under_any_umask(umask, tmp_path):
    folder = tmp_path / "one" / "two"
    options = {"backend": "SQLite", "path": folder / "doc.sqlite"}
    Store("a", **options)["a"] = Counter("b", **options).increment()

    found = {file.name: rights(file) for file in folder.iterdir()}

    private = {f"doc.sqlite{side}": 0o600 for side in ("", "-wal", "-shm", "-note", "-queue")}
    assert found == private
    assert rights(folder) == rights(folder.parent) == 0o700


def test_missing_parents_are_made_private_and_existing_ones_keep_their_rights(umask, tmp_path):
    old = tmp_path / "old"
    old.mkdir()
    old.chmod(0o755)

    make_private_folder(old / "a" / "b" / "c")

    assert rights(old) == 0o755
    made = [old / "a", old / "a" / "b", old / "a" / "b" / "c"]
    assert [rights(folder) for folder in made] == [0o700] * 3


def test_a_folder_that_exists_is_left_alone(tmp_path):
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    make_private_folder(folder)
    assert rights(folder) == 0o777


def test_many_may_make_one_folder_at_once(tmp_path):
    folder = tmp_path / "a" / "b" / "c" / "d"
    run_threads(make_private_folder, [(folder,)] * 8)
    assert rights(folder) == 0o700

    folder = tmp_path / "e" / "f" / "g" / "h"
    run(make_private_folder, [(folder,)] * 4)
    assert rights(folder) == 0o700


def test_a_file_in_the_way_is_an_error(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(FileExistsError):
        make_private_folder(tmp_path / "file" / "below")
