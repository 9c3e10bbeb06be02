"""A value that no store takes is 400 where the client sent it, and the app's mistake where not."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from bottle import Bottle, abort, request

from napixd_store import StoreBackend
from tests.bottle.client import Client, new_app


@dataclass
class Ticket:
    title: str


@pytest.fixture
def app(tmp_path) -> Bottle:
    return new_app({"store": {"backend": "File", "root": str(tmp_path), "writeback": "no"}})


LONG = "x" * 1_001

SENT: dict[str, Any] = {
    "a field of another type": {"title": 5},
    "another type": [1, 2],
    "a field that is missing": {"name": "No coffee"},
    "null": None,
}


@pytest.mark.parametrize("sent", SENT.values(), ids=SENT)
def test_json_of_another_shape_is_a_400(app, tmp_path, sent):
    def create(tickets: StoreBackend[Ticket]):
        tickets["1"] = request.json

    app.post("/", callback=create)

    answer = Client(app).post("/", json.dumps(sent), {"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert "what was sent cannot be stored" in answer.text
    assert str(tmp_path) not in answer.text
    assert "Ticket" not in answer.text


def read_json() -> Any:
    return request.json["title"]


def read_the_body() -> Any:
    return json.loads(request.body.read())["title"]


@pytest.mark.parametrize("read", [read_json, read_the_body])
@pytest.mark.parametrize("made", [dict, Ticket], ids=["dict", "record"])
def test_what_is_made_of_it_is_a_400_too(app, read, made):
    def create(tickets: StoreBackend[Ticket]):
        tickets["1"] = made(title=read())

    app.post("/", callback=create)

    assert Client(app).post_json("/", {"title": [1]}).status_code == 400


def test_so_is_a_key_of_the_url_that_no_store_takes(app):
    app.get("/<id>", callback=show)
    answer = Client(app).get(f"/{LONG}")
    assert (answer.status_code, "cannot be the key" in answer.text) == (400, True)


def show(id, tickets: StoreBackend[Any]):
    return tickets[id]


def test_a_handler_that_knows_of_missing_keys_answers_the_same_to_one_that_no_store_takes(app):
    def show_if_there(id, tickets: StoreBackend[Any]):
        try:
            return tickets[id]
        except KeyError:
            abort(404)

    app.get("/<id>", callback=show_if_there)
    client = Client(app)
    assert [client.get(f"/{id}").status_code for id in ("missing", LONG)] == [404, 404]


def test_so_is_a_text_of_a_form_that_is_too_large(app):
    app.config["store.notes.max_value_bytes"] = "10"

    @app.post("/")
    def create(notes):
        notes["1"] = {"text": request.forms.text}

    assert Client(app).post("/", {"text": "ä" * 20}).status_code == 400


def test_a_write_back_store_finds_it_out_at_its_end_and_answers_the_same(app):
    def create(tickets: StoreBackend[Ticket]):
        tickets.setdefault("1", Ticket("x")).title = request.json["title"]

    app.post("/", callback=create, **{"store.writeback": True})

    assert Client(app).post_json("/", {"title": 5}).status_code == 400


OWN: dict[str, Any] = {
    "a thing that no client sends": lambda sent: {**sent, "it": object()},
    "a value of the app's own": lambda sent: ["mine"],
    "a flag": lambda sent: True,
    "nothing": lambda sent: None,
    "a pair": lambda sent: ([],),
}


@pytest.mark.parametrize("own", OWN.values(), ids=OWN)
def test_what_the_app_made_is_its_mistake(app, own):
    def create(tickets: StoreBackend[Ticket]):
        tickets["1"] = own(request.json)

    app.post("/", callback=create)

    answer = Client(app).post_json("/", {"title": "No coffee", "flag": True})
    assert (answer.status_code, "InvalidValue" in answer.errors) == (500, True)


def test_so_is_a_key_of_its_own(app):
    app.get("/<id>", callback=lambda id, tickets=None: "")
    app.get("/x/y", callback=own_key)
    assert Client(app).get("/x/y").status_code == 500


def own_key(tickets: StoreBackend[Any]):
    return tickets[LONG]


def test_switched_off_it_is_an_exception_as_any(tmp_path):
    app = new_app({"store": {"backend": "File", "root": str(tmp_path)}}, http_errors=False)
    app.get("/<id>", callback=show)
    assert Client(app).get(f"/{LONG}").status_code == 500
