"""The JSON API, for programs: handlers that name the store and the counter of `app.ini`."""

import logging
from typing import Any

from bottle import Bottle, HTTPError, response
from msgspec import to_builtins

from napixd_store import CounterBackend, StoreError
from napixd_store_bottle import StorePlugin, if_match, not_modified
from sample_app import desk
from sample_app.desk import Tickets
from sample_app.limits import Arrivals, admit
from sample_app.tickets import Changes, Draft, Listing, Ticket, Unreadable
from sample_app.web import body, query

Answer = dict[str, Any]

logger = logging.getLogger(__name__)


def create(
    limit: int | None, tickets: Tickets, ticket_id: CounterBackend, arrivals: Arrivals
) -> Answer:
    """Store a new ticket, if no more than *limit* came from that address lately."""
    draft = body(Draft)
    admit(limit, arrivals)
    ticket = desk.add(draft, tickets, ticket_id)
    response.status = 201
    response.set_header("Location", f"/tickets/{ticket.id}")
    return shown(ticket)


def listing(tickets: Tickets) -> Answer:
    """Return a page of tickets."""
    wanted = query(Listing)
    page, last = desk.listed(wanted, tickets)
    return {
        "tickets": [shown(ticket) for ticket in page],
        "per_page": wanted.per_page,
        "next": last,
        "total": len(tickets),
    }


def show(id: str, tickets: Tickets) -> Answer:
    """Return one ticket, unless the client has this version of it."""
    ticket, version = desk.look(id, tickets)
    not_modified(version)
    return shown(ticket)


def replace(id: str, tickets: Tickets) -> Answer:
    """Give a ticket a new title, body and status; what is not said becomes the default."""
    return shown(desk.edit(id, body(Draft), tickets, if_match()))


def change(id: str, tickets: Tickets) -> Answer:
    """Give a ticket the fields that are said; the others stay as they are."""
    return shown(desk.edit(id, body(Changes), tickets, if_match()))


def delete(id: str, tickets: Tickets) -> None:
    """Remove a ticket."""
    desk.remove(id, tickets, if_match())
    response.status = 204


def stats(tickets: Tickets, ticket_id: CounterBackend) -> Answer:
    """Return how many tickets there are of each status, and how many were ever issued."""
    return desk.count(tickets, ticket_id)


def health(app: Bottle, plugin: StorePlugin) -> Answer:
    """Say whether all that the settings of *app* declare answers."""
    try:
        plugin.check(app)
    except StoreError as exc:
        logger.error("the store does not answer: %s", exc)
        raise HTTPError(503, "the store does not answer, and the log says why") from exc
    return {"status": "ok"}


def shown(ticket: Ticket | Unreadable) -> Answer:
    """Return *ticket* as Bottle can answer it."""
    fields: Answer = to_builtins(ticket)
    return fields
