"""Each peer writes, and its data is read without it and left as it was."""

import dbm
import json
import os
import pickle
import shelve as library_of_shelves
import shutil
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import diskcache as library_of_caches
import pickledb as library_of_pickledb
import pytest
import sqlitedict as library_of_sqlitedict

from napixd_store import ConfigError, CorruptData, Store, StoreError, Unavailable
from napixd_store.importing import (
    Source,
    Unreadable,
    diskcache,
    files,
    json_object,
    pickledb,
    shelve,
    sqlite_table,
    sqlitedict,
    take,
)
from napixd_store.importing.pickles import LARGEST
from tests.importing import python2
from tests.importing.trees import tree

PAIRS: dict[str, Any] = {
    "ann": {"mail": "ann@example.com", "seen": datetime(2026, 1, 2)},
    "bob": [1, (2, b"\xff"), {3}],
    "é/../x": "x" * 100_000,
    "none": None,
}


def read(source: Source) -> dict[Any, Any]:
    """Return the pairs of *source*, which are the same when it is read again."""
    entries = list(source())
    assert list(source()) == entries
    assert [entry for entry in entries if isinstance(entry, Unreadable)] == []
    found = {entry.key: entry.value for entry in entries if not isinstance(entry, Unreadable)}
    assert len(found) == len(entries)
    return found


def refused(source: Source) -> list[str]:
    """Return of each entry that cannot be read the place and the reason."""
    return [f"{e.place}: {e.reason}" for e in source() if isinstance(e, Unreadable)]


# --- shelve ----------------------------------------------------------------------------------


def test_a_shelf_is_read(tmp_path: Path):
    path = tmp_path / "shelf"
    with library_of_shelves.open(str(path)) as shelf:
        shelf.update(PAIRS)
    before = tree(tmp_path)
    assert read(shelve(path)) == PAIRS
    assert tree(tmp_path) == before


def test_a_shelf_of_python_3_13_is_read_by_any(tmp_path: Path):
    path = tmp_path / "shelf"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE Dict (key BLOB UNIQUE NOT NULL, value BLOB NOT NULL)")
        rows = [(key.encode(), pickle.dumps(value)) for key, value in PAIRS.items()]
        database.executemany("INSERT INTO Dict VALUES (?, ?)", rows)
    before = tree(tmp_path)
    assert read(shelve(path)) == PAIRS
    assert tree(tmp_path) == before


def test_a_shelf_of_python_2_is_read_in_the_encoding_that_is_told(tmp_path: Path):
    with dbm.open(str(tmp_path / "shelf"), "c") as shelf:
        shelf[b"caf\xe9"] = python2.dumps(b"caf\xe9", 2)
        shelf[b"n"] = python2.dumps(2**70)
    source = tmp_path / "shelf"
    assert read(shelve(source, encoding="latin-1")) == {"café": "café", "n": 2**70}
    assert read(shelve(source, encoding="bytes")) == {b"caf\xe9": b"caf\xe9", b"n": 2**70}
    assert refused(shelve(source)) == [f"{source}, key b'caf\\xe9': the key is not utf-8"]
    with pytest.raises(ConfigError, match="there is no encoding 'latin-99'"):
        shelve(source, encoding="latin-99")
    with pytest.raises(ConfigError, match="there is no encoding 'rot13'"):
        shelve(source, encoding="rot13")


def test_what_a_shelf_keeps_of_a_class_is_told(tmp_path: Path):
    with library_of_shelves.open(str(tmp_path / "shelf")) as shelf:
        shelf["path"], shelf["n"] = Path("x"), 1
    assert len(list(shelve(tmp_path / "shelf")())) == 2
    (told,) = refused(shelve(tmp_path / "shelf"))
    assert told.startswith(f"{tmp_path / 'shelf'}, key 'path': value is 'pathlib.")


