"""`declared("hits")`: what the settings declare, where there are no arguments."""

import logging
import threading
from typing import Any

import pytest
from bottle import Bottle, HTTPResponse

from napixd_store import ConfigError, Store
from napixd_store_bottle import StorePlugin, declared
from tests.bottle.client import Client, new_app, put_around

HITS = {"backend": "Memory", "hits": {"collection": "h", "writeback": True}}


def app_with(**declarations: Any) -> Bottle:
    return new_app({"store": {**HITS, **declarations}, "counter": {"ids": {"name": "i"}}})


def kept() -> Any:
    return Store("h", "Memory", writeback=False).snapshot()


def test_a_hook_and_the_handler_have_one_object():
    app, seen = app_with(), []
    app.add_hook("before_request", lambda: seen.append(declared("hits")))
    app.add_hook("after_request", lambda: seen.append(declared("hits")))

    @app.get("/")
    def handler(hits):
        seen.append(hits)
        return str(hits.incr("all"))

    assert Client(app).get("/").text == "1"
    before, handed, after = seen
    assert before is handed is after
    assert kept() == {"all": 1}


def test_the_next_request_has_another():
    app, seen = app_with(), []
    app.add_hook("before_request", lambda: seen.append(declared("hits")))
    app.get("/", callback=lambda: "")
    for _ in range(2):
        Client(app).get("/")
    assert seen[0] is not seen[1]


@pytest.mark.parametrize("hook", ["before_request", "after_request"])
def test_what_a_hook_changes_is_saved(hook):
    app = app_with()
    app.add_hook(hook, lambda: declared("hits").incr("all"))
    app.get("/", callback=lambda: "")
    assert Client(app).get("/").status_code == 200
    assert kept() == {"all": 1}


def test_what_a_hook_changes_in_an_object_of_before_is_saved():
    app, held = app_with(), []
    app.add_hook("before_request", lambda: held.append(declared("hits")))
    app.add_hook("after_request", lambda: held[-1].incr("all"))
    app.get("/", callback=lambda hits: str(hits.incr("all")))
    assert Client(app).get("/").text == "1"
    assert kept() == {"all": 2}


def test_what_a_hook_changes_of_a_failed_request_is_dropped():
    app = app_with()
    app.add_hook("before_request", lambda: declared("hits").incr("all"))
    assert Client(app).get("/nowhere").status_code == 404
    assert kept() == {}


def test_another_plugin_has_it_too():
    app = app_with()

    def count(handler):
        def counting(**kwargs):
            declared("hits").incr("all")
            return handler(**kwargs)

        return counting

    put_around(app, count)
    app.get("/", callback=lambda: "")
    assert Client(app).get("/").status_code == 200
    assert kept() == {"all": 1}


def test_it_gives_counters_and_takes_any_case():
    app = app_with(openTickets={"collection": "o"})
    app.get("/", callback=lambda: f"{declared('openTickets').collection} {declared('ids').name}")
    assert Client(app).get("/").text == "o i"


def test_an_error_page_has_it_and_nobody_saves_it():
    app = app_with()

    @app.error(404)
    def page(error):
        return str(declared("hits").incr("misses"))

    assert Client(app).get("/nowhere").text == "1"
    assert kept() == {}


def test_a_mounted_app_has_its_own_and_its_parent_s_hooks_the_parent_s():
    child, seen = app_with(), []
    child.get("/x", callback=lambda: declared("hits").collection)
    parent = new_app({"store": {"backend": "Memory", "hits": {"collection": "of the parent"}}})
    for hook in ("before_request", "after_request"):
        parent.add_hook(hook, lambda: seen.append(declared("hits").collection))
    parent.mount("/child/", child)
    assert Client(parent).get("/child/x").text == "h"
    assert seen == ["of the parent"] * 2


def test_a_misspelt_name_is_refused_with_the_right_one():
    app = app_with()
    app.get("/", callback=lambda: declared("hist"))
    answer = Client(app).get("/")
    assert answer.status_code == 500
    assert "ConfigError: declared('hist'): " in answer.errors
    assert "did you mean 'hits'?" in answer.errors


def test_outside_of_a_request_there_is_none():
    with pytest.raises(ConfigError, match="no request of an app with a StorePlugin runs"):
        declared("hits")


def test_a_thread_that_a_handler_starts_has_none():
    app, seen = app_with(), []

    def ask():
        with pytest.raises(ConfigError):
            declared("hits")
        seen.append("none")

    @app.get("/")
    def start():
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()

    assert Client(app).get("/").status_code == 200
    assert seen == ["none"]


# --- Store('hits') beside it -------------------------------------------------------------------


def said_by(app: Bottle, caplog: pytest.LogCaptureFixture) -> list[str]:
    with caplog.at_level(logging.WARNING, "napixd_store_bottle"):
        for _ in range(2):
            assert Client(app).get("/").status_code == 200
    return caplog.messages


def test_a_store_of_the_name_that_lies_elsewhere_says_so_once(caplog):
    app = app_with()
    app.get("/", callback=lambda: str(Store("hits").get("x")))
    (said,) = said_by(app, caplog)
    assert said.startswith("Store('hits') is not the one that [store.hits]")
    assert "declared('hits')" in said


@pytest.mark.parametrize(
    "settings",
    [{"writeback": False}, {"backend": "Memory"}, {"type": dict}, {"collection": "hits"}],
    ids=str,
)
def test_one_that_lies_in_the_same_place_says_nothing(caplog, settings):
    app = new_app({"store": {"backend": "Memory", "hits": settings}})
    app.get("/", callback=lambda: str(Store("hits").get("x")))
    assert said_by(app, caplog) == []


def test_one_that_says_its_own_backend_says_nothing(caplog, tmp_path):
    app = app_with()
    app.get("/", callback=lambda: str(Store("hits", "SQLite", path=tmp_path / "x").get("x")))
    assert said_by(app, caplog) == []


def test_a_response_in_place_of_an_error_saves():
    app = app_with()
    app.add_hook("before_request", lambda: declared("hits").incr("all"))
    app.get("/", callback=lambda: HTTPResponse("", 204))
    assert Client(app).get("/").status_code == 204
    assert kept() == {"all": 1}


def test_a_plugin_of_one_route_gives_it_too():
    app = Bottle()
    app.config.load_dict({"store": HITS})
    app.get("/", callback=lambda: str(declared("hits").incr("all")), apply=StorePlugin())
    assert Client(app).get("/").text == "1"
    assert kept() == {"all": 1}
