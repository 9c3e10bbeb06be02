"""`on_memory`: an app under test stores nothing anywhere, whatever its settings say."""

from dataclasses import dataclass
from typing import Any

import bottle
import pytest
from bottle import Bottle, PluginError

from napixd_store import CounterBackend, Store, StoreBackend, configure
from napixd_store.backends.memory import MemoryStore
from napixd_store_bottle import StorePlugin
from napixd_store_bottle.testing import on_memory
from tests.bottle.client import Client, new_app


@dataclass
class User:
    name: str


NOBODY = "redis://127.0.0.1:1"


@pytest.fixture
def app(tmp_path) -> Bottle:
    """An app on backends of each kind, one of which would not answer."""
    app = new_app(
        {
            "store": {
                "backend": "SQLite",
                "path": str(tmp_path / "desk.sqlite"),
                "users": {"type": User},
                "teams": {"backend": "File", "root": str(tmp_path / "files"), "collection": "t"},
                "hosts": {"backend": "RedisHash", "url": NOBODY},
                "words": {"backend": "SQLite", "writeback": "yes"},
                "signed": {"serializer": "pickle", "secret": "s"},
            },
            "counter": {"ids": {"name": "i", "backend": "Redis", "url": NOBODY}},
        }
    )

    def reprs(
        users: Any, teams: Any, hosts: Any, words: Any, signed: Any, ids: Any,
        notes: StoreBackend[Any], total: CounterBackend,
    ) -> dict[str, str]:  # fmt: skip
        opened = {"Store": Store("opened")}
        given = {"users": users, "teams": teams, "hosts": hosts, "words": words, "signed": signed}
        given |= {"ids": ids, "notes": notes, "total": total}
        return {name: repr(each) for name, each in {**given, **opened}.items()}

    app.get("/reprs", callback=reprs)
    app.get("/hit", callback=lambda ids: str(ids.increment()))
    app.get("/join/<name>", callback=lambda name, users, teams: join(name, users, teams))
    return app


def join(name: str, users: Any, teams: Any) -> None:
    users[name] = User(name)
    teams.setdefault("all", []).append(name)


def test_every_store_and_counter_is_in_memory(app, tmp_path):
    with on_memory(app):
        said = Client(app).get("/reprs").json
    assert len(said) == 9
    for text in said.values():
        assert "in the memory of this process" in text
    assert list(tmp_path.iterdir()) == []


def test_names_and_policies_are_those_of_the_settings(app):
    with on_memory(app):
        said = Client(app).get("/reprs").json
    shown = {name: text.partition(" in ")[0].partition(" ")[2] for name, text in said.items()}
    assert shown == {
        "users": "'users' (write-through)",
        "teams": "'t' (write-back)",
        "hosts": "'hosts' (write-through)",
        "words": "'words' (write-back)",
        "signed": "'signed' (write-through)",
        "ids": "'i'",
        "notes": "'notes' (write-through)",
        "total": "'total'",
        "Store": "'opened' (write-through)",
    }


def test_a_test_fills_it_and_looks_at_what_the_app_did(app):
    with on_memory(app) as given:
        assert sorted(given) == ["hosts", "ids", "signed", "teams", "users", "words"]
        given["teams"]["all"] = ["alice"]
        given["ids"].reset(41)
        given["signed"]["a"] = complex(1, 2)
        assert Client(app).get("/join/bob").status_code == 200
        assert Client(app).get("/hit").text == "42"
        assert given["users"] == {"bob": User("bob")}
        assert given["teams"] == {"all": ["alice", "bob"]}
        assert given["signed"] == {"a": complex(1, 2)}
        app.plugins[-1].check(app)


def test_each_use_begins_empty_and_touches_no_other_memory(app):
    Store("users", backend="Memory")["outside"] = 1
    for _ in range(2):
        with on_memory(app) as given:
            assert given["users"] == {}
            assert Client(app).get("/hit").text == "1"
            Client(app).get("/join/bob")
    assert Store("users", backend="Memory") == {"outside": 1}
    assert MemoryStore.collections({}) == ["users"]


