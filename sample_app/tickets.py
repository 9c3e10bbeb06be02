"""What a ticket is, and what a client may say about one."""

import json
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, ValidationError

T = TypeVar("T", bound=Struct)
Title = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S")]
Status = Literal["open", "closed"]
Time = Annotated[datetime, Meta(tz=True)]
Version = Annotated[str, Meta(pattern=r'^"[^"]+"$')]
Place = Annotated[str, Meta(pattern=r"^(scp-[0-9]{3,18})?\Z")]
"""The id of the ticket beside which a page begins; nothing: at the beginning."""

FIELDS = (
    "a ticket has a title (1 to 200 characters, and not only blanks), a body (text) and a status "
    "(open or closed)"
)
FILTERS = "the list takes status (open or closed), after (an id) and per_page (1 to 100)"
AT_FIELD = {"title": "Give it a title: 1 to 200 characters, and not only blanks."}
"""What a form says at a field whose content is wrong."""


class Ticket(Struct, kw_only=True):
    """What the desk keeps, and answers."""

    id: str
    title: str  # looser than of a client: a rule of today makes no ticket of yesterday unreadable
    body: str = ""
    status: Status = "open"
    created: Time
    updated: Time


class Unreadable(Struct):
    """What stands for a ticket whose record cannot be read, where several are looked through."""

    id: str
    error: str = "this ticket cannot be read, and the log says why"

    title: ClassVar[str] = ""
    body: ClassVar[str] = ""
    status: ClassVar[str] = "unreadable"


class Draft(Struct, forbid_unknown_fields=True):
    """A whole ticket, as POST, PUT and the form for a new one bring it."""

    title: Title
    body: str = ""
    status: Status = "open"


class Revision(Draft, kw_only=True):
    """A whole ticket, as the form for an old one brings it."""

    version: Version
    """The tag of what the form was made of."""


class Seen(Struct):
    """The answer to the question whether to delete a ticket."""

    version: Version
    """As that of a `Revision`."""


class Changes(Struct, forbid_unknown_fields=True):
    """Some fields of a ticket, as PATCH brings them."""

    title: Title | UnsetType = UNSET
    body: str | UnsetType = UNSET
    status: Status | UnsetType = UNSET


class Listing(Struct, kw_only=True, forbid_unknown_fields=True):
    """Which tickets a program wants to see."""

    status: Status | UnsetType = UNSET
    after: Place = ""
    per_page: Annotated[int, Meta(ge=1, le=100)] = 20

    @property
    def searches(self) -> bool:
        """Whether some tickets are not wanted, so that it takes more of them to fill a page."""
        return self.status is not UNSET

    def wants(self, ticket: Ticket | Unreadable) -> bool:
        """Say whether *ticket* belongs on the list."""
        return self.status in (UNSET, ticket.status)


class Search(Struct, kw_only=True):
    """Which tickets a person wants to see; an empty field of the form wants them all."""

    q: str = ""
    status: Status | Literal[""] = ""
    older: Place = ""
    newer: Place = ""
    per_page: Annotated[int, Meta(ge=1, le=100)] = 20

    @property
    def searches(self) -> bool:
        """Whether some tickets are not wanted, so that it takes more of them to fill a page."""
        return bool(self.q or self.status)

    def wants(self, ticket: Ticket | Unreadable) -> bool:
        """Say whether *ticket* belongs on the list: it says *q* somewhere, in any case."""
        text = f"{ticket.id}\n{ticket.title}\n{ticket.body}"
        return self.status in ("", ticket.status) and self.q.casefold() in text.casefold()


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


class Wrong(ValueError):
    """A form is not accepted; *problems* says why, by the field that is to blame."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(f"nothing is saved: {FIELDS}")
        self.problems = problems or {"": f"Nothing is saved: {FIELDS}."}


def from_form(kind: type[T], fields: dict[str, str]) -> T:
    """Return the *kind* that the fields of a form describe, or raise `Wrong`."""
    try:
        return msgspec.convert(fields, kind)
    except ValidationError as exc:  # which names the first fault alone
        types = {field.name: field.type for field in msgspec.structs.fields(kind)}
        blamed = {name for name in types if not fits(fields.get(name, ""), types[name])}
        raise Wrong({name: AT_FIELD[name] for name in AT_FIELD if name in blamed}) from exc


def fits(text: str, kind: Any) -> bool:
    """Say whether what stands in a field is of its *kind*."""
    try:
        msgspec.convert(text, kind)
    except ValidationError:
        return False
    return True


def from_query(kind: type[T], query: dict[str, str]) -> T:
    """Return the *kind* that a request's query asks for, or raise ValueError."""
    try:
        return msgspec.convert(query, kind, strict=False)  # a query knows no numbers, only text
    except ValueError as exc:
        raise ValueError(f"the query is not accepted: {exc}; {FILTERS}") from exc


def given(fields: Draft | Changes) -> dict[str, Any]:
    """Return what a client said of a ticket's fields, and the defaults of a draft."""
    return {
        name: value
        for name in Draft.__struct_fields__
        if (value := getattr(fields, name)) is not UNSET
    }
