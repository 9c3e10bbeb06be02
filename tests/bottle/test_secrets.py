"""No secret of the settings shows: in a repr, a log line, an error, or a variable of its frames."""

import gc
import logging
import traceback
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any

import bottle
import pytest
from bottle import Bottle

from napixd_store import Conflict, Store, StoreError
from napixd_store_bottle import StorePlugin
from napixd_store_bottle.testing import on_memory
from tests.bottle.client import Client

SECRET = "correct-horse-battery-staple"

SIGNED = {"backend": "Memory", "serializer": "pickle", "secret": SECRET}
NOBODY = {"backend": "RedisHash", "url": f"redis://user:{SECRET}@127.0.0.1:1"}
NOBODY_EITHER = {"backend": "RedisHash", "host": "127.0.0.1", "port": "1", "password": SECRET}


@pytest.fixture(autouse=True)
def _nothing_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    assert SECRET not in caplog.text


@pytest.fixture(params=[False, True], ids=["", "debug"])
def debug(request: pytest.FixtureRequest) -> Iterator[None]:
    bottle.debug(request.param)
    yield
    bottle.debug(False)


def look_through(exc: BaseException | None) -> None:
    """Look for the secret as a debugger shows an exception: each frame with its variables.

    The frames are ours and Bottle's: what a test or a handler has, it may show.
    """
    seen: set[int] = set()
    waiting = [exc]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        waiting += [one.__cause__, one.__context__]
        assert SECRET not in repr(one)
        assert SECRET not in str(one)
        assert SECRET not in "".join(traceback.format_exception(one))
        for frame, _line in traceback.walk_tb(one.__traceback__):
            if is_of_a_library(frame):
                for name, value in frame.f_locals.items():
                    assert SECRET not in repr(value), f"{name} in {frame.f_code}"
    assert seen


def is_of_a_library(frame: FrameType) -> bool:
    file = frame.f_code.co_filename
    return ("napixd_store" in file and "/tests/" not in file) or file == bottle.__file__


def app_with(settings: Mapping[str, Any]) -> Bottle:
    app = Bottle()
    app.config.load_dict(settings)
    return app


def install(settings: Mapping[str, Any]) -> Bottle:
    app = app_with(settings)
    app.install(StorePlugin())
    return app


# --- settings that are wrong -----------------------------------------------------------------

WRONG: dict[str, dict[str, Any]] = {
    "an unknown option": {"store": {"users": {**SIGNED, "nosuch": "x"}}},
    "the secret under an unknown option": {"store": {"users": {**SIGNED, "secrte": SECRET}}},
    "a wrong type": {"store": {"users": {**SIGNED, "writeback": "perhaps"}}},
    "the secret as a wrong type": {"store": {"users": {**SIGNED, "writeback": SECRET}}},
    "the secret as a number": {"store": {"backend": "SQLite", "timeout": SECRET}},
    "the secret without its serializer": {"store": {"users": {"backend": "Memory"} | SIGNED}},
    "an unknown backend": {"store": {"users": {**SIGNED, "backend": "Memry"}}},
    "an unknown default backend": {"store": {**SIGNED, "backend": "Memry"}},
    "an unknown backend of a counter": {"counter": {"ids": {**NOBODY, "backend": "Memry"}}},
    "a wrong name": {"store": {"users": {**SIGNED, "collection": ""}}},
    "no value": {"store": {"users": {**SIGNED, "type": None}}},
    "no value of a default": {"store": {**SIGNED, "type": None}},
    "too deep": {"store": {"users": {**SIGNED, "a": {"b": SECRET}}}},
    "no argument's name": {"store": {"users": SIGNED, "2x": {"secret": SECRET}}},
    "declared twice": {"store": {"users": SIGNED}, "counter": {"users": {"name": SECRET}}},
    "a wrong URL": {"store": {"users": {**NOBODY, "url": f"rdis://:{SECRET}@x"}}},
    "a wrong port": {"store": {"users": {**NOBODY_EITHER, "port": SECRET}}},
}
WRONG["the secret without its serializer"]["store"]["users"].pop("serializer")


@pytest.mark.parametrize("settings", WRONG.values(), ids=WRONG)
def test_installing_with_wrong_settings(settings):
    with pytest.raises(StoreError) as caught:
        install(settings)
    look_through(caught.value)


@pytest.mark.parametrize("settings", WRONG.values(), ids=WRONG)
@pytest.mark.usefixtures("debug")
def test_a_request_under_wrong_settings_that_came_late(settings):
    app = install({})
    app.get("/", callback=lambda users=None, ids=None: repr(Store("x")))
    app.config.load_dict(settings)
    answer, exc = asked(app)
    if answer.status_code == 500:  # else the handler asked for nothing that is wrong
        look_through(exc)
    assert SECRET not in answer.text
    assert SECRET not in answer.errors


@pytest.mark.parametrize("settings", WRONG.values(), ids=WRONG)
def test_a_check_of_wrong_settings_that_came_late(settings):
    app = install({})
    app.config.load_dict(settings)
    with pytest.raises(StoreError) as caught:
        app.plugins[-1].check(app)
    look_through(caught.value)


