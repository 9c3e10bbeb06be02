"""A request is a unit of work: what is opened in it by name, and what runs while it is sent."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from bottle import Bottle, HTTPResponse, response

from napixd_store import Store, unit_of_work
from napixd_store_bottle import StorePlugin
from tests.bottle.client import Client, new_app, put_around


@pytest.fixture
def app(medium) -> Bottle:
    return new_app({"store": {**medium, "writeback": "yes"}})


@pytest.fixture
def kept(medium) -> Any:
    return Store("x", **medium, writeback=False)


# --- Store('x') in a handler -------------------------------------------------------------------


def test_a_store_that_a_handler_opens_is_saved_with_the_request(app, kept):
    app.get("/", callback=lambda: Store("x").update(a=1))
    assert Client(app).get("/").status_code == 200
    assert kept == {"a": 1}


def test_two_helpers_of_a_request_see_each_other_s_changes(app, kept):
    def count():
        Store("x")["n"] = Store("x").get("n", 0) + 1

    app.add_hook("before_request", count)
    app.add_hook("after_request", count)
    app.get("/", callback=count)
    assert Client(app).get("/").status_code == 200
    assert kept == {"n": 3}


@pytest.mark.parametrize("how", ["raises", "answers 500", "sets 500"])
def test_one_of_a_failed_request_is_dropped(app, kept, how):
    @app.get("/")
    def handler():
        Store("x")["a"] = 1
        if how == "raises":
            raise LookupError
        if how == "answers 500":
            return HTTPResponse("", 500)
        response.status = 500
        return ""

    assert Client(app).get("/").status_code == 500
    assert kept == {}


def test_a_conflict_of_it_is_a_409(app, kept):
    @app.get("/")
    def handler():
        store = Store("x")
        store["a"] = 1
        kept["a"] = 2
        return "stored"

    answer = Client(app).get("/")
    assert (answer.status_code, "changed by somebody else" in answer.text) == (409, True)
    assert kept == {"a": 2}


@pytest.mark.parametrize("catchall", [True, False])
def test_any_other_error_of_its_saving_is_as_one_of_a_handler(app, catchall):
    app.config["catchall"] = catchall  # Bottle 0.13.0 takes no app.catchall = …

    @app.get("/")
    def handler():
        Store("x", "tests.bottle.test_requests.Unsaved")["a"] = 1
        return "stored"

    if catchall:
        answer = Client(app).get("/")
        assert (answer.status_code, "LookupError: unsaved" in answer.errors) == (500, True)
    else:
        with pytest.raises(LookupError, match="unsaved"):
            Client(app).get("/")


class Unsaved(dict[str, Any]):
    """A class that is not ours, and cannot save."""

    def __init__(self, collection: str, options: Any) -> None:
        super().__init__()

    def save(self) -> None:
        raise LookupError("unsaved")


def test_another_plugin_s_store_is_saved_too(app, kept):
    def watch(handler):
        def watching(**kwargs):
            Store("x")["a"] = 1
            return handler(**kwargs)

        return watching

    put_around(app, watch)
    app.get("/", callback=lambda: "")
    assert Client(app).get("/").status_code == 200
    assert kept == {"a": 1}


def test_outside_of_a_request_nothing_changes(app, medium, kept):
    app.get("/", callback=lambda: "")
    Client(app).get("/")
    store = Store("x", **medium, writeback=True)
    store["a"] = 1
    assert store is not Store("x", **medium, writeback=True)
    assert kept == {}


@pytest.mark.parametrize("how", ["mounted", "merged"])
@pytest.mark.parametrize("around", ["with plugin", "without"])
def test_an_app_inside_saves_whatever_is_around(app, kept, how, around):
    app.get("/y", callback=lambda: Store("x").update(a=1))
    parent = new_app({"store.backend": "Memory"}) if around == "with plugin" else Bottle()
    if how == "mounted":
        parent.mount("/child/", app)
    else:
        parent.merge(app)
    assert Client(parent).get("/child/y" if how == "mounted" else "/y").status_code == 200
    assert kept == {"a": 1}


def test_a_plain_app_inside_has_what_is_the_process_s(app):
    inside, seen = Bottle(), []
    inside.get("/", callback=lambda: seen.append((repr(Store("x")), Store("x") is Store("x"))))
    app.get("/", callback=lambda: HTTPResponse(Client(inside).get("/").text))
    assert Client(app).get("/").status_code == 200
    ((shown, same),) = seen
    assert shown.startswith("<SQLiteStore 'x' (write-through)")
    assert not same


def test_an_app_that_a_handler_calls_has_a_unit_of_its_own(app, kept):
    inside = new_app({"store.backend": "Memory"})
    inside.get("/", callback=lambda: repr(Store("x")))

    @app.get("/")
    def handler():
        before = repr(Store("x"))
        Client(inside).get("/")
        Store("x")["same"] = repr(Store("x")) == before
        return HTTPResponse("called")  # with headers of its own: Bottle's are the other app's now

    assert Client(app).get("/").status_code == 200
    assert kept == {"same": True}


def test_a_thread_that_a_handler_starts_saves_by_itself(app, medium, kept):
    def work():
        store = Store("x", **medium, writeback=True)
        store["a"] = 1
        assert unit_of_work.current() is None
        store.save()

    @app.get("/")
    def handler():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    assert Client(app).get("/").status_code == 200
    assert kept == {"a": 1}


def test_a_plugin_that_was_uninstalled_leaves_nothing(app, medium, kept):
    app.uninstall(StorePlugin)
    app.get("/", callback=lambda: Store("x", **medium, writeback=True).update(a=1))
    assert Client(app).get("/").status_code == 200
    assert kept == {}


def test_a_handler_that_asks_for_nothing_is_left_as_it_is(app):
    app.get("/", callback=lambda: "")
    (route,) = app.routes
    assert app.plugins[-1].apply(route.callback, route) is route.callback


# --- bodies ------------------------------------------------------------------------------------


class Rows:
    """Iterable, and no iterator."""

    def __init__(self, chunks: Iterator[str]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[str]:
        yield from self._chunks


def stream() -> Iterator[str]:
    for n in (1, 2):
        Store("x")[f"k{n}"] = n
        yield str(n)


BODIES = {
    "generator": stream,
    "iterator": lambda: iter(list(stream())),
    "iterator of a generator": lambda: iter(stream()),
    "map": lambda: map(str, stream()),
    "iterable": lambda: Rows(stream()),
    "in a response": lambda: HTTPResponse(map(str, stream())),
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("asks", [False, True], ids=["asks for nothing", "asks"])
def test_a_body_is_part_of_the_unit_of_work(app, kept, body, asks):
    make = BODIES[body]
    if asks:
        app.config["store.x.collection"] = "x"
    app.get("/", callback=(lambda x: make()) if asks else make)
    assert Client(app).get("/").text == "12"
    assert kept == {"k1": 1, "k2": 2}


@pytest.mark.parametrize("body", BODIES)
def test_a_head_request_drops_what_its_body_would_have_done(app, kept, body):
    app.get("/", callback=BODIES[body])
    Client(app).head("/")
    assert kept == {}


def test_a_body_that_breaks_off_is_dropped(app, kept):
    @app.get("/")
    def handler():
        Store("x")["a"] = 1
        yield "begun"
        raise LookupError

    with pytest.raises(LookupError):
        Client(app).get("/")
    assert kept == {}


def test_a_body_that_another_plugin_reads_is_part_of_it(app, kept):
    put_around(app, lambda handler: lambda **kwargs: "".join(handler(**kwargs)))
    app.get("/", callback=stream)
    assert Client(app).get("/").text == "12"
    assert kept == {"k1": 1, "k2": 2}


# --- whose settings ----------------------------------------------------------------------------


def test_a_generator_outside_of_a_request_has_the_process_s():
    app = new_app({"store.backend": "Memory"})
    app.get("/", callback=lambda: "")
    Client(app).get("/")

    @contextmanager
    def opened():
        yield Store("x")

    with opened() as store:
        assert "SQLiteStore" in repr(store)
    assert "SQLiteStore" in repr(next(Store(name) for name in "x"))


def test_both_hooks_of_a_mounted_route_have_those_of_the_app_around():
    child, seen = new_app({"store.backend": "SQLite"}), []
    child.get("/x", callback=lambda: repr(Store("x")))
    parent = new_app({"store.backend": "Memory"})
    for hook in ("before_request", "after_request"):
        parent.add_hook(hook, lambda: seen.append(repr(Store("x"))))
    parent.mount("/child/", child)
    assert "SQLiteStore" in Client(parent).get("/child/x").text
    assert ["MemoryStore" in text for text in seen] == [True, True]


def test_a_hook_of_the_settings_is_in_no_request():
    app, seen = new_app({"store.backend": "Memory"}), []
    app.add_hook("config", lambda *args: seen.append(repr(Store("x"))))
    app.config["mail.host"] = "example.com"
    assert "SQLiteStore" in seen[0]


def test_a_handler_that_called_another_app_still_has_its_own():
    inner = new_app({"store.backend": "SQLite"})
    inner.get("/", callback=lambda: repr(Store("x")))
    outer, seen = new_app({"store.backend": "Memory"}), []

    @outer.get("/")
    def handler():
        seen.extend([Client(inner).get("/").text, repr(Store("x"))])
        return HTTPResponse("called")

    assert Client(outer).get("/").status_code == 200
    assert ["SQLiteStore" in seen[0], "MemoryStore" in seen[1]] == [True, True]