@pytest.mark.parametrize(
    ("files", "error", "said"),
    [
        ({}, ConfigError, "nothing is there"),
        ({"x": b"hello, world, this is none"}, ConfigError, "no dbm of this Python knows"),
        ({"x": b""}, ConfigError, "no dbm of this Python knows"),
        ({"x.dir": b"'a', (0, 99999999999999999999)\n", "x.dat": b"."}, CorruptData, "dbm.dumb"),
        ({"x.dir": b"'a', (0, 3)\n'b', ('x', 3)\n", "x.dat": b"K\1."}, CorruptData, "dbm.dumb"),
        ({"x": files.SQLITE_MAGIC + b"x" * 5000}, CorruptData, "SQLite cannot read it"),
    ],
)
def test_what_is_no_shelf_is_one_clear_error(
    tmp_path: Path, files: dict[str, bytes], error: type[StoreError], said: str
):
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    before = tree(tmp_path)
    with pytest.raises(error, match=said) as caught:
        list(shelve(tmp_path / "x")())
    assert str(tmp_path / "x") in str(caught.value)
    assert tree(tmp_path) == before


# --- sqlitedict ------------------------------------------------------------------------------


def test_a_sqlitedict_is_read(tmp_path: Path):
    path = tmp_path / "d.sqlite"
    with library_of_sqlitedict.SqliteDict(str(path)) as peer:
        peer.update(PAIRS)
        peer.commit()
    before = tree(tmp_path)
    assert read(sqlitedict(path)) == PAIRS
    assert tree(tmp_path) == before


def test_a_sqlitedict_of_json_and_one_of_several_tables_are_read(tmp_path: Path):
    path = tmp_path / "d.sqlite"
    with library_of_sqlitedict.SqliteDict(
        str(path), 'a "b"', encode=json.dumps, decode=json.loads
    ) as peer:
        peer["k"] = {"a": [1]}
        peer.commit()
    with library_of_sqlitedict.SqliteDict(str(path), "other") as peer:
        peer["n"] = 1
        peer.commit()
    assert read(sqlitedict(path, 'a "b"', json=True)) == {"k": {"a": [1]}}
    assert read(sqlitedict(path, "other")) == {"n": 1}
    assert refused(sqlitedict(path, 'a "b"')) == [
        f"{path}, table 'a \"b\"', key 'k': a str stands where a pickle should, see json="
    ]
    with pytest.raises(ConfigError, match='has the tables a "b", other: say which'):
        list(sqlitedict(path)())
    with pytest.raises(ConfigError, match=r"no table 'othr' \(did you mean 'other'\?\)"):
        list(sqlitedict(path, "othr")())
    with library_of_sqlitedict.SqliteDict(
        str(path), "z", encode=lambda value: sqlite3.Binary(zlib.compress(pickle.dumps(value)))
    ) as peer:
        peer["k"] = 1
        peer.commit()
    assert refused(sqlitedict(path, "z"))[0].endswith("it is no pickle: no opcode is b'x'")


# --- diskcache -------------------------------------------------------------------------------


def test_a_diskcache_is_read_with_its_files_and_its_deadlines(tmp_path: Path):
    with library_of_caches.Cache(str(tmp_path)) as cache:
        for key, value in PAIRS.items():
            cache[key] = value
        cache["bytes"], cache["large"] = b"\xff", b"\xff" * 100_000
        cache["deep"] = [list(range(50_000))]
        cache[17] = 1.5
        cache.set("over", 1, expire=-1)
        cache.set("soon", 1, expire=1000)
        soon = cache.get("soon", expire_time=True)[1]
    before = tree(tmp_path)
    assert any(name.endswith(".val") for name in before)
    expected: dict[Any, Any] = {
        **PAIRS,
        "bytes": b"\xff",
        "large": b"\xff" * 100_000,
        "deep": [list(range(50_000))],
        17: 1.5,
        "soon": 1,
    }
    assert read(diskcache(tmp_path)) == expected
    entries = [entry for entry in diskcache(tmp_path)() if not isinstance(entry, Unreadable)]
    ends = {entry.key: entry.ends for entry in entries if entry.ends is not None}
    assert ends == {"soon": soon}
    assert tree(tmp_path) == before


