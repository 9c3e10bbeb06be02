"""The routes: handlers that name the store and the counter which `app.ini` declares."""

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from bottle import Bottle, HTTPError, response
from msgspec import UNSET, to_builtins

from napixd_store import Conflict, CounterBackend, InvalidKey, StoreBackend, StoreError
from napixd_store_bottle import StorePlugin
from sample_app.tickets import Changes, Draft, Ticket, given
from sample_app.web import body, error_as_json, query, refuse_broken_path

Tickets = StoreBackend[Ticket]
Answer = dict[str, Any]

logger = logging.getLogger(__name__)
REPEATS = 5  # of an edit that others got in the way of


def create(tickets: Tickets, ticket_id: CounterBackend) -> Answer:
    """Store a new ticket under an id that nobody had before."""
    draft, now = body(Draft), datetime.now(timezone.utc)
    while True:
        id = name(ticket_id.increment())
        ticket = Ticket(id=id, created=now, updated=now, **given(draft))
        # An id is taken only where the counter was reset by hand. Nothing is overwritten even then.
        if tickets.setdefault(id, ticket) == ticket:
            response.status = 201
            response.set_header("Location", f"/tickets/{id}")
            return shown(ticket)


def listing(tickets: Tickets) -> Answer:
    """Return a page of tickets; they are streamed, so memory holds no more than that page."""
    wanted = query()
    first, page, total = (wanted.page - 1) * wanted.per_page, [], 0
    for ticket in tickets.values():
        if wanted.status in (UNSET, ticket.status):
            if first <= total < first + wanted.per_page:
                page.append(shown(ticket))
            total += 1
    return {"tickets": page, "page": wanted.page, "per_page": wanted.per_page, "total": total}


def show(id: str, tickets: Tickets) -> Answer:
    """Return one ticket."""
    with found(id):
        return shown(tickets[id])


def replace(id: str, tickets: Tickets) -> Answer:
    """Give a ticket a new title, body and status; what is not said becomes the default."""
    return edited(tickets, id, given(body(Draft)))


def change(id: str, tickets: Tickets) -> Answer:
    """Give a ticket the fields that are said; the others stay as they are."""
    return edited(tickets, id, given(body(Changes)))


def delete(id: str, tickets: Tickets) -> None:
    """Remove a ticket; its id is not given again."""
    with found(id):
        del tickets[id]
    response.status = 204


def stats(tickets: Tickets, ticket_id: CounterBackend) -> Answer:
    """Return how many tickets there are of each status, and how many were ever issued."""
    counts = Counter(ticket.status for ticket in tickets.values())
    issued = ticket_id.value
    return {
        "open": counts["open"],
        "closed": counts["closed"],
        "issued": issued,
        "next_id": name(issued + 1),
    }


def health(ticket_id: CounterBackend) -> Answer:
    """Say whether the store answers, by reading the counter."""
    try:
        _ = ticket_id.value
    except StoreError as exc:
        logger.error("the store does not answer: %s", exc)
        raise HTTPError(503, "the store does not answer, and the log says why") from exc
    return {"status": "ok"}


# --- what the handlers share -----------------------------------------------------------------


def name(number: int) -> str:
    """Return the id of the ticket of that number."""
    return f"scp-{number:03}"


def shown(ticket: Ticket) -> Answer:
    """Return *ticket* as Bottle can answer it."""
    fields: Answer = to_builtins(ticket)
    return fields


def edited(tickets: Tickets, id: str, fields: Answer) -> Answer:
    """Change *fields* of a ticket in one atomic step, and return it."""
    for _ in range(REPEATS):
        with suppress(Conflict):
            with found(id), tickets.edit(id) as ticket:
                for field, value in fields.items():
                    setattr(ticket, field, value)
                ticket.updated = datetime.now(timezone.utc)
            return shown(ticket)
    raise HTTPError(409, f"the ticket {id!r} is being changed by others: read it again and repeat")


@contextmanager
def found(id: str) -> Iterator[None]:
    """Refuse an id that no ticket has, or that none can have."""
    try:
        yield
    except (KeyError, InvalidKey) as exc:
        raise HTTPError(404, f"there is no ticket {id!r}: GET /tickets lists them") from exc


# --- the service -----------------------------------------------------------------------------


def make_app(settings: Path) -> Bottle:
    """Return the service with its *settings*, an INI file as `app.ini` beside this module."""
    with settings.open():  # Bottle would silently pass over a file that it cannot open
        app = Bottle()
        app.config.load_config(str(settings))
    app.install(StorePlugin())
    app.default_error_handler = error_as_json
    app.add_hook("before_request", refuse_broken_path)
    app.post("/tickets", callback=create)
    app.get("/tickets", callback=listing)
    app.get("/tickets/<id>", callback=show)
    app.put("/tickets/<id>", callback=replace)
    app.route("/tickets/<id>", "PATCH", callback=change)
    app.delete("/tickets/<id>", callback=delete)
    app.get("/stats", callback=stats)
    app.get("/health", callback=health)
    return app
