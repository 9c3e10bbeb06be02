"""Each route of the Ticket desk, what it refuses, and how, over WSGI in this process."""

import json
import re
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from napixd_store import ConfigError, Counter, Store
from napixd_store.backends.memory import Memory
from sample_app.app import make_app
from sample_app.web import MAX_BODY
from tests.sample import backends
from tests.sample.wsgi import TestApp

ANY_JSON = "application/json"


def post(desk: TestApp, **fields: Any) -> dict[str, Any]:
    answer: dict[str, Any] = desk.post_json("/tickets", fields).json
    return answer


def refused(desk: TestApp, status: int, method: str, path: str, **request: Any) -> str:
    """Send what must be refused; return what the JSON body says of it."""
    answer = desk.request(path, method=method, status=status, expect_errors=True, **request)
    assert answer.content_type == ANY_JSON
    assert set(answer.json) == {"error"}
    assert "Traceback" not in answer.text
    return str(answer.json["error"])


def send(desk: TestApp, status: int, body: bytes, **headers: str) -> str:
    """POST *body*, which must be refused."""
    return refused(
        desk, status, "POST", "/tickets", body=body, headers={"Content-Type": ANY_JSON, **headers}
    )


# --- what is accepted ------------------------------------------------------------------------


def test_a_new_ticket_gets_the_next_id_its_address_and_the_defaults(desk: TestApp):
    before = datetime.now(timezone.utc)
    answer = desk.post_json("/tickets", {"title": "No coffee"}, status=201)
    assert answer.content_type == ANY_JSON
    assert answer.headers["Location"].endswith("/tickets/scp-001")
    ticket = answer.json
    created = datetime.fromisoformat(ticket["created"].replace("Z", "+00:00"))
    assert before <= created <= datetime.now(timezone.utc)
    assert created.utcoffset() == timedelta(0)
    assert ticket == {
        "id": "scp-001",
        "title": "No coffee",
        "body": "",
        "status": "open",
        "created": ticket["created"],
        "updated": ticket["created"],
    }
    assert desk.get("/tickets/scp-001").json == ticket
    assert post(desk, title="No milk", body="none", status="closed")["id"] == "scp-002"


@pytest.mark.parametrize("title", ["x", "x" * 200, "é" * 200, "𝄞" * 200, '"\\\n\0', "{}"])
def test_a_title_of_1_to_200_characters_comes_back_as_it_was_sent(desk: TestApp, title: str):
    id = post(desk, title=title, body=title)["id"]
    stored = desk.get(f"/tickets/{id}").json
    assert (stored["title"], stored["body"]) == (title, title)


def test_a_body_of_exactly_the_limit_is_accepted(desk: TestApp):
    frame = len(json.dumps({"title": "x", "body": ""}))
    assert post(desk, title="x", body="b" * (MAX_BODY - frame))["id"] == "scp-001"


@pytest.mark.parametrize("content_type", ["Application/JSON", "application/json; charset=utf-8"])
def test_the_content_type_may_be_written_in_any_way(desk: TestApp, content_type: str):
    desk.post("/tickets", b'{"title":"x"}', {"Content-Type": content_type}, status=201)


def test_put_replaces_and_what_is_not_said_becomes_the_default(desk: TestApp):
    first = post(desk, title="No coffee", body="the tin is empty", status="closed")
    second = desk.put_json("/tickets/scp-001", {"title": "No tea"}).json
    assert second["updated"] > first["updated"]
    assert second == {**first, "title": "No tea", "body": "", "status": "open"} | {
        "updated": second["updated"]
    }
    assert desk.get("/tickets/scp-001").json == second


@pytest.mark.parametrize("fields", [{}, {"status": "closed"}, {"title": "No tea", "body": "b"}])
def test_patch_changes_what_is_said_and_nothing_else(desk: TestApp, fields: dict[str, str]):
    first = post(desk, title="No coffee", body="the tin is empty")
    second = desk.patch_json("/tickets/scp-001", fields).json
    assert second == {**first, **fields, "updated": second["updated"]}
    assert desk.get("/tickets/scp-001").json == second


