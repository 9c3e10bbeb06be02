"""The pages that change something, for people.

A form that is sent leads on to a page that shows what it did (303), so to load that page again
repeats nothing.
"""

from typing import Any

from bottle import HTTPError, HTTPResponse, response
from msgspec import to_builtins

from napixd_store import CounterBackend
from sample_app import desk
from sample_app.desk import Missing, Overtaken, Tickets
from sample_app.forms import Drafts, Secrets, known, received, token
from sample_app.limits import Arrivals, TooMany, admit
from sample_app.pages import address
from sample_app.tickets import Changes, Draft, Revision, Seen, Ticket, Wrong, from_form
from sample_app.web import render

OVERTAKEN = (
    "Nothing is saved yet, for somebody else changed this ticket meanwhile. See what it is now, "
    "above what you typed. To put yours in its place, save once more."
)
DELETED = (
    "Nothing is saved, for somebody else deleted this ticket meanwhile. What you typed is below: "
    "you can make a new ticket of it."
)
WAITING = "This is what you typed lately, and it is no ticket yet. Create it, or write another."
KEPT_HERE = "What you typed is not saved yet; it waits here for a day."
KEPT = (
    "Nothing is deleted yet, for somebody else changed this ticket meanwhile. Below is what it is "
    "now: is it still to be deleted?"
)


def new(forms: Secrets, drafts: Drafts) -> str:
    """Show the form for a new ticket, with what this browser could not hand in lately."""
    fields = drafts.get(known(forms), {})
    return form(forms, fields, problems={"": WAITING} if fields else None)


def create(
    limit: int | None,
    tickets: Tickets,
    ticket_id: CounterBackend,
    forms: Secrets,
    drafts: Drafts,
    arrivals: Arrivals,
) -> str:
    """Store a new ticket, or show the form again with what is in the way, and keep its fields."""
    fields, browser = received(forms), known(forms)
    try:
        draft = from_form(Draft, fields)
        admit(limit, arrivals)
    except Wrong as exc:
        status, problems = 400, exc.problems
    except TooMany as exc:
        status, problems = 429, {"": f"{exc.body.capitalize()}. {KEPT_HERE}"}
        response.headers.update(exc.headers)
    else:
        ticket = desk.add(draft, tickets, ticket_id)
        drafts.pop(browser, None)
        raise see(address("show", ticket.id), "created")
    drafts[browser] = fields
    return form(forms, fields, status, problems)


def edit(id: str, tickets: Tickets, forms: Secrets) -> str:
    """Show a form with a ticket in it."""
    ticket, version = desk.look(id, tickets)
    return form(forms, {**to_builtins(ticket), "version": version}, id=id)


def change(id: str, tickets: Tickets, forms: Secrets) -> str:
    """Change a ticket, or show the form again with what is in the way."""
    fields = received(forms)
    try:
        revision = from_form(Revision, fields)
        desk.edit(id, revision, tickets, revision.version)
    except Wrong as exc:
        return form(forms, fields, 400, exc.problems, id=id)
    except Overtaken:
        now, version = desk.look(id, tickets)
        return form(forms, {**fields, "version": version}, 409, {"": OVERTAKEN}, id=id, now=now)
    except Missing:
        return form(forms, fields, 404, {"": DELETED})
    raise see(address("show", id), "changed")


def turn(id: str, tickets: Tickets, forms: Secrets) -> None:
    """Close a ticket, or open it again, and leave the rest of it as it is."""
    try:
        ticket = desk.edit(id, from_form(Changes, received(forms)), tickets)
    except Wrong as exc:
        raise HTTPError(400, str(exc)) from exc
    raise see(address("show", id), ticket.status)


def confirm(id: str, tickets: Tickets, forms: Secrets) -> str:
    """Ask whether a ticket shall be deleted."""
    return question(forms, *desk.look(id, tickets))


def delete(id: str, tickets: Tickets, forms: Secrets) -> str:
    """Remove a ticket, or ask again if it is not what the question was about."""
    try:
        desk.remove(id, tickets, from_form(Seen, received(forms)).version)
    except Wrong as exc:
        raise HTTPError(400, str(exc)) from exc
    except Overtaken:
        return question(forms, *desk.look(id, tickets), 409, KEPT)
    raise see("/", "deleted")


# --- what the handlers share -----------------------------------------------------------------


def form(
    forms: Secrets,
    fields: dict[str, Any],
    status: int = 200,
    problems: dict[str, str] | None = None,
    *,
    id: str | None = None,
    now: Ticket | None = None,
) -> str:
    """Return the form for a new ticket, or for that of *id*, with *fields* in it.

    *problems* says why it is shown again, by field, and "" is the whole; *now* is what others
    made of the ticket meanwhile.
    """
    response.status = status
    return render(
        "form",
        id=id,
        fields=fields,
        problems=problems or {},
        now=now,
        address=address,
        token=token(forms),
    )


def question(
    forms: Secrets, ticket: Ticket, version: str | None, status: int = 200, problem: str = ""
) -> str:
    """Return the question whether *ticket* shall be deleted; *problem* says why once more."""
    response.status = status
    return render(
        "delete",
        ticket=ticket,
        version=version,
        problem=problem,
        address=address,
        token=token(forms),
    )


def see(page: str, done: str) -> HTTPResponse:
    """Return what leads a browser on to *page*, which then tells what was done."""
    return HTTPResponse(status=303, Location=f"{page}?done={done}")
