"""How the pages of the Ticket desk are built: landmarks, labels, headers, colours, escaping."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from sample_app.web import HEADERS
from tests.sample.hostile import TEXTS
from tests.sample.people import delete_late, hand_in, overtaken, titles
from tests.sample.wsgi import TestApp
from tests.sizes import size

CSS = Path(__file__).resolve().parents[2] / "sample_app" / "static" / "desk.css"

PAGES = ["/", "/?q=x", "/new", "/show/scp-001", "/edit/scp-001", "/delete/scp-001", "/counters"]


@pytest.fixture(params=[*PAGES, "empty", "400", "404", "409", "409 at a delete"])
def any_page(request: pytest.FixtureRequest, desk: TestApp):
    if request.param == "empty":
        return desk.get("/")
    if request.param == "409":
        return overtaken(desk)
    if request.param == "409 at a delete":
        return delete_late(desk)
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


def test_one_button_of_each_page_is_loud_at_most(any_page: Any):
    pressed = any_page.html.select("main button, main .button")
    assert len([each for each in pressed if "quiet" not in each.get("class", [])]) <= 1


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
    + [("/?older=x", 400), ("/static/nothing", 404)],
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


@pytest.mark.parametrize("text", TEXTS[:: size(quick=3, full=1)])
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
    "danger": ["ground", "card"],
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