def test_a_deleted_ticket_is_gone_and_its_id_is_not_given_again(desk: TestApp):
    post(desk, title="No coffee")
    answer = desk.delete("/tickets/scp-001", status=204)
    assert answer.body == b""
    assert "no ticket 'scp-001'" in refused(desk, 404, "DELETE", "/tickets/scp-001")
    assert post(desk, title="No milk")["id"] == "scp-002"


def test_a_counter_that_was_reset_costs_no_ticket(desk: TestApp, tmp_path: Path):
    tickets = [post(desk, title=title) for title in ("a", "b")]
    Counter("ticket-id", backend="SQLite", path=tmp_path / "desk.sqlite").reset()
    tickets.append(post(desk, title="c"))
    assert [ticket["id"] for ticket in tickets] == ["scp-001", "scp-002", "scp-003"]
    assert desk.get("/tickets").json["tickets"] == tickets


def test_the_list_is_paged_in_the_order_of_creation(desk: TestApp):
    ids = [post(desk, title=str(number))["id"] for number in range(5)]
    places = ["", ids[1], ids[3], ids[4]]
    pages = [desk.get(f"/tickets?after={place}&per_page=2").json for place in places]
    assert [[ticket["id"] for ticket in page["tickets"]] for page in pages] == [
        ids[:2],
        ids[2:4],
        ids[4:],
        [],
    ]
    assert {(page["total"], page["per_page"]) for page in pages} == {(5, 2)}
    assert [page["next"] for page in pages] == [ids[1], ids[3], None, None]


def test_a_page_holds_20_tickets_unless_said_and_100_at_most(desk: TestApp, tmp_path: Path):
    ticket = post(desk, title="x")
    Store("tickets", backend="SQLite", path=tmp_path / "desk.sqlite").update(
        {number: {**ticket, "id": f"scp-{number:03}"} for number in range(2, 112)}
    )
    assert len(desk.get("/tickets").json["tickets"]) == 20
    assert len(desk.get("/tickets?per_page=100").json["tickets"]) == 100
    assert len(desk.get("/tickets?per_page=100&after=scp-100").json["tickets"]) == 11


def test_the_list_is_filtered_by_status_and_its_pages_go_on(desk: TestApp):
    for number in range(6):
        post(desk, title=str(number), status="closed" if number % 2 else "open")
    first = desk.get("/tickets?status=closed&per_page=2").json
    assert [ticket["title"] for ticket in first["tickets"]] == ["1", "3"]
    last = desk.get(f"/tickets?status=closed&per_page=2&after={first['next']}").json
    assert [ticket["title"] for ticket in last["tickets"]] == ["5"]
    assert (first["total"], last["next"]) == (6, None)


def test_stats_count_by_status_and_name_the_next_id(desk: TestApp):
    assert desk.get("/stats").json == {"open": 0, "closed": 0, "issued": 0, "next_id": "scp-001"}
    for status in ("open", "open", "closed"):
        post(desk, title="x", status=status)
    desk.delete("/tickets/scp-001")
    assert desk.get("/stats").json == {"open": 1, "closed": 1, "issued": 3, "next_id": "scp-004"}


def test_health_is_ok_while_the_store_answers(desk: TestApp):
    assert desk.get("/health", status=200).json == {"status": "ok"}


# --- what is refused: bodies -----------------------------------------------------------------

