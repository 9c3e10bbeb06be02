"""What a ticket is, and what a client may say about one."""

import json
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

T = TypeVar("T")
Title = Annotated[str, Meta(min_length=1, max_length=200)]
Status = Literal["open", "closed"]

FIELDS = "a ticket has a title (1 to 200 characters), a body (text) and a status (open or closed)"
FILTERS = "the list takes status (open or closed), page (1 or more) and per_page (1 to 100)"


class Ticket(Struct, kw_only=True):
    """What the desk keeps, and answers."""

    id: str
    title: Title
    body: str = ""
    status: Status = "open"
    created: datetime
    updated: datetime


class Draft(Struct, forbid_unknown_fields=True):
    """A whole ticket, as POST and PUT bring it."""

    title: Title
    body: str = ""
    status: Status = "open"


class Changes(Struct, forbid_unknown_fields=True):
    """Some fields of a ticket, as PATCH brings them."""

    title: Title | UnsetType = UNSET
    body: str | UnsetType = UNSET
    status: Status | UnsetType = UNSET


class Listing(Struct, forbid_unknown_fields=True):
    """Which tickets a client wants to see."""

    status: Status | UnsetType = UNSET
    page: Annotated[int, Meta(ge=1)] = 1
    per_page: Annotated[int, Meta(ge=1, le=100)] = 20


def from_json(kind: type[T], text: bytes) -> T:
    """Return the *kind* that a request's body describes, or raise ValueError."""
    try:
        said = msgspec.json.decode(text, type=kind)
    except ValueError as exc:
        raise ValueError(f"the body is not accepted: {exc}; {FIELDS}") from exc
    # JSON lets a name stand twice, and msgspec takes the last one: the client meant one of them.
    names = [name for name, _value in json.loads(text, object_pairs_hook=list)]
    if len(names) > len(set(names)):
        raise ValueError(f"the body is not accepted: a field stands in it twice; {FIELDS}")
    return said


def from_query(query: dict[str, str]) -> Listing:
    """Return what a request's query asks for, or raise ValueError."""
    try:
        return msgspec.convert(query, Listing, strict=False)  # a query knows no numbers, only text
    except ValueError as exc:
        raise ValueError(f"the query is not accepted: {exc}; {FILTERS}") from exc


def given(fields: Draft | Changes) -> dict[str, Any]:
    """Return the fields that a client named, and the defaults of a draft."""
    return {
        name: value for name, value in msgspec.structs.asdict(fields).items() if value is not UNSET
    }
