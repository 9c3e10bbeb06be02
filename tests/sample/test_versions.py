"""Requests on the condition of a ticket's version, by programs, over a real server and without."""

import json
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from webtest import TestApp

from tests.sample.service import TIMEOUT, Gunicorn, Service

TICKET = "/tickets/scp-001"
CHANGES: dict[str, Callable[..., Any]] = {
    "PUT": lambda desk, **more: desk.put_json(TICKET, {"title": "No tea"}, **more),
    "PATCH": lambda desk, **more: desk.patch_json(TICKET, {"title": "No tea"}, **more),
    "DELETE": lambda desk, **more: desk.delete(TICKET, **more),
}


@pytest.fixture
def tag(desk: TestApp) -> str:
    """The tag of the one ticket."""
    desk.post_json("/tickets", {"title": "No coffee"}, status=201)
    return str(desk.get(TICKET).headers["ETag"])


@pytest.mark.parametrize("method", CHANGES)
@pytest.mark.parametrize("asked", ["{}", "*", '"other", {}'])
def test_the_right_version_is_changed(desk: TestApp, tag: str, method: str, asked: str):
    answer = CHANGES[method](desk, headers={"If-Match": asked.format(tag)})
    assert answer.status_code == (204 if method == "DELETE" else 200)
    after = desk.get(TICKET, expect_errors=True)
    assert after.status_code == 404 or after.headers["ETag"] != tag


@pytest.mark.parametrize("method", CHANGES)
@pytest.mark.parametrize("asked", ['"other"', "W/{}", "", "other", '"'])
def test_another_version_is_left_as_it_is(desk: TestApp, tag: str, method: str, asked: str):
    answer = CHANGES[method](desk, headers={"If-Match": asked.format(tag)}, status=412)
    assert "read it again" in answer.json["error"]
    assert desk.get(TICKET).headers["ETag"] == tag


@pytest.mark.parametrize("method", CHANGES)
def test_what_is_not_there_is_not_found_whatever_the_condition(desk: TestApp, method: str):
    for asked in ("*", '"a"'):
        CHANGES[method](desk, headers={"If-Match": asked}, status=404)


@pytest.mark.parametrize("asked", ["{}", "*", "W/{}", '"other", W/{}'])
def test_who_has_the_version_is_not_sent_it_again(desk: TestApp, tag: str, asked: str):
    answer = desk.get(TICKET, headers={"If-None-Match": asked.format(tag)}, status=304)
    assert (answer.body, answer.headers["ETag"]) == (b"", tag)
    assert answer.headers["Cache-Control"] == "private, no-cache"
    desk.patch_json(TICKET, {"title": "No tea"})
    if asked != "*":
        again = desk.get(TICKET, headers={"If-None-Match": asked.format(tag)}, status=200)
        assert again.json["title"] == "No tea"


def test_of_two_programs_that_saw_one_version_the_second_is_told(desk: TestApp, tag: str):
    desk.patch_json(TICKET, {"body": "first"}, headers={"If-Match": tag}, status=200)
    desk.patch_json(TICKET, {"body": "second"}, headers={"If-Match": tag}, status=412)
    assert desk.get(TICKET).json["body"] == "first"


@pytest.mark.parametrize("server", [Service, Gunicorn])
def test_conditions_hold_over_a_real_server(tmp_path: Path, server: type[Service]):
    with server(tmp_path) as service:
        service.request("POST", "/tickets", {"title": "No coffee"})
        connection = HTTPConnection("127.0.0.1", service.port, timeout=TIMEOUT)

        def answer(method: str, **condition: str) -> tuple[int, str | None, bytes]:
            headers = {name.replace("_", "-"): value for name, value in condition.items()}
            body = json.dumps({"title": method}) if method in ("PUT", "PATCH") else None
            connection.request(
                method, TICKET, body, {"Content-Type": "application/json", **headers}
            )
            said = connection.getresponse()
            return said.status, said.headers["ETag"], said.read()

        tag = str(answer("GET")[1])
        assert answer("GET", If_None_Match=tag) == (304, tag, b"")
        assert answer("HEAD", If_None_Match=f"W/{tag}") == (304, tag, b"")
        for method in ("PUT", "PATCH", "DELETE"):
            for wrong in ('"other"', f"W/{tag}", tag[:-1]):
                assert answer(method, If_Match=wrong)[0] == 412
        assert answer("GET", If_None_Match=tag)[0] == 304
        assert answer("PATCH", If_Match=f'"other", {tag}')[0] == 200
        assert answer("PUT", If_Match=tag)[0] == 412
        assert answer("DELETE", If_Match="*")[0] == 204
        assert answer("DELETE", If_Match="*")[0] == 404
        connection.close()
