"""What a handler asks for: its arguments that a keyword can fill, and their annotations.

Arguments are those that `inspect.signature` tells. It looks through decorators that use
`functools.wraps`; one that does not hides its handler's arguments.
"""

import functools
import inspect
import types
import typing
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from napixd_store import CounterBackend, StoreBackend
from napixd_store.declarations import Declaration

Handler = Callable[..., Any]

_GIVEN_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_RECORDS = ("__dataclass_fields__", "__struct_fields__", "__attrs_attrs__", "_fields")
"""Attributes of classes whose instances a store keeps only when it knows the class."""


def arguments(handler: Handler) -> dict[str, inspect.Parameter]:
    """Return the named parameters that are still to be filled, required or not."""
    try:
        parameters = inspect.signature(handler).parameters
    except (TypeError, ValueError):  # some builtins tell nothing
        return {}
    bound = _bound_by_keyword(handler)
    return {
        name: parameter
        for name, parameter in parameters.items()
        if parameter.kind in _GIVEN_BY_NAME and name not in bound
    }


def is_record(cls: Any) -> bool:
    """Say whether instances of *cls* are kept by a store only when it knows the class."""
    return any(hasattr(cls, mark) for mark in _RECORDS)


def annotated(handler: Handler, parameter: inspect.Parameter) -> Declaration | None:
    """Return what the annotation declares: a store or counter of the parameter's own name.

    ``StoreBackend[Ticket]`` keeps values of that type if it is a dataclass, a msgspec.Struct or
    the like. A type of plain values, a dict for one, is a promise to the reader only.
    """
    hint = _without_none(_hint(handler, parameter))
    kind = typing.get_origin(hint) or hint
    if kind is CounterBackend:
        return Declaration("counter", parameter.name, parameter.name, None, {})
    if kind is not StoreBackend:
        return None
    records = [of for of in typing.get_args(hint) if is_record(of)]
    return Declaration(
        "store", parameter.name, parameter.name, None, {"type": records[0]} if records else {}
    )


def _hint(handler: Handler, parameter: inspect.Parameter) -> Any:
    """Return the annotation, resolved; None when it cannot be.

    Each is resolved by itself: one that cannot be does not take the others with it.
    """
    said = SimpleNamespace(__annotations__={"it": parameter.annotation})
    try:
        return typing.get_type_hints(said, globalns=_globals(handler))["it"]
    except (AttributeError, NameError, SyntaxError, TypeError):
        return None


def _without_none(hint: Any) -> Any:
    """Return what ``Optional[hint]`` or ``hint | None`` is of: it is provided, so never None."""
    if typing.get_origin(hint) not in (typing.Union, types.UnionType):
        return hint
    kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)]
    return kinds[0] if len(kinds) == 1 else hint


def _globals(handler: Handler) -> dict[str, Any]:
    inner = inspect.unwrap(handler)
    while isinstance(inner, functools.partial):
        inner = inspect.unwrap(inner.func)
    found = getattr(inner, "__globals__", None) or getattr(type(inner).__call__, "__globals__", {})
    assert isinstance(found, dict)
    return found


def _bound_by_keyword(handler: Any) -> set[str]:
    # inspect.signature lists them, as if nobody had filled them yet.
    bound: set[str] = set()
    while True:
        if isinstance(handler, functools.partial):
            bound.update(handler.keywords)
            handler = handler.func
        elif hasattr(handler, "__wrapped__"):
            handler = handler.__wrapped__
        else:
            return bound
