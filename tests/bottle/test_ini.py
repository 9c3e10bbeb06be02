"""`StorePlugin(config="desk.ini")`: the file is there, is one, and each section says something."""

from pathlib import Path

import pytest
from bottle import Bottle

from napixd_store import ConfigError
from napixd_store_bottle import StorePlugin
from tests.bottle.client import Client

INI = "[store]\nbackend = Memory\n\n[store.hits]\ncollection = h\n"


def test_what_it_says_holds_over_what_was_said_before(tmp_path):
    file = tmp_path / "desk.ini"
    file.write_text(INI)
    app = Bottle()
    app.config.load_dict({"store": {"backend": "SQLite"}, "mail": {"host": "m"}})
    app.install(StorePlugin(config=file))
    app.get("/", callback=lambda hits: repr(hits))
    assert "MemoryStore 'h'" in Client(app).get("/").text
    assert app.config["mail.host"] == "m"


def test_it_is_read_as_bottle_reads_it(tmp_path):
    file = tmp_path / "desk.ini"
    file.write_text("[DEFAULT]\nz = 1\n[Mail]\nHost = a$$b\n" + INI.replace("[store]", "[STORE]"))
    ours, bottles = Bottle(), Bottle()
    with pytest.raises(ConfigError, match=r"unknown option 'z'"):
        ours.install(StorePlugin(config=str(file)))
    bottles.config.load_config(str(file))
    assert ours.config == bottles.config


def test_each_app_of_one_instance_gets_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("desk.ini").write_text(INI)
    plugin = StorePlugin(config="desk.ini")
    for app in (Bottle(), Bottle()):
        app.install(plugin)
        assert app.config["store.hits.collection"] == "h"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[store.tickets]\n", r"\[store.tickets\] has no key.*'collection = tickets'"),
        ("[Counter.Ids]\n", r"\[Counter.Ids\] has no key.*'name = ids'"),
        ("[Stroe]\npath = a\n", r"\[Stroe\] declares nothing \(did you mean \[store\]\?\)"),
        ("[stores.hits]\npath = a\n", r"\(did you mean \[store.hits\]\?\): give it another"),
        (
            "[store\nsecret = s3cret\n",
            r"line 1: the first \[section\] comes too late",
        ),
        ("[store]\ns3cret\n s3cret\n[", "is not an INI file"),
        ("[store]\npath = a\n= s3cret\n", "is not an INI file: line 3: neither"),
        (
            "[store]\npath = a\npath = s3cret\n",
            "is not an INI file: line 3: a key that already exists",
        ),
        ("[store]\npath = s3cret$\n", r"\[store\] path: a '\$' that begins no.*write '\$\$'"),
        (b"[store]\npath = \xff\n", "not text in UTF-8"),
        (None, "No such file or directory"),
    ],
)
def test_what_is_wrong_with_it_is_told_without_a_value(tmp_path, text, said):
    file = tmp_path / "desk.ini"
    if text is not None:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError, match=said) as refused:
        Bottle().install(StorePlugin(config=file))
    assert str(file) in str(refused.value)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("section", ["store", "counter", "mail", "storage.tickets"])
def test_an_empty_section_that_would_declare_nothing_is_fine(tmp_path, section):
    file = tmp_path / "desk.ini"
    file.write_text(f"[{section}]\n")
    Bottle().install(StorePlugin(config=file))


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(ConfigError, match="Is a directory"):
        Bottle().install(StorePlugin(config=tmp_path))
