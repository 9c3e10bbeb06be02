"""The pages that are read, for people: the same desk as the API's, in HTML without JavaScript."""

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import quote, urlencode

from bottle import HTTPError, HTTPResponse, request, response, static_file
from msgspec import to_builtins
from msgspec.structs import replace

from napixd_store import CounterBackend
from sample_app import desk
from sample_app.desk import Tickets
from sample_app.forms import Secrets, token
from sample_app.tickets import Search
from sample_app.web import query, render

FILES = Path(__file__).with_name("static")
MINUTES = 30
"""How far back the chart of the counters goes."""
DONE = {
    "created": "The ticket is on the desk.",
    "changed": "Your changes are saved.",
    "closed": "The ticket is closed.",
    "open": "The ticket is open again.",
    "deleted": "The ticket is deleted.",
}
"""What a page may tell of the form that led to it."""
ODD = "this address asks the list for what it does not have: begin again with all tickets"


def listing(tickets: Tickets) -> str:
    """Show a page of the tickets that were searched for."""
    try:
        wanted = query(Search)
    except HTTPError as exc:
        raise HTTPError(400, ODD) from exc
    return render(
        "list",
        page=desk.newest(wanted, tickets),
        total=len(tickets),
        wanted=wanted,
        elsewhere=elsewhere(wanted),
        address=address,
        ago=ago,
        done=done(),
    )


def show(id: str, tickets: Tickets, forms: Secrets) -> str:
    """Show one ticket, and what can be done with it."""
    ticket = desk.find(id, tickets)
    return render("show", ticket=ticket, address=address, ago=ago, token=token(forms), done=done())


def counters(tickets: Tickets, ticket_id: CounterBackend) -> str:
    """Show the counters, which move by themselves if the query says so."""
    live = request.query.live == "yes"
    if live:
        response.set_header("Refresh", "2")
    counts, lately = desk.count(tickets, ticket_id), desk.lately(tickets, MINUTES)
    return render("counters", counts=counts, lately=lately, live=live)


def file(name: str) -> HTTPResponse:
    """Return a file that the pages need."""
    return static_file(name, str(FILES))


# --- what the pages share --------------------------------------------------------------------


def address(page: str, id: str) -> str:
    """Return where a page about a ticket is."""
    return f"/{page}/{quote(id, safe='')}"


def elsewhere(wanted: Search) -> Callable[..., str]:
    """Return what gives the address of another page of the same search, from a place on."""
    said = to_builtins(replace(wanted, older="", newer=""))
    return lambda **place: "/?" + urlencode({k: v for k, v in {**said, **place}.items() if v})


def ago(at: datetime) -> str:
    """Return how long ago that was, as people say it."""
    seconds = (datetime.now(timezone.utc) - at).total_seconds()
    for unit, size in [("day", 86400), ("hour", 3600), ("minute", 60)]:
        if number := max(0, int(seconds // size)):
            return f"{number} {unit}{'' if number == 1 else 's'} ago"
    return "just now"


def done() -> str | None:
    """Return what was done a moment ago, for a page to tell."""
    return DONE.get(request.query.done)
