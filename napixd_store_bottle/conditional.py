"""Requests on the condition of a version: ``If-Match`` and ``If-None-Match`` (RFC 9110, 13.1)."""

from bottle import HTTPError, HTTPResponse, request, response

from napixd_store.etags import matches


def if_match(*, required: bool = False) -> str | None:
    """Return the request's ``If-Match``, for the argument of that name; None where it has none.

    Another version is a `PreconditionFailed` then, which the plugin answers with 412. If it is
    *required* and missing, a 428 is raised.
    """
    asked: str | None = request.get_header("If-Match")
    if asked is None and required:
        raise HTTPError(
            428, "say which version is to be changed: repeat with its ETag in an If-Match header"
        )
    return asked


def not_modified(tag: str | None) -> None:
    """Set the answer's ``ETag`` to *tag*; end the request if its client has that version.

    *tag* is what `etag` of a store returned, read before the value: then a client never takes an
    older value for the newer version. None, for what is absent, does nothing. For a GET or HEAD
    whose ``If-None-Match`` asks for *tag*, a 304 is raised.
    """
    if tag is None:
        return
    response.set_header("ETag", tag)
    asked = request.get_header("If-None-Match")
    if asked and request.method in ("GET", "HEAD") and matches(tag, asked, weak=True):
        answer = response.copy(HTTPResponse)
        answer.status, answer.body = 304, ""
        raise answer
