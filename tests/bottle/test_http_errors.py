"""Errors of ours become HTTP; the app's own are never touched."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bottle import HTTPError, redirect

from napixd_store import (
    Conflict,
    CorruptData,
    CounterOverflow,
    InvalidKey,
    LimitReached,
    OutcomeUnknown,
    PreconditionFailed,
    ReadOnly,
    Store,
    StoreFull,
    Unavailable,
)
from tests.bottle.client import Client, new_app, put_around

SETTINGS = {"store": {"backend": "Memory", "users": {"collection": "u"}}}

OURS = [
    (Conflict("at /srv/x: changed", ["alice", 7]), 409, "'alice', 7: changed by somebody else"),
    (Conflict("at /srv/x: changed"), 409, "changed by somebody else"),
    (PreconditionFailed("at /srv/x: not the version"), 412, "not in the version"),
    (LimitReached("at /srv/x: the sum", 1.2), 429, "too often, so nothing was changed"),
    (Unavailable("/srv/x is silent"), 503, "does not answer: try again later"),
    (OutcomeUnknown("/srv/x broke off"), 503, "whether the last change was stored is not known"),
    (StoreFull("/srv/x is full"), 507, "no room left"),
]
NAMES = [f"{type(error).__name__}{index}" for index, (error, _, _) in enumerate(OURS)]


def raising(error: Exception) -> Callable[..., Any]:
    def handler(users):
        raise error

    return handler


def raising_in_a_body(error: Exception) -> Callable[..., Iterator[str]]:
    def handler(users):
        yield ""
        raise error

    return handler


def plain(body: Any) -> str:
    return str(body).replace("&#039;", "'")


@pytest.mark.parametrize("where", [raising, raising_in_a_body], ids=["handler", "body"])
@pytest.mark.parametrize(("error", "status", "said"), OURS, ids=NAMES)
def test_an_error_of_ours_has_a_status_and_a_readable_body(error, status, said, where, caplog):
    app = new_app(SETTINGS)
    app.get("/x", callback=where(error))
    with caplog.at_level(logging.INFO, "napixd_store_bottle"):
        answer = Client(app).get("/x")
    assert answer.status_code == status
    assert said in plain(answer.text)
    assert ("Retry-After" in answer.headers) == (status in (429, 503))
    assert "/srv/x" not in answer.text  # where the data lies is the log's business
    assert f"GET /x answers {status}: {error}" in caplog.messages


@pytest.mark.parametrize(
    ("after", "said"), [(0.001, "1"), (1, "1"), (1.2, "2"), (60.0, "60"), (None, None)]
)
def test_a_limit_says_after_how_many_whole_seconds_to_come_again(after, said):
    app = new_app(SETTINGS)
    app.get("/x", callback=raising(LimitReached("the sum", after)))
    answer = Client(app).get("/x")
    assert (answer.status_code, answer.headers.get("Retry-After")) == (429, said)


@pytest.mark.parametrize("writeback", [False, True], ids=["write-through", "write-back"])
def test_a_handler_that_counts_its_calls_answers_so_many_and_no_more(writeback):
    hits = {"collection": "h", "expires_in": "60", "writeback": writeback}
    app = new_app({"store": {"backend": "Memory", "hits": hits}})
    app.get("/<ip>", callback=lambda ip, hits: str(hits.incr(ip, at_most=3)))
    client = Client(app)
    assert [client.get("/a").status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    assert (
        50 < int(client.get("/a").headers["Retry-After"]) <= 61
    )  # by then it has ended for certain
    assert client.get("/b").text == "1"


@pytest.mark.parametrize(
    ("backend", "status"), [("Unavailable", 503), ("Breaking", 503), ("Full", 507)]
)
@pytest.mark.parametrize("writeback", [False, True], ids=["write-through", "write-back"])
@pytest.mark.parametrize("moves", [False, True], ids=["returns", "redirects"])
def test_a_store_that_takes_no_change_has_a_status(backend, status, writeback, moves):
    """Write-through it fails in the handler; write-back when the handler is done."""
    users = {"backend": f"tests.sample.backends.{backend}Store", "writeback": writeback}
    app = new_app({"store": {"users": users}})

    @app.get("/")
    def handler(users):
        users["a"] = 1
        if moves:
            redirect("/elsewhere")

    answer = Client(app).get("/")
    assert answer.status_code == status
    assert "Location" not in answer.headers


def test_a_save_that_fails_at_the_end_of_a_begun_answer_breaks_it_off():
    users = {"backend": "tests.sample.backends.FullStore", "writeback": True}
    app = new_app({"store": {"users": users}})

    @app.get("/")
    def handler(users):
        users["a"] = 1
        yield "begun"

    with pytest.raises(StoreFull):
        Client(app).get("/")


@pytest.mark.parametrize(("error", "status", "said"), OURS, ids=NAMES)
@pytest.mark.parametrize("where", [raising, raising_in_a_body], ids=["handler", "body"])
def test_switched_off_they_are_exceptions_as_any(error, status, said, where):
    app, seen = new_app(SETTINGS, http_errors=False), []

    @app.error(500)
    def page(answer):
        seen.append(answer.exception)
        return "500"

    app.get("/", callback=where(error))
    assert Client(app).get("/").text == "500"
    assert seen == [error]


@pytest.mark.parametrize(
    "error",
    [
        InvalidKey("ours, but the app's mistake"),
        CounterOverflow("ours too"),
        ConnectionError("what Unavailable is as well"),
        OSError("what StoreFull is as well"),
        KeyError("x"),
        SystemError("x"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("where", [raising, raising_in_a_body], ids=["handler", "body"])
def test_no_other_exception_is_touched(error, where):
    app, seen = new_app(SETTINGS), []

    @app.error(500)
    def page(answer):
        seen.append(answer.exception)
        return "500"

    app.get("/", callback=where(error))
    assert Client(app).get("/").text == "500"
    assert seen == [error]


@pytest.mark.parametrize("error", [CorruptData("ours: no JSON"), ReadOnly("ours: no right")])
def test_any_other_error_of_ours_is_a_500_whose_cause_is_logged_once(error, caplog):
    app = new_app(SETTINGS)
    app.get("/", callback=raising(error))
    with caplog.at_level(logging.DEBUG):
        answer = Client(app).get("/")
    assert answer.status_code == 500
    assert "ours: no" not in answer.text
    assert (answer.errors + caplog.text).count(f"{type(error).__name__}: {error}") == 1


def test_an_error_that_the_handler_deals_with_is_no_http():
    app = new_app({"store": {"users": {"backend": "tests.sample.backends.FullStore"}}})

    @app.get("/")
    def handler(users):
        try:
            users["a"] = 1
        except StoreFull:
            return "dealt with"

    assert Client(app).get("/").text == "dealt with"


def test_a_handler_that_received_nothing_has_exceptions_as_any():
    app = new_app(SETTINGS)

    @app.get("/")
    def handler():
        Store("x", backend="tests.sample.backends.FullStore")["a"] = 1

    assert Client(app).get("/").status_code == 500


def test_an_error_plugin_around_it_sees_the_http_error_and_one_inside_the_cause():
    app, seen = new_app(SETTINGS), []

    def watch(handler):
        def watching(**kwargs):
            try:
                return handler(**kwargs)
            except Exception as exc:
                seen.append(exc)
                raise

        return watching

    cause = Conflict("x", ["a"])
    put_around(app, watch)
    app.install(watch)
    app.get("/", callback=raising(cause))
    assert Client(app).get("/").status_code == 409
    inner, outer = seen
    assert inner is cause
    assert isinstance(outer, HTTPError)
    assert outer.exception is cause
    assert outer.__cause__ is cause
