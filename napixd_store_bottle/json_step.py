"""Bottle's JSON step, which learns what a store may hold.

The step is the plugin ``json`` that each app has from the start. It lies around all others: so
what a handler returns reaches a template, or any plugin that renders, as the handler made it.
"""

import functools
import json
from collections.abc import Callable
from typing import Any

import bottle
import msgspec
from bottle import HTTPResponse, response

from napixd_store import CounterBackend, StoreBackend, StoreError
from napixd_store_bottle.answers import Answers
from napixd_store_bottle.signature import Handler, is_record

_PLAIN = frozenset({str, bytes, list, tuple, bool, type(None)})


def teach(step: Any, answers: Callable[[Any], Answers]) -> None:
    """Have *step*, a ``JSONPlugin``, write stores, and what they may hold, for each route.

    One with a ``json_dumps`` of the app's own keeps that for the values.
    """
    if step.json_dumps is bottle.json_dumps:
        step.json_dumps = dumps
    step.apply = lambda callback, route: applied(step, callback, answers(route))


def applied(step: Any, callback: Handler, answers: Answers) -> Handler:
    """Return *callback* with *step* around it."""
    write = step.json_dumps
    if not write:
        return callback

    @functools.wraps(callback)
    def handler(*args: Any, **kwargs: Any) -> Any:
        try:
            value = callback(*args, **kwargs)
        except HTTPResponse as answer:
            value = answer
        if type(value) in _PLAIN:
            return value
        try:
            if isinstance(value, HTTPResponse):
                body = _data(value.body)
                if isinstance(body, dict):
                    value.body, value.content_type = write(body), "application/json"
                return value
            value = _data(value)
            if isinstance(value, dict):
                value = write(value)
                response.content_type = "application/json"
            return value
        except StoreError as exc:
            answers.raise_for(exc)
            raise

    return handler


def dumps(value: Any) -> str:
    """Return *value* as JSON: what Bottle can write as Bottle does, the rest as msgspec does.

    Raises:
        TypeError, ValueError: nobody can write it.
        StoreError: a store in it cannot be read.
    """
    try:
        return _encode(value)
    except StoreError:
        raise
    except (TypeError, ValueError) as exc:  # keys that are no texts, infinities
        try:
            return _encode(_plain(value))
        except (TypeError, ValueError, RecursionError):
            raise exc from None


def _data(value: Any) -> Any:
    """Return *value*, or as a dict what Bottle could not send, or only as keys run together."""
    if isinstance(value, dict):
        return value
    if isinstance(value, StoreBackend):
        return value.snapshot()
    if is_record(type(value)) and not hasattr(value, "__iter__"):
        return msgspec.to_builtins(value, str_keys=True, enc_hook=_of_ours)
    return value


def _of_ours(value: Any) -> Any:
    if isinstance(value, StoreBackend):
        return value.snapshot()
    if isinstance(value, CounterBackend):
        return value.value
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _builtin(value: Any) -> Any:
    if isinstance(value, (StoreBackend, CounterBackend)):
        return _of_ours(value)
    return msgspec.to_builtins(value, str_keys=True, enc_hook=_of_ours)


def _plain(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value, enc_hook=_of_ours))


_encode = json.JSONEncoder(default=_builtin, allow_nan=False).encode
