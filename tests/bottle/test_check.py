"""`StorePlugin.check`: what would fail a request later is found before the first one."""

import functools
import logging
from pathlib import Path
from typing import Any

import bottle
import pytest
from bottle import Bottle, HTTPResponse, PluginError

from napixd_store import (
    ConfigError,
    CorruptData,
    Counter,
    CounterBackend,
    NoSuchStoreBackend,
    Store,
    StoreBackend,
    Unavailable,
)
from napixd_store_bottle import StorePlugin
from tests.bottle.client import Client, new_app, put_around
from tests.labs import need
from tests.redis.servers import programs, running

NOBODY = {"backend": "RedisHash", "url": "redis://127.0.0.1:1"}


def check(app: Bottle) -> None:
    app.plugins[-1].check(app)


def test_all_is_well_before_the_first_request(medium):
    app = new_app({"store": {**medium, "users": {"writeback": "yes"}}, "counter.ids.name": "i"})
    app.get("/<id>", callback=lambda id, users, ids: "")
    check(app)
    assert Client(app).get("/7").status_code == 200


@pytest.mark.parametrize(
    ("section", "settings"),
    [
        ("store", {"store": NOBODY}),
        ("store.users", {"store": {"backend": "Memory", "users": NOBODY}}),
        ("store.users", {"store": {"backend": "Memory", "users": {**NOBODY, "writeback": "yes"}}}),
        ("counter", {"store.backend": "Memory", "counter": NOBODY}),
        ("counter.ids", {"store.backend": "Memory", "counter": {"ids": NOBODY}}),
    ],
)
def test_a_backend_that_does_not_answer_is_named_with_its_section(section, settings):
    app = new_app(settings)
    with pytest.raises(Unavailable, match=rf"^{section}: .*127\.0\.0\.1:1"):
        check(app)


@pytest.mark.lab
def test_it_finds_out_when_a_server_dies_and_when_it_is_back(tmp_path):
    program = programs()["valkey"]
    need(program is not None, "there is no valkey server")
    assert program is not None
    with running(program, tmp_path) as server:
        app = new_app({"store": {"backend": "RedisHash", "url": f"unix://{server.socket}"}})
        app.get("/health", callback=lambda: check(app))
        with server.monitored() as commands:
            assert Client(app).get("/health").status_code == 200
        assert commands
        server.stop()
        answer = Client(app).get("/health")
        assert (answer.status_code, "Unavailable: store: " in answer.errors) == (500, True)
        server.start()
        assert Client(app).get("/health").status_code == 200
        assert server.ask("DBSIZE") == 0


def test_it_changes_nothing(medium):
    users, ids = Store("users", **medium), Counter("ids", **medium)
    users["alice"] = 1
    ids.reset(7)
    app = new_app({"store": {**medium, "users": {"writeback": "yes"}}, "counter.ids.name": "ids"})
    check(app)
    assert users == {"alice": 1}
    assert ids.value == 7
    ids.reset()


def test_a_working_copy_is_not_loaded_for_it(monkeypatch):
    users = Store("users", backend="Memory")
    users.update({str(number): number for number in range(100)})
    asked: list[Any] = []
    load = type(users)._load

    def watching(self, keys=None):
        asked.append(keys)
        return load(self, keys)

    monkeypatch.setattr(type(users), "_load", watching)
    check(new_app({"store": {"backend": "Memory", "users": {"writeback": "yes"}}}))
    assert None not in asked


def test_what_is_stored_and_unreadable_is_found(tmp_path):
    spoil("users", tmp_path)
    app = new_app({"store": {"users": {"backend": "File", "root": str(tmp_path)}}})
    with pytest.raises(CorruptData, match=r"^store\.users: "):
        check(app)


def spoil(collection: str, root: Path) -> None:
    """Leave a file of *collection* that nobody can read."""
    Store(collection, "File", root=root, writeback=False)["a"] = 1
    (file,) = root.rglob(f"{collection}*.json")
    file.write_text("no JSON")


# --- declarations ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"store.users.backend": "Memry"}, NoSuchStoreBackend, "store.users: .*'Memory'"),
        ({"store.users.pth": "x"}, ConfigError, "store.users: .*'pth'.*'path'"),
        *(
            ({"store.users.expires_in": text}, ConfigError, rf"^store\.users: .*{said}")
            for text, said in {
                "-1": "'expires_in' must be above 0",
                "nan": "'expires_in' must be above 0",
                "soon": "'expires_in' must be float or timedelta or None, not the text",
            }.items()
        ),
        ({"store.expires_in": "0"}, ConfigError, "'expires_in' must be above 0"),
        ({"counter.ids.collection": "x"}, ConfigError, "counter.ids: .*'collection'"),
        ({"store.2x.path": "x"}, ConfigError, "'store.2x.path'"),
        ({"store.backend": "Memry"}, NoSuchStoreBackend, "store: .*'Memory'"),
    ],
)
def test_settings_that_came_after_the_plugin_are_checked(settings, error, said):
    app = new_app({})
    app.config.load_dict(settings)
    with pytest.raises(error, match=said):
        check(app)


