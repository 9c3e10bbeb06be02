"""The pages of the Ticket desk: forms, search, what they refuse, and how they are built."""

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from napixd_store import Store
from sample_app.app import make_app
from sample_app.web import HEADERS, MAX_FORM
from tests.sample import backends
from tests.sample.hostile import TEXTS
from tests.sample.wsgi import TestApp

CSS = Path(__file__).resolve().parents[2] / "sample_app" / "static" / "desk.css"
FORM = "application/x-www-form-urlencoded"


def hand_in(desk: TestApp, **fields: str) -> str:
    """Send the form for a new ticket; return where it leads."""
    form = desk.get("/new").forms[0]
    for field, value in fields.items():
        form[field] = value
    location: str = form.submit(status=303).location
    return location


def titles(page: Any) -> list[str]:
    return [link.text for link in page.html.select(".tickets a")]


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


def overtaken(desk: TestApp) -> Any:
    """Send a form for a ticket that somebody else changed since it was loaded."""
    hand_in(desk, title="No coffee", body="the tin is empty")
    form = desk.get("/edit/scp-001").forms[0]
    form["title"], form["body"], form["status"] = "No tea", "typed by me", "closed"
    desk.patch_json("/tickets/scp-001", {"title": "No milk", "body": "stored by others"})
    return form.submit(status=409)


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


# --- nobody else's forms ---------------------------------------------------------------------


def no_token(fields: dict[str, str], other: TestApp) -> dict[str, str]:
    del fields["token"]
    return {}


def empty_token(fields: dict[str, str], other: TestApp) -> dict[str, str]:
    fields["token"] = ""
    return {}


def forged_token(fields: dict[str, str], other: TestApp) -> dict[str, str]:
    fields["token"] = "0" * 64
    return {}


def token_of_no_ascii(fields: dict[str, str], other: TestApp) -> dict[str, str]:
    fields["token"] = "é" * 64
    return {}


def foreign_token(fields: dict[str, str], other: TestApp) -> dict[str, str]:
    fields["token"] = other.get("/new").forms[0]["token"].value
    return {}


def foreign_cookie(fields: dict[str, str], other: TestApp) -> dict[str, str]:
    other.get("/new")
    return {"Cookie": f"desk={other.cookies['desk']}"}


def empty_cookie(fields: dict[str, str], other: TestApp) -> dict[str, str]:
    return {"Cookie": "desk="}


def another_page(fields: dict[str, str], other: TestApp) -> dict[str, str]:
    return {"Origin": "http://evil.example"}


def another_port(fields: dict[str, str], other: TestApp) -> dict[str, str]:
    return {"Origin": "http://localhost:81"}


def a_page_that_hides(fields: dict[str, str], other: TestApp) -> dict[str, str]:
    return {"Origin": "null"}


@pytest.mark.parametrize(
    "tamper",
    [
        no_token,
        empty_token,
        forged_token,
        token_of_no_ascii,
        foreign_token,
        foreign_cookie,
        empty_cookie,
        another_page,
        another_port,
        a_page_that_hides,
    ],
)
@pytest.mark.parametrize("path", ["/new", "/edit/scp-001", "/delete/scp-001"])
def test_a_form_that_is_not_ours_changes_nothing(
    desk: TestApp, path: str, tamper: Callable[..., Any]
):
    hand_in(desk, title="No coffee")
    before = [desk.get(each).json for each in ("/tickets", "/stats")]
    fields = {"title": "Lies", **dict(desk.get(path).forms[0].submit_fields())}
    headers = tamper(fields, TestApp(desk.app))
    if "Cookie" in headers:
        desk.reset()
    page = desk.post(path, fields, headers, status=403)
    assert "nothing was changed" in page.html.select_one(".problem").text
    assert [desk.get(each).json for each in ("/tickets", "/stats")] == before


def test_a_form_without_the_cookie_changes_nothing(desk: TestApp):
    fields = dict(desk.get("/new").forms[0].submit_fields()) | {"title": "Lies"}
    desk.reset()
    desk.post("/new", fields, status=403)
    assert desk.get("/stats").json["issued"] == 0


