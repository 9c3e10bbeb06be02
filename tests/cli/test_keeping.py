"""backup, restore, check."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from napixd_store import Store, connections
from tests.cli.command import command, done, refused
from tests.redis.servers import shared


@pytest.fixture(params=["sqlite:desk.sqlite", "file:desk", "directory:desk", "redis"])
def url(request: pytest.FixtureRequest, folder: Path) -> str:
    if request.param == "redis":
        return f"unix://{shared().socket}?prefix={folder.name}"
    return str(request.param)


def test_a_backup_is_restored(url: str):
    done("set", "users", "ann", "1", "--url", url)
    done("counter", "set", "ids", "7", "--url", url)
    assert done("backup", "monday", "--url", url) == ""
    done("set", "users", "bob", "2", "--url", url)
    assert "give --yes" in refused(2, "restore", "monday", "--url", url)
    said = done("restore", "monday", "--yes", "--url", url)
    assert said == "1 record in 1 collection and 1 counter restored\n"
    assert done("show", "users", "--url", url) == "ann\t1\n"
    assert "there is no backup" in refused(1, "restore", "tuesday", "--yes", "--url", url)


def test_a_backup_never_takes_the_place_of_another():
    done("set", "users", "ann", "1", "--url", "file:desk")
    Path("monday").mkdir()
    assert refused(1, "backup", "monday", "--url", "file:desk")
    assert "there is nothing at" in refused(1, "backup", "x", "--url", "sqlite:typo.sqlite")


def damaged() -> None:
    store = Store("users", path="desk.sqlite")
    store["ann"] = 1
    store._write({"bad": b'{"a":', "worse": b"\xff"}, {})


def test_check_lists_what_cannot_be_read_and_sets_it_aside():
    damaged()
    url = ("--url", "sqlite:desk.sqlite")
    said = command("check", *url)
    assert said.code == 1
    assert [line.split("key ")[1][:5] for line in said.out.splitlines()] == ["'bad'", "'wors"]
    assert "2 things wrong: napixd-store check --repair" in said.err
    found = [json.loads(line) for line in command("check", *url, "--json").out.splitlines()]
    assert [(each["collection"], each["text"]) for each in found] == [
        ("users", "bad"),
        ("users", "worse"),
    ]
    assert "go together" in refused(2, "check", *url, "--repair")
    assert "go together" in refused(2, "check", *url, "--aside", "aside")
    repaired = command("check", *url, "--repair", "--aside", "aside")
    assert repaired.code == 0
    assert repaired.out.endswith("2 records set aside\nnothing is wrong\n")
    assert done("check", *url) == "nothing is wrong\n"
    assert done("check", *url, "--json") == ""
    assert "is there already" in refused(1, "check", *url, "--repair", "--aside", "aside")
    done("load", "aside", *url)
    assert Store("users", path="desk.sqlite")._load()["worse"] == b"\xff"


def test_check_looks_at_the_medium():
    done("set", "users", "ann", "1", "--url", "sqlite:desk.sqlite")
    connections.close_all()
    with closing(sqlite3.connect("desk.sqlite")) as file:
        file.execute("PRAGMA journal_mode = DELETE")
    content = bytearray(Path("desk.sqlite").read_bytes())
    content[4096:4200] = b"\xff" * 104
    Path("desk.sqlite").write_bytes(content)
    said = command("check", "--url", "sqlite:desk.sqlite")
    assert said.code == 1
    assert "desk.sqlite" in said.out + said.err


def test_stat_tells_records_and_bytes(url: str):
    done("set", "users", "ann", "1", "--url", url)
    done("set", "users", "bob", "[2, 3]", "--url", url)
    (found,) = map(json.loads, done("stat", "--url", url, "--json").splitlines())
    assert found["collections"] == {"users": {"records": 2, "ended": 0, "bytes": 12}}
    assert all(size >= 0 for size in found["medium"].values())
    assert done("stat", "--url", url).splitlines()[-1].split() == ["users", "2", "0", "12"]


def test_vacuum_gives_back_what_is_free():
    url = ("--url", "sqlite:desk.sqlite")
    store = Store("many", path="desk.sqlite")
    store.update({f"k{number}": "x" * 1_000 for number in range(5_000)})
    store.drop()
    done("set", "users", "ann", "1", *url)
    before = json.loads(done("stat", *url, "--json"))["medium"]
    after = json.loads(done("vacuum", *url, "--json"))["medium"]
    assert before["free"] > 4_000_000
    assert after["free"] == 0
    assert after["file"] < before["file"] / 10
    assert done("get", "users", "ann", *url) == "1\n"
    assert done("check", *url) == "nothing is wrong\n"
    done("vacuum", "--url", "sqlite:desk.sqlite")
    assert "there is nothing at" in refused(1, "vacuum", "--url", "sqlite:typo.sqlite")
