"""Bottle's ways that the plugin rests on, each with what the plugin makes of it."""

import logging
from collections.abc import Callable
from typing import Any

import bottle
import pytest
from bottle import Bottle, ConfigDict, Route

from napixd_store import ConfigError, CounterBackend, Store, StoreBackend
from napixd_store_bottle import StorePlugin
from tests.bottle.client import Client, new_app

USERS = {"store": {"backend": "Memory", "users": {"collection": "u"}}}


class Watched(StorePlugin):
    """Notes what Bottle does with it."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def setup(self, app: Any = None) -> None:
        self.calls.append("setup inside" if self in app.plugins else "setup")
        super().setup(app)

    def apply(self, callback: Callable[..., Any], route: Any) -> Callable[..., Any]:
        self.calls.append("apply")
        return super().apply(callback, route)

    def close(self) -> None:
        self.calls.append("close")
        super().close()


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def app(watched) -> Bottle:
    app = Bottle()
    app.config.load_dict(USERS)
    app.install(watched)
    app.get("/", callback=lambda users=None: getattr(users, "collection", "nothing"))
    return app


def from_ini(tmp_path, text: str) -> Bottle:
    (tmp_path / "app.ini").write_text(text)
    app = Bottle()
    app.config.load_config(str(tmp_path / "app.ini"))
    return app


# --- life ------------------------------------------------------------------------------------


def test_setup_comes_before_it_is_among_the_plugins(app, watched):
    assert watched.calls == ["setup"]
    assert watched in app.plugins


def test_a_route_is_prepared_at_its_first_request_and_stays_so(app, watched):
    client = Client(app)
    assert watched.calls == ["setup"]
    assert [client.get("/").text for _ in range(3)] == ["u"] * 3
    assert watched.calls == ["setup", "apply"]
    app.install(lambda handler: handler)
    assert watched.calls == ["setup", "apply"]
    assert client.get("/").text == "u"
    assert watched.calls == ["setup", "apply", "apply"]


def test_in_debug_mode_a_route_is_prepared_when_it_is_added(app, watched):
    bottle.debug(True)
    try:
        app.get("/other", callback=lambda users: users.collection)
        assert watched.calls == ["setup", "apply"]
        app.config["store.users.collection"] = "late"
        assert Client(app).get("/other").text == "late"
    finally:
        bottle.debug(False)


def test_a_config_hook_that_resets_the_app_makes_a_change_hold_at_once(app):
    seen: list[tuple[Any, ...]] = []

    def changed(*args: Any) -> None:
        seen.append(args)
        app.reset()

    app.add_hook("config", changed)
    assert Client(app).get("/").text == "u"
    app.config["store.users.collection"] = "changed"
    assert Client(app).get("/").text == "changed"
    assert seen == [(app.config, "store.users.collection", "changed")]


def test_close_comes_with_each_uninstall_and_each_close_of_the_app(app, watched):
    app.close()
    app.close()
    assert app.uninstall(watched) == [watched]
    assert app.uninstall(watched) == []
    app.close()
    assert watched.calls == ["setup", "close", "close", "close"]
    assert Client(app).get("/").text == "nothing"


def test_one_instance_in_two_apps_is_set_up_and_closed_once_for_each(app, watched):
    other = Bottle()
    other.install(watched)
    app.close()
    other.close()
    assert watched.calls == ["setup", "setup", "close", "close"]


def test_uninstalling_everything_returns_it_too(app, watched):
    assert watched in app.uninstall(True)
    assert app.plugins == []
    assert Client(app).get("/").text == "nothing"


# --- what it never asks ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (Route, "get_callback_args"),  # guesses, and 0.14 warns of it
        (Route, "get_undecorated_callback"),
        (Route, "get_config"),  # deprecated
        (bottle, "load"),  # evaluates what is no name
        (bottle.LocalRequest, "get_cookie"),  # unpickles
        (bottle.LocalResponse, "set_cookie"),
        (ConfigDict, "meta_set"),  # a filter is for all apps of the process
        (ConfigDict, "_define"),
    ],
)
def test_it_never_calls_what_has_a_catch(monkeypatch, owner, name):
    app = Bottle()  # which itself may

    def refuse(*args: Any, **options: Any) -> None:
        raise AssertionError(f"{name} was called")

    monkeypatch.setattr(owner, name, refuse)
    app.config.load_dict(USERS)
    plugin = app.install(StorePlugin())

    def decorated(handler: Any) -> Any:
        return lambda **kwargs: handler(**kwargs)

    app.get("/", callback=lambda users: users.collection)
    app.get("/hidden", callback=decorated(lambda: "hidden"))
    plugin.check(app)
    assert [Client(app).get(path).text for path in ("/", "/hidden")] == ["u", "hidden"]


# --- settings --------------------------------------------------------------------------------


def test_the_config_is_flat():
    app = new_app(USERS)
    assert app.config["store.users.collection"] == "u"
    with pytest.raises(KeyError):
        app.config["store"]


def test_a_route_s_config_shows_what_the_app_s_says_later(app):
    (route,) = app.routes
    app.config["store.users.collection"] = "later"
    assert route.config["store.users.collection"] == "later"
    with pytest.raises(KeyError):
        del route.config["store.users.collection"]
    assert Client(app).get("/").text == "later"


def test_an_empty_dict_leaves_no_trace_and_the_log_says_what_is_missing(caplog):
    app = new_app({"store": {"backend": "Memory", "teams": {}}})
    assert [key for key in app.config if "teams" in key] == []
    app.get("/", callback=lambda teams: "")
    with caplog.at_level(logging.WARNING, "napixd_store_bottle"):
        assert Client(app).get("/").status_code == 500
    (said,) = caplog.messages
    assert "'teams'" in said
    assert "at least one key" in said


def test_an_ini_section_arrives_in_lower_case_and_an_option_names_a_collection_in_any(tmp_path):
    app = from_ini(tmp_path, "[store.Users]\nBackend = Memory\n[store.teams]\ncollection = Teams\n")
    assert app.config["store.users.backend"] == "Memory"
    app.install(StorePlugin())
    app.get("/", callback=lambda users, teams: f"{users.collection} {teams.collection}")
    assert Client(app).get("/").text == "users Teams"


def test_a_missing_ini_file_is_passed_over_and_the_log_says_which_keys_were_looked_for(
    tmp_path, caplog
):
    app = Bottle()
    app.config.load_config(str(tmp_path / "missing.ini"))
    app.install(StorePlugin())
    app.get("/", callback=lambda tickets, ticket_id: "")
    with caplog.at_level(logging.WARNING, "napixd_store_bottle"):
        assert Client(app).get("/").status_code == 500
    for name, said in zip(("tickets", "ticket_id"), caplog.messages, strict=True):
        assert f"[store.{name}] or [counter.{name}]" in said


@pytest.mark.parametrize("section", ["bottle", "ROOT"])
def test_what_stands_in_the_root_is_nobody_s_declaration(tmp_path, section):
    app = from_ini(tmp_path, f"[{section}]\ncollection = x\n[store]\nbackend = Memory\n")
    assert app.config["collection"] == "x"
    app.install(StorePlugin())
    assert Client(app).get("/").status_code == 404


def test_bottle_s_own_keys_are_no_settings_of_ours():
    app = new_app({})
    assert {"catchall", "json.enable"} <= set(app.config)
    app.plugins[-1].check(app)


def test_a_section_of_the_original_loses_its_class_so_a_class_is_the_value_of_an_option(tmp_path):
    old = from_ini(tmp_path, "[Store napixd.store.backends.redis.RedisHashBackend]\nhost = x\n")
    assert old.config["store napixd.store.backends.redis.redishashbackend.host"] == "x"
    app = from_ini(tmp_path, "[store]\nbackend = napixd_store.backends.memory.MemoryStore\n")
    app.install(StorePlugin())
    app.get("/", callback=lambda: repr(Store("x")))
    assert Client(app).get("/").text.startswith("<MemoryStore 'x'")


def test_bottle_reads_no_environment_and_ours_does(monkeypatch, tmp_path):
    monkeypatch.setenv("NAPIXD_STORE_URL", f"sqlite://{tmp_path}/desk.sqlite")
    app = new_app({"store.users.collection": "u", "counter.ids.name": "i"})

    def show(users: StoreBackend[Any], ids: CounterBackend, other: StoreBackend[Any]) -> str:
        return f"{users!r} {ids!r} {other!r} {Store('x')!r}"

    app.get("/", callback=show)
    assert Client(app).get("/").text.count(f"in {tmp_path}/desk.sqlite") == 4


def test_bottle_does_not_enforce_a_validator_and_ours_are_enforced():
    app = Bottle()
    app.config._define("store.users.writeback", default="no", validate=bool)
    app.config["store.users.writeback"] = "perhaps"
    with pytest.raises(ConfigError, match=r"^store\.users: .*'writeback' must be"):
        app.install(StorePlugin())


def test_settings_may_be_objects_that_no_file_could_hold(tmp_path):
    app = new_app({"store.users.path": tmp_path / "desk.sqlite", "store.users.writeback": True})
    app.get("/", callback=lambda users: users.update(a=1))
    assert Client(app).get("/").status_code == 200
    assert Store("users", path=tmp_path / "desk.sqlite") == {"a": 1}


# --- several apps ----------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["mounted", "merged"])
def test_in_an_app_inside_request_app_is_the_one_around(how):
    child, seen = new_app(USERS), []
    child.get(
        "/x",
        callback=lambda users: seen.append((bottle.request.app, bottle.request.route.app)),
    )
    parent = Bottle()
    path = put_inside(parent, child, how)
    assert Client(parent).get(path).status_code == 200
    assert seen == [(parent, child)]


@pytest.mark.parametrize("how", ["mounted", "merged"])
def test_an_app_inside_without_a_plugin_gets_nothing_of_the_one_around(how):
    child = Bottle()
    child.get("/x", callback=lambda users="nothing": f"{users} {type(Store('y')).__name__}")
    parent = new_app(USERS)
    path = put_inside(parent, child, how)
    assert Client(parent).get(path).text == "nothing SQLiteStore"


def put_inside(parent: Bottle, child: Bottle, how: str) -> str:
    """Return the path of the child's ``/x`` in the parent."""
    if how == "merged":
        parent.merge(child)
        return "/x"
    parent.mount("/child/", child)
    return "/child/x"


def test_a_plain_wsgi_app_that_is_mounted_is_no_business_of_the_plugin(app, watched):
    def plain(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["PATH_INFO"].encode()]

    app.mount("/plain/", plain)
    assert Client(app).get("/plain/page").text == "/page"
    assert watched.calls == ["setup"]
    watched.check(app)


@pytest.mark.parametrize("order", ["uninstalled", "reset", "closed"])
def test_a_request_that_is_under_way_ends_as_it_began(medium, order):
    """Whatever happens to the app meanwhile."""
    app = new_app({"store": {**medium, "users": {"collection": "u", "writeback": "yes"}}})
    acts = {
        "uninstalled": lambda: app.uninstall(StorePlugin),
        "reset": app.reset,
        "closed": app.close,
    }

    def stream(users: StoreBackend[Any]) -> Any:
        users["a"] = 1
        yield "first "
        acts[order]()
        users["b"] = 2
        yield "second"

    app.get("/stream", callback=stream)
    assert Client(app).get("/stream").text == "first second"
    assert Store("u", **medium) == {"a": 1, "b": 2}