MALFORMED = {
    "nothing": b"",
    "half": b'{"title":"x"',
    "two values": b'{"title":"x"} {}',
    "a comma too many": b'{"title":"x",}',
    "single quotes": b"{'title':'x'}",
    "NaN": b'{"title":NaN}',
    "Infinity": b'{"title":-Infinity}',
    "a lone high surrogate": b'{"title":"\\ud800"}',
    "a lone high surrogate before a letter": b'{"title":"\\ud800x"}',
    "a lone low surrogate": b'{"title":"\\udc00"}',
    "a lone surrogate as a name": b'{"title":"x","\\ud800":1}',
    "a surrogate in UTF-8": b'{"title":"\xed\xa0\x80"}',
    "Latin-1": b'{"title":"caf\xe9"}',
    "Latin-1 in a name": b'{"title":"x","caf\xe9":1}',
    "UTF-16": '{"title":"x"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"title":"x"}',
    "a control character": b'{"title":"a\nb"}',
    "arrays too deep to end": b"[" * 60_000,
    "objects too deep to end": b'{"title":' * 7_000,
    "a form": b"title=x",
}
REFUSED = {
    "no object": (b"[]", "Expected `object`, got `array`"),
    "null": (b"null", "got `null`"),
    "no title": (b"{}", "`title`"),
    "an empty title": (b'{"title":""}', "`$.title`"),
    "a title of blanks": (b'{"title":" \\t\\u3000"}', "`$.title`"),
    "a title of 201": (json.dumps({"title": "é" * 201}).encode(), "`$.title`"),
    "a title that is a number": (b'{"title":1}', "`$.title`"),
    "a title that is null": (b'{"title":null}', "`$.title`"),
    "a title that is true": (b'{"title":true}', "`$.title`"),
    "a title that is a list": (b'{"title":["x"]}', "`$.title`"),
    "a huge int": (b'{"title":' + b"9" * 5_000 + b"}", "`$.title`"),
    "a huge float": (b'{"title":1e999}', "`$.title`"),
    "deep arrays": (b'{"title":' + b"[" * 20_000 + b"]" * 20_000 + b"}", "`$.title`"),
    "deep objects": (b'{"body":' + b'{"a":' * 9_000 + b"1" + b"}" * 9_001, "`$.body`"),
    "a body that is a number": (b'{"title":"x","body":1}', "`$.body`"),
    "a status that is none": (b'{"title":"x","status":"gone"}', "`$.status`"),
    "a status in capitals": (b'{"title":"x","status":"OPEN"}', "`$.status`"),
    "an unknown field": (b'{"title":"x","titel":"y"}', "unknown field `titel`"),
    "an id": (b'{"title":"x","id":"scp-001"}', "unknown field `id`"),
    "a time": (b'{"title":"x","created":"2026-01-02T03:04:05Z"}', "unknown field `created`"),
    "an unknown deep field": (b'{"x":' + b"[" * 20_000 + b"]" * 20_000 + b"}", "field `x`"),
    "a field twice": (b'{"title":"x","title":"y"}', "twice"),
    "a field twice, once escaped": (b'{"title":"x","\\u0074itle":"y"}', "twice"),
}


def by_name(rows: dict[str, Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", list(rows.values()), ids=list(rows))


@by_name(MALFORMED)
def test_a_malformed_body_is_refused(desk: TestApp, row: bytes):
    assert "the body is not accepted: " in send(desk, 400, row)
    assert desk.get("/stats").json["issued"] == 0


@by_name(REFUSED)
def test_a_wrong_body_is_refused_with_the_place_of_the_fault(desk: TestApp, row: tuple[bytes, str]):
    body, place = row
    said = send(desk, 400, body)
    assert place in said
    assert "a ticket has a title (1 to 200 characters, and not only blanks)" in said
    assert desk.get("/stats").json["issued"] == 0


@by_name(MALFORMED | {what: body for what, (body, _) in REFUSED.items() if body != b"{}"})
def test_put_and_patch_refuse_the_same_and_change_nothing(desk: TestApp, row: bytes):
    ticket = post(desk, title="No coffee")
    for method in ("PUT", "PATCH"):
        headers = {"Content-Type": ANY_JSON}
        refused(desk, 400, method, "/tickets/scp-001", body=row, headers=headers)
    assert desk.get("/tickets/scp-001").json == ticket


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp", "json", ";"],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/tickets"), ("PUT", "/tickets/scp-001"), ("PATCH", "/tickets/scp-001")],
)
def test_another_content_type_is_refused(desk: TestApp, method: str, path: str, content_type: str):
    said = refused(
        desk, 415, method, path, body=b'{"title":"x"}', headers={"Content-Type": content_type}
    )
    assert "Content-Type: application/json" in said


def test_a_body_over_the_limit_is_refused(desk: TestApp):
    assert f"at most {MAX_BODY} bytes" in send(desk, 413, b" " * (MAX_BODY + 1))


def test_a_body_said_to_be_over_the_limit_is_refused_unread(desk: TestApp):
    assert "too large" in send(desk, 413, b"{}", **{"Content-Length": "99999999"})