def test_what_needs_no_io_is_found_first():
    app = new_app({"store": NOBODY})
    app.get("/<users>", callback=lambda users: "", **{"store.users.backend": "Memory"})
    with pytest.raises(PluginError):
        check(app)


# --- routes ----------------------------------------------------------------------------------


def test_a_counter_that_is_annotated_as_a_store_is_refused_and_the_other_way_round():
    def wrong(ids: StoreBackend[Any] | None, users: CounterBackend) -> None:
        """Is never called."""

    for settings, said in (
        ({"counter.ids.name": "i"}, r"GET /x: .*'ids' is annotated as a store, .*\[counter\.ids\]"),
        ({"store.users.collection": "u"}, r"'users' is annotated as a counter, .*\[store\.users\]"),
    ):
        app = new_app({"store.backend": "Memory", **settings})
        app.get("/x", callback=wrong)
        with pytest.raises(ConfigError, match=said):
            check(app)


def test_a_wildcard_that_is_declared_too_is_found():
    app = new_app({"store": {"backend": "Memory", "users": {"collection": "u"}}})
    app.get("/ok", callback=lambda users: "")
    app.get("/x/<users>", callback=lambda users: "")
    with pytest.raises(PluginError, match=r"GET /x/<users>: the argument 'users' is a wildcard"):
        check(app)


def test_a_route_without_a_path_is_found():
    app = new_app({"store": {"backend": "Memory", "users": {"collection": "u"}}})

    @app.route
    def show(users):
        return ""

    with pytest.raises(PluginError, match="give the route a path"):
        check(app)


def test_the_settings_of_a_route_are_checked():
    app = new_app({"store": {"backend": "Memory", "users": {"collection": "u"}}})
    app.get("/", callback=lambda users: "", **{"store.users.backend": "Memry"})
    with pytest.raises(NoSuchStoreBackend, match=r"^store\.users: .*'Memry'"):
        check(app)


def test_the_backend_of_a_route_s_own_is_asked():
    app = new_app({"store": {"backend": "Memory", "users": {"collection": "u"}}})
    own = {f"store.users.{option}": value for option, value in NOBODY.items()}
    app.get("/", callback=lambda users: "", **own)
    with pytest.raises(Unavailable, match=r"^store\.users: "):
        check(app)


def test_an_annotation_is_asked_too(tmp_path):
    spoil("notes", tmp_path)
    app = new_app({"store": {"backend": "File", "root": str(tmp_path)}})

    def show(notes: StoreBackend[Any], total: CounterBackend) -> None: ...

    check(app)
    app.get("/", callback=show)
    with pytest.raises(CorruptData, match=r"^store\.notes: "):
        check(app)


def test_a_skipped_route_is_no_business_of_it():
    app = new_app({"store": {"backend": "Memory", "users": {"collection": "u"}}})
    app.get("/x/<users>", callback=lambda users: "", skip=StorePlugin)
    check(app)


def test_an_argument_that_nobody_is_known_to_provide_is_logged_once(caplog):
    """However often one checks: a plugin that does not tell its keyword may provide it."""
    app = new_app({"store": {"backend": "Memory", "users": {"collection": "u"}}})
    put_around(app, lambda handler: handler)
    app.get("/", callback=lambda usres: "")
    with caplog.at_level(logging.WARNING, "napixd_store_bottle"):
        check(app)
        check(app)
        Client(app).get("/")
    (said,) = caplog.messages
    assert said.startswith("GET /: nothing provides the handler's argument 'usres'")


def test_an_argument_that_nothing_provides_is_refused():
    app = new_app({"store": {"backend": "Memory", "users": {"collection": "u"}}})
    app.get("/", callback=lambda usres: "")
    with pytest.raises(PluginError, match=r"'usres' \(did you mean 'users'\?\): declare it in"):
        check(app)


class Database:
    """A plugin as most are: it tells which argument it gives."""

    name, api, keyword = "database", 2, "db"

    def apply(self, callback, route):
        return lambda **kwargs: callback(db="the database", **kwargs)


def test_the_keyword_of_another_plugin_is_provided(caplog):
    app = new_app({"store": {"backend": "Memory"}})
    put_around(app, Database())
    app.get("/", callback=lambda db, page=1: db)
    check(app)
    assert Client(app).get("/").text == "the database"
    assert caplog.messages == []


def test_so_is_the_keyword_that_a_route_says():
    app = new_app({"store": {"backend": "Memory"}})
    put_around(app, Database())
    app.get("/", callback=lambda connection: "", **{"database.keyword": "connection"})
    check(app)


def test_what_a_decorator_may_provide_is_not_refused():
    def with_user(handler):
        @functools.wraps(handler)
        def given(**kwargs):
            return handler(user="alice", **kwargs)

        return given

    app = new_app({"store": {"backend": "Memory", "users": {"collection": "u"}}})
    app.get("/", callback=with_user(lambda user: user))
    check(app)
    assert Client(app).get("/").text == "alice"


