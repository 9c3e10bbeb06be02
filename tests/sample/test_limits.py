"""How many tickets may come from one address, and what becomes of those that are too many."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napixd_store import ConfigError, Store, connections
from sample_app.limits import spoken
from tests.sample.people import hand_in
from tests.sample.service import Service, kept_in
from tests.sample.wsgi import TestApp

SECTIONS = """
[store.arrivals]
collection = arrivals
expires_in = 3600
[store.drafts]
collection = drafts
expires_in = 86400
[desk]
limit = {limit}
"""


@pytest.fixture
def limited(make_desk: Callable[..., TestApp]) -> Callable[[str], TestApp]:
    def make(limit: str) -> TestApp:
        return make_desk(store=SECTIONS.format(limit=limit))

    return make


def at(address: str) -> dict[str, Any]:
    return {"extra_environ": {"REMOTE_ADDR": address}}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let so many seconds pass for whatever ends."""
    passed = [0]
    real = connections.Connection.now
    monkeypatch.setattr(connections.Connection, "now", lambda self: real(self) + passed[0])

    def advance(seconds: float) -> None:
        passed[0] += round(seconds * 1000)

    return advance


def test_so_many_tickets_come_from_an_address_and_no_more(limited: Callable[[str], TestApp]):
    desk = limited("2")
    for address in ("192.0.2.7", "192.0.2.8"):
        for status in (201, 201, 429, 429):
            desk.post_json("/tickets", {"title": "x"}, status=status, **at(address))
    assert desk.get("/stats").json["issued"] == 4


def test_a_program_is_told_when_to_come_again_and_then_let_in(
    limited: Callable[[str], TestApp], clock: Callable[[float], None]
):
    desk = limited("1")
    desk.post_json("/tickets", {"title": "x"})
    clock(3600 - 90)
    answer = desk.post_json("/tickets", {"title": "x"}, status=429)
    assert 80 < int(answer.headers["Retry-After"]) <= 90
    assert answer.json["error"].startswith("too many tickets came from your address")
    assert answer.json["error"].endswith(f"next in {answer.headers['Retry-After']} seconds")
    clock(int(answer.headers["Retry-After"]))
    desk.post_json("/tickets", {"title": "x"}, status=201)


def test_what_is_refused_for_another_reason_and_what_is_changed_does_not_count(
    limited: Callable[[str], TestApp],
):
    desk = limited("2")
    desk.post_json("/tickets", {"title": ""}, status=400)
    desk.post_json("/tickets", {"title": "x"}, status=201)
    for _ in range(3):
        desk.patch_json("/tickets/scp-001", {"title": "y"}, status=200)
    desk.post_json("/tickets", {"title": "x"}, status=201)


def test_what_a_client_says_of_its_address_plays_no_part(limited: Callable[[str], TestApp]):
    desk = limited("1")
    desk.post_json("/tickets", {"title": "x"}, status=201, **at("192.0.2.7"))
    headers = {"X-Forwarded-For": "192.0.2.99"}
    desk.post_json("/tickets", {"title": "x"}, headers=headers, status=429, **at("192.0.2.7"))


def test_those_who_come_by_a_socket_count_as_one(limited: Callable[[str], TestApp]):
    desk = limited("1")
    for status in (201, 429):
        desk.post_json("/tickets", {"title": "x"}, status=status, **at(""))


def test_without_a_section_that_says_when_it_ends_no_time_is_promised(
    make_desk: Callable[..., TestApp],
):
    desk = make_desk(store="[desk]\nlimit = 1")
    desk.post_json("/tickets", {"title": "x"})
    answer = desk.post_json("/tickets", {"title": "x"}, status=429)
    assert "Retry-After" not in answer.headers
    assert answer.json["error"].endswith("no more are taken")


def test_it_is_off_by_default(tmp_path: Path):
    with Service(tmp_path) as service:
        statuses = [service.request("POST", "/tickets", {"title": "x"})[0] for _ in range(30)]
    assert statuses == [201] * 30