def test_afterwards_the_app_is_as_it_was(app, tmp_path):
    before = Client(app).get("/reprs").json
    with pytest.raises(ZeroDivisionError), on_memory(app):
        1 / 0  # noqa: B018 - a test that fails
    assert Client(app).get("/reprs").json == before
    assert "desk.sqlite" in before["users"]


def test_one_inside_another_is_on_its_own(app):
    with on_memory(app) as outer:
        Client(app).get("/hit")
        with on_memory(app) as inner:
            assert Client(app).get("/hit").text == "1"
            assert inner["ids"].value == 1
        assert Client(app).get("/hit").text == "2"
        assert outer["ids"].value == 2


def test_two_apps_are_apart(app):
    other = new_app({"counter.ids.name": "i"})
    other.get("/hit", callback=lambda ids: str(ids.increment()))
    with on_memory(app), on_memory(other):
        assert [Client(each).get("/hit").text for each in (app, other, other)] == ["1", "1", "2"]


def test_an_app_that_is_mounted_in_it_comes_along(app):
    parent = new_app({})
    parent.mount("/desk/", app)
    parent.get("/own", callback=lambda: repr(Store("x")))
    with on_memory(parent):
        for path in ("/own", "/desk/reprs"):
            assert "SQLite" not in Client(parent).get(path).text
        assert Client(parent).get("/desk/hit").text == "1"
    assert Client(parent).get("/own").text.startswith("<SQLiteStore")


def test_a_route_s_own_settings_make_no_difference(app, tmp_path):
    app.get(
        "/own",
        callback=lambda users: repr(users),
        **{"store.users.backend": "File", "store.users.root": str(tmp_path / "own")},
    )
    with on_memory(app):
        assert "(write-back) in the memory" in Client(app).get("/own").text


def test_the_process_s_settings_make_no_difference_either(tmp_path, monkeypatch):
    app = new_app({})
    app.get("/", callback=lambda: repr(Store("x")))
    monkeypatch.setenv("NAPIXD_STORE_URL", NOBODY)
    with on_memory(app):
        assert "in the memory of this process" in Client(app).get("/").text
    configure({"store": {"backend": "File", "root": tmp_path}})
    with on_memory(app):
        assert "in the memory of this process" in Client(app).get("/").text


def test_settings_that_a_test_loads_meanwhile_hold(app):
    with on_memory(app):
        app.config["store.users.collection"] = "others"
        app.reset()
        assert "'others' (write-through)" in Client(app).get("/reprs").json["users"]


def test_a_class_that_is_not_derived_from_ours_is_replaced_by_one_that_writes_back():
    app = new_app({"store.users.backend": "tests.bottle.test_unit_of_work.Foreign"})
    app.get("/", callback=lambda users: repr(users))
    with on_memory(app):
        assert "(write-back) in the memory" in Client(app).get("/").text


def test_the_default_s_options_are_not_for_a_declaration_with_a_backend_of_its_own():
    app = new_app(
        {"store": {"backend": "SQLite", "type": User, "plain": {"backend": "Memory"}, "b": {}}}
    )
    app.get("/", callback=lambda plain: plain.update(a=1))
    with on_memory(app) as given:
        assert Client(app).get("/").status_code == 200
        assert given["plain"] == {"a": 1}


def test_an_app_without_the_plugin_is_refused():
    with pytest.raises(PluginError, match="no StorePlugin"), on_memory(Bottle()):
        pass


def test_in_debug_mode_it_does_the_same(app):
    bottle.debug(True)
    try:
        with on_memory(app):
            assert Client(app).get("/hit").text == "1"
    finally:
        bottle.debug(False)


def test_one_instance_in_two_apps_is_on_memory_in_one(tmp_path):
    plugin, apps = StorePlugin(), []
    for _ in range(2):
        app = Bottle()
        app.install(plugin)
        app.get("/", callback=lambda: repr(Store("x")))
        apps.append(app)
    with on_memory(apps[0]):
        assert "in the memory of this process" in Client(apps[0]).get("/").text
        assert "SQLite" in Client(apps[1]).get("/").text
