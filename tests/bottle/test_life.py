"""The plugin's life: installed once per app, by an instance, closed as often as one likes."""

import gc
import weakref

import pytest
from bottle import Bottle, PluginError

import napixd_store_bottle
from napixd_store import Store
from napixd_store_bottle import StorePlugin
from tests.bottle.client import Client, new_app
from tests.descriptors import descriptors


def test_the_door_is_what_all_says():
    assert napixd_store_bottle.__all__ == ["StorePlugin", "declared", "if_match", "not_modified"]


def test_it_speaks_the_second_plugin_api():
    plugin = StorePlugin()
    assert (plugin.name, plugin.api) == ("napixd_store", 2)


def test_install_returns_it():
    plugin = StorePlugin()
    assert Bottle().install(plugin) is plugin


class Another(StorePlugin):
    name = "another"


def test_a_second_one_in_an_app_is_refused():
    app = new_app({})
    for plugin in (StorePlugin(), StorePlugin(http_errors=False), app.plugins[-1]):
        with pytest.raises(
            PluginError, match=r"'napixd_store' cannot be installed.*'napixd_store' is there"
        ):
            app.install(plugin)
    assert sum(isinstance(plugin, StorePlugin) for plugin in app.plugins) == 1


def test_a_second_one_is_refused_by_another_name_too():
    app = new_app({})
    with pytest.raises(PluginError, match="'another' cannot"):
        app.install(Another())


def test_a_stranger_of_its_name_is_refused_for_it_would_be_switched_off():
    class Stranger:
        name = "napixd_store"
        api = 2

        def apply(self, callback, route):
            return callback

    app = Bottle()
    app.install(Stranger())
    with pytest.raises(PluginError):
        app.install(StorePlugin())


def test_it_can_be_installed_again_once_it_was_uninstalled():
    app = new_app({"store.users.backend": "Memory"})
    app.get("/", callback=lambda users: "hello")
    (plugin,) = app.uninstall(StorePlugin)
    app.install(plugin)
    assert Client(app).get("/").text == "hello"


def test_the_class_in_place_of_an_instance_stops_the_start():
    with pytest.raises(TypeError, match=r"install an instance: app.install\(StorePlugin\(\)\)"):
        Bottle().install(StorePlugin)


@pytest.mark.parametrize("handle", ["type", "name", "instance"])
def test_uninstalling_takes_it_away(handle):
    app = new_app({"store.users.backend": "Memory"})
    plugin = app.plugins[-1]
    app.get("/", callback=lambda users=None: repr(users))
    assert "MemoryStore" in Client(app).get("/").text
    by = {"type": StorePlugin, "name": "napixd_store", "instance": plugin}[handle]
    assert app.uninstall(by) == [plugin]
    assert Client(app).get("/").text == "None"


def test_close_releases_the_files_is_idempotent_and_lets_the_app_go_on(tmp_path):
    path = tmp_path / "desk.sqlite"
    app = new_app({"store": {"path": str(path), "users": {"collection": "u"}}})
    app.get("/", callback=lambda users: str(users.incr("hits")))
    client = Client(app)
    assert client.get("/").text == "1"
    assert descriptors(path)
    for _ in range(2):
        app.close()
        assert not descriptors(path)
    assert client.get("/").text == "2"


def test_closing_one_app_does_not_stop_another_of_the_same_instance(tmp_path):
    plugin, clients = StorePlugin(), []
    for name in ("one", "other"):
        app = Bottle()
        app.config.load_dict(
            {"store": {"path": str(tmp_path / name), "users": {"collection": "u"}}}
        )
        app.install(plugin)
        app.get("/", callback=lambda users: str(users.incr("hits")))
        clients.append(Client(app))
    assert [client.get("/").text for client in clients] == ["1", "1"]
    clients[0].app.close()
    assert [client.get("/").text for client in clients] == ["2", "2"]


def test_it_keeps_no_app_alive():
    plugin = StorePlugin()

    def serve():
        app = Bottle()
        app.config["store.backend"] = "Memory"
        app.install(plugin)
        app.get("/", callback=lambda: repr(Store("x")))
        assert "MemoryStore" in Client(app).get("/").text
        Client(Bottle()).get("/")  # Bottle holds on to the last request of a thread
        return weakref.ref(app)

    gone = serve()
    gc.collect()
    assert gone() is None
