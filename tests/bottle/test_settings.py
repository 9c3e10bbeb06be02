"""Settings: from INI files, dicts and modules; of the app or route that runs, and of no other."""

import sys
import threading
from configparser import InterpolationSyntaxError
from types import ModuleType

import bottle
import pytest
from bottle import Bottle, ConfigDict

from napixd_store import ConfigError, Counter, NoSuchStoreBackend, Store, configure
from napixd_store_bottle import StorePlugin
from tests.bottle.client import Client, new_app
from tests.processes import run_threads

INI = """
[store]
backend = SQLite
path = {path}

[store.users]
collection = Users
writeback = yes

[counter.ids]
name = user-id
"""


def create(users, ids):
    users[str(ids.increment())] = bottle.request.query.name
    return {}


def memory(collection):
    return Store(collection, backend="Memory")


def test_an_ini_file_declares_a_store_and_a_counter(tmp_path):
    settings, path = tmp_path / "app.ini", tmp_path / "desk.sqlite"
    settings.write_text(INI.format(path=path))
    app = Bottle()
    app.config.load_config(str(settings))
    app.install(StorePlugin())
    app.post("/users", callback=create)
    for name in ("Alice", "Bob"):
        assert Client(app).post(f"/users?name={name}").status_code == 200
    assert Store("Users", backend="SQLite", path=path) == {"1": "Alice", "2": "Bob"}
    assert Counter("user-id", backend="SQLite", path=path).value == 2


def test_a_dict_declares_the_same(medium):
    app = new_app(
        {
            "store": {**medium, "users": {"collection": "Users", "writeback": True}},
            "counter": {"ids": {"name": "dict-id"}},
        }
    )
    app.post("/users", callback=create)
    assert Client(app).post("/users?name=Alice").status_code == 200
    ids = Counter("dict-id", **medium)
    assert Store("Users", **medium) == {str(ids.value): "Alice"}
    ids.reset()


def test_a_module_declares_the_same_in_upper_case(monkeypatch):
    module = ModuleType("settings_of_the_test")
    vars(module)["STORE"] = {"backend": "Memory", "users": {"collection": "from-module"}}
    monkeypatch.setitem(sys.modules, "settings_of_the_test", module)
    app = Bottle()
    app.config.load_module("settings_of_the_test")
    assert "STORE.users.collection" in app.config
    app.install(StorePlugin())
    app.get("/", callback=lambda users: users.update(a=1))
    assert Client(app).get("/").status_code == 200
    assert memory("from-module") == {"a": 1}


def test_a_handler_s_argument_in_mixed_case_is_declared_too():
    app = new_app({"store": {"backend": "Memory", "openTickets": {"writeback": False}}})
    app.get("/", callback=lambda openTickets: openTickets.collection)  # noqa: N803
    assert Client(app).get("/").text == "opentickets"


def test_settings_loaded_after_the_plugin_and_the_routes_hold():
    app = new_app({})
    app.get("/", callback=lambda users: users.update(a=1))
    app.config.load_dict({"store": {"backend": "Memory", "users": {"collection": "late"}}})
    assert Client(app).get("/").status_code == 200
    assert memory("late") == {"a": 1}


def test_in_debug_mode_they_hold_too_though_the_route_is_prepared_at_once():
    bottle.debug(True)
    try:
        app = new_app({})
        app.get("/", callback=lambda users: str(users.incr("hits")))
        app.config.load_dict({"store": {"backend": "Memory", "users": {"collection": "late"}}})
        client = Client(app)
        assert [client.get("/").text for _ in range(2)] == ["1", "2"]
    finally:
        bottle.debug(False)
    assert memory("late") == {"hits": 2}


def test_settings_changed_at_run_time_hold_after_a_reset():
    app = new_app({"store.backend": "Memory", "store.users.collection": "before"})
    app.get("/", callback=lambda users: {"collection": users.collection})
    client = Client(app)
    assert client.get("/").json == {"collection": "before"}
    app.config["store.users.collection"] = "after"
    app.reset()
    assert client.get("/").json == {"collection": "after"}


