"""set, del, edit, incr, drop, sweep, counter."""

import os
import stat
import sys
from datetime import date
from pathlib import Path

import pytest

from napixd_store import Counter, Store
from tests.cli.command import Terminal, command, done, refused

TYPE = "from dataclasses import dataclass\n\n@dataclass\nclass Vote:\n    up: bool\n"
INI = "[store]\npath = desk.sqlite\n[store.votes]\ntype = ballots.Vote\n"


def test_set_takes_json_with_tags_and_texts_as_they_stand():
    done("set", "users", "ann", '{"born": {"$date": "2000-02-29"}}')
    done("set", "users", "--int", "17", "-", stdin=b"[1, 2.5, null]")
    done("set", "users", "bob", "--text", '{"no": json}')
    done("set", "users", "--", "-x", "-5")
    assert Store("users").snapshot() == {
        "ann": {"born": date(2000, 2, 29)},
        17: [1, 2.5, None],
        "bob": '{"no": json}',
        "-x": -5,
    }


@pytest.mark.parametrize(
    "json", ["", "{", "NaN", '{"$date": "soon"}', '{"$tuple": 1}', "1e999", "[" * 100_000]
)
def test_what_is_no_value_changes_nothing(json: str):
    Store("users")["ann"] = 1
    assert "nothing was changed" in refused(2, "set", "users", "ann", "-", stdin=json.encode())
    assert Store("users")["ann"] == 1


def test_what_is_no_text_is_refused():
    assert "not UTF-8" in refused(1, "set", "users", "ann", "-", stdin=b'"\xff"')
    assert "no valid Unicode" in refused(2, "set", "users", "ann", '"\udcff"')
    assert "not UTF-8" in refused(2, "set", "users", "ann", "\udcff", "--text")
    assert "lone surrogate" in refused(2, "set", "users", "\udcff", "1")
    assert "a key and a value" in refused(2, "set", "users", "ann")
    assert "a key and a value" in refused(2, "set", "users", "--int", "1", "ann", "2")
    assert "write -- before" in refused(2, "set", "users", "ann", "-5")


def test_a_value_may_end():
    done("set", "users", "ann", "1", "--expires-in", "1000")
    assert 900 < (Store("users").expires_in("ann") or 0) <= 1000
    for wrong in ("0", "-1", "nan", "1e99"):
        assert refused(2, "set", "users", "ann", "2", f"--expires-in={wrong}")
    assert Store("users")["ann"] == 1