@pytest.mark.parametrize("limit", ["0", "-1", "1.5", "many", "10 ; an hour", "²"])
def test_a_limit_that_is_none_stops_the_start(limited: Callable[[str], TestApp], limit: str):
    with pytest.raises(ConfigError, match=r"'desk.limit' must be a whole number above 0"):
        limited(limit)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.001, "1 second"),
        (1, "1 second"),
        (1.2, "2 seconds"),
        (120, "120 seconds"),
        (121, "3 minutes"),
        (3600, "60 minutes"),
        (7200, "120 minutes"),
        (7201, "3 hours"),
    ],
)
def test_a_wait_is_said_as_people_say_it_and_never_too_short(seconds: float, said: str):
    assert spoken(seconds) == said


# --- people, and what they typed -------------------------------------------------------------


def test_a_person_who_has_to_wait_keeps_what_was_typed(
    limited: Callable[[str], TestApp], clock: Callable[[float], None]
):
    desk = limited("1")
    hand_in(desk, title="No coffee")
    form = desk.get("/new").forms[0]
    form["title"], form["body"] = "No tea", "The tin is empty."
    page = form.submit(status=429)
    assert 3590 < int(page.headers["Retry-After"]) <= 3600
    said = page.html.select_one("[role=alert]").text
    assert "send the next in 60 minutes" in said
    assert "not saved yet" in said
    assert (page.forms[0]["title"].value, page.forms[0]["body"].value) == (
        "No tea",
        "The tin is empty.",
    )
    clock(3600)
    again = desk.get("/new")  # the window was closed, and the computer too
    assert "no ticket yet" in again.html.select_one("[role=alert]").text
    form = again.forms[0]
    assert (form["title"].value, form["body"].value) == ("No tea", "The tin is empty.")
    form.submit(status=303)
    assert desk.get("/new").forms[0]["title"].value == ""
    assert desk.get("/tickets").json["total"] == 2


def test_a_draft_lasts_a_day(limited: Callable[[str], TestApp], clock: Callable[[float], None]):
    desk = limited("")
    form = desk.get("/new").forms[0]
    form["body"] = "typed"
    form.submit(status=400)
    clock(86_399)
    assert desk.get("/new").forms[0]["body"].value == "typed"
    clock(1)
    page = desk.get("/new")
    assert page.forms[0]["body"].value == ""
    assert page.html.select("[role=alert]") == []


def test_a_draft_is_for_the_browser_that_typed_it(limited: Callable[[str], TestApp]):
    desk = limited("")
    form = desk.get("/new").forms[0]
    form["body"] = "typed"
    form.submit(status=400)
    other = TestApp(desk.app)
    assert other.get("/new").forms[0]["body"].value == ""
    other.set_cookie("desk", "x" * 3000)
    assert other.get("/new").forms[0]["body"].value == ""
    assert desk.get("/new").forms[0]["body"].value == "typed"


def test_a_form_that_is_not_ours_leaves_no_draft(limited: Callable[[str], TestApp], tmp_path: Path):
    desk = limited("")
    fields = dict(desk.get("/new").forms[0].submit_fields()) | {"body": "lies", "token": "0" * 64}
    desk.post("/new", fields, status=403)
    drafts = Store("drafts", backend="SQLite", path=tmp_path / "desk.sqlite", durability="process")
    assert drafts == {}


@pytest.mark.parametrize("backend", ["SQLite", "File", "Directory"])
def test_a_running_desk_limits_by_its_settings(tmp_path: Path, backend: str):
    section = f"[store]\nbackend = {backend}\n" + (
        "path = desk.sqlite\n" if backend == "SQLite" else "root = stores\n"
    )
    arguments = kept_in(tmp_path, section)
    settings = tmp_path / "my.ini"
    settings.write_text(settings.read_text().replace("limit =", "limit = 3"))
    with Service(tmp_path, *arguments) as service:
        statuses = [service.request("POST", "/tickets", {"title": "x"})[0] for _ in range(5)]
    assert statuses == [201, 201, 201, 429, 429]
