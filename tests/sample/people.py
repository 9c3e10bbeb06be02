"""What a person does with the pages of the Ticket desk, through WebTest's forms."""

from typing import Any

from tests.sample.wsgi import TestApp


def hand_in(desk: TestApp, **fields: str) -> str:
    """Send the form for a new ticket; return where it leads."""
    form = desk.get("/new").forms[0]
    for field, value in fields.items():
        form[field] = value
    location: str = form.submit(status=303).location
    return location


def titles(page: Any) -> list[str]:
    return [link.text for link in page.html.select(".tickets a")]


def delete_late(desk: TestApp) -> Any:
    """Confirm that a ticket be deleted, which somebody else changed since that was asked."""
    hand_in(desk, title="No coffee")
    form = desk.get("/delete/scp-001").forms[0]
    desk.patch_json("/tickets/scp-001", {"body": "important"})
    return form.submit(status=409)


def overtaken(desk: TestApp) -> Any:
    """Send a form for a ticket that somebody else changed since it was loaded."""
    hand_in(desk, title="No coffee", body="the tin is empty")
    form = desk.get("/edit/scp-001").forms[0]
    form["title"], form["body"], form["status"] = "No tea", "typed by me", "closed"
    desk.patch_json("/tickets/scp-001", {"title": "No milk", "body": "stored by others"})
    return form.submit(status=409)