def test_set_in_an_app_holds_to_the_type_that_it_declares(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    Path("ballots.py").write_text(TYPE)
    Path("desk.ini").write_text(INI)
    done("set", "--config", "desk.ini", "votes", "ann", '{"up": true}')
    assert done("get", "--config", "desk.ini", "votes", "ann") == '{"up":true}\n'
    why = refused(2, "set", "--config", "desk.ini", "votes", "ann", '{"up": 3}')
    assert "no value that this store can keep" in why
    assert done("get", "--config", "desk.ini", "votes", "ann") == '{"up":true}\n'


def test_del_deletes_and_says_what_was_not_there():
    Store("users").update({"ann": 1, "bob": 2, 17: 3, "17": 4})
    done("del", "users", "ann", "--int", "17")
    assert Store("users").snapshot() == {"bob": 2, "17": 4}
    assert "1 of 2 keys were there" in refused(1, "del", "users", "bob", "zoe", "bob")
    assert "one key at least" in refused(2, "del", "users")


def test_incr_writes_the_sum():
    assert done("incr", "hits", "home") == "1\n"
    assert done("incr", "hits", "home", "--by", "-3") == "-2\n"
    Store("hits")["text"] = "x"
    assert refused(1, "incr", "hits", "text")
    assert refused(1, "incr", "hits", "home", "--by", "9" * 30)


def test_drop_asks_and_without_anybody_to_ask_does_nothing():
    Store("users")["ann"] = 1
    assert "give --yes" in refused(2, "drop", "users")
    assert Store("users").snapshot() == {"ann": 1}
    done("drop", "users", "--yes")
    assert Store("users").snapshot() == {}


@pytest.mark.parametrize(("answer", "code", "left"), [("yes", 0, 0), ("no", 1, 1), ("\x04", 1, 1)])
def test_drop_asks_a_person(answer: str, code: int, left: int):
    Store("users")["ann"] = 1
    with Terminal("drop", "users") as terminal:
        terminal.until("[y/N] ")
        assert "Erase 1 record of SQLiteStore 'users'" in terminal.shown.replace("\r\n", "")
        terminal.types(f"{answer}\n" if answer.isprintable() else answer)
        assert terminal.ends() == code
    assert len(Store("users")) == left


def test_sweep_removes_what_has_ended():
    Store("users").update(ann=1)
    Store("users")._write({"old": b'{"$until":[5,1]}'}, {})
    Store("others")["x"] = 1
    assert done("sweep").split() == ["collection", "removed", "others", "0", "users", "1"]
    assert done("sweep", "users", "--json") == '{"collection":"users","removed":0}\n'


def test_a_counter_is_shown_set_and_dropped():
    Counter("ids").increment(5)
    assert done("counter", "value", "ids") == "5\n"
    assert done("counter", "set", "ids", "--", "-7") == "5\n"
    assert Counter("ids").value == -7
    assert "give --yes" in refused(2, "counter", "drop", "ids")
    done("counter", "drop", "ids", "--yes")
    assert done("counter", "value", "ids") == "0\n"
    assert refused(1, "counter", "set", "ids", str(2**63))
    assert refused(2, "counter", "set", "ids", "x")
    assert "Commands:" in done("counter")


def test_a_counter_with_a_lease_is_shown_and_set_as_the_medium_has_it(folder: Path):
    ini = folder / "desk.ini"
    ini.write_text("[store]\npath=it.sqlite\n[counter]\nlease=50\n[counter.ids]\nlease=100\n")
    leased = Counter("ids", "SQLite", path="it.sqlite", lease=100)
    leased.increment()
    Counter("others", "SQLite", path="it.sqlite").increment(7)
    assert done("counter", "value", "--config", "desk.ini", "ids") == "100\n"
    assert done("counter", "set", "--config", "desk.ini", "ids", "500") == "100\n"
    assert done("counter", "set", "--config", "desk.ini", "others", "8") == "7\n"
    assert "ids" in done("ls", "--config", "desk.ini")
    done("copy", "desk.ini", "sqlite:copied.sqlite?lease=9")
    assert done("counter", "value", "--url", "sqlite:copied.sqlite?lease=9", "ids") == "500\n"
    done("counter", "drop", "--config", "desk.ini", "ids", "--yes")
    assert done("counter", "value", "--config", "desk.ini", "ids") == "0\n"


# --- edit ----------------------------------------------------------------------------------------


@pytest.fixture
def editor(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script that stands for a person with an editor; what it gets is its file."""
    script = folder / "editor"
    monkeypatch.setenv("VISUAL", "")
    monkeypatch.setenv("EDITOR", str(script))
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return script


def writes(script: Path, text: str) -> None:
    script.write_text(f"#!/bin/sh\n{text}\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)


def kept() -> list[Path]:
    return list(Path().glob("napixd-store-*"))


def test_edit_puts_what_was_written_and_keeps_the_deadline(editor: Path):
    Store("users").put("ann", {"n": 1}, expires_in=1000)
    writes(editor, 'sed -i s/1/2/ "$1"; stat -c %a "$1" > rights')
    done("edit", "users", "ann")
    assert Store("users")["ann"] == {"n": 2}
    assert Store("users").expires_in("ann") is not None
    assert Path("rights").read_text() == "600\n"
    assert kept() == []


def test_edit_without_a_change_changes_nothing(editor: Path):
    Store("users")["ann"] = {"n": 1}
    etag = Store("users").etag("ann")
    writes(editor, "true")
    assert command("edit", "users", "ann") == (0, "", "nothing was changed\n")
    assert Store("users").etag("ann") == etag


@pytest.mark.parametrize(
    ("does", "why", "value"),
    [
        (f"{sys.executable} -m napixd_store set users ann 5; echo 3 >$1", "has changed since", 5),
        (f"{sys.executable} -m napixd_store del users ann; echo 3 >$1", "is not there", None),
        ("echo '{' > $1", "no JSON", 1),
        ("printf '\\377' > $1", "utf-8", 1),
    ],
)
def test_what_cannot_be_put_back_is_kept_where_it_was_written(
    editor: Path, monkeypatch: pytest.MonkeyPatch, does: str, why: str, value: object
):
    Store("users")["ann"] = 1
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    writes(editor, does)
    said = refused(1, "edit", "users", "ann")
    assert why in said
    (file,) = kept()
    assert str(file.absolute()) in said
    assert Store("users").get("ann") == value


def test_what_was_written_is_kept_when_the_editor_fails(editor: Path):
    Store("users")["ann"] = 1
    for how in ("exit 3", "kill -9 $$"):
        writes(editor, f'echo 2 > "$1"; {how}')
        line = refused(1, "edit", "users", "ann")
        (path,) = kept()
        assert line.endswith(f"what you wrote is kept in {path.absolute()}\n")
        path.unlink()
    assert Store("users")["ann"] == 1


def test_edit_needs_a_key_and_an_editor_that_works(editor: Path):
    Store("users")["ann"] = 1
    assert "set makes one" in refused(1, "edit", "users", "zoe")
    writes(editor, "exit 3")
    assert refused(1, "edit", "users", "ann")
    assert Store("users")["ann"] == 1
    assert kept() == []