def test_an_index_and_a_fanout_cache_are_read(tmp_path: Path):
    index = library_of_caches.Index(str(tmp_path / "index"))
    index.update(PAIRS)
    index.cache.close()
    assert read(diskcache(tmp_path / "index")) == PAIRS
    with library_of_caches.FanoutCache(str(tmp_path / "fanout"), shards=3) as fanout:
        for key, value in PAIRS.items():
            fanout[key] = value
    assert read(diskcache(tmp_path / "fanout")) == PAIRS


def test_what_a_diskcache_keeps_elsewhere_is_refused(tmp_path: Path):
    with library_of_caches.Cache(str(tmp_path / "c")) as cache:
        for name in ("path", "link", "gone", "utf", "mode", "empty"):
            cache[name] = "x" * 100_000
        cache[("a", 1)] = Path("x")
        cache[Path("x")] = 1
    secret = tmp_path / "secret"
    secret.write_text("it")
    with closing(sqlite3.connect(tmp_path / "c" / "cache.db")) as database, database:
        names = dict(database.execute("SELECT key, filename FROM Cache WHERE raw").fetchall())
        change = "UPDATE Cache SET {} WHERE key = ?"
        database.execute(change.format("filename = '../secret'"), ("path",))
        database.execute(change.format("mode = 9"), ("mode",))
        database.execute(change.format("filename = NULL"), ("empty",))
    for name in ("link", "gone"):
        (tmp_path / "c" / names[name]).unlink()
    (tmp_path / "c" / names["link"]).symlink_to(secret)
    (tmp_path / "c" / names["utf"]).write_bytes(b"\xff")
    lines = refused(diskcache(tmp_path / "c"))
    told = dict(line.split(", ", 1)[1].split(": ", 1) for line in lines)
    assert len(told) == 8
    assert told["key 'path'"] == "its value is not in a file of the cache"
    assert "symbolic link" in told["key 'link'"] or "symbolic links" in told["key 'link'"]
    assert "No such file" in told["key 'gone'"]
    assert told["key 'utf'"] == "its text is not UTF-8"
    assert told["key 'mode'"] == "its mode is unknown"
    assert told["key 'empty'"] == "it has no value"
    assert "pathlib" in told["a key of type tuple"]
    assert "pathlib" in told["an encoded key"]


def test_what_is_no_diskcache_is_refused(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"there is no cache\.db in it"):
        list(diskcache(tmp_path)())
    with library_of_caches.Cache(str(tmp_path / "c")) as cache:
        cache["a"] = 1
    (tmp_path / "cache.db").write_bytes((tmp_path / "c" / "cache.db").read_bytes()[:5000])
    with pytest.raises(CorruptData, match="SQLite cannot read it"):
        list(diskcache(tmp_path)())


def test_a_disk_of_json_is_read_when_told(tmp_path: Path):
    with library_of_caches.Cache(str(tmp_path), disk=library_of_caches.JSONDisk) as cache:
        cache["a"], cache[17], cache["large"] = [1, None], "x", list(range(50_000))
        cache[(1, 2)] = 1
    found = [entry[1:3] for entry in diskcache(tmp_path, json=True)()]
    assert found == [("a", [1, None]), (17, "x"), ("large", list(range(50_000))), ([1, 2], 1)]
    with closing(sqlite3.connect(tmp_path / "cache.db")) as database, database:
        bomb = zlib.compress(b" " * (LARGEST + 9))
        database.execute("UPDATE Cache SET value = ? WHERE rowid = 1", (bomb,))
        database.execute("UPDATE Cache SET value = 'text' WHERE rowid = 2")
        database.execute("UPDATE Cache SET filename = NULL, value = x'00' WHERE rowid = 3")
        database.execute("UPDATE Cache SET key = x'00' WHERE rowid = 4")
    assert [line.split(", ", 1)[1] for line in refused(diskcache(tmp_path, json=True))] == [
        "key 'a': it would take more than 67108864 bytes",
        "key 17: it is not compressed JSON: see json=",
        "key 'large': it is not compressed JSON: see json=",
        "an encoded key: it is not compressed JSON: see json=",
    ]


