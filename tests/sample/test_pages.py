"""The pages of the Ticket desk: forms, search, and what they say when something is wrong."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from napixd_store import Store
from sample_app.web import MAX_FORM
from tests.sample import backends
from tests.sample.people import hand_in, overtaken, titles
from tests.sample.wsgi import TestApp

FORM = "application/x-www-form-urlencoded"


# --- what is done ----------------------------------------------------------------------------


def test_a_form_makes_a_ticket_and_leads_to_it(desk: TestApp):
    assert hand_in(desk, title="No coffee", body="Room 7") == "/show/scp-001?done=created"
    page = desk.get("/show/scp-001?done=created")
    assert page.html.h1.text == "No coffee"
    assert page.html.select_one(".text").text == "Room 7"
    assert page.html.select_one("[role=status]").text == "The ticket is created."
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


def test_the_page_of_counters_loads_itself_again_until_it_is_told_to_stop(desk: TestApp):
    page = desk.get("/counters")
    assert page.html.select_one("meta[http-equiv=refresh]")["content"] == "2"
    still = page.click("Stop")
    assert still.html.select("meta[http-equiv=refresh]") == []
    assert still.click("Let it move").html.select("meta[http-equiv=refresh]")


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
        ("per_page=2&page=3", [1]),
        ("per_page=2&page=" + "9" * 30, []),
        ("q=lamp&status=closed&per_page=1&page=2", [3]),
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


def test_a_page_behind_the_last_leads_back_to_the_last(many: TestApp):
    page = many.get("/?per_page=2&page=999")
    assert titles(page.click("Newer")) == ["Lamp 1"]


def test_the_form_for_the_search_says_what_was_searched_for(many: TestApp):
    form = many.get('/?q="<lamp>"&status=closed').forms[0]
    assert (form["q"].value, form["status"].value) == ('"<lamp>"', "closed")


@pytest.mark.parametrize("query", ["page=0", "page=x", "per_page=101", "status=gone", "q=a&page="])
def test_a_bad_query_is_a_page_that_says_what_is_allowed(desk: TestApp, query: str):
    page = desk.get(f"/?{query}", status=400)
    assert "per_page (1 to 100)" in page.html.select_one(".problem").text


def test_the_list_goes_by_the_number_where_the_backend_keeps_no_order(
    make_desk: Callable[..., TestApp], tmp_path: Path
):
    desk = make_desk(store=f"backend = Directory\nroot = {tmp_path / 'stores'}")
    ticket = desk.post_json("/tickets", {"title": "1"}).json
    store = Store("tickets", backend="Directory", root=tmp_path / "stores")
    numbers = [999, 1000, 2, 30, 1001, 10]
    store.update({f"scp-{n:03}": {**ticket, "id": f"scp-{n:03}", "title": f"{n}"} for n in numbers})
    ordered = [str(number) for number in sorted([1, *numbers])]
    assert titles(desk.get("/")) == ordered[::-1]
    assert [each["title"] for each in desk.get("/tickets").json["tickets"]] == ordered
    pages = [desk.get(f"/?per_page=3&page={page}") for page in (1, 2, 3)]
    assert [title for page in pages for title in titles(page)] == ordered[::-1]


# --- what is wrong is said, and what was typed is kept ---------------------------------------


@pytest.mark.parametrize("path", ["/new", "/edit/scp-001"])
@pytest.mark.parametrize("title", ["", "x" * 201])
def test_a_form_that_is_wrong_comes_back_with_what_was_typed(desk: TestApp, path: str, title: str):
    hand_in(desk, title="No coffee")
    before = desk.get("/tickets").json
    form = desk.get(path).forms[0]
    form["title"], form["body"], form["status"] = title, "\n<typed>\n", "closed"
    page = form.submit(status=400)
    assert "1 to 200 characters" in page.html.select_one("[role=alert]").text
    again = page.forms[0]
    assert again["title"].value == title
    assert again["body"].value == "\n<typed>\n"
    assert again["status"].value == "closed"
    assert desk.get("/tickets").json == before
    again["title"] = "No tea"
    again.submit(status=303)


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
    """The record is another, but it says the same ticket: nobody was overtaken."""
    desk = make_desk(store=f"backend = tests.sample.backends.{backends.ContestedStore.__name__}")
    hand_in(desk, title="No coffee")
    form = desk.get("/edit/scp-001").forms[0]
    form["title"] = "No tea"
    form.submit(status=303)
    assert desk.get("/tickets/scp-001").json["title"] == "No tea"


def test_rivals_without_end_cost_nothing_that_was_typed(make_desk: Callable[..., TestApp]):
    desk = make_desk(store=f"backend = tests.sample.backends.{backends.EmbattledStore.__name__}")
    hand_in(desk, title="No coffee")
    form = desk.get("/edit/scp-001").forms[0]
    form["title"] = "No tea"
    assert form.submit(status=409).forms[0]["title"].value == "No tea"


def test_write_back_tells_who_is_overtaken_too(make_desk: Callable[..., TestApp]):
    assert overtaken(make_desk(store="writeback = yes")).forms[0]["title"].value == "No tea"


@pytest.mark.parametrize("field", ["seen", "title"])
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
    assert page.html.h1.text == "Not Found"
    assert "error" in desk.get("/nowhere", status=404).json


def test_a_store_that_fails_is_a_page(make_desk: Callable[..., TestApp]):
    desk = make_desk(store=f"backend = tests.sample.backends.{backends.UnavailableStore.__name__}")
    form = desk.get("/new").forms[0]
    form["title"] = "No coffee"
    page = form.submit(status=503)
    assert "does not answer" in page.html.select_one(".problem").text
    assert "Back button" in page.text
    assert page.headers["Retry-After"]
