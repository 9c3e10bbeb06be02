"""ls, keys, show, get, backends."""

import json
from pathlib import Path
from typing import Any

from napixd_store import Counter, Store
from tests.cli.command import command, done, refused

INI = """
[store]
backend = SQLite
path = desk.sqlite

[store.tickets]
collection = scp

[store.drafts]
backend = Directory
root = drafts

[counter.ticket_id]
name = ticket-id
"""


def lines(*words: str) -> list[Any]:
    return [json.loads(line) for line in done(*words).splitlines()]


def test_ls_lists_what_there_is_with_sizes_and_durability():
    Store("users").update(ann=1, bob=2)
    Counter("ids").increment(7)
    title, columns, *rows = done("ls").splitlines()
    assert title.startswith("SQLiteStore in ")
    assert title.endswith("store.sqlite, durability power")
    assert columns.split() == ["name", "kind", "size"]
    assert [row.split() for row in rows] == [["users", "store", "2"], ["ids", "counter", "7"]]
    first, second = lines("ls", "--json")
    assert (first["name"], first["size"], first["durability"]) == ("users", 2, "power")
    assert (second["name"], second["kind"], second["size"]) == ("ids", "counter", 7)


def test_ls_of_an_app_names_what_it_declares_in_each_place():
    Path("desk.ini").write_text(INI)
    assert done("set", "--config", "desk.ini", "tickets", "a", "1") == ""
    assert done("set", "--config", "desk.ini", "drafts", "b", "2") == ""
    assert done("counter", "set", "--config", "desk.ini", "ticket_id", "41") == "0\n"
    found = {each["name"]: each for each in lines("ls", "--config", "desk.ini", "--json")}
    assert {name: each["declared as"] for name, each in found.items()} == {
        "scp": "tickets",
        "drafts": "drafts",
        "ticket-id": "ticket_id",
    }
    assert found["drafts"]["place"].startswith("DirectoryStore in ")
    assert Store("scp", path="desk.sqlite").snapshot() == {"a": 1}
    assert done("get", "--config", "desk.ini", "tickets", "a") == "1\n"
    assert done("get", "--config", "desk.ini", "scp", "a") == "1\n"
    assert "declared as" in done("ls", "--config", "desk.ini")


def test_an_empty_place_is_no_place_that_is_not_there():
    Store("users")["a"] = 1
    Store("users").drop()
    assert done("ls").endswith("nothing yet\n")
    assert "there is nothing at" in refused(1, "ls", "--url", "sqlite:typo.sqlite")
    assert "there is nothing at" in refused(1, "keys", "users", "--url", "directory:typo")
    assert {each.name for each in Path().iterdir()} == {"home"}


def test_keys_come_as_other_commands_take_them():
    Store("users").update({"ann": 1, 17: 2, "17": 3, "\x1b[31m": 4, "é\n": 5})
    assert done("keys", "users").splitlines() == ["ann", "--int 17", "17", r"\x1b[31m", r"é\n"]
    assert lines("keys", "users", "--json") == ["ann", 17, "17", "\x1b[31m", "é\n"]


def test_keys_may_be_bounded():
    Store("users").update(dict.fromkeys(("b", "ab", "aa", "c"), 1) | {5: 1})
    assert done("keys", "users") == "b\nab\naa\nc\n--int 5\n"
    assert done("keys", "users", "--prefix", "a") == "aa\nab\n"
    assert done("keys", "users", "--start", "ab", "--before", "c") == "ab\nb\n"
    assert done("keys", "users", "--limit", "2") == "--int 5\naa\n"
    assert done("keys", "users", "--after", "aa", "--limit", "2") == "ab\nb\n"
    assert done("keys", "users", "--reverse", "--after", "b") == "ab\naa\n--int 5\n"
    assert "not both" in refused(2, "keys", "users", "--prefix", "a", "--start", "b")
    assert done("show", "users", "--prefix", "c") == "c\t1\n"
    assert done("keys", "users", "--limit", "0") == ""


