"""What the desk does with its store and its counter, for programs and for people alike."""

import logging
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import Any, NamedTuple

from bottle import HTTPError
from msgspec.structs import replace

from napixd_store import CorruptData, CounterBackend, PreconditionFailed, StoreBackend
from sample_app.tickets import Changes, Draft, Listing, Search, Ticket, Unreadable, given

Tickets = StoreBackend[Ticket]
"""Number -> ticket."""

Row = Ticket | Unreadable

logger = logging.getLogger(__name__)


class Page(NamedTuple):
    """What a person sees of the list, the newest first."""

    rows: list[Row]
    newer: str | None
    """The id before which the newer ones are, if there are any."""
    older: str | None


class Missing(HTTPError):  # type: ignore[misc]  # Bottle has no types
    """There is no such ticket, or no more."""

    def __init__(self, id: str) -> None:
        super().__init__(404, f"there is no ticket {id!r}")


class Overtaken(HTTPError):  # type: ignore[misc]  # Bottle has no types
    """Others changed the ticket since it was seen, so it was left as it is."""

    def __init__(self, id: str) -> None:
        text = f"the ticket {id!r} was changed by others meanwhile: read it again and repeat"
        super().__init__(412, text)


class Damaged(HTTPError):  # type: ignore[misc]  # Bottle has no types
    """The ticket is there, but its record cannot be read."""

    def __init__(self, id: str) -> None:
        super().__init__(500, f"the ticket {id!r} cannot be read, and the log says why")


def add(draft: Draft, tickets: Tickets, ticket_id: CounterBackend) -> Ticket:
    """Store a new ticket under an id that nobody had before."""
    now = datetime.now(timezone.utc)
    while True:
        key = ticket_id.increment()
        ticket = Ticket(id=name(key), created=now, updated=now, **given(draft))
        # An id is taken only where the counter was reset by hand. Nothing is overwritten even then.
        if tickets.add(key, ticket):
            return ticket


def listed(wanted: Listing, tickets: Tickets) -> tuple[list[Row], str | None]:
    """Return a page of tickets, the oldest first, and the id after which the next one begins."""
    found = some(wanted, tickets, wanted.after, reverse=False)
    last = found[wanted.per_page - 1].id if is_full(found, wanted) else None
    return found[: wanted.per_page], last


def newest(wanted: Search, tickets: Tickets) -> Page:
    """Return a page of tickets, the newest first."""
    if wanted.newer:
        found = some(wanted, tickets, wanted.newer, reverse=False)
        if is_full(found, wanted):
            rows = found[: wanted.per_page][::-1]
            return Page(rows, newer=rows[0].id, older=rows[-1].id)
    place = "" if wanted.newer else wanted.older  # few are newer: they are on the first page
    found = some(wanted, tickets, place, reverse=True)
    rows = found[: wanted.per_page]
    return Page(
        rows,
        newer=rows[0].id if place and rows else None,
        older=rows[-1].id if is_full(found, wanted) else None,
    )


def some(wanted: Listing | Search, tickets: Tickets, place: str, *, reverse: bool) -> list[Row]:
    """Return a page of the tickets that are wanted, and one more if there is any.

    They are read from the *place* on, wherever that is; a search reads until it has enough.
    """
    most = wanted.per_page + 1
    after = number(place) if place else None
    limit = None if wanted.searches else most
    pairs = tickets.range(after=after, reverse=reverse, limit=limit)
    return list(islice(filter(wanted.wants, readable(pairs)), most))


def is_full(found: list[Row], wanted: Listing | Search) -> bool:
    """Say whether more was found than a page holds."""
    return len(found) > wanted.per_page


def every(tickets: Tickets) -> Iterator[Row]:
    """Yield each ticket."""
    return readable(tickets.range())


def readable(pairs: Iterator[tuple[str | int, Ticket]]) -> Iterator[Row]:
    """Yield the tickets; one bad record is one bad row, and not the end of the list."""
    while True:
        try:
            _key, ticket = next(pairs)
        except StopIteration:
            return
        except CorruptData as exc:
            if not isinstance(exc.key, int):
                raise
            logger.error("%s", exc)
            yield Unreadable(name(exc.key))
        else:
            yield ticket


def find(id: str, tickets: Tickets) -> Ticket:
    """Return one ticket."""
    with found(id, tickets) as key:
        return tickets[key]


def look(id: str, tickets: Tickets) -> tuple[Ticket, str | None]:
    """Return one ticket, and the tag of its version.

    The tag is read first: should others write in between, it belongs to the ticket before, and
    whoever relies on it is told that he was overtaken.
    """
    with found(id, tickets) as key:
        version = tickets.etag(key)
        return tickets[key], version


def edit(id: str, fields: Draft | Changes, tickets: Tickets, version: str | None = None) -> Ticket:
    """Change *fields* of a ticket in one atomic step, and return it.

    Raises:
        Overtaken: it is in none of the versions that are asked for.
    """

    def changed(ticket: Ticket) -> Ticket:
        return replace(ticket, **given(fields), updated=datetime.now(timezone.utc))

    with found(id, tickets) as key:
        return tickets.compute(key, changed, if_match=version)


def remove(id: str, tickets: Tickets, version: str | None = None) -> None:
    """Remove a ticket; its id is not given again.

    Raises:
        Overtaken: it is in none of the versions that are asked for.
    """
    with found(id, tickets) as key:
        if version is None:
            del tickets[key]  # also one that cannot be read
        else:
            tickets.pop(key, if_match=version)


def count(tickets: Tickets, ticket_id: CounterBackend) -> dict[str, Any]:
    """Return how many tickets there are of each status, and how many were ever issued."""
    counts = Counter(ticket.status for ticket in every(tickets))
    issued = ticket_id.value
    damaged = {"unreadable": counts["unreadable"]} if counts["unreadable"] else {}
    return {
        "open": counts["open"],
        "closed": counts["closed"],
        **damaged,
        "issued": issued,
        "next_id": name(issued + 1),
    }


def lately(tickets: Tickets, minutes: int) -> list[int]:
    """Return how many tickets each of the last *minutes* brought, the present one last."""
    now = datetime.now(timezone.utc)
    created = (each.created for each in every(tickets) if isinstance(each, Ticket))
    counts = Counter((now - each) // timedelta(minutes=1) for each in created)
    return [counts[ago] for ago in reversed(range(minutes))]


def name(number: int) -> str:
    """Return the id of the ticket of that number."""
    return f"scp-{number:03}"


def number(id: str) -> int:
    """Return the number of the ticket of that id, which is its key: so they sort by age."""
    if re.fullmatch("scp-[0-9]{3,18}", id):
        key = int(id.removeprefix("scp-"))
        if name(key) == id:
            return key
    raise Missing(id)


@contextmanager
def found(id: str, tickets: Tickets) -> Iterator[int]:
    """Give the key of a ticket.

    Refuse an id that none has, a version that it is not in, and a damaged record.
    """
    key = number(id)
    try:
        yield key
    except PreconditionFailed as exc:
        raise (Overtaken(id) if key in tickets else Missing(id)) from exc
    except KeyError as exc:
        raise Missing(id) from exc
    except CorruptData as exc:
        logger.error("%s", exc)
        raise Damaged(id) from exc
