"""The unit of work: when the changes of a request are stored, and when they are not.

A write-through store keeps each change at once, whatever becomes of the request; a write-back
store keeps them only when it succeeds.
"""

import functools
import io
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from bottle import (
    Bottle,
    HTTPError,
    HTTPResponse,
    WSGIFileWrapper,
    abort,
    redirect,
    request,
    response,
)

from napixd_store import Store, StoreBackend
from tests.bottle.client import Client, new_app, put_around
from tests.processes import run_threads


class Desk:
    """An app whose handlers' argument `users` is a store, and that store as others see it."""

    def __init__(self, medium: dict[str, Any], writeback: bool, **options: Any) -> None:
        users = {"collection": "desk", "writeback": writeback}
        self.app = new_app({"store": {**medium, "users": users}}, **options)
        self.stored: StoreBackend[Any] = Store("desk", **medium)

    def serve(self, handler: Callable[..., Any], **request: Any) -> Any:
        """Return the answer of *handler* to one request."""
        self.app.route("/", ["GET"], handler)
        return Client(self.app).get("/", **request)


@pytest.fixture
def desk(medium, writeback) -> Desk:
    return Desk(medium, writeback)


@pytest.fixture
def back(medium) -> Desk:
    return Desk(medium, True)


def kept(desk: Desk) -> dict[Any, Any]:
    return desk.stored.snapshot()


ALICE = {"alice": 1}


# --- success ---------------------------------------------------------------------------------


def returned(value: Any) -> Callable[..., Any]:
    def handler(users):
        users["alice"] = 1
        return value() if callable(value) else value

    return handler


@pytest.mark.parametrize(
    "value",
    [
        None,
        "text",
        b"bytes",
        {"a": 1},
        ["a", "b"],
        [],
        lambda: HTTPResponse("made", 201),
        lambda: HTTPResponse(status=304),
        lambda: iter(["a", "b"]),
        lambda: map(str.upper, ["a"]),
    ],
    ids=["None", "str", "bytes", "dict", "list", "empty", "201", "304", "iterator", "map"],
)
def test_what_a_handler_that_succeeds_changed_is_stored(desk, value):
    assert desk.serve(returned(value)).status_code < 400
    assert kept(desk) == ALICE


def test_a_redirect_is_a_success(desk):
    def handler(users):
        users["alice"] = 1
        redirect("/elsewhere")

    answer = desk.serve(handler)
    assert (answer.status_code, answer.headers["Location"]) == (
        302,
        "http://localhost:80/elsewhere",
    )
    assert kept(desk) == ALICE


def test_a_status_below_400_is_a_success(desk):
    def handler(users):
        users["alice"] = 1
        response.status = 201
        return "made"

    assert desk.serve(handler).status_code == 201
    assert kept(desk) == ALICE


def test_values_changed_in_place_are_stored(back):
    back.stored["alice"] = {"tags": []}

    def handler(users):
        users["alice"]["tags"].append("admin")

    assert back.serve(handler).status_code == 200
    assert kept(back) == {"alice": {"tags": ["admin"]}}


def test_each_request_begins_with_what_is_stored(desk):
    def handler(users):
        return str(users.incr("hits"))

    assert desk.serve(handler).text == "1"
    desk.stored["hits"] = 10
    assert desk.serve(handler).text == "11"


# --- failure ---------------------------------------------------------------------------------


def raise_error():
    raise LookupError("the handler's own")


def set_500():
    response.status = 500
    return "said so"


@pytest.mark.parametrize(
    ("failing", "status"),
    [
        (lambda: abort(418), 418),
        (lambda: HTTPError(404, "returned"), 404),
        (lambda: HTTPResponse("returned", 400), 400),
        (raise_error, 500),
        (set_500, 500),
    ],
    ids=["abort", "returned HTTPError", "returned HTTPResponse", "exception", "response.status"],
)
def test_what_a_handler_that_fails_changed_is_dropped_if_it_is_written_back(
    desk, writeback, failing, status
):
    assert desk.serve(returned(failing)).status_code == status
    assert kept(desk) == ({} if writeback else ALICE)


@pytest.mark.parametrize("raised", [LookupError("own"), HTTPResponse("x", 202), HTTPError(410)])
def test_what_a_handler_raises_is_raised_on_the_same_object(desk, raised):
    seen = []

    def watch(handler):
        def watching(**kwargs):
            try:
                return handler(**kwargs)
            except Exception as exc:
                seen.append(exc)
                raise

        return watching

    def handler(users):
        raise raised

    put_around(desk.app, watch)
    desk.serve(handler)
    assert seen == [raised]
    assert seen[0] is raised
    assert "own" not in str(getattr(raised, "body", ""))


def test_a_failed_request_leaves_nothing_for_the_next_one(back):
    back.serve(returned(raise_error))
    seen = []
    back.serve(lambda users: seen.append(users.snapshot()))
    assert seen == [{}]


