"""HTTP: what a request says, what every answer carries, and what every error looks like."""

import json
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from bottle import HTTPError, request, response, template
from msgspec import Struct

from sample_app.tickets import from_json, from_query

T = TypeVar("T", bound=Struct)

MAX_BODY = 64 * 1024
MAX_FORM = 4 * MAX_BODY  # a form writes a byte of a text as three: %C3
VIEWS = [str(Path(__file__).with_name("views"))]

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # frame-ancestors, for browsers that do not know it
    "Referrer-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
}
"""What every answer carries: no script at all, no style but our own file, and nobody's frame."""

HEADINGS = {
    400: "That did not work",
    403: "That is not allowed",
    404: "There is nothing here",
    409: "Somebody else was faster",
    412: "Somebody else was faster",
    413: "That is too much",
    429: "That is too often",
    421: "Wrong address",
    500: "Something went wrong here",
    503: "The tickets cannot be reached now",
    507: "There is no room left",
}
"""What a page says above an error; HTTP's own words are for programs."""


def body(kind: type[T]) -> T:
    """Return what the request's JSON body says, or refuse it."""
    try:
        return from_json(kind, sent("application/json", "JSON", MAX_BODY))
    except ValueError as exc:
        raise HTTPError(400, str(exc)) from exc


def fields() -> dict[str, str]:
    """Return the fields of the form that the request's body is, or refuse it."""
    text = sent("application/x-www-form-urlencoded", "a form", MAX_FORM)
    try:
        pairs = parse_qsl(text.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError as exc:
        raise HTTPError(400, "the form is not accepted: it must be UTF-8") from exc
    if len(pairs) > len(dict(pairs)):
        raise HTTPError(400, "the form is not accepted: a field stands in it twice")
    return {name: value.replace("\r\n", "\n") for name, value in pairs}  # as programs write them


def sent(media_type: str, called: str, limit: int) -> bytes:
    """Return the request's body, or refuse one of another type or size."""
    if request.content_type.partition(";")[0].strip().lower() != media_type:
        raise HTTPError(415, f"the body must be {called}: send it with Content-Type: {media_type}")
    text = taken(limit + 1) if request.content_length <= limit else b""
    if max(request.content_length, len(text)) > limit:
        raise HTTPError(413, f"the body is too large: send at most {limit} bytes")
    return text


def taken(most: int) -> bytes:
    """Return the request's body, or its beginning.

    Most servers take apart what comes in chunks, and say that what they hand over has an end;
    Bottle's own `request.body` would take it apart once more, and refuse it.
    """
    length = request.content_length  # -1 where none is said
    if length < 0 and request.environ.get("wsgi.input_terminated"):
        length = most
    elif request.chunked:
        raise HTTPError(411, "this server takes no chunked body: send it with a Content-Length")
    try:
        text: bytes = request.environ["wsgi.input"].read(max(0, min(length, most)))
    except Exception as exc:  # each server has its own
        raise HTTPError(400, "the body broke off, or its chunks are wrong") from exc
    return text


def query(kind: type[T]) -> T:
    """Return what the request's query says, or refuse it."""
    try:
        return from_query(kind, dict(parse_qsl(request.query_string, keep_blank_values=True)))
    except ValueError as exc:
        raise HTTPError(400, str(exc)) from exc


def refuse_broken_path() -> None:
    """Refuse a path that is no text: Bottle drops its odd bytes, and would find another ticket."""
    path, sent = request.environ["PATH_INFO"], request.environ["bottle.raw_path"]
    if path.encode() != sent.encode("latin-1"):
        raise HTTPError(404, "Not found: the path must be UTF-8.")


def protect() -> None:
    """Add the headers of every answer."""
    for name, value in HEADERS.items():
        response.set_header(name, value)


def render(view: str, **variables: Any) -> str:
    """Return the page that a file of `views` makes of *variables*, all of them escaped."""
    page: str = template(view, template_lookup=VIEWS, **variables)
    return page


def error(error: HTTPError) -> str:
    """Return every error, Bottle's and the plugin's too, as a page or as JSON."""
    protect()  # no hook runs after an unexpected exception
    text = str(error.body)
    if error.exception is not None and error.status_code == 500:
        text = "the service failed, and its log says why; whether it stored anything is unknown"
    if for_people():
        heading = HEADINGS.get(error.status_code, HTTPStatus(error.status_code).phrase)
        return render("error", heading=heading, text=text, typed=request.method == "POST")
    if error.status_code in (404, 405) and "bottle.route" not in request.environ:
        api = [route for route in request.app.routes if "page" not in route.config]
        text = f"{text} There are {', '.join(f'{route.method} {route.rule}' for route in api)}."
    elif error.status_code == 404:
        text = f"{text}: GET /tickets lists them"
    response.content_type = "application/json"
    return json.dumps({"error": text})


def for_people() -> bool:
    """Say whether a page is wanted: of a path that is none, browsers alone ask for HTML."""
    route = request.environ.get("bottle.route")
    if route is None:
        return "text/html" in request.get_header("Accept", "")
    return "page" in route.config
