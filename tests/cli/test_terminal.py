"""What people see in a terminal: tables, colours, pages, bars; and nothing that it would obey."""

import re
import sys
from pathlib import Path

import pytest

from napixd_store import Store
from napixd_store.cli.output import printable, printable_json
from napixd_store.operations.installed import installed
from tests.cli.command import Said, command

LONG = {"title": "No coffee", "body": "It is out of order, and nobody mends it. " * 4}


@pytest.fixture(params=[80, 160])
def columns(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv("COLUMNS", str(request.param))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return int(request.param)


def seen(*words: str, code: int = 0) -> Said:
    said = command(*words, terminal=True)
    assert said.code == code, said
    return said


def bare(text: str) -> str:
    """Return *text* without its colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_tables_fit_and_have_colours(columns: int):
    Store("users")["ann"] = 1
    Store("a rather long name of a collection, " * 4)["x"] = 1
    for words in (["ls"], ["backends"], ["stat"], ["sweep"]):
        out = seen(*words).out
        lines = bare(out).splitlines()
        assert "\x1b[" in out
        assert max(map(len, lines[1:])) <= columns, words
    assert "nothing yet" in seen("stat", "--url", "memory:").out


def test_a_value_is_set_out(columns: int):
    Store("users")["ann"] = LONG
    out = bare(seen("get", "users", "ann").out)
    assert out.splitlines()[:2] == ["{", '  "title": "No coffee",']
    assert f'"{LONG["body"]}"' in out  # whole, whatever the width: to be copied from there


def test_a_collection_is_shown_in_pages(columns: int):
    store = Store("users")
    store["short"] = [1]
    store["ann"] = LONG
    store.put("bob", 1, expires_in=1_000)
    store._write({"bad": b"{"}, {})
    said = seen("show", "users", code=1)
    out = bare(said.out)
    assert out.startswith('short  [1]\nann\n  {\n    "title"')
    assert re.search(r"\nbob  until 20\S+Z  1\n", out)
    assert "\nbad  (cannot be read)\n" in out
    assert said.err.startswith("napixd-store: 1 of them cannot be read")


def test_nothing_that_is_stored_is_obeyed(columns: int):
    evil = "\x1b[41m\x9b41m\x07\u202e\x1b]0;title\x07"
    Store(evil)[evil] = {evil: evil}
    for words in (["ls"], ["keys", evil], ["show", evil], ["get", evil, evil], ["stat"], ["sweep"]):
        for said in (seen(*words), command(*words)):
            assert not {"\x9b", "\x07", "\u202e"} & {*said.out}, words
            assert "\x1b[41m" not in said.out
            assert "\x1b]" not in said.out
    Store("users")["text"] = evil
    assert "\x07" not in seen("get", "users", "text", "--text").out


def test_what_is_escaped_says_the_same():
    assert printable("a\n\x1b\udcff\U000e0001") == r"a\n\x1b\udcff\U000e0001"
    assert printable_json('"\x9b\U000e0001"') == r'"\u009b\udb40\udc01"'


def test_a_bar_shows_what_is_under_way(columns: int):
    Store("many").update({f"k{number}": number for number in range(5_000)})
    said = seen("dump", "many.gz")
    assert said.out == "5,000 records in 1 collection and 0 counters written\n"
    assert "5,000" in bare(said.err)
    assert "dump" in bare(said.err)


@pytest.mark.parametrize(("typed", "code"), [(b"y\n", 0), (b"YES\n", 0), (b"n\n", 1), (b"", 1)])
def test_a_person_is_asked(typed: bytes, code: int):
    Store("users")["ann"] = 1
    said = command("drop", "users", stdin=typed, asked=True)
    assert said.code == code
    assert said.err.startswith("Erase 1 record of SQLiteStore 'users' in ")
    assert len(Store("users")) == code


def test_what_cannot_be_used_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "redis", None)
    about = tmp_path / "others-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: others\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[napixd_store.backends]\nBroken = broken_backend:S\nPlain = plain_backend:S\n"
        "Lacking = lacking_backend:S\nGone = gone_backend:S\n"
    )
    (tmp_path / "broken_backend.py").write_text("1 / 0")
    (tmp_path / "plain_backend.py").write_text('class S:\n    """About it."""\n')
    (tmp_path / "lacking_backend.py").write_text("import redis")
    found = {each.name: each for each in installed()}
    assert found["Broken"].missing == "it raises ZeroDivisionError"
    assert found["Lacking"].missing == "pip install 'redis[hiredis]'"
    assert "no module 'gone_backend'" in (found["Gone"].missing or "")
    assert (found["Plain"].missing, found["Plain"].about) == (None, "About it.")
    assert "cannot be used: pip install" in command("backends").out
    assert command("backends", "Plain").out == "About it.\n"