# --- pickledb and JSON -----------------------------------------------------------------------


def test_a_pickledb_is_read(tmp_path: Path):
    db = library_of_pickledb.PickleDB(str(tmp_path / "p.json"))
    db.set("ann", {"mail": "é"})
    db.set("n", 2**60)
    db.save()
    before = tree(tmp_path)
    assert read(pickledb(tmp_path / "p.json")) == {"ann": {"mail": "é"}, "n": 2**60}
    with closing(sqlite3.connect(tmp_path / "p.sqlite")) as database, database:
        # As `PickleDBSQLite` does, which needs a library more.
        database.execute("CREATE TABLE kv (key TEXT PRIMARY KEY, value BLOB NOT NULL)")
        rows = [("ann", b'{"mail":"\xc3\xa9"}'), ("bad", b"{"), ("n", 5)]
        database.executemany("INSERT INTO kv VALUES (?, ?)", rows)
    source = pickledb(tmp_path / "p.sqlite")
    assert next(source())[1:3] == ("ann", {"mail": "é"})
    assert [line.split(", ")[2].split(" (")[0] for line in refused(source)] == [
        "key 'bad': it is not JSON",
        "key 'n': a int stands where JSON text should",
    ]
    (tmp_path / "p.sqlite").unlink()
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1]", "holds a list, not an object"),
        ("", "it is not JSON"),
        ('{"a":1,"b":{"c":1,"c":2}}', "two members 'c'"),
        ('{"a":NaN}', "NaN is no number"),
        ('{"a":' + "[" * 200_000 + "]" * 200_000 + "}", "nested too deeply"),
        ('{"a":' + "9" * 10_000 + "}", "it is not JSON"),
        ('{"a":"\xe9"}', "it is not JSON"),
    ],
)
def test_json_that_is_no_object_of_pairs_is_refused(tmp_path: Path, text: str, said: str):
    path = tmp_path / "x.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(CorruptData, match=said) as caught:
        list(json_object(path)())
    assert str(caught.value).startswith(f"{path}: ")
    assert len(str(caught.value)) < 400


def test_a_file_that_is_none_or_too_large_is_refused(tmp_path: Path):
    (tmp_path / "link").symlink_to("x")
    os.mkfifo(tmp_path / "pipe")
    with open(tmp_path / "large", "wb") as large:
        large.truncate(2**31)
    for name, error in [("gone", Unavailable), ("link", ConfigError), ("pipe", CorruptData)]:
        with pytest.raises(error):
            list(json_object(tmp_path / name)())
    with pytest.raises(CorruptData, match="2147483648 bytes are more than"):
        list(json_object(tmp_path / "large")())


# --- tables ----------------------------------------------------------------------------------


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    path = tmp_path / "desk.sqlite"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute('CREATE TABLE "us ers" (id INTEGER, name TEXT, mail TEXT, photo BLOB)')
        rows = [(1, "ann", "a@x", b"\xff"), (2, "bob", None, None)]
        database.executemany('INSERT INTO "us ers" VALUES (?, ?, ?, ?)', rows)
        database.execute('CREATE VIEW names AS SELECT id, name FROM "us ers"')
    return path


