"""import: each kind of source, taken whole or not at all."""

import json
import shelve
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from napixd_store import Conflict, Store
from napixd_store.importing import take
from tests.cli.command import command, done, refused
from tests.redis.servers import shared

TO = ("--to", "sqlite:desk.sqlite")


def users() -> object:
    return Store("users", path="desk.sqlite").snapshot()


def test_a_shelf():
    with shelve.open("old") as old:
        old["ann"] = {"n": 1}
    dry = done("import", "shelve", "old", "users", *TO, "--dry-run", "--json")
    assert json.loads(dry)["read"] == 1
    assert users() == {}
    assert done("import", "shelve", "old", "users", *TO).splitlines()[1].split() == [
        *("users", "1", "1", "0", "0")
    ]
    assert users() == {"ann": {"n": 1}}


def test_what_cannot_be_taken_is_listed_and_nothing_is_taken():
    with shelve.open("old") as old:
        old["ann"] = 1
        old["bad"] = range(3)
    said = command("import", "shelve", "old", "users", *TO)
    assert said.code == 1
    assert "old, key 'bad': value is 'builtins.range'" in said.out
    assert said.err == "napixd-store: 1 refusal; nothing was written\n"
    assert users() == {}
    told = command("import", "shelve", "old", "users", *TO, "--json").out.splitlines()
    assert json.loads(told[1])["place"] == "old, key 'bad'"


def test_what_is_there_already_is_overwritten_only_if_said():
    Path("old.json").write_text('{"ann": 1}')
    Store("users", path="desk.sqlite")["ann"] = 2
    assert command("import", "json", "old.json", "users", *TO).code == 1
    assert users() == {"ann": 2}
    done("import", "json", "old.json", "users", *TO, "--overwrite")
    assert users() == {"ann": 1}
    done("import", "pickledb", "old.json", "users", *TO, "--overwrite")


def test_tables():
    with closing(sqlite3.connect("old.sqlite")) as old, old:
        old.execute("CREATE TABLE people (name, mail, age)")
        old.execute("INSERT INTO people VALUES ('ann', 'a@example.com', 30)")
        old.execute("CREATE TABLE dict (key, value)")
        old.execute("INSERT INTO dict VALUES ('bob', '[1]')")
    words = ("import", "sqlite", "old.sqlite", "users", "--table", "people", "--key", "name", *TO)
    done(*words)
    assert users() == {"ann": {"mail": "a@example.com", "age": 30}}
    done(*words, "--value", "age", "--overwrite")
    assert users() == {"ann": 30}
    done("import", "sqlitedict", "old.sqlite", "users", "--table", "dict", "--json-values", *TO)
    assert users() == {"ann": 30, "bob": [1]}


def test_the_original_in_files(folder: Path):
    root = folder / "home/stores/FileBackend"
    root.mkdir(parents=True)
    (root / "hosts").write_bytes(b"(dp0\nS'web-1'\np1\nI80\ns.")
    for place in ([], [str(root)], [str(root / "hosts")]):
        done("import", "napix", *place, "--to", "directory:ours", "--overwrite")
        assert Store("hosts", "Directory", root="ours").snapshot() == {"web-1": 80}


def test_the_original_in_redis(folder: Path, monkeypatch: pytest.MonkeyPatch):
    server, prefix = shared(), folder.name
    server.ask("HSET", f"{prefix}:hosts", "web-1", "80")
    server.ask("SET", f"{prefix}-n:ids", "7")
    url = f"unix://{server.socket}"
    done("import", "napix", url, "--layout", "RedisHashBackend", "--prefix", prefix, *TO)
    assert Store("hosts", path="desk.sqlite").snapshot() == {"web-1": "80"}
    done("import", "napix", url, "--layout", "RedisCounterBackend", "--prefix", f"{prefix}-n", *TO)
    assert done("counter", "value", "ids", "--url", "sqlite:desk.sqlite") == "7\n"
    assert "say which" in refused(2, "import", "napix", url, "--prefix", prefix, *TO)
    assert "no password" in refused(2, "import", "napix", "redis://:x@localhost", *TO)
    Path("password").write_text("x")
    assert refused(1, "import", "napix", url, "--password-file", "password", *TO)


@pytest.mark.parametrize("kind", ["shelve", "sqlitedict", "diskcache", "pickledb", "json"])
def test_what_is_not_there_fails(kind: str):
    assert "typo" in refused(1, "import", kind, "typo", "users", *TO)
    assert not Path("desk.sqlite").exists() or users() == {}


def test_words_that_are_missing():
    assert "Commands:" in done("import")
    assert "Missing argument" in refused(2, "import", "json", "old.json")
    assert "Missing option" in refused(2, "import", "sqlite", "old.sqlite", "users")
    assert "no data of the original" in refused(1, "import", "napix", *TO)
    assert "no encoding" in refused(1, "import", "shelve", "old", "users", "--encoding", "x", *TO)


@pytest.mark.parametrize(
    ("broken", "code"), [(Conflict("it is there"), 1), (KeyboardInterrupt(), 130)]
)
def test_what_is_broken_off_is_told(
    broken: BaseException, code: int, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    def breaking(store: Any, source: Any, *, dry_run: bool = False, **more: Any) -> Any:
        if dry_run:
            return take(store, source, dry_run=True, **more)
        raise broken

    Path("old.json").write_text('{"ann": 1}')
    monkeypatch.setattr("napixd_store.importing.take", breaking)
    said = command("import", "json", "old.json", "users")
    assert said.code == code
    assert "'users' is there in part, or not, and all before it is: see --overwrite" in said.err
    assert len(said.err.strip().splitlines()) == 1
