"""Requests on the condition of a version, in any app."""

import pytest
from bottle import response

from napixd_store_bottle import if_match, not_modified
from tests.bottle.client import Client, new_app

SETTINGS = {"store": {"backend": "Memory", "users": {"collection": "u"}}}


@pytest.fixture
def client():
    app = new_app(SETTINGS)

    @app.route("/show", method=["GET", "HEAD", "POST"])
    def show(users):
        users.setdefault("ann", {"age": 7})
        response.set_header("Vary", "Accept")
        response.set_cookie("seen", "yes")
        not_modified(users.etag("ann"))
        return users["ann"]

    @app.get("/absent")
    def absent(users):
        not_modified(users.etag("nobody"))
        return "none"

    @app.put("/loose")
    def loose(users):
        users.put("ann", {"age": 8}, if_match=if_match())

    @app.put("/strict")
    def strict(users):
        users.put("ann", {"age": 8}, if_match=if_match(required=True))

    return Client(app)


def test_a_client_that_has_the_version_is_not_sent_it_again(client):
    first = client.get("/show")
    tag = first.headers["ETag"]
    assert (first.status_code, first.json) == (200, {"age": 7})
    again = client.get("/show", headers={"If-None-Match": tag})
    assert (again.status_code, again.text, again.headers["ETag"]) == (304, "", tag)
    assert again.headers["Vary"] == "Accept"
    assert "seen=yes" in again.headers["Set-Cookie"]
    assert "Content-Type" not in again.headers
    assert client.get("/show", headers={"If-None-Match": '"other"'}).status_code == 200
    assert client.head("/show", headers={"If-None-Match": f"W/{tag}"}).status_code == 304
    assert client.post("/show", headers={"If-None-Match": tag}).status_code == 200


def test_what_is_absent_has_no_tag(client):
    answer = client.get("/absent", headers={"If-None-Match": "*"})
    assert (answer.status_code, "ETag" in answer.headers) == (200, False)


@pytest.mark.parametrize(("path", "without"), [("/loose", 200), ("/strict", 428)])
def test_a_change_is_of_the_version_that_the_client_names(client, path, without):
    tag = client.get("/show").headers["ETag"]
    assert client.put(path, headers={"If-Match": '"other"'}).status_code == 412
    assert client.put(path, headers={"If-Match": ""}).status_code == 412
    assert client.get("/show").json == {"age": 7}
    refused = client.put(path)
    assert refused.status_code == without
    if without == 428:
        assert "If-Match" in refused.text
        assert client.put(path, headers={"If-Match": tag}).status_code == 200
    assert client.get("/show").json == {"age": 8}