@pytest.mark.parametrize(("length", "status"), [(MAX_BODY, 400), (MAX_BODY + 1, 413)])
def test_a_body_whose_end_the_server_knows_alone_is_read_to_the_limit(
    desk: TestApp, length: int, status: int
):
    environ = {
        "wsgi.input": BytesIO(b" " * length),
        "wsgi.input_terminated": True,
        "HTTP_TRANSFER_ENCODING": "chunked",
        "REQUEST_METHOD": "POST",
    }
    headers = {"Content-Type": ANY_JSON}
    desk.get("/tickets", headers=headers, extra_environ=environ, status=status)


def test_a_chunked_body_is_refused_where_the_server_does_not_take_it_apart(desk: TestApp):
    headers = {"Transfer-Encoding": "chunked", "Content-Length": ""}
    assert "with a Content-Length" in send(desk, 411, b"2\r\n{}\r\n0\r\n\r\n", **headers)


def test_a_body_said_to_be_shorter_than_it_is_is_refused(desk: TestApp):
    assert "truncated" in send(desk, 400, b'{"title":"x"}', **{"Content-Length": "5"})


# --- what is refused: paths, methods, queries ------------------------------------------------


@pytest.mark.parametrize(
    "id",
    [
        "scp-002",
        "scp-1",
        "SCP-001",
        "scp-001%20",
        "%20",
        "%00",
        "%3D17",
        "..",
        "*",
        "'",
        "%C3%A9",
        "%F0%9D%84%9E",
        "x" * 1_001,
        "{}",
    ],
)
def test_an_id_that_no_ticket_has_is_not_found(desk: TestApp, id: str):
    post(desk, title="No coffee")
    body, headers = b'{"title":"x"}', {"Content-Type": ANY_JSON}
    for method in ("GET", "DELETE"):
        assert "there is no ticket" in refused(desk, 404, method, f"/tickets/{id}")
    for method in ("PUT", "PATCH"):
        said = refused(desk, 404, method, f"/tickets/{id}", body=body, headers=headers)
        assert "there is no ticket" in said
    assert desk.get("/tickets").json["total"] == 1


@pytest.mark.parametrize(
    "path", ["/nowhere", "/tickets/", "/tickets/a%2Fb", "/Tickets", "/scp-001"]
)
def test_an_unknown_path_is_not_found_and_the_known_are_named(desk: TestApp, path: str):
    assert "GET /tickets/<id>" in refused(desk, 404, "GET", path)


@pytest.mark.parametrize("id", ["%FF%FE", "%ED%A0%80", "scp-001%FF", "%C3scp-001"])
def test_an_id_that_is_no_text_is_not_found(desk: TestApp, id: str):
    post(desk, title="No coffee")
    for method in ("GET", "DELETE"):
        assert "must be UTF-8" in refused(desk, 404, method, f"/tickets/{id}")
    assert desk.get("/tickets").json["total"] == 1


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/tickets", {"GET", "HEAD", "POST"}),
        ("POST", "/tickets/scp-001", {"DELETE", "GET", "HEAD", "PATCH", "PUT"}),
        ("POST", "/stats", {"GET", "HEAD"}),
        ("PUT", "/health", {"GET", "HEAD"}),
    ],
)
def test_a_wrong_method_is_not_allowed_and_the_right_are_named(
    desk: TestApp, method: str, path: str, allowed: set[str]
):
    answer = desk.request(path, method=method, status=405)
    assert allowed - {"HEAD"} <= set(re.split(", ?", answer.headers["Allow"])) <= allowed
    assert "POST /tickets" in answer.json["error"]


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("after=0", "$.after"),
        ("after=scp-1", "$.after"),
        ("after=scp-001%0A", "$.after"),
        ("after=scp-" + "9" * 5_000, "$.after"),
        ("per_page=", "$.per_page"),
        ("per_page=one", "$.per_page"),
        ("per_page=" + "9" * 5_000, "$.per_page"),
        ("per_page=1.5", "$.per_page"),
        ("per_page=NaN", "$.per_page"),
        ("per_page=-1", "$.per_page"),
        ("per_page=0", "$.per_page"),
        ("per_page=101", "$.per_page"),
        ("status=gone", "$.status"),
        ("status=", "$.status"),
        ("status=%FF", "$.status"),
        ("status=%00", "$.status"),
        ("stauts=open", "`stauts`"),
    ],
)
def test_a_bad_query_is_refused_with_what_is_allowed(desk: TestApp, query: str, place: str):
    said = refused(desk, 400, "GET", f"/tickets?{query}")
    assert place in said
    assert "per_page (1 to 100)" in said


