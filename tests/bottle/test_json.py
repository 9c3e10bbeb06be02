"""What a handler returns as JSON: stores and dicts, whatever values a store may hold."""

import json
from collections import OrderedDict
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest
from bottle import Bottle, HTTPResponse, JSONPlugin, request, view

from napixd_store import Counter, Store, StoreBackend
from napixd_store_bottle import StorePlugin
from tests.bottle.client import Client, new_app, put_around

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)

VALUES: list[tuple[Any, Any]] = [
    ({"a": [1, 2.5, True, None, "ä"]}, {"a": [1, 2.5, True, None, "ä"]}),
    (MOMENT, "2026-01-02T03:04:05Z"),
    (MOMENT.replace(tzinfo=None), "2026-01-02T03:04:05"),
    (date(2026, 1, 2), "2026-01-02"),
    (time(3, 4, 5), "03:04:05"),
    (timedelta(hours=1), "PT3600S"),
    (Decimal("1.50"), "1.50"),
    (b"\0\xff", "AP8="),
    ((1, (2,)), [1, [2]]),
    ({7}, [7]),
    (frozenset({7}), [7]),
    (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
    (float("inf"), None),
    (2**70, 2**70),
    ("\ud800", "\ud800"),
    ({1: "one", date(2026, 1, 2): "day"}, {"1": "one", "2026-01-02": "day"}),
    ({True: "yes", None: "no"}, {"true": "yes", "null": "no"}),
    ({"$datetime": "a dict that looks like a tag"}, {"$datetime": "a dict that looks like a tag"}),
]

WAYS: dict[str, Any] = {
    "the store": lambda users: users,
    "its snapshot": lambda users: users.snapshot(),
    "a dict around it": lambda users: {"users": users.snapshot()},
    "in a response": lambda users: HTTPResponse(users, 201),
    "the snapshot in a response": lambda users: HTTPResponse(users.snapshot(), 201),
}


@pytest.fixture
def app(writeback) -> Bottle:
    users = {"backend": "Memory", "collection": "u", "writeback": writeback}
    return new_app({"store": {"users": users}})


def sent(app: Bottle, handler: Any, **settings: Any) -> Any:
    """Return what a client reads, as the JSON that it must be."""
    app.get("/", callback=handler, **settings)
    answer = Client(app).get("/")
    assert answer.status_code in (200, 201), answer.errors
    assert answer.content_type == "application/json"

    def never(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(answer.text, parse_constant=never)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("value", "shown"), VALUES, ids=repr)
def test_what_a_store_holds_is_sent_as_json(app, way, value, shown):
    Store("u", backend="Memory")["key"] = value
    found = sent(app, WAYS[way])
    assert found == ({"users": {"key": shown}} if way == "a dict around it" else {"key": shown})


def test_without_the_plugin_bottle_sends_none_of_those():
    app = Bottle()
    app.get("/", callback=lambda: {"moment": MOMENT})
    answer = Client(app).get("/")
    assert (answer.status_code, "not JSON serializable" in answer.errors) == (500, True)


def test_without_the_plugin_bottle_sends_a_mapping_s_keys_run_together():
    app = Bottle()
    Store("u", backend="Memory").update(alice=1, bob=2)
    app.get("/", callback=lambda: Store("u", backend="Memory"))
    answer = Client(app).get("/")
    assert (answer.status_code, answer.content_type, answer.text) == (200, "text/html", "alicebob")


def test_int_keys_are_sent_as_text(app):
    Store("u", backend="Memory")[17] = "seventeen"
    assert sent(app, WAYS["the store"]) == {"17": "seventeen"}


# --- typed stores ----------------------------------------------------------------------------


@dataclass
class Point:
    x: int
    seen: datetime


class Ticket(msgspec.Struct):
    title: str
    price: Decimal
    tags: set[str]
    at: tuple[Point, ...] = ()


POINT = Point(1, MOMENT)
TICKET = Ticket("No coffee", Decimal("1.50"), {"office"}, (POINT,))
POINT_SHOWN = {"x": 1, "seen": "2026-01-02T03:04:05Z"}
TICKET_SHOWN = {"title": "No coffee", "price": "1.50", "tags": ["office"], "at": [POINT_SHOWN]}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [(Point, POINT, POINT_SHOWN), (Ticket, TICKET, TICKET_SHOWN)],
    ids=["dataclass", "Struct"],
)
def test_a_typed_store_is_sent_as_its_fields(writeback, way, kind, value, shown):
    app = new_app({"store": {"users": {"backend": "Memory", "type": kind, "writeback": writeback}}})
    Store("users", backend="Memory", type=kind)["key"] = value
    found = sent(app, WAYS[way])
    assert found == ({"users": {"key": shown}} if way == "a dict around it" else {"key": shown})


