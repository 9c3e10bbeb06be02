"""HTTP: what a request says, and what every error looks like."""

import json
from typing import TypeVar

from bottle import HTTPError, request, response

from sample_app.tickets import Listing, from_json, from_query

T = TypeVar("T")

MAX_BODY = 64 * 1024


def body(kind: type[T]) -> T:
    """Return what the request's body says, or refuse it."""
    if request.content_type.partition(";")[0].strip().lower() != "application/json":
        raise HTTPError(415, "the body must be JSON: send it with Content-Type: application/json")
    # A body of unknown length says how long it is only when it is read.
    text = b"" if request.content_length > MAX_BODY else request.body.read(MAX_BODY + 1)
    if max(request.content_length, len(text)) > MAX_BODY:
        raise HTTPError(413, f"the body is too large: send at most {MAX_BODY} bytes")
    try:
        return from_json(kind, text)
    except ValueError as exc:
        raise HTTPError(400, str(exc)) from exc


def query() -> Listing:
    """Return what the request's query says, or refuse it."""
    try:
        return from_query(dict(request.query))
    except ValueError as exc:
        raise HTTPError(400, str(exc)) from exc


def refuse_broken_path() -> None:
    """Refuse a path that is no text: Bottle drops its odd bytes, and would find another ticket."""
    path, sent = request.environ["PATH_INFO"], request.environ["bottle.raw_path"]
    if path.encode() != sent.encode("latin-1"):
        raise HTTPError(404, "Not found: the path must be UTF-8.")


def error_as_json(error: HTTPError) -> str:
    """Return every error, Bottle's and the plugin's too, as the JSON that clients expect."""
    text = str(error.body)
    if "bottle.route" not in request.environ:  # no handler for this path or method
        routes = ", ".join(f"{route.method} {route.rule}" for route in request.app.routes)
        text = f"{text} There are {routes}."
    elif error.exception is not None and error.status_code == 500:
        text = "the service failed, and its log says why; whether it stored anything is unknown"
    response.content_type = "application/json"
    return json.dumps({"error": text})