@pytest.mark.parametrize("settings", WRONG.values(), ids=WRONG)
def test_wrong_settings_of_a_route(settings):
    app = install({"store": {"users": SIGNED}})
    app.get("/", callback=lambda users, ids=None: repr(Store("x")), **settings)
    answer, exc = asked(app)
    if answer.status_code == 500:
        look_through(exc)
    assert SECRET not in answer.text + answer.errors


def asked(app: Bottle, path: str = "/") -> tuple[Any, BaseException | None]:
    """Return the answer to a request, and the exception behind it."""
    seen: list[BaseException] = []

    @app.error(500)
    @app.error(503)
    @app.error(409)
    def page(error):
        seen.append(error.exception)
        return app.default_error_handler(error)

    answer = Client(app).get(path)
    return answer, seen[0] if seen else None


# --- settings that are right -----------------------------------------------------------------

RIGHT: dict[str, Any] = {
    "store": {
        **SIGNED,
        "users": SIGNED,
        "back": {**SIGNED, "writeback": True},
        "hosts": NOBODY,
        "guests": {**NOBODY_EITHER, "writeback": True},
    },
    "counter": {"ids": {"backend": "Redis", "url": NOBODY["url"]}},
}


@pytest.fixture
def app(debug) -> Bottle:
    return install(RIGHT)


def raise_conflict(back: Any) -> None:
    back["a"] = 1
    Store("back", **SIGNED)["a"] = 2


def fail(**received: Any) -> None:
    raise LookupError(*received)


HANDLERS: dict[str, Callable[..., Any]] = {
    "fails": lambda users, back: fail(users=users, back=back),
    "conflicts": raise_conflict,
    "nobody answers": lambda hosts: hosts["a"],
    "nobody answers a write-back store": lambda guests: guests["a"],
    "nobody answers a counter": lambda ids: ids.increment(),
    "a value that cannot be stored": lambda users: users.update(a=lambda: 0),
    "a key that cannot be": lambda users: users.update({"": 1}),
    "an unknown option": lambda users: Store("x", nosuch=SECRET),
    "a wrong option": lambda users: Store("x", **{**SIGNED, "writeback": SECRET}),
    "stored by nobody who knows the secret": lambda users: users["forged"],
    "not JSON": lambda users: {"users": users, "it": object()},
    "a body that breaks": lambda users, back: (str(1 / n) for n in (0, len(users))),
}


@pytest.mark.parametrize("name", HANDLERS)
def test_a_request_that_fails(app, name):
    Store("users", "Memory")["forged"] = {"$pickle": "x", "hmac": "y"}
    handler = HANDLERS[name]
    app.get("/", callback=handler)
    answer, exc = asked(app)
    assert answer.status_code >= 409
    look_through(exc)
    assert SECRET not in answer.text
    assert SECRET not in answer.errors


@pytest.mark.usefixtures("debug")
def test_a_route_that_cannot_be(app):
    app.get("/<users>", callback=lambda users: "")
    answer, exc = asked(app, "/x")
    assert answer.status_code == 500
    look_through(exc)
    assert SECRET not in answer.text + answer.errors


def test_an_argument_that_nothing_provides(app):
    app.get("/", callback=lambda nobody: "")
    answer, exc = asked(app)
    assert answer.status_code == 500
    look_through(exc)
    assert SECRET not in answer.text + answer.errors


@pytest.mark.parametrize("nobody", [NOBODY, NOBODY_EITHER], ids=["URL", "password"])
@pytest.mark.parametrize("writeback", ["no", "yes"])
def test_a_check_that_fails(nobody, writeback):
    app = install({"store": {"users": SIGNED, "hosts": {**nobody, "writeback": writeback}}})
    with pytest.raises(StoreError) as caught:
        app.plugins[-1].check(app)
    look_through(caught.value)


def test_a_second_plugin(app):
    with pytest.raises(bottle.PluginError) as caught:
        app.install(StorePlugin())
    look_through(caught.value)


@pytest.mark.parametrize("how", ["as it is", "on memory"])
def test_what_a_debugger_prints(app, how):
    app.get("/", callback=lambda users, back, hosts, guests, ids: repr([users, back, hosts, ids]))
    plugin = app.plugins[-1]
    if how == "on memory":
        with on_memory(app) as given:
            assert SECRET not in Client(app).get("/").text
            assert SECRET not in repr(given)
    else:
        assert SECRET not in Client(app).get("/").text
    (route,) = app.routes
    closures = [cell.cell_contents for cell in route.call.__closure__]
    for thing in (app, plugin, vars(plugin), app.plugins, route.call, closures):
        assert SECRET not in repr(thing)
    ours = [
        each
        for each in gc.get_objects()
        if type(each).__module__.startswith(("napixd_store.settings", "napixd_store_bottle"))
    ]
    assert ours
    assert [each for each in ours if SECRET in repr(each)] == []


def test_a_conflict_says_which_keys_and_no_value(app):
    app.get("/", callback=raise_conflict)
    answer, exc = asked(app)
    assert (answer.status_code, type(exc)) == (409, Conflict)
    assert "&#039;a&#039;" in answer.text