def test_show_and_get_write_what_stands_there():
    Store("users")["ann"] = {"tags": {1}, "name": "Ann \x9b"}
    Store("users").put("bob", "x", expires_in=1000)
    shown = '{"tags":{"$set":[1]},"name":"Ann \\u009b"}'
    assert done("get", "users", "ann") == f"{shown}\n"
    assert done("show", "users") == f'ann\t{shown}\nbob\t"x"\n'
    ann, bob = lines("show", "users", "--json")
    assert ann == {"key": "ann", "value": {"tags": {"$set": [1]}, "name": "Ann \x9b"}, "ends": None}
    assert (bob["value"], bob["ends"][:3], bob["ends"][-1]) == ("x", "202", "Z")


def test_get_of_a_text_writes_it_as_it_stands():
    Store("users").update({"a": "x\ny\x1b", 1: 2})
    assert done("get", "users", "a", "--text") == "x\ny\x1b\n"
    assert "is no text" in refused(1, "get", "users", "--int", "1", "--text")


def test_what_is_not_there_fails():
    Store("users")["ann"] = 1
    assert "key 'bob': it is not there" in refused(1, "get", "users", "bob")
    assert "it is not there" in refused(1, "get", "users", "--int", "17")
    assert "one key" in refused(2, "get", "users")
    assert "one key" in refused(2, "get", "users", "ann", "--int", "17")
    assert "whole number" in refused(2, "get", "users", "--int", "1.0")
    assert "at most 1000 characters" in refused(2, "get", "users", "x" * 1001)
    assert "must not be empty" in refused(2, "get", "", "x")


def test_what_cannot_be_read_is_passed_over_and_told_in_the_end():
    store = Store("users")
    store.update(ann=1)
    store._write({"bad": b'{"a":', "=x": b"1", "late": b'{"$until":[5,'}, {})
    store["zoe"] = 2
    said = command("show", "users")
    assert said.code == 1
    assert said.out.splitlines()[:2] == ["ann\t1", "bad\t(cannot be read)"]
    assert said.out.splitlines()[-1] == "zoe\t2"
    assert "cannot be read: napixd-store check" in said.err
    assert command("keys", "users").out.splitlines()[:3] == ["ann", "bad", "=x"]
    assert json.loads(command("show", "users", "--json").out.splitlines()[1])["value"] is None
    assert "check --repair --aside FILE" in refused(1, "get", "users", "bad")


def test_what_is_set_out_by_hand_is_one_line():
    Store("users")._write({"ann": b'{\n\t"a": 1.50,\r\n "b": []\n}'}, {})
    assert done("get", "users", "ann") == '{"a":1.50,"b":[]}\n'


def test_backends_tells_what_each_promises():
    found = {each["name"]: each for each in lines("backends", "--json")}
    assert list(found)[:4] == ["Memory", "File", "Directory", "SQLite"]
    assert found["SQLite"]["may survive"] == "process, power"
    assert found["File"]["policy"] == "write-back"
    about = done("backends", "SQLite")
    assert about.startswith("A dict in a SQLite file")
    assert about.endswith("Options: path, durability, timeout.\n")
    assert "did you mean 'Redis'" in refused(1, "backends", "Redi")


def test_a_name_that_nothing_has_is_told_with_the_nearest(folder: Path):
    Store("tickets")["scp-001"] = 1
    Counter("ticket-id").increment()
    here = f"sqlite:{Store('tickets')._connection.place}"
    tickets, ids = "(did you mean 'tickets'?)", "(did you mean 'ticket-id'?)"
    for words, hint in (
        (["keys", "tikets"], tickets),
        (["show", "tikets"], tickets),
        (["drop", "tikets", "--yes"], tickets),
        (["dump", "x.archive", "-c", "tikets"], tickets),
        (["copy", here, "sqlite:y.sqlite", "-n", "tiket-id"], ids),
        (["counter", "value", "tiket-id"], ids),
        (["counter", "drop", "tiket-id", "--yes"], ids),
    ):
        said = command(*words)
        assert said.code == 0, said
        assert said.err.endswith(f"there {hint}\n"), said
    said = command("get", "tikets", "scp-001")
    assert said.code == 1
    assert said.err.endswith(f"it is not there: there is no collection 'tikets' there {tickets}\n")
    assert command("keys", "tickets", "--prefix", "x").err == ""


def test_a_section_that_is_nearly_one_of_ours_leads_nowhere(folder: Path):
    (folder / "desk.ini").write_text("[stroe]\npath = desk.sqlite\n")
    said = command("set", "users", "ann", "1", "--config", "desk.ini")
    assert said.code == 1
    assert "[stroe] declares nothing (did you mean [store]?)" in said.err
