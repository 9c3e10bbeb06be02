"""The pages, for people: the same desk as the API's, in HTML that needs no JavaScript.

A form that is sent changes something and leads on to a page that shows it (303), so to load that
page again repeats nothing.
"""

from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from bottle import HTTPResponse, request, response, static_file
from msgspec import to_builtins

from napixd_store import CounterBackend
from sample_app import desk
from sample_app.desk import Missing, Overtaken, Tickets
from sample_app.forms import Secrets, received, token
from sample_app.tickets import Draft, Revision, Search, Ticket, from_form
from sample_app.web import query, render

FILES = Path(__file__).with_name("static")
DONE = {
    "created": "The ticket is created.",
    "changed": "The ticket is changed.",
    "deleted": "The ticket is deleted.",
}
"""What a page may tell of the form that led to it."""


def listing(tickets: Tickets) -> str:
    """Show a page of the tickets that were searched for."""
    wanted = query(Search)
    found, total = desk.page(wanted, tickets)

    def page(number: int) -> str:
        """Return the address of another page of the same search."""
        return "/?" + urlencode({**to_builtins(wanted), "page": number})

    return render(
        "list",
        tickets=found,
        total=total,
        wanted=wanted,
        last=max(1, -(-total // wanted.per_page)),
        page=page,
        address=address,
        done=done(),
    )


def show(id: str, tickets: Tickets) -> str:
    """Show one ticket."""
    return render("show", ticket=desk.find(id, tickets), address=address, done=done())


def new(forms: Secrets) -> str:
    """Show an empty form."""
    return form(forms, {})


def create(tickets: Tickets, ticket_id: CounterBackend, forms: Secrets) -> str:
    """Store a new ticket, or show the form again with what is wrong."""
    fields = received(forms)
    try:
        ticket = desk.add(from_form(Draft, fields), tickets, ticket_id)
    except ValueError as exc:
        return form(forms, fields, 400, str(exc))
    raise see(address("show", ticket.id), "created")


def edit(id: str, tickets: Tickets, forms: Secrets) -> str:
    """Show a form with a ticket in it."""
    ticket = desk.find(id, tickets)
    return form(forms, {**to_builtins(ticket), "seen": seen(ticket)}, id=id)


def change(id: str, tickets: Tickets, forms: Secrets) -> str:
    """Change a ticket, or show the form again with what is in the way."""
    fields = received(forms)
    try:
        revision = from_form(Revision, fields)
        desk.edit(id, revision, tickets, revision.seen)
    except ValueError as exc:
        return form(forms, fields, 400, str(exc), id=id)
    except Overtaken:
        now = desk.find(id, tickets)
        return form(forms, {**fields, "seen": seen(now)}, 409, OVERTAKEN, id=id, now=now)
    except Missing:
        return form(forms, fields, 404, DELETED)
    raise see(address("show", id), "changed")


def confirm(id: str, tickets: Tickets, forms: Secrets) -> str:
    """Ask whether a ticket shall be deleted."""
    ticket = desk.find(id, tickets)
    return render("delete", ticket=ticket, address=address, token=token(forms))


def delete(id: str, tickets: Tickets, forms: Secrets) -> None:
    """Remove a ticket."""
    received(forms)
    desk.remove(id, tickets)
    raise see("/", "deleted")


def counters(tickets: Tickets, ticket_id: CounterBackend) -> str:
    """Show the counters, which move by themselves unless the query says not to."""
    live = request.query.live != "no"
    return render("counters", counts=desk.count(tickets, ticket_id), live=live)


def file(name: str) -> HTTPResponse:
    """Return a file that the pages need."""
    return static_file(name, str(FILES))


# --- what the handlers share -----------------------------------------------------------------

OVERTAKEN = (
    "Nothing is stored yet, for somebody else changed this ticket meanwhile. See what it is now, "
    "above what you typed. To store yours in its place, send the form again."
)
DELETED = (
    "Nothing is stored, for somebody else deleted this ticket meanwhile. What you typed is below: "
    "send the form to make a new ticket of it."
)


def form(
    forms: Secrets,
    fields: dict[str, Any],
    status: int = 200,
    problem: str = "",
    *,
    id: str | None = None,
    now: Ticket | None = None,
) -> str:
    """Return the form for a new ticket, or for that of *id*, with *fields* in it.

    *problem* says why it is shown again; *now* is what others made of the ticket meanwhile.
    """
    response.status = status
    return render(
        "form",
        id=id,
        fields=fields,
        problem=problem,
        now=now,
        address=address,
        token=token(forms),
    )


def address(page: str, id: str) -> str:
    """Return where a page about a ticket is."""
    return f"/{page}/{quote(id, safe='')}"


def see(page: str, done: str) -> HTTPResponse:
    """Return what leads a browser on to *page*, which then tells what was done."""
    return HTTPResponse(status=303, Location=f"{page}?done={done}")


def done() -> str | None:
    """Return what was done a moment ago, for a page to tell."""
    return DONE.get(request.query.done)


def seen(ticket: Ticket) -> str:
    """Return what a form is based on: when the ticket was last changed."""
    return ticket.updated.isoformat()