def test_a_route_s_settings_win_over_the_app_s_whatever_their_case():
    app = Bottle()
    app.config.load_dict({"STORE": {"users": {"backend": "SQLite", "collection": "app"}}})
    app.install(StorePlugin())
    overrides = {"store.users.backend": "Memory", "store.users.collection": "route"}
    overrides["store.users.writeback"] = "no"
    app.get("/route", callback=lambda users: repr(users), **overrides)
    app.config["STORE.users.collection"] = "app-later"
    app.config["STORE.users.writeback"] = "yes"
    app.get("/app", callback=lambda users: repr(users))
    assert "MemoryStore 'route' (write-through)" in Client(app).get("/route").text
    assert "SQLiteStore 'app-later' (write-back)" in Client(app).get("/app").text


# --- Store('x') ------------------------------------------------------------------------------


def whereabouts(collection="here"):
    return {"store": type(Store(collection)).__name__, "counter": type(Counter("c")).__name__}


IN_MEMORY = {"store": "MemoryStore", "counter": "MemoryCounter"}
IN_SQLITE = {"store": "SQLiteStore", "counter": "SQLiteCounter"}


def test_inside_a_handler_they_are_the_app_s_and_outside_the_process_s():
    app = new_app({"store.backend": "Memory"})
    app.get("/", callback=lambda: whereabouts())
    assert whereabouts() == IN_SQLITE
    assert Client(app).get("/").json == IN_MEMORY
    assert whereabouts() == IN_SQLITE  # though Bottle keeps the request bound to this thread


def test_the_app_s_lie_over_the_process_s_as_these_are_now(tmp_path):
    app = new_app({"store.timeout": "7"})
    app.get("/", callback=lambda: repr(Store("here")))
    client = Client(app)
    for path in (tmp_path / "a.sqlite", tmp_path / "b.sqlite"):
        configure({"store.path": path})
        assert str(path) in client.get("/").text


def test_a_change_of_the_app_s_settings_is_seen_by_the_next_one():
    app = new_app({"store.backend": "Memory"})
    app.get("/", callback=lambda: whereabouts())
    client = Client(app)
    assert client.get("/").json == IN_MEMORY
    app.config["store.backend"] = "SQLite"
    assert client.get("/").json == IN_SQLITE
    del app.config["store.backend"]
    configure({"store.backend": "Memory"})
    assert client.get("/").json == IN_MEMORY


def test_a_route_s_own_settings_hold_in_it():
    app = new_app({"store.backend": "SQLite"})
    app.get("/", callback=lambda: whereabouts(), **{"store.backend": "Memory"})
    assert Client(app).get("/").json == IN_MEMORY


def test_without_the_plugin_they_are_the_process_s():
    app = Bottle()
    app.config["store.backend"] = "Memory"
    app.get("/", callback=lambda: whereabouts())
    assert Client(app).get("/").json == IN_SQLITE
    plugin = app.install(StorePlugin())
    assert Client(app).get("/").json == IN_MEMORY
    app.uninstall(plugin)
    assert Client(app).get("/").json == IN_SQLITE


def test_a_plugin_of_one_route_serves_that_route():
    app = Bottle()
    app.config.load_dict({"store": {"backend": "Memory", "users": {"collection": "one-route"}}})
    app.get(
        "/", callback=lambda users: {**whereabouts(), "is": users.collection}, apply=StorePlugin()
    )
    assert Client(app).get("/").json == {**IN_MEMORY, "is": "one-route"}


@pytest.mark.parametrize("late", [False, True], ids=["first chunk", "later chunk"])
def test_a_generator_s_body_has_them_even_if_the_handler_asked_for_nothing(late):
    app = new_app({"store.backend": "Memory"})

    @app.get("/")
    def stream():
        if late:
            yield "first "
        yield whereabouts()["store"]

    assert Client(app).get("/").text.endswith("MemoryStore")


def test_hooks_and_error_pages_have_those_of_the_app_that_runs_them():
    app, seen = new_app({"store.backend": "Memory"}), []

    @app.hook("before_request")
    def look():
        seen.append(whereabouts())

    @app.error(404)
    def page(error):
        return whereabouts()["store"]

    assert Client(app).get("/nowhere").text == "MemoryStore"
    assert seen == [IN_MEMORY]


