"""dump, load, copy, move."""

import gzip
import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from napixd_store import Counter, Store
from napixd_store.operations import Place
from tests.cli.command import PROGRAM, Terminal, done, environment, refused
from tests.redis.servers import shared

ENTRIES = {"ann": {"tags": {1, 2}}, 17: [1, 2.5], "\x1b": "\x9b"}


def filled(many: int = 0) -> None:
    Store("users", path="desk.sqlite").update(ENTRIES)
    if many:
        Store("many", path="desk.sqlite").update({f"k{i}": "x" * 50 for i in range(many)})
    Counter("ids", path="desk.sqlite").increment(7)


def held(url: str) -> tuple[dict[Any, Any], int]:
    place = Place("SQLite", path=url.removeprefix("sqlite:"))
    return place.store("users").snapshot(), place.counter("ids").value


@pytest.mark.parametrize("name", ["desk.archive", "desk.gz"])
def test_an_archive_is_written_and_put_back(name: str):
    filled()
    from_there = ("--url", "sqlite:desk.sqlite")
    to_there = ("--url", "sqlite:new.sqlite")
    assert done("dump", name, *from_there) == "3 records in 1 collection and 1 counter written\n"
    assert Path(name).read_bytes().startswith(b"\x1f\x8b") == name.endswith(".gz")
    said = done("load", name, *to_there, "--dry-run")
    assert said == "3 records in 1 collection and 1 counter would be loaded\n"
    assert not Path("new.sqlite").exists()
    assert json.loads(done("load", name, *to_there, "--json")) == {
        "collections": {"users": 3},
        "counters": {"ids": 7},
    }
    assert held("sqlite:new.sqlite") == (ENTRIES, 7)
    Store("others", path="new.sqlite")["x"] = 1
    done("load", name, *to_there, "--reset")
    assert Place("SQLite", path="new.sqlite").collections() == ["users"]


def test_an_archive_goes_through_pipes():
    filled()
    dumped = done("dump", "-", "--url", "sqlite:desk.sqlite").encode()
    for stdin in (dumped, gzip.compress(dumped)):
        done("load", "-", "--url", "sqlite:new.sqlite", stdin=stdin)
        assert held("sqlite:new.sqlite") == (ENTRIES, 7)
    said = refused(1, "load", "-", "--url", "sqlite:new.sqlite", "--reset", stdin=dumped[:-9])
    assert "nothing was changed" in said
    assert held("sqlite:new.sqlite") == (ENTRIES, 7)


def test_some_may_be_chosen():
    filled(10)
    where = ("--url", "sqlite:desk.sqlite")
    assert "3 records in 1 collection and 0 counters" in done("dump", "a", *where, "-c", "users")
    assert "0 records in 0 collections and 1 counter" in done("dump", "a", *where, "-n", "ids")
    said = done("copy", "sqlite:desk.sqlite", "file:files", "--collection", "many")
    assert said == "10 records in 1 collection and 0 counters copied\n"


def test_copy_and_move_between_urls_and_settings():
    filled()
    Path("redis.ini").write_text(
        f"[store]\nbackend = RedisHash\nunix_socket_path = {shared().socket}\n"
        f"prefix = {Path.cwd().name}\n"
    )
    assert "copied" in done("copy", "sqlite:desk.sqlite", "directory:folders")
    assert json.loads(done("move", "sqlite:desk.sqlite", "redis.ini", "--json")) == {
        "collections": 1,
        "records": 3,
        "counters": 1,
    }
    assert held("sqlite:desk.sqlite") == ({}, 0)
    assert "moved" in done("move", "redis.ini", "sqlite:back.sqlite")
    assert held("sqlite:back.sqlite") == (ENTRIES, 7)


def test_what_differs_is_overwritten_only_if_said():
    filled()
    Store("users", path="new.sqlite")["ann"] = "another"
    assert "overwrite" in refused(1, "copy", "sqlite:desk.sqlite", "sqlite:new.sqlite")
    assert Store("users", path="new.sqlite").snapshot() == {"ann": "another"}
    done("copy", "sqlite:desk.sqlite", "sqlite:new.sqlite", "--overwrite")
    assert held("sqlite:new.sqlite") == (ENTRIES, 7)


