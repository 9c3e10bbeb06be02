"""What the desk does with its store and its counter, for programs and for people alike."""

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from heapq import nlargest, nsmallest
from itertools import islice
from typing import Any

from bottle import HTTPError

from napixd_store import Conflict, CorruptData, CounterBackend, InvalidKey, StoreBackend
from sample_app.tickets import Changes, Draft, Listing, Search, Ticket, Unreadable, given

Tickets = StoreBackend[Ticket]

REPEATS = 5  # of an edit that others got in the way of
AT_ONCE = 100  # tickets read in one round trip

logger = logging.getLogger(__name__)


class Missing(HTTPError):  # type: ignore[misc]  # Bottle has no types
    """There is no such ticket, or no more."""

    def __init__(self, id: str) -> None:
        super().__init__(404, f"there is no ticket {id!r}")


class Overtaken(HTTPError):  # type: ignore[misc]  # Bottle has no types
    """Others changed the ticket in between, so it was left as it is."""

    def __init__(self, id: str) -> None:
        text = f"the ticket {id!r} is being changed by others: read it again and repeat"
        super().__init__(409, text)


class Damaged(HTTPError):  # type: ignore[misc]  # Bottle has no types
    """The ticket is there, but its record cannot be read."""

    def __init__(self, id: str) -> None:
        super().__init__(500, f"the ticket {id!r} cannot be read, and the log says why")


def add(draft: Draft, tickets: Tickets, ticket_id: CounterBackend) -> Ticket:
    """Store a new ticket under an id that nobody had before."""
    now = datetime.now(timezone.utc)
    while True:
        id = name(ticket_id.increment())
        ticket = Ticket(id=id, created=now, updated=now, **given(draft))
        # An id is taken only where the counter was reset by hand. Nothing is overwritten even then.
        if tickets.setdefault(id, ticket) == ticket:
            return ticket


def page(wanted: Listing | Search, tickets: Tickets) -> tuple[list[Ticket | Unreadable], int]:
    """Return a page of the tickets that are wanted, and how many are on all pages.

    A program gets the oldest first, a person the newest. The tickets are streamed, so memory
    holds no more of them than the pages up to this one.
    """
    total = 0

    def matching() -> Iterator[Ticket | Unreadable]:
        nonlocal total
        for ticket in every(tickets):
            if wanted.wants(ticket):
                total += 1
                yield ticket

    pick = nlargest if isinstance(wanted, Search) else nsmallest
    first = (wanted.page - 1) * wanted.per_page
    # Not all backends iterate in an order: scp-1000 comes after scp-999.
    picked = pick(first + wanted.per_page, matching(), key=lambda each: (len(each.id), each.id))
    return picked[first:], total


def every(tickets: Tickets) -> Iterator[Ticket | Unreadable]:
    """Yield each ticket; one bad record is one bad row, and not the end of the list."""
    ids = iter(tickets)
    while some := list(islice(ids, AT_ONCE)):
        yield from readable(some, tickets)


def readable(ids: list[str | int], tickets: Tickets) -> list[Ticket | Unreadable]:
    """Return these tickets; where that fails, halve them until the bad one stands alone."""
    try:
        return [*tickets.get_many(ids).values()]
    except CorruptData as exc:
        if len(ids) == 1:
            logger.error("%s", exc)
            return [Unreadable(str(ids[0]))]
        half = len(ids) // 2
        return readable(ids[:half], tickets) + readable(ids[half:], tickets)


def find(id: str, tickets: Tickets) -> Ticket:
    """Return one ticket."""
    with found(id):
        return tickets[id]


def edit(
    id: str, fields: Draft | Changes, tickets: Tickets, seen: datetime | None = None
) -> Ticket:
    """Change *fields* of a ticket in one atomic step, and return it.

    Raises:
        Overtaken: it was changed since it was *seen*, or others kept getting in the way.
    """
    for _ in range(REPEATS):
        try:
            with found(id), tickets.edit(id) as ticket:
                if seen not in (None, ticket.updated):
                    break
                for field, value in given(fields).items():
                    setattr(ticket, field, value)
                ticket.updated = datetime.now(timezone.utc)
            tickets.save()  # where the store is write-back: after the handler it cannot be repeated
            return ticket
        except Conflict:
            tickets.reload()  # the same: read afresh
    raise Overtaken(id)


def remove(id: str, tickets: Tickets, seen: datetime | None = None) -> None:
    """Remove a ticket; its id is not given again.

    Raises:
        Overtaken: it was changed since it was *seen*.
    """
    with found(id):
        if seen is None:
            del tickets[id]
        elif tickets[id].updated != seen:
            raise Overtaken(id)
        elif (ticket := tickets.pop(id)).updated != seen:
            tickets.setdefault(id, ticket)  # somebody changed it at this very moment
            raise Overtaken(id)


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


@contextmanager
def found(id: str) -> Iterator[None]:
    """Refuse an id that no ticket has or that none can have, and a record that is damaged."""
    try:
        yield
    except (KeyError, InvalidKey) as exc:
        raise Missing(id) from exc
    except CorruptData as exc:
        logger.error("%s", exc)
        raise Damaged(id) from exc