def test_a_value_that_cannot_be_stored_fails_the_request(back):
    back.stored["alice"] = []

    def handler(users):
        users["alice"].append(object())

    answer = back.serve(handler)
    assert answer.status_code == 500
    assert "InvalidValue" in answer.errors
    assert kept(back) == {"alice": []}


# --- generators ------------------------------------------------------------------------------


def test_a_generator_s_changes_are_stored_at_its_end(desk):
    def handler(users):
        yield "a"
        users["alice"] = 1
        yield "b"

    assert desk.serve(handler).text == "ab"
    assert kept(desk) == ALICE


def test_a_generator_that_yields_nothing_is_stored_too(desk):
    def handler(users):
        users["alice"] = 1
        yield from ()

    assert desk.serve(handler).status_code == 200
    assert kept(desk) == ALICE


def test_a_generator_s_changes_are_not_stored_before_its_end(back):
    def handler(users):
        users["alice"] = 1
        yield "a"
        yield str(kept(back))

    assert back.serve(handler).text == "a{}"
    assert kept(back) == ALICE


def test_the_body_of_an_http_response_is_streamed_inside_the_unit(desk):
    def rows(users):
        yield "a"
        users["alice"] = 1

    answer = desk.serve(lambda users: HTTPResponse(rows(users), 201))
    assert (answer.status_code, answer.text) == (201, "a")
    assert kept(desk) == ALICE


def test_a_generator_that_raises_before_its_first_item_is_dropped(desk, writeback):
    def handler(users):
        users["alice"] = 1
        raise_error()
        yield "never"

    assert desk.serve(handler).status_code == 500
    assert kept(desk) == ({} if writeback else ALICE)


def test_a_generator_that_raises_after_its_first_item_is_dropped(desk, writeback):
    def handler(users):
        yield "a"
        users["alice"] = 1
        raise_error()

    with pytest.raises(LookupError, match="the handler's own"):
        desk.serve(handler)
    assert kept(desk) == ({} if writeback else ALICE)


@pytest.mark.parametrize("how", ["raised", "yielded"])
@pytest.mark.parametrize(
    "answer", [HTTPResponse("moved", 302, Location="/x"), HTTPError(409, "no")], ids=["302", "409"]
)
def test_an_answer_that_a_generator_begins_with_counts_as_the_handler_s(
    desk, writeback, how, answer
):
    def handler(users):
        users["alice"] = 1
        if how == "raised":
            raise answer
        yield answer

    assert desk.serve(handler).status_code == answer.status_code
    assert kept(desk) == (ALICE if answer.status_code < 400 or not writeback else {})


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_status_that_a_generator_sets_counts_while_it_can_be_sent(back, when):
    def handler(users):
        users["alice"] = 1
        if when == "before":
            response.status = 500
        yield "a"
        response.status = 500
        yield "b"

    answer = back.serve(handler)
    assert answer.status_code == (500 if when == "before" else 200)
    assert kept(back) == ({} if when == "before" else ALICE)


def wsgi(app: Bottle, method: str = "GET") -> Any:
    """Return the iterable that *app* gives a server."""
    environ = {"REQUEST_METHOD": method, "PATH_INFO": "/", "wsgi.errors": None}
    return app(environ, lambda *args: None)


def endless(closed: list[str]) -> Callable[..., Iterator[str]]:
    def rows(users):
        try:
            for number in itertools.count(1):
                users["alice"] = 1
                yield str(number)
        finally:
            closed.append("closed")

    def handler(users):
        alive.append(rows(users))  # so that it is not closed by being forgotten
        return alive[-1]

    alive: list[Iterator[str]] = []
    return handler


def test_a_generator_closed_early_is_dropped(desk, writeback):
    closed: list[str] = []
    desk.app.get("/", callback=endless(closed))
    body = wsgi(desk.app)
    chunks = iter(body)
    assert [next(chunks), next(chunks)] == [b"1", b"2"]
    assert closed == []
    body.close()
    assert closed == ["closed"]
    assert kept(desk) == ({} if writeback else ALICE)


def test_a_head_request_closes_a_generator_early(desk, writeback):
    closed: list[str] = []
    desk.app.get("/", callback=endless(closed))
    assert list(wsgi(desk.app, "HEAD")) == []
    assert closed == ["closed"]
    assert kept(desk) == ({} if writeback else ALICE)


