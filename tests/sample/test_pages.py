"""The pages of the Ticket desk: forms, search, and what they say when something is wrong."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec
import pytest

from napixd_store import Store
from napixd_store.backends.memory import Memory
from napixd_store.backends.sqlite import SQLiteStore
from sample_app.desk import edit
from sample_app.pages import ago
from sample_app.tickets import Changes
from sample_app.web import MAX_FORM
from tests.sample import backends
from tests.sample.people import delete_late, hand_in, overtaken, titles
from tests.sample.wsgi import TestApp

FORM = "application/x-www-form-urlencoded"


# --- what is done ----------------------------------------------------------------------------


def test_a_form_makes_a_ticket_and_leads_to_it(desk: TestApp):
    assert hand_in(desk, title="No coffee", body="Room 7") == "/show/scp-001?done=created"
    page = desk.get("/show/scp-001?done=created")
    assert page.html.h1.text == "No coffee"
    assert page.html.select_one(".text").text == "Room 7"
    assert page.html.select_one("[role=status]").text == "The ticket is on the desk."
    assert desk.get("/tickets/scp-001").json["status"] == "open"


def test_a_form_changes_a_ticket_and_leads_to_it(desk: TestApp):
    hand_in(desk, title="No coffee")
    form = desk.get("/edit/scp-001").forms[0]
    form["title"], form["status"] = "No tea", "closed"
    page = form.submit(status=303).follow()
    assert page.html.h1.text == "No tea"
    ticket = desk.get("/tickets/scp-001").json
    assert (ticket["title"], ticket["status"]) == ("No tea", "closed")


def test_a_ticket_is_deleted_once_that_is_confirmed(desk: TestApp):
    hand_in(desk, title="No coffee")
    question = desk.get("/show/scp-001").click("Delete")
    assert desk.get("/tickets").json["total"] == 1
    page = question.forms[0].submit(status=303).follow()
    assert page.html.select_one("[role=status]").text == "The ticket is deleted."
    assert desk.get("/tickets").json["total"] == 0
    desk.get("/show/scp-001", status=404)


def test_a_ticket_is_closed_in_one_click_and_opened_again(desk: TestApp):
    hand_in(desk, title="No coffee", body="Room 7")
    before = desk.get("/tickets/scp-001").json
    for button, status, done in [
        ("Close ticket", "closed", "The ticket is closed."),
        ("Open again", "open", "The ticket is open again."),
    ]:
        form = desk.get("/show/scp-001").forms[0]
        assert button in form.text
        page = form.submit("status", status=303).follow()
        assert page.html.select_one("[role=status]").text == done
        after = desk.get("/tickets/scp-001").json
        assert after == {**before, "status": status, "updated": after["updated"]}


def test_closing_a_ticket_leaves_what_others_wrote_meanwhile(desk: TestApp):
    hand_in(desk, title="No coffee")
    form = desk.get("/show/scp-001").forms[0]
    desk.patch_json("/tickets/scp-001", {"body": "important"})
    form.submit("status", status=303)
    ticket = desk.get("/tickets/scp-001").json
    assert (ticket["body"], ticket["status"]) == ("important", "closed")


@pytest.mark.parametrize("writeback", ["no", "yes"])
def test_a_delete_that_was_confirmed_on_an_old_page_asks_again(
    make_desk: Callable[..., TestApp], writeback: str
):
    desk = make_desk(store=f"writeback = {writeback}")
    page = delete_late(desk)
    assert "somebody else changed this ticket" in page.html.select_one("[role=alert]").text
    assert page.html.select_one(".text").text == "important"
    assert desk.get("/tickets").json["total"] == 1
    page.forms[0].submit(status=303)
    assert desk.get("/tickets").json["total"] == 0


def test_a_rival_at_the_moment_of_deleting_costs_no_change(make_desk: Callable[..., TestApp]):
    """He gets in after the ticket was looked at, and before it is gone."""
    kind = backends.LateStore
    desk = make_desk(store=f"backend = tests.sample.backends.{kind.__name__}")
    hand_in(desk, title="No coffee")
    form = desk.get("/delete/scp-001").forms[0]
    kind.rival = lambda tickets, _text: edit("scp-001", Changes(body="important"), tickets)
    assert form.submit(status=409).html.select_one(".text").text == "important"
    assert desk.get("/tickets/scp-001").json["body"] == "important"


@pytest.mark.parametrize("fields", [{}, {"version": ""}, {"version": "*"}])
def test_a_delete_that_does_not_say_what_was_seen_deletes_nothing(
    desk: TestApp, fields: dict[str, str]
):
    hand_in(desk, title="No coffee")
    token = desk.get("/delete/scp-001").forms[0]["token"].value
    desk.post("/delete/scp-001", {"token": token, **fields}, status=400)
    assert desk.get("/tickets").json["total"] == 1


@pytest.mark.parametrize("status", ["", "gone"])
def test_a_status_that_is_none_changes_nothing(desk: TestApp, status: str):
    hand_in(desk, title="No coffee")
    before = desk.get("/tickets").json
    token = desk.get("/show/scp-001").forms[0]["token"].value
    desk.post("/status/scp-001", {"token": token, "status": status}, status=400)
    assert desk.get("/tickets").json == before


def test_loading_the_page_after_a_form_again_repeats_nothing(desk: TestApp):
    after = desk.get("/new").forms[0]
    after["title"] = "No coffee"
    shown = after.submit().follow()
    desk.get(shown.request.url)
    assert desk.get("/stats").json["issued"] == 1


@pytest.mark.parametrize(
    "text",
    ["\nfirst\n\nsecond\n", "\n\n", "  spaces  ", "é 𝄞 ‮ \u2028", "<b>&amp;</b>", "% if\n%end"],
)
def test_a_form_gives_a_text_back_as_it_was_typed(desk: TestApp, text: str):
    hand_in(desk, title="x", body=text)
    assert desk.get("/tickets/scp-001").json["body"] == text
    desk.get("/edit/scp-001").forms[0].submit(status=303)
    assert desk.get("/tickets/scp-001").json["body"] == text


def test_the_counters_move(desk: TestApp):
    def counts() -> list[str]:
        return [each.text for each in desk.get("/counters").html.select("dd")]

    assert counts() == ["0", "0", "0", "scp-001"]
    hand_in(desk, title="No coffee")
    hand_in(desk, title="No tea", status="closed")
    assert counts() == ["1", "1", "2", "scp-003"]


def test_the_page_of_counters_loads_itself_again_once_it_is_asked_and_until_told_to_stop(
    desk: TestApp,
):
    still = desk.get("/counters")
    assert "Refresh" not in still.headers
    moving = still.click("Let it move")
    assert moving.headers["Refresh"] == "2"
    assert "Refresh" not in moving.click("Stop").headers


def test_the_chart_has_a_bar_for_each_minute_as_high_as_its_tickets_are_many(
    desk: TestApp, tmp_path: Path
):
    store = Store("tickets", backend="SQLite", path=tmp_path / "desk.sqlite")
    ticket = desk.post_json("/tickets", {"title": "x"}).json
    now = datetime.now(timezone.utc)
    for number, minutes in enumerate([5, 5, 5, 5, 29, 30, 10_000], start=2):
        id, created = f"scp-{number:03}", (now - timedelta(minutes=minutes)).isoformat()
        store[number] = {**ticket, "id": id, "created": created}
    chart = desk.get("/counters").html.select_one("figure")
    heights = [float(bar["height"]) for bar in chart.select("rect")]
    assert len(heights) == 30
    assert (heights[-6], heights[-1], heights[0]) == (100, 26.5, 26.5)
    assert {*heights[1:-6], *heights[-5:-1]} == {2}
    said = chart.svg["aria-label"]
    assert said == "New tickets by minute: 1" + ", 0" * 23 + ", 4, 0, 0, 0, 0, 1"
    assert "6 in all, 4 in the busiest minute" in chart.text


def test_an_empty_desk_invites_to_write_the_first_ticket(desk: TestApp):
    page = desk.get("/")
    assert page.html.h1.text == "The desk is clear"
    assert page.html.select("form") == []
    assert page.click("Write the first ticket").forms[0]["title"].value == ""
    assert desk.get("/?q=x").html.h1.text == "Tickets"


@pytest.mark.parametrize(
    ("past", "said"),
    [
        (timedelta(), "just now"),
        (timedelta(seconds=-90), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(seconds=61), "1 minute ago"),
        (timedelta(minutes=59), "59 minutes ago"),
        (timedelta(minutes=61), "1 hour ago"),
        (timedelta(hours=23), "23 hours ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=400), "400 days ago"),
    ],
)
def test_a_time_is_said_as_people_say_it(past: timedelta, said: str):
    assert ago(datetime.now(timezone.utc) - past) == said


# --- a record that cannot be read ------------------------------------------------------------


@pytest.fixture(params=["no", "yes"], ids=["write-through", "write-back"])
def damaged(request: pytest.FixtureRequest, make_desk: Callable[..., TestApp], tmp_path: Path):
    """A desk of 150 tickets, of which one cannot be read."""
    desk = make_desk(store=f"writeback = {request.param}")
    ticket = desk.post_json("/tickets", {"title": "No coffee"}).json
    store = Store("tickets", backend="SQLite", path=tmp_path / "desk.sqlite")
    store.update({n: {**ticket, "id": f"scp-{n:03}"} for n in range(2, 151)})
    store[149] = {"title": 7}
    return desk


def test_one_bad_record_is_one_bad_row_for_a_person(
    damaged: TestApp, caplog: pytest.LogCaptureFixture
):
    page = damaged.get("/")
    assert len(titles(page)) == 19
    row = page.html.select(".tickets li")[1].text
    assert "scp-149" in row
    assert "cannot be read" in row
    assert "150 tickets" in page.html.select_one(".count").text
    assert "key 149" in caplog.text
    assert len(titles(damaged.get("/?q=coffee&per_page=100"))) == 100
    assert damaged.get("/counters").html.select_one("#unreadable").text == "1"


def test_one_bad_record_is_one_bad_row_for_a_program(damaged: TestApp):
    answer = damaged.get("/tickets?per_page=100&after=scp-100").json
    assert answer["total"] == 150
    assert answer["tickets"][48] == {
        "id": "scp-149",
        "error": "this ticket cannot be read, and the log says why",
    }
    assert [each["title"] for each in answer["tickets"] if "title" in each] == ["No coffee"] * 49
    assert len(damaged.get("/tickets?status=open&after=scp-140").json["tickets"]) == 9
    stats = damaged.get("/stats").json
    assert (stats["open"], stats["closed"], stats["unreadable"]) == (149, 0, 1)


@pytest.mark.parametrize("path", ["/show/scp-149", "/edit/scp-149", "/delete/scp-149"])
def test_the_page_of_a_bad_record_says_so(damaged: TestApp, path: str):
    page = damaged.get(path, status=500)
    assert "The ticket 'scp-149' cannot be read" in page.html.select_one(".problem").text


def test_a_bad_record_is_left_as_it_is_unless_a_program_deletes_it(damaged: TestApp):
    for method in ("get", "put_json", "patch_json"):
        fields = [] if method == "get" else [{"title": "No tea"}]
        answer = getattr(damaged, method)("/tickets/scp-149", *fields, status=500)
        assert answer.json == {"error": "the ticket 'scp-149' cannot be read, and the log says why"}
    damaged.delete("/tickets/scp-149", status=204)
    assert "unreadable" not in damaged.get("/stats").json


# --- search and pages ------------------------------------------------------------------------


@pytest.fixture
def many(desk: TestApp):
    for number in range(1, 6):
        status = "closed" if number % 2 else "open"
        fields = {"title": f"Lamp {number}", "body": f"Straße {number}", "status": status}
        desk.post_json("/tickets", fields)
    return desk


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [5, 4, 3, 2, 1]),
        ("q=lamp", [5, 4, 3, 2, 1]),
        ("q=LAMP+3", [3]),
        ("q=strasse+2", [2]),
        ("q=Stra%C3%9Fe", [5, 4, 3, 2, 1]),
        ("q=scp-004", [4]),
        ("q=nothing", []),
        ("status=closed", [5, 3, 1]),
        ("q=1&status=open", []),
        ("q=&status=&utm=x", [5, 4, 3, 2, 1]),
        ("per_page=2", [5, 4]),
        ("per_page=2&older=scp-002", [1]),
        ("per_page=2&older=scp-001", []),
        ("per_page=2&older=scp-999999", [5, 4]),
        ("per_page=2&newer=scp-001", [3, 2]),
        ("per_page=2&newer=scp-004", [5, 4]),
        ("q=lamp&status=closed&per_page=1&older=scp-005", [3]),
        ("q=lamp&status=closed&per_page=1&newer=scp-001", [3]),
    ],
)
def test_the_list_has_what_was_searched_for_the_newest_first(
    many: TestApp, query: str, found: list[int]
):
    assert titles(many.get(f"/?{query}")) == [f"Lamp {number}" for number in found]


def test_the_links_between_pages_keep_the_search(many: TestApp):
    page = many.get("/?q=lamp&status=closed&per_page=2")
    assert titles(page) == ["Lamp 5", "Lamp 3"]
    page = page.click("Older")
    assert titles(page) == ["Lamp 1"]
    assert page.html.select("[rel=next]") == []
    assert titles(page.click("Newer")) == ["Lamp 5", "Lamp 3"]


@pytest.mark.parametrize(
    ("query", "links"),
    [
        ("per_page=5", []),
        ("per_page=1", ["Older"]),
        ("per_page=1&older=scp-005", ["Newest", "Newer", "Older"]),
        ("per_page=1&newer=scp-002", ["Newest", "Newer", "Older"]),
        ("per_page=1&older=scp-002", ["Newest", "Newer"]),
        ("per_page=1&newer=scp-004", ["Older"]),
        ("per_page=3&older=scp-001", ["Newest"]),
    ],
)
def test_the_list_ends_with_links_to_its_pages(many: TestApp, query: str, links: list[str]):
    page = many.get(f"/?{query}").html
    assert [each.text for each in page.select(".pages > *")] == links
    assert page.select(".tickets ~ .pages") == page.select(".tickets + .pages")


def test_a_page_behind_the_last_leads_back_to_the_first(many: TestApp):
    page = many.get("/?per_page=2&older=scp-001")
    assert titles(page.click("Newest")) == ["Lamp 5", "Lamp 4"]


def test_pages_go_on_where_they_were_whatever_comes_and_goes(many: TestApp):
    page = many.get("/?per_page=2")
    many.post_json("/tickets", {"title": "Lamp 6"})
    many.delete("/tickets/scp-004")
    page = page.click("Older")
    assert titles(page) == ["Lamp 3", "Lamp 2"]
    assert titles(page.click("Newer")) == ["Lamp 6", "Lamp 5"]


def test_no_page_reads_more_tickets_than_it_shows(
    desk: TestApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    ticket = desk.post_json("/tickets", {"title": "x"}).json
    store = Store("tickets", backend="SQLite", path=tmp_path / "desk.sqlite")
    store.update({n: {**ticket, "id": f"scp-{n:03}"} for n in range(2, 3_001)})
    read = 0
    rows = SQLiteStore._page

    def counted(*arguments: Any) -> Any:
        nonlocal read
        found = rows(*arguments)
        read += len(found[0])
        return found

    monkeypatch.setattr(SQLiteStore, "_page", counted)
    for page in ("", "older=scp-1500", "newer=scp-1500", "older=scp-021"):
        read = 0
        assert len(titles(desk.get(f"/?{page}"))) == 20
        assert read <= 21


def test_the_form_for_the_search_says_what_was_searched_for(many: TestApp):
    form = many.get('/?q="<lamp>"&status=closed').forms[0]
    assert (form["q"].value, form["status"].value) == ('"<lamp>"', "closed")


@pytest.mark.parametrize(
    "query", ["older=x", "newer=1", "older=scp-1", "per_page=101", "status=gone"]
)
def test_a_bad_query_is_a_page_that_says_what_is_allowed(desk: TestApp, query: str):
    page = desk.get(f"/?{query}", status=400)
    assert "asks the list for what it does not have" in page.html.select_one(".problem").text


def test_the_list_goes_by_the_number_where_the_backend_keeps_no_order(
    make_desk: Callable[..., TestApp], tmp_path: Path
):
    desk = make_desk(store=f"backend = Directory\nroot = {tmp_path / 'stores'}")
    ticket = desk.post_json("/tickets", {"title": "1"}).json
    store = Store("tickets", backend="Directory", root=tmp_path / "stores")
    numbers = [999, 1000, 2, 30, 1001, 10]
    store.update({n: {**ticket, "id": f"scp-{n:03}", "title": f"{n}"} for n in numbers})
    ordered = [str(number) for number in sorted([1, *numbers])]
    assert titles(desk.get("/")) == ordered[::-1]
    assert [each["title"] for each in desk.get("/tickets").json["tickets"]] == ordered
    pages = [desk.get("/?per_page=3")]
    pages += [pages[0].click("Older")]
    pages += [pages[1].click("Older")]
    assert [title for page in pages for title in titles(page)] == ordered[::-1]


# --- what is wrong is said, and what was typed is kept ---------------------------------------


@pytest.mark.parametrize("path", ["/new", "/edit/scp-001"])
@pytest.mark.parametrize("title", ["", "  ", "\u3000\t\xa0", "x" * 201])
def test_a_form_that_is_wrong_comes_back_with_what_was_typed(desk: TestApp, path: str, title: str):
    hand_in(desk, title="No coffee")
    before = desk.get("/tickets").json
    form = desk.get(path).forms[0]
    form["title"], form["body"], form["status"] = title, "\n<typed>\n", "closed"
    page = form.submit(status=400)
    field = page.html.select_one("[name=title]")
    assert (field["aria-invalid"], field.has_attr("autofocus")) == ("true", True)
    said = [page.html.find(id=id).text for id in field["aria-describedby"].split()]
    assert "1 to 200 characters, and not only blanks" in said[0]
    assert page.html.title.text.startswith("Not saved: ")
    again = page.forms[0]
    assert again["title"].value == title
    assert again["body"].value == "\n<typed>\n"
    assert again["status"].value == "closed"
    assert desk.get("/tickets").json == before
    again["title"] = "No tea"
    again.submit(status=303)


def test_a_form_in_which_nothing_is_wrong_blames_no_field(desk: TestApp):
    assert desk.get("/new").html.select("[aria-invalid], [autofocus], .wrong, [role=alert]") == []


def test_a_form_with_a_field_of_its_own_says_what_a_ticket_has(desk: TestApp):
    fields = dict(desk.get("/new").forms[0].submit_fields()) | {"title": "x", "colour": "red"}
    page = desk.post("/new", fields, status=400)
    assert "a ticket has a title" in page.html.select_one("[role=alert]").text
    assert page.html.select("[aria-invalid]") == []


def test_who_is_overtaken_reads_both_versions_and_may_store_theirs(desk: TestApp):
    page = overtaken(desk)
    assert desk.get("/tickets/scp-001").json["title"] == "No milk"
    assert "somebody else changed this ticket" in page.html.select_one("[role=alert]").text
    now = page.html.select_one("section").text
    assert "No milk" in now
    assert "stored by others" in now
    form = page.forms[0]
    assert (form["title"].value, form["body"].value) == ("No tea", "typed by me")
    assert form["status"].value == "closed"
    form.submit(status=303)
    assert desk.get("/tickets/scp-001").json["title"] == "No tea"


def test_who_is_overtaken_twice_is_told_twice(desk: TestApp):
    form = overtaken(desk).forms[0]
    desk.patch_json("/tickets/scp-001", {"title": "No sugar"})
    page = form.submit(status=409)
    assert "No sugar" in page.html.select_one("section").text
    assert page.forms[0]["title"].value == "No tea"


def test_who_edits_a_ticket_that_is_deleted_meanwhile_can_make_it_anew(desk: TestApp):
    hand_in(desk, title="No coffee")
    form = desk.get("/edit/scp-001").forms[0]
    form["title"], form["body"] = "No tea", "typed by me"
    desk.delete("/tickets/scp-001")
    page = form.submit(status=404)
    assert "deleted this ticket" in page.html.select_one("[role=alert]").text
    again = page.forms[0]
    assert (again["title"].value, again["body"].value) == ("No tea", "typed by me")
    assert again.submit(status=303).location == "/show/scp-002?done=created"


def test_a_rival_at_the_moment_of_storing_costs_no_change(make_desk: Callable[..., TestApp]):
    """He changes how long it lives, and not the ticket: nobody was overtaken."""
    desk = make_desk(store=f"backend = tests.sample.backends.{backends.ContestedStore.__name__}")
    hand_in(desk, title="No coffee")
    form = desk.get("/edit/scp-001").forms[0]
    form["title"] = "No tea"
    form.submit(status=303)
    assert desk.get("/tickets/scp-001").json["title"] == "No tea"


def test_rivals_without_end_leave_what_was_typed_in_the_browser(
    make_desk: Callable[..., TestApp], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Memory, "timeout", 0.05)
    desk = make_desk(store=f"backend = tests.sample.backends.{backends.EmbattledStore.__name__}")
    hand_in(desk, title="No coffee")
    form = desk.get("/edit/scp-001").forms[0]
    form["title"] = "No tea"
    assert "Back button" in form.submit(status=503).text
    assert desk.get("/tickets/scp-001").json["title"] == "No coffee"


def test_write_back_tells_who_is_overtaken_too(make_desk: Callable[..., TestApp]):
    assert overtaken(make_desk(store="writeback = yes")).forms[0]["title"].value == "No tea"


@pytest.mark.parametrize("field", ["version", "title"])
def test_a_form_that_lacks_what_it_must_say_changes_nothing(desk: TestApp, field: str):
    hand_in(desk, title="No coffee", body="empty", status="closed")
    before = desk.get("/tickets/scp-001").json
    form = desk.get("/edit/scp-001").forms[0]
    fields = dict(form.submit_fields())
    del fields[field]
    answer = desk.post("/edit/scp-001", fields, expect_errors=True)
    assert answer.status_code == 400
    assert desk.get("/tickets/scp-001").json == before


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"title=%FF&token=x", FORM, 400),
        (b"title=%ED%A0%80&token=x", FORM, 400),
        (b"title=\xff", FORM, 400),
        (b"title=x&title=y", FORM, 400),
        (b"title=x", "text/plain", 415),
        (b"{}", "application/json", 415),
        (b"", "multipart/form-data; boundary=x", 415),
        (b"title=" + b"x" * MAX_FORM, FORM, 413),
        (b"", FORM, 403),
        (b"&=&&;%", FORM, 403),
    ],
)
def test_what_is_no_form_of_ours_is_refused(
    desk: TestApp, body: bytes, content_type: str, status: int
):
    desk.get("/new")
    page = desk.post("/new", body, {"Content-Type": content_type}, status=status)
    assert page.html.h1
    assert desk.get("/stats").json["issued"] == 0


def test_a_form_takes_each_text_that_the_api_takes(desk: TestApp):
    text = "é" * 30_000  # which a form sends as 180,000 bytes
    body = msgspec.json.encode({"title": "x", "body": text})
    desk.post("/tickets", body, {"Content-Type": "application/json"})
    desk.get("/edit/scp-001").forms[0].submit(status=303)
    assert desk.get("/tickets/scp-001").json["body"] == text


# --- errors are pages ------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/show/scp-999", "/edit/scp-999", "/delete/scp-999"])
def test_a_ticket_that_is_not_there_is_a_page(desk: TestApp, path: str):
    assert "scp-999" in desk.get(path, status=404).html.select_one(".problem").text


@pytest.mark.parametrize("path", ["/static/nothing", "/static/..%2Fapp.ini", "/static/%2Fapp.ini"])
def test_only_the_files_of_the_pages_are_served(desk: TestApp, path: str):
    answer = desk.get(path, status="*")
    assert answer.status_code in (403, 404)
    assert "backend" not in answer.text


def test_a_path_that_is_none_is_a_page_for_a_browser_and_json_for_a_program(desk: TestApp):
    page = desk.get("/nowhere", headers={"Accept": "text/html,*/*"}, status=404)
    assert page.html.h1.text == "There is nothing here"
    assert "error" in desk.get("/nowhere", status=404).json


def test_a_store_that_fails_is_a_page(make_desk: Callable[..., TestApp]):
    desk = make_desk(store=f"backend = tests.sample.backends.{backends.UnavailableStore.__name__}")
    form = desk.get("/new").forms[0]
    form["title"] = "No coffee"
    page = form.submit(status=503)
    assert "does not answer" in page.html.select_one(".problem").text
    assert "Back button" in page.text
    assert page.headers["Retry-After"]