def test_a_table_is_read_by_its_columns(desk: Path):
    before = tree(desk.parent)
    assert read(sqlite_table(desk, "us ers", "name", ["id", "mail"])) == {
        "ann": {"id": 1, "mail": "a@x"},
        "bob": {"id": 2, "mail": None},
    }
    assert read(sqlite_table(desk, "us ers", "id"))[1] == {
        "name": "ann",
        "mail": "a@x",
        "photo": b"\xff",
    }
    assert read(sqlite_table(desk, "names", "id", "name")) == {1: "ann", 2: "bob"}
    assert tree(desk.parent) == before
    with pytest.raises(ConfigError, match=r"no column 'mial' \(did you mean 'mail'\?\)"):
        list(sqlite_table(desk, "us ers", "id", ["mial"])())
    with pytest.raises(ConfigError, match="no table 'x'"):
        list(sqlite_table(desk, "x", "id")())
    with pytest.raises(ConfigError, match="is no SQLite database"):
        list(sqlite_table(desk.parent / "gone", "x", "id")())


def test_what_a_program_has_in_its_log_is_read_and_stays_there(tmp_path: Path):
    """Its last writes, when it was killed, are in a file beside the database."""
    program = (
        "import os, sqlite3, sys\n"
        "database = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "database.execute('PRAGMA journal_mode = ' + sys.argv[2])\n"
        "database.execute('CREATE TABLE t (k, v)')\n"
        "database.execute('INSERT INTO t VALUES (1, 1)')\n"
        "database.execute('PRAGMA cache_size = 1')\n"
        "if sys.argv[2] == 'delete':\n"
        "    database.execute('BEGIN')\n"
        "    database.executemany('INSERT INTO t VALUES (?, 2)', [('x' * 9999,)] * 100)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    for mode in ("wal", "delete"):
        folder = tmp_path / mode
        folder.mkdir()
        path = folder / "d.sqlite"
        subprocess.run([sys.executable, "-c", program, str(path), mode], check=False)
        (folder / "d.sqlite-shm").unlink(missing_ok=True)
        before = tree(folder)
        assert len(before) == 2
        assert read(sqlite_table(path, "t", "k", "v")) == {1: 1}
        assert tree(folder) == before


def test_a_database_that_changes_while_it_is_copied_is_refused(
    tmp_path: Path, desk: Path, monkeypatch: pytest.MonkeyPatch
):
    Path(f"{desk}-wal").write_bytes(b"x")
    copy = shutil.copyfile

    def written_to(source: str, target: Path) -> None:
        copy(source, target)
        with open(source, "ab") as file:
            file.write(b"x")

    monkeypatch.setattr(shutil, "copyfile", written_to)
    with pytest.raises(Unavailable, match="changes while it is read: stop the program"):
        list(sqlite_table(desk, "names", "id")())


def test_text_that_is_no_utf_8_is_told_by_who_stores_it(tmp_path: Path):
    path = tmp_path / "d.sqlite"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE t (k TEXT, v TEXT)")
        database.execute("INSERT INTO t VALUES ('a', CAST(x'ff' AS TEXT))")
    (told,) = take(Store("x", "Memory"), sqlite_table(path, "t", "k"), dry_run=True).refused
    assert told.place == f"{path}, table 't', key 'a'"
    assert "value['v']: TextThatIsNotUTF8 cannot be stored" in told.reason


SOURCES: dict[str, Callable[[Path], Source]] = {
    "shelve": shelve,
    "sqlitedict": sqlitedict,
    "diskcache": diskcache,
    "pickledb": pickledb,
    "json": json_object,
    "sqlite": lambda path: sqlite_table(path, "t", "k"),
}


@pytest.mark.parametrize("name", list(SOURCES))
def test_nothing_is_opened_before_it_is_read(name: str, tmp_path: Path):
    source = SOURCES[name](tmp_path / "gone")
    with pytest.raises(StoreError, match="gone"):
        list(source())
    assert list(tmp_path.iterdir()) == []


def test_none_of_the_libraries_is_imported():
    program = (
        "import sys, napixd_store.importing\n"
        "print(sorted({'pickle', 'shelve', 'sqlitedict', 'diskcache', 'pickledb', 'redis'} "
        "& set(sys.modules)))"
    )
    said = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert said == "[]\n"
