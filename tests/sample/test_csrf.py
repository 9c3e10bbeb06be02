"""Forms that are not the desk's own, made for this browser, change nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sample_app.app import make_app
from tests.sample.people import hand_in
from tests.sample.wsgi import TestApp

BROWSER = {"Accept": "text/html"}


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
    return {"Origin": "http://evil.example", **BROWSER}


def another_port(fields: dict[str, str], other: TestApp) -> dict[str, str]:
    return {"Origin": "http://localhost:81", **BROWSER}


def a_page_that_hides(fields: dict[str, str], other: TestApp) -> dict[str, str]:
    return {"Origin": "null", **BROWSER}


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
@pytest.mark.parametrize("path", ["/new", "/show/scp-001", "/edit/scp-001", "/delete/scp-001"])
def test_a_form_that_is_not_ours_changes_nothing(
    desk: TestApp, path: str, tamper: Callable[..., Any]
):
    hand_in(desk, title="No coffee")
    before = [desk.get(each).json for each in ("/tickets", "/stats")]
    form = desk.get(path).forms[0]
    fields = {"title": "Lies", "status": "closed", **dict(form.submit_fields())}
    headers = tamper(fields, TestApp(desk.app))
    if "Cookie" in headers:
        desk.reset()
    page = desk.post(form.action, fields, headers, status=403)
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