@pytest.mark.parametrize(
    "make",
    [
        lambda: io.BytesIO(b"file"),
        lambda: WSGIFileWrapper(io.BytesIO(b"file")),
        lambda: iter(["a"]),
        lambda: itertools.chain("ab"),
        lambda: map(str, [1]),
        lambda: {"a": 1},
        lambda: ["a"],
        lambda: "text",
        lambda: HTTPResponse("body", 201),
        lambda: HTTPError(404),
    ],
    ids=["file", "wrapper", "iterator", "chain", "map", "dict", "list", "str", "201", "404"],
)
def test_what_is_no_generator_goes_through_as_it_is(desk, make):
    value, seen = make(), []

    def watch(handler):
        def watching(**kwargs):
            seen.append(handler(**kwargs))
            return seen[-1]

        return watching

    put_around(desk.app, watch)
    desk.serve(lambda users: value)
    (passed,) = seen
    assert passed is value


# --- a store as the answer -------------------------------------------------------------------


@pytest.mark.parametrize("how", ["returned", "in a returned response", "in a raised response"])
def test_a_store_as_the_answer_is_sent_as_a_dict(desk, how):
    def handler(users):
        users["alice"] = 1
        if how == "returned":
            return users
        answer = HTTPResponse(users, 200)
        if how == "in a raised response":
            raise answer
        return answer

    answer = desk.serve(handler)
    assert (answer.content_type, answer.json) == ("application/json", ALICE)
    assert kept(desk) == ALICE


def test_an_empty_store_as_the_answer_is_an_empty_dict(desk):
    answer = desk.serve(lambda users: users)
    assert (answer.content_type, answer.json) == ("application/json", {})


# --- one handler inside another ----------------------------------------------------------------


def test_a_handler_that_calls_another_shares_what_it_hands_on(desk):
    def inner(users):
        users["bob"] = 2

    def outer(users):
        users["alice"] = 1
        inner(users)
        return str(len(users))

    desk.app.get("/inner", callback=inner)
    assert desk.serve(outer).text == "2"
    assert kept(desk) == {"alice": 1, "bob": 2}


@pytest.mark.parametrize("fails", [False, True])
def test_a_route_that_is_called_inside_another_has_a_unit_of_its_own(desk, writeback, fails):
    def inner(users):
        users["bob"] = 2
        if fails:
            raise_error()

    def outer(users):
        users["alice"] = 1
        with suppress(LookupError):
            desk.app.routes[0].call()

    desk.app.get("/inner", callback=inner)
    assert desk.serve(outer).status_code == 200
    assert kept(desk) == (ALICE if fails and writeback else {"alice": 1, "bob": 2})


def test_a_route_that_is_called_inside_another_may_be_in_its_way(back):
    """Two units of one request that change one key are two changes of it."""

    def inner(users):
        users["alice"] = 2

    def outer(users):
        users["alice"] = 1
        back.app.routes[0].call()

    back.app.get("/inner", callback=inner)
    assert back.serve(outer).status_code == 409
    assert kept(back) == {"alice": 2}


# --- at the same time ------------------------------------------------------------------------


def two_at_once(desk: Desk, *keys: str) -> list[Any]:
    """Two requests set one key each; both have read before either is saved."""
    both = threading.Barrier(2)

    def handler(users):
        key = request.query.key
        users[key] = users.get(key, 0) + 1
        both.wait(30)
        return key

    desk.app.get("/", callback=handler)
    return run_threads(lambda key: Client(desk.app).get(f"/?key={key}"), [(key,) for key in keys])


def test_two_requests_that_change_different_keys_are_both_stored(desk):
    answers = two_at_once(desk, "alice", "bob")
    assert [answer.status_code for answer in answers] == [200, 200]
    assert kept(desk) == {"alice": 1, "bob": 1}


def test_of_two_requests_that_write_back_one_key_one_gets_409(back):
    answers = two_at_once(back, "alice", "alice")
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert kept(back) == ALICE
    (refused,) = (answer for answer in answers if answer.status_code == 409)
    assert "&#039;alice&#039;: changed by somebody else meanwhile" in refused.text
    assert "read again and repeat" in refused.text


# --- a class that is not ours ----------------------------------------------------------------


class Foreign(dict[str, Any]):
    """A store of the original's kind: a dict of its own that is stored by save()."""

    saved: list[dict[str, Any]] = []  # noqa: RUF012 - what all of them stored

    def __init__(self, collection: str, options: dict[str, Any]) -> None:
        super().__init__()

    def save(self) -> None:
        self.saved.append(dict(self))


@pytest.mark.parametrize("fails", [False, True])
def test_a_class_that_is_not_derived_from_ours_is_saved_too(fails):
    Foreign.saved.clear()
    app = new_app({"store.users.backend": f"{__name__}.Foreign"})
    app.get("/", callback=returned(raise_error if fails else "fine"))
    Client(app).get("/")
    assert Foreign.saved == ([] if fails else [ALICE])


def test_bound_and_partial_handlers_have_a_unit_of_work_too(back):
    def handler(key, users):
        users[key] = 1

    assert back.serve(functools.partial(handler, "alice")).status_code == 200
    assert kept(back) == ALICE
