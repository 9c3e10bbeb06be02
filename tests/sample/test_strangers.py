"""Requests that a page of another site makes a browser send change nothing, and tell nothing."""

from pathlib import Path
from typing import Any

import pytest

from tests.sample.people import hand_in
from tests.sample.service import Service
from tests.sample.test_service import raw
from tests.sample.wsgi import TestApp

OURS = [
    "localhost",
    "localhost:80",
    "LOCALHOST:8080",
    "desk",
    "127.0.0.1:8080",
    "192.168.1.20",
    "[::1]",
    "[::1]:8080",
    "[fe80::1:2]:80",
    "",
]
STRANGE = [
    "evil.example",
    "evil.example:8080",
    "127.0.0.1.evil.example",
    "localhost.evil.example:80",
    "1.2.3",
    "127.0.0.1.",
    "[::1].evil.example",
    "evil.example:80:80",
    "desk.example.org.evil.example",
]


@pytest.mark.parametrize("host", OURS)
def test_an_address_and_a_name_of_the_own_network_are_the_desks(desk: TestApp, host: str):
    desk.get("/tickets", headers={"Host": host}, status=200)


@pytest.mark.parametrize("host", STRANGE)
@pytest.mark.parametrize("path", ["/", "/tickets", "/new", "/static/desk.css", "/health"])
def test_a_name_that_a_stranger_may_have_given_reads_nothing(desk: TestApp, host: str, path: str):
    answer = desk.get(path, headers={"Host": host}, status=421)
    assert "not known as" in answer.json["error"]


def test_a_name_that_a_stranger_gave_changes_nothing_although_its_page_is_its_own(desk: TestApp):
    """As his page is to the browser, of which the name alone is foreign: DNS rebinding."""
    headers = {"Host": "evil.example", "Origin": "http://evil.example"}
    desk.post_json("/tickets", {"title": "Lies"}, headers=headers, status=421)
    headers["X-Forwarded-Host"] = "localhost"  # a page may add headers to what it sends its own
    desk.post_json("/tickets", {"title": "Lies"}, headers=headers, status=421)
    assert desk.get("/stats").json["issued"] == 0


def test_names_of_the_settings_are_the_desks(make_desk: Any):
    desk = make_desk(store="[desk]\nnames = desk.example.org Tickets.example.org")
    for host in ("desk.example.org", "DESK.example.org:443", "tickets.example.org"):
        desk.get("/tickets", headers={"Host": host}, status=200)
    desk.get("/tickets", headers={"Host": "evil.example.org"}, status=421)


def test_a_browser_is_told_as_a_page(desk: TestApp):
    headers = {"Host": "evil.example", "Accept": "text/html"}
    page = desk.get("/", headers=headers, status=421)
    assert page.html.h1.text == "Wrong address"
    assert "settings" in page.html.select_one(".problem").text


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://localhost:81",
        "http://localhost",
        "http://localhost:80.evil.example",
        "http://[",
        "null",
        "",
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_page_of_another_site_changes_nothing_through_the_api(
    desk: TestApp, method: str, origin: str
):
    hand_in(desk, title="No coffee")
    before = [desk.get(each).json for each in ("/tickets", "/stats")]
    path = "/tickets" if method == "POST" else "/tickets/scp-001"
    headers = {"Content-Type": "application/json", "Origin": origin}
    answer = desk.request(path, method=method, body=b'{"title":"x"}', headers=headers, status=403)
    assert answer.json["error"].endswith("so nothing was changed")
    assert [desk.get(each).json for each in ("/tickets", "/stats")] == before


def test_a_page_of_the_desk_itself_may_use_the_api(desk: TestApp):
    headers = {"Origin": "http://localhost:80"}
    desk.post_json("/tickets", {"title": "No coffee"}, headers=headers, status=201)


def test_a_real_server_hands_on_both_headers(tmp_path: Path):
    post = (
        b"POST /tickets HTTP/1.1\r\nConnection: close\r\nContent-Type: application/json\r\n"
        b'Content-Length: 13\r\n%b\r\n\r\n{"title":"x"}'
    )
    with Service(tmp_path) as service:
        at = b"127.0.0.1:%d" % service.port
        for headers, status in [
            (b"Host: evil.example:%d" % service.port, 421),
            (b"Host: %b\r\nOrigin: http://evil.example" % at, 403),
            (b"Host: %b\r\nOrigin: http://%b" % (at, at), 201),
        ]:
            assert raw(service, post % headers)[0].status == status
