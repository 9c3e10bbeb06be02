"""Files of the layouts before this one, which were written by the library as it was then."""

import gzip
import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from napixd_store import CorruptData, Counter, ReadOnly, Store, close_all
from napixd_store.backends.sqlite import layout
from napixd_store.backends.sqlite.upgrade import upgrade
from napixd_store.names import encode_key
from tests.mounts import show_read_only, with_mounts
from tests.processes import fork, run

LAYOUTS = sorted(Path(__file__).with_name("layouts").glob("*.sqlite.gz"))
ALONE = "mode=ro&immutable=1"
OF_DIGITS = pytest.mark.parametrize("path", LAYOUTS[:2], ids=lambda file: file.name, indirect=True)
"""Those in which the text of an int key was its digits."""

USERS = {"ann": {"mail": "ann@example.org"}, 17: [1, 2], "17": "text", "=x": None}
"""What stands in each of the files, in this order; one key was deleted between."""


def at(path: Path) -> dict[str, Any]:
    return {"backend": "SQLite", "path": path, "durability": "process"}


@pytest.fixture(params=LAYOUTS, ids=lambda file: file.name)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "doc.sqlite"
    path.write_bytes(gzip.decompress(request.param.read_bytes()))
    return path


def version_of(path: Path, how: str = "mode=ro") -> int:
    with closing(sqlite3.connect(f"file:{path}?{how}", uri=True)) as handle:
        return int(handle.execute("PRAGMA user_version").fetchone()[0])


def schema_of(path: Path) -> set[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as handle:
        return set(handle.execute("SELECT type, name FROM sqlite_schema"))


def test_all_layouts_before_this_one_are_here():
    assert [int(file.name.partition(".")[0]) for file in LAYOUTS] == [*range(1, layout.VERSION)]
    assert sorted(layout.UPGRADES) == [*range(1, layout.VERSION)]


def test_a_file_of_an_earlier_layout_is_brought_up_whole(path, tmp_path):
    users = Store("users", **at(path))
    assert list(users.items()) == list(USERS.items())
    assert (len(users), len(Store("gone", **at(path)))) == (4, 0)
    assert Store("typed", type=dict[str, Any], **at(path))["looks"] == {"$until": [1, 2]}
    assert Counter("ids", **at(path)).increment() == 42
    users.put("later", 1, expires_in=60)
    assert users.add("new", 1)
    assert list(users) == [*USERS, "later", "new"]
    assert len(users) == 6
    close_all()
    Store("x", **at(tmp_path / "new.sqlite"))["k"] = 1
    close_all()
    assert schema_of(path) == schema_of(tmp_path / "new.sqlite")


def test_an_earlier_library_sees_at_once_that_the_file_is_not_for_it(path):
    with closing(sqlite3.connect(path)) as other:  # so that no last one to close empties the log
        other.execute("SELECT 1 FROM entries").fetchall()
        assert len(Store("users", **at(path))) == 4
        assert version_of(path, ALONE) == layout.VERSION


def test_the_last_writes_of_a_process_that_died_are_brought_up_too(path):
    with fork(_write_and_die, path) as child:
        assert child.wait() == -signal.SIGKILL
    assert version_of(path, ALONE) < layout.VERSION
    users = Store("users", **at(path))
    assert users["ann"] is True
    assert list(users) == list(USERS)
    close_all()
    assert version_of(path, ALONE) == layout.VERSION


def _write_and_die(path: Path) -> None:
    handle = sqlite3.connect(path, isolation_level=None)
    handle.execute("UPDATE entries SET record = CAST('true' AS BLOB) WHERE key = 'ann'")
    os.kill(os.getpid(), signal.SIGKILL)


def test_of_processes_that_bring_it_up_at_once_each_finds_all(path):
    said = run(_work, [(path, number) for number in range(6)])
    assert said == [list(USERS.items())] * 6
    assert Store("users", **at(path)).get_many(range(100, 106)) == {n: n for n in range(100, 106)}
    assert Counter("ids", **at(path)).value == 47


def _work(path: Path, number: int) -> list[Any]:
    found = list(Store("users", **at(path)).items())[:4]
    Store("users", **at(path))[100 + number] = number + 100
    Counter("ids", **at(path)).increment()
    return found


@OF_DIGITS
def test_int_keys_get_the_texts_by_which_they_sort(path):
    numbers = [-(2**63), -11, -10, -9, -1, 0, 9, 10, 2**63 - 1]
    _plant(path, [f"={number}" for number in reversed(numbers)])
    _plant(path, ["==17", "=x", "=007", "=1_0"])  # a str key, and what is nobody's
    typed = Store("typed", type=int, **at(path))
    assert typed.get_many([*numbers, "=17"]) == dict.fromkeys([*numbers, "=17"], 1)
    assert len(typed) == len(numbers) + 5
    close_all()
    with closing(sqlite3.connect(path)) as handle:
        found = {text for (text,) in handle.execute("SELECT key FROM entries")}
    assert found == {"ann", "17", "=b17", "==x", "looks", "==17", "=x", "=007", "=1_0"} | set(
        map(encode_key, numbers)
    )
    with pytest.raises(CorruptData, match="a stored key begins with '='"):
        list(typed)


@OF_DIGITS
@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**900], ids=["above", "below", "long"])
def test_a_file_with_an_int_key_that_no_key_can_be_now_is_refused_whole(path, number):
    version = version_of(path)
    _plant(path, ["=5", f"={number}"])
    before = path.read_bytes()
    with pytest.raises(CorruptData, match=f"'typed' the key {number}, .*nothing was changed"):
        Store("users", **at(path)).get("ann")
    close_all()
    assert path.read_bytes() == before
    assert version_of(path) == version
    with closing(sqlite3.connect(path, isolation_level=None)) as handle:
        handle.execute("DELETE FROM entries WHERE key = ?", (f"={number}",))
    assert list(Store("users", **at(path))) == list(USERS)
    assert Store("typed", type=int, **at(path))[5] == 1