def test_a_page_far_behind_the_last_is_empty(desk: TestApp):
    post(desk, title="No coffee")
    assert desk.get("/tickets?after=scp-" + "9" * 18).json["tickets"] == []


# --- when the store fails --------------------------------------------------------------------


def backend(kind: type) -> str:
    return f"backend = tests.sample.backends.{kind.__name__}"


def test_an_edit_repeats_itself_when_another_writer_gets_in(make_desk: Callable[..., TestApp]):
    desk = make_desk(store=backend(backends.ContestedStore))
    post(desk, title="No coffee")
    assert desk.patch_json("/tickets/scp-001", {"status": "closed"}).json["status"] == "closed"
    assert desk.get("/tickets/scp-001").json["status"] == "closed"


def test_a_working_copy_that_another_writer_overtook_is_a_conflict(
    make_desk: Callable[..., TestApp],
):
    desk = make_desk(store=f"{backend(backends.ContestedStore)}\nwriteback = yes")
    ticket = post(desk, title="No coffee")
    body, headers = b'{"title":"No tea"}', {"Content-Type": ANY_JSON}
    said = refused(desk, 409, "PATCH", "/tickets/scp-001", body=body, headers=headers)
    assert "read again and repeat" in said
    assert desk.get("/tickets/scp-001").json == ticket


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_an_edit_that_others_always_get_in_the_way_of_is_told_to_come_again(
    make_desk: Callable[..., TestApp], method: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Memory, "timeout", 0.05)
    desk = make_desk(store=backend(backends.EmbattledStore))
    ticket = post(desk, title="No coffee")
    body, headers = b'{"title":"No tea"}', {"Content-Type": ANY_JSON}
    said = refused(desk, 503, method, "/tickets/scp-001", body=body, headers=headers)
    assert "try again" in said
    assert desk.get("/tickets/scp-001").json == ticket


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (backends.UnavailableStore, 503),
        (backends.BreakingStore, 503),
        (backends.FullStore, 507),
    ],
)
def test_a_store_that_fails_is_an_error_in_json(
    make_desk: Callable[..., TestApp], kind: type, status: int
):
    desk = make_desk(store=backend(kind))
    answer = desk.post_json("/tickets", {"title": "x"}, status=status, expect_errors=True)
    assert answer.content_type == ANY_JSON
    assert answer.json["error"]
    assert ("Retry-After" in answer.headers) == (status == 503)


def test_a_locked_database_is_unavailable_for_now(
    make_desk: Callable[..., TestApp], tmp_path: Path
):
    desk = make_desk(options="timeout = 0.05")
    post(desk, title="No coffee")
    other = sqlite3.connect(tmp_path / "desk.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert send(desk, 503, b'{"title":"x"}')
    assert desk.get("/tickets").json["total"] == 1
    other.close()
    assert post(desk, title="No milk")["id"] == "scp-002"


def test_health_says_that_the_store_does_not_answer_and_the_log_says_why(
    desk: TestApp, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    (tmp_path / "desk.sqlite").write_text("not a database")
    said = refused(desk, 503, "GET", "/health")
    assert "the store does not answer" in said
    assert str(tmp_path) not in said
    assert str(tmp_path / "desk.sqlite") in caplog.text


def test_an_unexpected_exception_is_an_error_in_json_that_tells_nothing(desk: TestApp):
    secret = "hunter2"

    def broken() -> None:
        raise RuntimeError(secret)

    desk.app.get("/broken", callback=broken)
    answer = desk.get("/broken", status=500, expect_errors=True)
    assert answer.content_type == ANY_JSON
    assert "its log says why" in answer.json["error"]
    assert secret not in answer.text
    assert secret in answer.errors


def test_settings_that_are_not_there_are_an_error(tmp_path: Path):
    with pytest.raises(ConfigError, match=re.escape("nowhere.ini")):
        make_app(tmp_path / "nowhere.ini")