def test_one_value_of_a_typed_store_is_sent_inside_a_dict():
    app = new_app({"store.backend": "Memory"})
    Store("tickets", backend="Memory", type=Ticket)["1"] = TICKET

    def show(tickets: StoreBackend[Ticket]) -> dict[str, Any]:
        return {"ticket": tickets["1"], "all": list(tickets.values())}

    assert sent(app, show) == {"ticket": TICKET_SHOWN, "all": [TICKET_SHOWN]}


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [(Point, POINT, POINT_SHOWN), (Ticket, TICKET, TICKET_SHOWN)],
    ids=["dataclass", "Struct"],
)
def test_one_value_of_a_typed_store_is_sent_by_itself(kind, value, shown):
    app = new_app({"store": {"users": {"backend": "Memory", "type": kind}}})
    Store("users", backend="Memory", type=kind)["key"] = value
    assert sent(app, lambda users: users["key"]) == shown


def test_stores_and_counters_inside_a_dict_are_sent(app):
    Store("u", backend="Memory")["key"] = MOMENT

    def show(users):
        ids = Counter("ids", backend="Memory")
        return {"all": [users], "n": ids, "of a name": Store("u", backend="Memory")}

    shown = {"key": "2026-01-02T03:04:05Z"}
    assert sent(app, show) == {"all": [shown], "n": 0, "of a name": shown}


def test_a_handler_that_asks_for_nothing_may_return_them_too(app):
    Store("u", backend="Memory")["key"] = MOMENT
    assert sent(app, lambda: Store("u", backend="Memory")) == {"key": "2026-01-02T03:04:05Z"}


def test_a_store_that_cannot_be_read_is_a_503_wherever_it_stands():
    app = new_app({"store": {"backend": "RedisHash", "host": "127.0.0.1", "port": "1"}})

    def show(users: StoreBackend[Any]) -> Any:
        return {"users": users} if request.query else users

    app.get("/", callback=show)
    assert [Client(app).get(path).status_code for path in ("/", "/?inside")] == [503, 503]


@pytest.mark.parametrize("how", ["template=", "view", "a plugin"])
def test_what_goes_to_a_template_is_what_the_handler_made(how, writeback):
    app = new_app({"store": {"backend": "Memory", "writeback": writeback}})

    def show(points: StoreBackend[Point]) -> Any:
        return {"point": POINT}

    text = "{{point.seen.year}}"
    if how == "a plugin":
        put_around(app, lambda handler: lambda: str(handler()["point"].seen.year))
    handler = view(text)(show) if how == "view" else show
    app.get("/", callback=handler, **({"template": text} if how == "template=" else {}))
    assert Client(app).get("/").text == "2026"


# --- what is left to Bottle, and to the app ----------------------------------------------------


@pytest.mark.parametrize("value", [{"a": 1, "b": [True, None, 1.5, {"c": "d"}]}, {}, OrderedDict()])
def test_a_dict_that_is_json_already_goes_through_as_it_is(app, value):
    seen = []

    def watch(handler):
        def watching(**kwargs):
            seen.append(handler(**kwargs))
            return seen[-1]

        return watching

    put_around(app, watch)
    app.get("/", callback=lambda users: value)
    assert Client(app).get("/").json == value
    assert seen[0] is value


def test_what_nobody_can_write_as_json_is_an_error_of_the_app(app):
    app.get("/", callback=lambda users: {"it": object()})
    answer = Client(app).get("/")
    assert (answer.status_code, "not JSON serializable" in answer.errors) == (500, True)


def test_a_dict_in_itself_is_an_error_of_the_app(app):
    endless: dict[str, Any] = {}
    endless["it"] = endless
    app.get("/", callback=lambda users: endless)
    assert Client(app).get("/").status_code == 500


def mine(value: Any) -> str:
    """The JSON of an app that has an opinion."""
    return json.dumps(value, default=lambda it: "mine")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("order", ["before", "after"])
def test_an_app_that_says_how_its_json_looks_keeps_that(app, way, order):
    app.install(JSONPlugin(mine))
    if order == "before":
        app.install(app.uninstall(StorePlugin)[0])
    Store("u", backend="Memory")["key"] = MOMENT
    found = sent(app, WAYS[way])
    assert found == ({"users": {"key": "mine"}} if way == "a dict around it" else {"key": "mine"})


def test_a_client_that_wants_no_answer_gets_the_length_of_it(app):
    Store("u", backend="Memory")["key"] = MOMENT
    app.get("/", callback=lambda users: users)
    answer = Client(app).head("/")
    assert (answer.status_code, answer.body) == (200, b"")
    assert answer.content_type == "application/json"


def test_a_change_that_the_answer_shows_is_stored(app):
    def handler(users):
        users["when"] = MOMENT if request.query else b""
        return users

    assert sent(app, handler) == {"when": ""}
    assert Store("u", backend="Memory") == {"when": b""}