def test_a_form_of_our_own_page_says_so_and_is_taken(desk: TestApp):
    form = desk.get("/new").forms[0]
    form["title"] = "No coffee"
    form.submit(headers={"Origin": "http://localhost:80"}, status=303)
    assert desk.get("/stats").json["issued"] == 1


def test_a_form_that_one_process_made_another_takes(desk: TestApp, tmp_path: Path):
    fields = dict(desk.get("/new").forms[0].submit_fields()) | {"title": "No coffee"}
    other = TestApp(make_app(tmp_path / "app.ini"))
    other.set_cookie("desk", desk.cookies["desk"])
    other.post("/new", fields, status=303)


def test_the_cookie_is_hidden_from_scripts_and_from_other_sites(desk: TestApp):
    cookie = desk.get("/new").headers["Set-Cookie"]
    parts = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert parts == {"httponly", "path=/", "samesite=lax"}
    assert "Set-Cookie" not in desk.get("/new").headers
    desk.reset()
    secure = desk.get("/new", extra_environ={"wsgi.url_scheme": "https"}).headers["Set-Cookie"]
    assert "secure" in secure.lower()


# --- how pages are built ---------------------------------------------------------------------

PAGES = ["/", "/?q=x", "/new", "/show/scp-001", "/edit/scp-001", "/delete/scp-001", "/counters"]


@pytest.fixture(params=[*PAGES, "400", "404", "409"])
def any_page(request: pytest.FixtureRequest, desk: TestApp):
    if request.param == "409":
        return overtaken(desk)
    desk.post_json("/tickets", {"title": "No coffee", "body": "x"})
    if request.param == "404":
        return desk.get("/show/scp-999", status=404)
    if request.param == "400":
        return desk.get("/new").forms[0].submit(status=400)
    return desk.get(request.param)


def test_each_page_has_its_landmarks_and_one_heading_of_the_first_rank(any_page: Any):
    page = any_page.html
    assert page.html["lang"] == "en"
    for landmark in ("header", "main", "footer", "header nav[aria-label]", "h1", "title"):
        assert len(page.select(landmark)) == 1, landmark
    assert (
        page.select_one("meta[name=viewport]")["content"] == "width=device-width, initial-scale=1"
    )
    ranks = [int(heading.name[1]) for heading in page.select("h1, h2, h3, h4, h5, h6")]
    assert ranks[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(ranks))
    assert page.h1.find_parent("main")


def test_the_first_link_of_each_page_skips_to_the_content(any_page: Any):
    page = any_page.html
    first = page.select_one("a, button, input, select, textarea")
    assert first["href"] == "#" + page.main["id"]
    assert page.main["tabindex"] == "-1"


def test_each_field_of_each_page_has_a_label_and_each_button_and_link_a_name(any_page: Any):
    page = any_page.html
    for field in page.select("input:not([type=hidden]), select, textarea"):
        assert page.select_one(f"label[for='{field['id']}']").text.strip(), field
    for named in page.select("a, button"):
        assert named.text.strip(), named
    assert all(image.has_attr("alt") for image in page.select("img"))


def test_what_each_page_refers_to_is_there_once(any_page: Any):
    page = any_page.html
    ids = [each["id"] for each in page.select("[id]")]
    assert len(ids) == len(set(ids))
    for attribute in ("for", "aria-describedby", "aria-labelledby"):
        for each in page.select(f"[{attribute}]"):
            names = each[attribute]
            assert set(names.split() if isinstance(names, str) else names) <= set(ids)


def test_no_page_has_a_script_a_style_of_its_own_or_anything_from_elsewhere(any_page: Any):
    page = any_page.html
    assert page.select("script, style, [style], iframe, object, embed, base") == []
    assert not [name for each in page.select("*") for name in each.attrs if name.startswith("on")]
    for attribute in ("href", "src", "action"):
        for each in page.select(f"[{attribute}]"):
            assert re.match(r"/(?!/)|#main$", each[attribute]), each


def test_the_navigation_marks_the_page_that_is_shown(desk: TestApp):
    for path in ("/", "/new", "/counters"):
        (marked,) = desk.get(path).html.select("[aria-current=page]")
        assert marked["href"] == path


