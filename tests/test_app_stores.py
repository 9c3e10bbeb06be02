"""`stores_of`: an app's stores and counters outside of a request."""

from contextlib import suppress
from pathlib import Path

import pytest
from bottle import Bottle

from napixd_store import ConfigError, Counter, Store, stores_of

INI = """
[store]
backend = File
root = {root}

[store.tickets]
collection = Tickets

[store.hits]
writeback = no

[counter.ids]
name = ticket-id
"""


@pytest.fixture
def ini(tmp_path: Path) -> Path:
    file = tmp_path / "desk.ini"
    file.write_text(INI.format(root=tmp_path / "stores"))
    return file


def test_the_block_s_end_saves_and_an_exception_drops(ini: Path, tmp_path: Path):
    def now() -> dict[str | int, object]:
        return Store("Tickets", "File", root=tmp_path / "stores").snapshot()

    with stores_of(ini) as stores:
        stores["tickets"][1] = "new"
        assert stores["tickets"] is stores["tickets"]
        assert stores["hits"].incr("home") == stores["ids"].increment() == 1
        assert now() == {}
    assert now() == {1: "new"}
    with suppress(KeyError), stores_of(str(ini)) as stores:
        stores["tickets"][2] = "lost"
        raise KeyError
    assert now() == {1: "new"} == stores["tickets"].snapshot()


def test_it_is_a_mapping_of_what_is_declared(ini: Path):
    stores = stores_of(ini)
    assert list(stores) == ["tickets", "hits", "ids"]
    assert len(stores) == 3
    assert "hits" in stores
    assert "nothing" not in stores
    unhashable: object = []
    assert unhashable not in stores
    assert repr(stores) == "<stores_of: tickets, hits, ids>"
    with pytest.raises(ConfigError, match=r"nothing of the name 'ticket' \(did you mean 'tickets'"):
        stores["ticket"]


def test_a_mapping_an_app_and_the_default_backend():
    app = Bottle()
    app.config.load_dict({"store": {"backend": "Memory", "users": {"collection": "u"}}})
    for source in (app, app.config, {"store.backend": "Memory", "store.users.collection": "u"}):
        with stores_of(source) as stores:
            assert repr(stores["users"]).startswith("<MemoryStore 'u'")
            assert repr(stores.store("x")).startswith("<MemoryStore 'x'")
            assert repr(stores.counter("y")).startswith("<MemoryCounter 'y'")
    stores = stores_of({"store.backend": "Memory", "store.writeback": "yes"})
    stores.store("x")["a"] = 1
    stores.save()
    assert Store("x", "Memory").pop("a") == 1


def test_what_is_wrong_is_told():
    with pytest.raises(ConfigError, match="not int"):
        stores_of(3)
    with pytest.raises(ConfigError, match="No such file"):
        stores_of("nowhere.ini")
    with pytest.raises(ConfigError, match=r"^store.a: SQLiteStore: unknown option 'paht'"):
        stores_of({"store.a.paht": "x"})["a"]


# --- secrets ---------------------------------------------------------------------------------

SECRET = "correct-horse"


@pytest.mark.parametrize("value", ["${SECRET}", "$${$${SECRET}}", "a${DESK_SECRET}b"])
def test_a_secret_is_read_from_the_environment(tmp_path: Path, monkeypatch, value: str):
    monkeypatch.setenv("SECRET", SECRET)
    monkeypatch.setenv("DESK_SECRET", "with $ and ${SECRET}")
    file = tmp_path / "desk.ini"
    file.write_text(f"[store.a]\nbackend = Memory\nserializer = pickle\nsecret = {value}\n")
    with stores_of(file) as stores:
        stores["a"]["b"] = 1j
    meant = {"${SECRET}": SECRET, "$${$${SECRET}}": "${${SECRET}}"}
    secret = meant.get(value, "awith $ and ${SECRET}b")
    assert Store("a", "Memory", serializer="pickle", secret=secret).pop("b") == 1j


def test_a_key_of_the_file_goes_first(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("NAME", "of the environment")
    file = tmp_path / "desk.ini"
    file.write_text("[store.a]\nbackend = Memory\nname = of the file\ncollection = ${name}\n")
    with pytest.raises(ConfigError, match="unknown option 'name'"):
        stores_of(file)["a"]
    assert stores_of(file).declared["a"].name == "of the file"


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("password = ${GONE}", r"^store.a: RedisStore: the option 'password': there is no variab"),
        ("host = ${GONE}", r"^store.a: RedisStore: the option 'host': its '\$\{…\}' names no key"),
        ("host = ${GONE:x}", "a '\\$' that begins no"),
    ],
)
def test_what_is_not_there_or_no_secret_is_refused(tmp_path: Path, option: str, said: str):
    file = tmp_path / "desk.ini"
    file.write_text(f"[store.a]\nbackend = Redis\n{option}\n")
    with pytest.raises(ConfigError, match=said):
        stores_of(file)["a"]


def test_another_s_section_is_read_as_ever(tmp_path: Path):
    file = tmp_path / "desk.ini"
    file.write_text("[mail]\npassword = ${GONE}\n")
    with pytest.raises(ConfigError, match=r"\[mail\] password"):
        stores_of(file)


def test_a_counter_goes_on(ini: Path, tmp_path: Path):
    with stores_of(ini) as stores:
        assert stores["ids"].increment() == 1
    assert Counter("ticket-id", "File", root=tmp_path / "stores").value == 1