# --- sections ----------------------------------------------------------------------------------


@pytest.mark.parametrize("section", ["stroe", "stores", "STOR", "soter", "conuter", "counters"])
def test_a_section_that_is_nearly_ours_is_refused(section):
    app = new_app({"store.backend": "Memory", section: {"users": {"x": 1}}})
    right = "store" if section[0] in "sS" else "counter"
    with pytest.raises(ConfigError, match=rf"\(did you mean \[{right}.users\]\?\)"):
        check(app)


@pytest.mark.parametrize("section", ["mail", "storage", "database", "account", "sto"])
def test_a_section_that_is_not_is_somebody_else_s(section):
    check(new_app({"store.backend": "Memory", section: {"users": {"x": 1}}}))


def test_settings_that_say_nothing_of_us_are_told_once(caplog):
    app = new_app({"mail.host": "m"})
    with caplog.at_level(logging.WARNING, "napixd_store_bottle"):
        check(app)
        check(app)
    (said,) = caplog.messages
    assert "load_config() ignores one that is not there" in said


# --- several apps ----------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["mounted", "merged"])
def test_an_app_inside_is_checked_with_the_one_around(how):
    child = new_app({"store": NOBODY})
    child.get("/child", callback=lambda: "")
    parent = new_app({"store.backend": "Memory"})
    check(parent)
    if how == "mounted":
        parent.mount("/x/", child)
    else:
        parent.merge(child)
    with pytest.raises(Unavailable, match=r"^store: "):
        check(parent)


def test_an_app_inside_that_has_no_plugin_is_not():
    child = Bottle()
    child.config.load_dict({"store": NOBODY})
    child.get("/child", callback=lambda users=None: "")
    parent = new_app({"store.backend": "Memory"})
    parent.mount("/x/", child)
    check(parent)


def test_an_app_around_needs_no_plugin_of_its_own():
    child = new_app({"store": NOBODY})
    child.get("/child", callback=lambda: "")
    parent = Bottle()
    parent.mount("/x/", child)
    with pytest.raises(Unavailable, match=r"^store: "):
        StorePlugin().check(parent)


def test_a_plugin_of_one_route_is_enough():
    app = Bottle()
    app.config.load_dict({"store": {"backend": "Memory", "users": {"collection": "u"}}})
    app.get("/<users>", callback=lambda users: "", apply=StorePlugin())
    with pytest.raises(PluginError, match="is a wildcard"):
        StorePlugin().check(app)


def test_an_app_without_the_plugin_is_refused():
    with pytest.raises(PluginError, match="no StorePlugin"):
        StorePlugin().check(Bottle())


def test_a_stranger_of_our_name_that_came_later_is_found_for_it_switched_ours_off():
    class Stranger:
        name = "napixd_store"
        api = 2

        def apply(self, callback, route):
            return callback

    app = new_app({"store": {"backend": "Memory", "users": {"collection": "u"}}})
    plugin = app.plugins[-1]
    app.install(Stranger())
    app.get("/", callback=lambda users="nothing": users)
    assert Client(app).get("/").text == "nothing"
    with pytest.raises(PluginError, match=r"StorePlugin and Stranger .* only the last"):
        plugin.check(app)


def test_one_instance_checks_the_app_it_is_asked_about():
    plugin = StorePlugin()
    apps = []
    for settings in ({"store.backend": "Memory"}, {"store": NOBODY}):
        app = Bottle()
        app.config.load_dict(settings)
        app.install(plugin)
        apps.append(app)
    plugin.check(apps[0])
    with pytest.raises(Unavailable):
        plugin.check(apps[1])


# --- as people use it ------------------------------------------------------------------------


def test_a_health_check_in_a_handler():
    app = new_app({"store": {"backend": "Memory", "users": {"collection": "u"}}})
    plugin = app.plugins[-1]

    @app.get("/health")
    def health():
        try:
            plugin.check(app)
        except Unavailable as exc:
            return HTTPResponse({"status": str(exc)}, 503)
        return {"status": "ok"}

    client = Client(app)
    assert client.get("/health").json == {"status": "ok"}
    app.config.load_dict({"store": {"teams": NOBODY}})
    answer = client.get("/health")
    assert answer.status_code == 503
    assert answer.json["status"].startswith("store.teams: ")


def test_in_debug_mode_it_does_the_same():
    bottle.debug(True)
    try:
        app = new_app({})
        app.get("/x/<users>", callback=lambda users: "")
        check(app)
        app.config.load_dict({"store": {"backend": "Memory", "users": {"collection": "u"}}})
        with pytest.raises(PluginError):
            check(app)
    finally:
        bottle.debug(False)


def test_a_class_that_is_not_derived_from_ours_is_asked_as_the_mapping_it_is():
    check(new_app({"store.users.backend": "tests.bottle.test_unit_of_work.Foreign"}))
