"""Around a handler: what it receives in a request, the unit of work, and errors as HTTP.

A write-back store belongs to one request. It is saved when the handler succeeds: it returns a
value while ``response.status_code`` is below 400, or returns or raises an ``HTTPResponse`` below
400. Otherwise it is dropped with its changes. The body of a generator is part of the handler.
"""

import logging
from collections.abc import Callable, Generator, Iterator, Mapping
from types import GeneratorType
from typing import Any, NamedTuple

import msgspec
from bottle import HTTPError, HTTPResponse, response

from napixd_store import Conflict, OutcomeUnknown, StoreBackend, StoreError, StoreFull, Unavailable

logger = logging.getLogger("napixd_store_bottle")

RETRY_AFTER = "2"
"""Seconds after which a client may ask again, while the medium does not answer."""

HTTP: dict[type[StoreError], tuple[int, str]] = {
    Conflict: (409, "changed by somebody else meanwhile, so this change was not stored: read "
                    "again and repeat"),
    Unavailable: (503, "the store does not answer: try again later"),
    OutcomeUnknown: (503, "the store broke off: whether the last change was stored is not known"),
    StoreFull: (507, "there is no room left to store this"),
}  # fmt: skip
"""Error -> status, and what the client reads; where the data lies is for the log alone."""

_PLAIN = frozenset({str, bytes, list, tuple, bool, type(None)})

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode

Unit = Mapping[str, Any]
"""The write-back stores of one request, by argument."""


class Provision(NamedTuple):
    """What the arguments of one route's handler receive."""

    shared: Mapping[str, Any]
    """The same objects in each request: counters, and stores that write through."""
    fresh: Mapping[str, Callable[[], Any]]
    """One of its own for each request: stores that write back."""


class Around(NamedTuple):
    """What is the same for all requests of one route."""

    where: str
    """Method and rule, for the log."""
    answered: tuple[type[StoreError], ...]
    """The errors that become HTTP."""
    plain_json: bool
    """Whether a dict goes to Bottle's own JSON step, which knows the types of JSON alone."""

    def answer(self, exc: StoreError) -> HTTPError:
        """Return *exc* as HTTP; the log has the details."""
        status, text = next(said for error, said in HTTP.items() if isinstance(exc, error))
        level = logging.ERROR
        if isinstance(exc, Conflict):
            level = logging.INFO  # nothing is wrong here
            keys = ", ".join(map(repr, exc.keys[:5])) + (" …" if len(exc.keys) > 5 else "")
            text = f"{keys}: {text}" if keys else text
        logger.log(level, "%s answers %d: %s", self.where, status, exc)
        headers = {"Retry-After": RETRY_AFTER} if status == 503 else {}
        return HTTPError(status, text, exc, **headers)


def wrap(
    callback: Callable[..., Any], provide: Callable[[], Provision], around: Around
) -> Callable[..., Any]:
    """Return *callback* with what *provide* says, which is asked at the first request."""
    answered = around.answered
    provision: Provision | None = None

    def handler(*args: Any, **kwargs: Any) -> Any:
        nonlocal provision
        if provision is None:
            provision = provide()  # by two threads at once, perhaps: either result will do
        shared, fresh = provision
        unit = {name: opened() for name, opened in fresh.items()} if fresh else fresh
        try:
            try:
                value = callback(*args, **kwargs, **shared, **unit)
            except HTTPResponse as answer:
                _end(answer, unit, around)
                raise
            return _end(value, unit, around)
        except answered as exc:
            raise around.answer(exc) from exc

    return handler


def _end(value: Any, unit: Unit, around: Around) -> Any:
    """Save *unit* if *value*, returned or raised, is a success; return what Bottle shall send."""
    status = None
    if type(value) not in _PLAIN:
        if isinstance(value, GeneratorType):
            return _in_stream(value, unit, around)
        if isinstance(value, HTTPResponse):
            status = value.status_code
            if status < 400 and isinstance(value.body, GeneratorType):
                value.body = _in_stream(value.body, unit, around)
                return value
            value.body = _sendable(value.body, around)
        else:
            value = _sendable(value, around)
    if unit and (status or response.status_code) < 400:
        _save(unit)
    return value


def _in_stream(body: Generator[Any, Any, Any], unit: Unit, around: Around) -> Iterator[Any]:
    """Send *body*; its end, or the answer it raises or yields in place of one, ends the unit."""
    status = None  # Bottle sends it with the first chunk that is not empty
    try:
        try:
            for chunk in body:
                if chunk and status is None:
                    status = response.status_code
                    if isinstance(chunk, HTTPResponse):  # Bottle answers with it, and goes
                        _end(chunk, unit, around)
                yield chunk
        except HTTPResponse as answer:
            _end(answer, unit, around)
            raise
        if (status or response.status_code) < 400:
            _save(unit)
    except around.answered as exc:
        if status is None:
            raise around.answer(exc) from exc
        raise  # another answer has begun: the server breaks off
    finally:
        body.close()


def _sendable(value: Any, around: Around) -> Any:
    """Return *value*, or what Bottle can send of a store or a dict."""
    if isinstance(value, StoreBackend):  # Bottle would send its keys, run together
        value = value.snapshot()
    if around.plain_json and isinstance(value, dict):
        try:
            plain = _decode(_encode(value))
        except (TypeError, ValueError, RecursionError):  # msgspec cannot; perhaps Bottle can
            return value
        return value if plain == value else plain
    return value


def _save(unit: Unit) -> None:
    for store in unit.values():
        store.save()