def test_a_thread_that_a_handler_starts_has_those_of_the_process():
    app, seen = new_app({"store.backend": "Memory"}), []

    @app.get("/")
    def start():
        thread = threading.Thread(target=lambda: seen.append(whereabouts()))
        thread.start()
        thread.join()

    assert Client(app).get("/").status_code == 200
    assert seen == [IN_SQLITE]


# --- several apps ----------------------------------------------------------------------------


@pytest.fixture(params=[True, False], ids=["parent with plugin", "parent without"])
def child_and_parent(request):
    child = new_app({"store": {"backend": "Memory", "users": {"collection": "child"}}})
    child.get("/users", callback=lambda users: {**whereabouts(), "is": users.collection})
    parent = Bottle()
    parent.config.load_dict({"store": {"backend": "SQLite", "users": {"collection": "parent"}}})
    if request.param:
        parent.install(StorePlugin())
    parent.get(
        "/own",
        callback=lambda users=None: {
            **whereabouts(),
            "is": getattr(users, "collection", "nothing"),
        },
    )
    return child, parent, {**IN_SQLITE, "is": "parent" if request.param else "nothing"}


def test_a_mounted_app_keeps_its_own_settings(child_and_parent):
    child, parent, own = child_and_parent
    parent.mount("/child/", child)
    client = Client(parent)
    assert client.get("/child/users").json == {**IN_MEMORY, "is": "child"}
    assert client.get("/own").json == own


def test_a_merged_app_keeps_its_own_settings(child_and_parent):
    child, parent, own = child_and_parent
    parent.merge(child)
    client = Client(parent)
    assert client.get("/users").json == {**IN_MEMORY, "is": "child"}
    assert client.get("/own").json == own


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_app_mounted_twice_keeps_its_own_settings(child_and_parent):
    child, parent, own = child_and_parent
    parent.mount("/a/", child)
    parent.mount("/b/", child)
    assert Client(parent).get("/own").json == own
    for prefix in ("/a", "/b"):  # the second one is a plain WSGI app to Bottle
        assert Client(parent).get(f"{prefix}/users").json == {**IN_MEMORY, "is": "child"}


def test_two_apps_in_different_threads_keep_their_settings_apart(tmp_path):
    both = threading.Barrier(2)

    def ask(settings):
        app, seen = new_app(settings), []

        @app.get("/")
        def look(users):
            for _ in range(50):
                both.wait(30)
                users.incr("hits")
                seen.append((repr(users), repr(Store("plain"))))

        assert Client(app).get("/").status_code == 200
        return set(seen)

    one, other = tmp_path / "one.sqlite", tmp_path / "other.sqlite"
    of_one, of_other = run_threads(
        ask, [({"store": {"path": path, "users": {"collection": "u"}}},) for path in (one, other)]
    )
    assert len(of_one) == len(of_other) == 1
    assert all(str(one) in text for text in next(iter(of_one)))
    assert all(str(other) in text for text in next(iter(of_other)))
    assert Store("u", path=one) == Store("u", path=other) == {"hits": 50}


def test_one_instance_serves_two_apps():
    plugin = StorePlugin()
    for backend, expected in (("Memory", IN_MEMORY), ("SQLite", IN_SQLITE)):
        app = Bottle()
        app.config["store.backend"] = backend
        app.install(plugin)
        app.get("/", callback=lambda: whereabouts())
        assert Client(app).get("/").json == expected