@pytest.mark.parametrize("path", LAYOUTS[2:], ids=lambda file: file.name, indirect=True)
def test_a_key_that_was_nobodys_before_keeps_no_later_file_from_being_brought_up(path):
    _plant(path, [f"={2**63}"])
    assert list(Store("users", **at(path))) == list(USERS)
    close_all()
    assert version_of(path) == layout.VERSION


def _plant(path: Path, texts: list[str]) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as handle:
        for text in texts:
            handle.execute(
                "INSERT INTO entries (collection, key, record, seq) SELECT id, ?, CAST('1' AS "
                "BLOB), 1 + (SELECT max(seq) FROM entries WHERE collection = id) FROM collections "
                "WHERE name = 'typed'",
                (text,),
            )
        handle.execute("PRAGMA wal_checkpoint(TRUNCATE)")


STEPS = [statement for statements in layout.UPGRADES.values() for statement in statements]


@pytest.mark.parametrize("done", range(len(STEPS) + 1))
def test_whoever_is_killed_in_the_middle_leaves_the_layout_before(path, done):
    version = version_of(path)
    with fork(_die_after, path, done) as child:
        assert child.wait() == -signal.SIGKILL
    assert version_of(path) == version
    assert list(Store("users", **at(path)).items()) == list(USERS.items())
    assert version_of(path) == layout.VERSION


def _die_after(path: Path, done: int) -> None:
    def statements(version: int) -> Iterator[str]:
        for statement in before[version]:
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
            left.pop()
            yield statement
        if version == layout.VERSION - 1:
            os.kill(os.getpid(), signal.SIGKILL)

    left = [None] * done
    before = dict(layout.UPGRADES)
    for version in before:
        layout.UPGRADES[version] = statements(version)  # type: ignore[assignment]  # iterated over
    upgrade(path, 5.0)


@pytest.mark.lab
def test_where_it_may_not_be_written_the_error_says_what_to_do(path):
    with_mounts(_read_only_here, path)


def _read_only_here(path: Path) -> None:
    real, shown = path.with_name("real"), path.with_name("shown")
    real.mkdir()
    shown.mkdir()
    path.rename(real / path.name)
    before = (real / path.name).read_bytes()
    show_read_only(real, shown)
    with pytest.raises(ReadOnly, match="has an earlier layout, and may not be written"):
        Store("users", **at(shown / path.name)).get("ann")
    assert (real / path.name).read_bytes() == before
    assert len(Store("users", **at(real / path.name))) == 4
    close_all()
    assert Store("users", **at(shown / path.name))["17"] == "text"
