"""Where a value came from that no store takes: from the request, or from the app's own code."""

from collections.abc import Iterator, Mapping
from typing import Any

from bottle import HTTPError, request

from napixd_store.engine.immutable import IMMUTABLE
from napixd_store_bottle.signature import is_record

_CONTAINERS = (dict, list, tuple, set, frozenset)


def came_with_the_request(refused: tuple[Any, ...]) -> bool:
    """Say whether what was *refused* is made of what the client sent.

    It is if a part of it stands in the request's JSON, forms, query or URL. A part that no
    request could bring, such as a socket, is the app's own mistake, whatever stands beside it.
    """
    parts = list(_parts(refused))
    if not all(
        isinstance(part, (*_CONTAINERS, *IMMUTABLE)) or is_record(type(part)) for part in parts
    ):
        return False
    sent = [part for said in _said(request) for part in _parts(said)]
    if any(refused == (part,) for part in sent if isinstance(part, (*_CONTAINERS, type(None)))):
        return True
    telling = {part for part in sent if _tells(part)}
    return any(_tells(part) and part in telling for part in parts)


def _tells(part: Any) -> bool:
    """Say whether *part* is telling: the app and the request hardly have it both by chance."""
    if isinstance(part, _CONTAINERS) or part is True:
        return False
    return isinstance(part, IMMUTABLE) and bool(part)


def _said(asked: Any) -> Iterator[Any]:
    """Yield what the client sent, as a handler may have read it."""
    yield asked.environ.get("route.url_args")
    for name in ("json", "query", "forms"):
        try:
            found = getattr(asked, name)
            if hasattr(found, "decode"):  # a FormsDict, whose texts are read in one of two ways
                yield dict(found.allitems())
                found = dict(found.decode().allitems())
            if found is not None or "json" in asked.content_type:  # else it said nothing
                yield found
        except (HTTPError, ValueError):  # it is not what it says it is, so nothing came of it
            continue


def _parts(whole: Any) -> Iterator[Any]:
    """Yield the parts of *whole*, and the parts of those; the containers themselves too."""
    waiting, seen = [whole], set()
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        if part is not whole or not isinstance(part, tuple):
            yield part
        inner = _inside(part)
        if inner:
            seen.add(id(part))
            waiting += inner


def _inside(part: Any) -> list[Any]:
    if isinstance(part, Mapping):
        return [*part, *part.values()]
    if isinstance(part, _CONTAINERS):
        return list(part)
    if is_record(type(part)):
        names = getattr(part, "__struct_fields__", None) or vars(part)
        return [getattr(part, name) for name in names]
    return []