def test_places_that_are_none():
    filled()
    Path("folder").mkdir()
    Path("two.ini").write_text(
        "[store]\npath = desk.sqlite\n[store.tickets]\nbackend = File\nroot = files\n"
    )
    assert "one place" in refused(1, "move", "sqlite:desk.sqlite", "sqlite:./desk.sqlite")
    assert "write sqlite:desk.sqlite" in refused(2, "move", "desk.sqlite", "file:files")
    assert "write file:folder" in refused(2, "move", "folder", "file:files")
    assert "there is nothing at" in refused(1, "move", "sqlite:typo.sqlite", "file:files")
    assert "several places" in refused(2, "move", "two.ini", "file:files")
    assert "must hold no password" in refused(2, "copy", "sqlite:desk.sqlite", "redis://:x@h")
    assert "did you mean" in refused(1, "copy", "two.inni", "file:files")
    assert "No such file" in refused(1, "load", "typo.archive")
    assert held("sqlite:desk.sqlite") == (ENTRIES, 7)
    assert not Path("files").exists()


def test_an_older_archive_stands_until_the_new_one_is_whole():
    filled()
    done("dump", "desk.archive", "--url", "sqlite:desk.sqlite")
    before = Path("desk.archive").read_bytes()
    Store("zzz", path="desk.sqlite")._write({"=x": b"1"}, {})
    assert "stored key" in refused(1, "dump", "desk.archive", "--url", "sqlite:desk.sqlite")
    assert Path("desk.archive").read_bytes() == before


# --- broken off ----------------------------------------------------------------------------------


def test_a_pipe_that_closes_ends_it_quietly():
    filled(20_000)
    for words in (["keys", "many"], ["show", "many"], ["dump", "-"]):
        shell = subprocess.run(
            ["sh", "-c", '"$@" | head -1', "sh", *PROGRAM, *words, "--url", "sqlite:desk.sqlite"],
            capture_output=True,
            check=True,
            timeout=60,
            env=environment(),
        )
        assert shell.stdout.count(b"\n") == 1
        assert shell.stderr == b""


def test_a_full_disk_is_one_line():
    filled(2_000)
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [*PROGRAM, "keys", "many", "--url", "sqlite:desk.sqlite"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
            env=environment(),
        )
    assert (ended.returncode, ended.stderr) == (1, "napixd-store: No space left on device\n")


@pytest.mark.parametrize("what", ["dump", "load", "move"])
def test_an_interrupt_leaves_both_sides_whole(what: str, folder: Path):
    """It comes when the bar shows that something is under way."""
    filled(60_000)
    done("dump", "whole.gz", "--url", "sqlite:desk.sqlite")
    words = {
        "dump": ["dump", "new.gz", "--url", "sqlite:desk.sqlite"],
        "load": ["load", "whole.gz", "--url", "sqlite:new.sqlite"],
        "move": ["move", "sqlite:desk.sqlite", "sqlite:new.sqlite"],
    }[what]
    with Terminal(*words, columns=100) as terminal:
        terminal.until("/s ")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.ends() == 130
        assert "Traceback" not in terminal.shown
        assert "napixd-store" not in terminal.shown
    assert not list(folder.glob(".*aside"))
    if what == "dump":
        assert not Path("new.gz").exists()
    else:
        done(*words)
        assert held("sqlite:new.sqlite") == (ENTRIES, 7)
        assert len(Store("many", path="new.sqlite")) == 60_000
    if what == "move":
        assert held("sqlite:desk.sqlite") == ({}, 0)
    else:
        assert held("sqlite:desk.sqlite") == (ENTRIES, 7)


@pytest.mark.parametrize("columns", [80, 160])
def test_a_terminal_shows_a_bar_with_rate_and_time_left(columns: int):
    filled(60_000)
    with Terminal("dump", "a.gz", "--url", "sqlite:desk.sqlite", columns=columns) as terminal:
        assert terminal.ends() == 0
    assert "%" in terminal.shown
    assert "/s" in terminal.shown
    assert "60,003 records in 2 collections and 1 counter written" in terminal.shown