# --- what is wrong ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"store.backend": "SQLit"}, NoSuchStoreBackend, "store: .*'SQLit'.*'SQLite'"),
        ({"store.users.backend": "Memry"}, NoSuchStoreBackend, "store.users: .*'Memry'"),
        ({"counter.backend": "Memry"}, NoSuchStoreBackend, "counter: .*'Memry'"),
        ({"counter.ids.backend": "a.b.C"}, NoSuchStoreBackend, "counter.ids: .*'a.b.C'"),
        ({"counter.pth": "x"}, ConfigError, "counter: .*'pth'.*'path'"),
        ({"store.pth": "x"}, ConfigError, "store: .*'pth'.*'path'"),
        ({"store.users.writback": "x"}, ConfigError, "store.users: .*'writback'.*'writeback'"),
        ({"store.users.writeback": "no ; c"}, ConfigError, "store.users: .*'writeback'.*comment"),
        ({"counter.ids.collection": "x"}, ConfigError, "counter.ids: .*'collection'"),
        ({"counter.ids.lease": "0"}, ConfigError, "counter.ids: .*'lease' must be from 1 to"),
        ({"counter.lease": "ten"}, ConfigError, "counter: .*'lease' must be int"),
        ({"store.backend": None}, ConfigError, "'store.backend' has no value"),
        ({"store.users.backend": None}, ConfigError, "'store.users.backend' has no value"),
    ],
)
def test_a_wrong_setting_stops_the_start_and_is_named(settings, error, said):
    with pytest.raises(error, match=f"(?s){said}"):
        new_app(settings)


def test_a_backend_s_name_is_never_evaluated():
    with pytest.raises(NoSuchStoreBackend):
        new_app({"store.backend": "__import__('bottle').Bottle"})


@pytest.mark.parametrize("argument", ["store", "counter", "default"])
def test_an_argument_may_be_called_as_a_namespace_is(argument):
    app = new_app({"store": {"backend": "Memory", argument: {"collection": "any"}}})
    app.get("/a", callback=eval(f"lambda {argument}: repr({argument})"))
    assert "MemoryStore 'any'" in Client(app).get("/a").text
    with pytest.raises(ConfigError, match=f"store.{argument}: "):
        new_app({"store": {argument: {"nosuch": "x"}}})


def test_installing_does_no_io(tmp_path):
    new_app({"store": {"path": str(tmp_path / "x.sqlite"), "users": {"writeback": "yes"}}})
    assert not (tmp_path / "x.sqlite").exists()


def test_an_option_that_the_default_section_adds_is_explained(tmp_path):
    settings = tmp_path / "app.ini"
    settings.write_text(
        "[DEFAULT]\nz = 1\n[bottle]\ncatchall = yes\n[store.users]\nbackend = Memory\n"
    )
    app = Bottle()
    app.config.load_config(str(settings))
    assert app.config["store.users.z"] == "1"
    with pytest.raises(ConfigError, match=r"store\.users: .*'z'.*\[DEFAULT\]"):
        app.install(StorePlugin())


@pytest.mark.parametrize("section", ["store", "store.users", "counter.ids"])
def test_a_key_without_a_value_in_an_ini_file_stops_the_start(tmp_path, section):
    settings = tmp_path / "app.ini"
    settings.write_text(f"[{section}]\nbackend\n")
    app = Bottle()
    app.config.load_config(str(settings))
    with pytest.raises(ConfigError, match=rf"'{section}\.backend' has no value"):
        app.install(StorePlugin())


def test_a_literal_dollar_is_written_twice_in_an_ini_file(tmp_path):
    settings = tmp_path / "app.ini"
    settings.write_text("[store.users]\nbackend = Memory\ncollection = a$$b\n")
    app = Bottle()
    app.config.load_config(str(settings))
    app.install(StorePlugin())
    app.get("/", callback=lambda users: users.collection)
    assert Client(app).get("/").text == "a$b"
    settings.write_text("[store.users]\ncollection = a$b\n")
    with pytest.raises(InterpolationSyntaxError):
        app.config.load_config(str(settings))


def test_it_sets_no_filter_which_all_apps_of_the_process_would_share():
    app = new_app({"store": {"backend": "Memory", "users": {"collection": "u"}}})
    ours = [key for key in app.config if key.startswith(("store", "counter"))]
    assert ours
    assert [list(app.config.meta_list(key)) for key in ours] == [[], []]


def test_an_empty_ini_section_leaves_no_trace(tmp_path):
    settings = tmp_path / "app.ini"
    settings.write_text("[store.users]\n[store.teams]\ncollection = teams\n")
    assert ConfigDict().load_config(str(settings)) == {"store.teams.collection": "teams"}