@pytest.mark.parametrize(
    ("path", "status"),
    [(path, 200) for path in [*PAGES, "/static/desk.css", "/static/icon.svg", "/tickets", "/stats"]]
    + [("/show/scp-999", 404), ("/tickets/scp-999", 404), ("/nowhere", 404), ("/broken", 500)]
    + [("/?page=0", 400), ("/static/nothing", 404)],
)
def test_each_answer_has_the_headers_that_protect(desk: TestApp, path: str, status: int):
    desk.post_json("/tickets", {"title": "No coffee"})
    desk.app.get("/broken", callback=lambda: 1 / 0, page=True)
    headers = desk.get(path, status=status, expect_errors=True).headers
    assert {name: headers.get(name) for name in HEADERS} == HEADERS
    policy = dict(each.split(" ", 1) for each in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["style-src"] == policy["form-action"] == "'self'"
    assert "script-src" not in policy
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_a_page_that_fails_tells_nothing_of_why(desk: TestApp):
    desk.app.get("/broken", callback=lambda: 1 / 0, page=True)
    page = desk.get("/broken", status=500, expect_errors=True)
    assert "its log says why" in page.html.select_one(".problem").text
    assert "division" not in page.text


@pytest.mark.parametrize("text", TEXTS)
def test_a_hostile_text_stays_text_on_each_page(desk: TestApp, text: str):
    hand_in(desk, title=text, body=text)
    ticket = desk.get("/tickets/scp-001").json
    assert (ticket["title"], ticket["body"]) == (text, text)
    harmless = TestApp(desk.app)
    shown, edited = desk.get("/show/scp-001"), desk.get("/edit/scp-001")
    assert shown.html.select_one("h1").text == text
    assert shown.html.select_one(".text").text == text
    assert edited.forms[0]["title"].value == text
    assert edited.forms[0]["body"].value == text
    searched = desk.get("/", {"q": text})
    assert titles(searched) == [text]
    assert searched.forms[0]["q"].value == text
    desk.patch_json("/tickets/scp-001", {"title": "x", "body": "x"})
    for path, page in [("/show/scp-001", shown), ("/edit/scp-001", edited)]:
        elements = [each.name for each in harmless.get(path).html.select("*")]
        assert [each.name for each in page.html.select("*")] == elements


def test_there_are_sixty_hostile_texts_each_unlike_the_others():
    assert len(set(TEXTS)) == len(TEXTS) == 60


# --- colours ---------------------------------------------------------------------------------

INKS = {
    "ink": ["ground", "card"],
    "quiet": ["ground", "card"],
    "link": ["ground", "card"],
    "on-button": ["button"],
    "on-danger": ["danger"],
    "danger": ["ground"],
    "open": ["open-ground"],
    "closed": ["closed-ground"],
    "problem": ["problem-ground"],
    "done": ["done-ground"],
}
"""Ink -> the grounds that text in it is set on."""


def palettes() -> list[dict[str, str]]:
    """Return the light palette and the dark one."""
    blocks = re.findall(r":root \{(.*?)\}", CSS.read_text(), re.DOTALL)
    return [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block)) for block in blocks]


def contrast(one: str, other: str) -> float:
    """Return the ratio as WCAG 2 defines it."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted([luminance(one), luminance(other)], reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_computed_as_the_standard_does():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("palette", palettes(), ids=["light", "dark"])
def test_each_ink_can_be_read_on_each_ground(palette: dict[str, str]):
    ratios = {
        f"{ink} on {ground}": contrast(palette[ink], palette[ground])
        for ink, grounds in INKS.items()
        for ground in grounds
    }
    assert {pair: ratio for pair, ratio in ratios.items() if ratio < 4.5} == {}
    assert contrast(palette["edge"], palette["card"]) >= 3  # of a field, which is no text


def test_both_palettes_name_the_same_colours_and_no_other_is_used():
    light, dark = palettes()
    assert list(light) == list(dark)
    _, rules = CSS.read_text().rsplit(":root", 1)
    assert re.findall(r"#[0-9a-f]{3,8}\b|rgb|hsl", rules.split("}", 2)[2]) == []
    inks = set(re.findall(r"[{;\s]color: var\(--([\w-]+)\)", rules))
    assert inks == set(INKS)
