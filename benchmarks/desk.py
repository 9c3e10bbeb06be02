"""A ticket service, as a server imports it: by this library, and by hand over ``sqlite3``.

All of them read and answer the same JSON, and a ticket that was acknowledged survives a power cut.
An answer names the process that gave it.
"""

import logging
import os
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec
from bottle import Bottle, request, response

from benchmarks.contestants.by_hand import open_sqlite
from benchmarks.contestants.sqlite import ByHand
from napixd_store import CounterBackend, StoreBackend
from napixd_store_bottle import StorePlugin

FOLDER = "BENCHMARKS_DESK"
"""The variable that says where the tickets are."""
DURABILITY = "power"
SWITCH_INTERVAL = 0.0001
"""Seconds, as the sample has it; see there."""


# It warns of each request that waits: with 200 connections, of each.
logging.getLogger("waitress.queue").setLevel(logging.ERROR)


def _folder() -> Path:
    return Path(os.environ[FOLDER])


def _created(id: str) -> dict[str, Any]:
    response.status = 201
    return {"id": id, "worker": os.getpid()}


def ours() -> Bottle:
    """Return the service with `StorePlugin`: a number and a ticket are two writes."""
    app = Bottle()
    app.config.load_dict(
        {
            "store": {
                "backend": "SQLite",
                "path": str(_folder() / "desk.sqlite"),
                "durability": DURABILITY,
                "tickets": {"collection": "tickets"},
            },
            "counter": {"ticket_id": {"name": "ticket-id"}},
        }
    )
    app.install(StorePlugin())

    @app.post("/tickets")  # type: ignore[untyped-decorator]
    def create(tickets: StoreBackend[Any], ticket_id: CounterBackend) -> dict[str, Any]:
        id = f"scp-{ticket_id.increment():03}"
        tickets[id] = request.json
        return _created(id)

    @app.get("/tickets/<id>")  # type: ignore[untyped-decorator]
    def show(id: str, tickets: StoreBackend[Any]) -> dict[str, Any]:
        return {**tickets[id], "worker": os.getpid()}

    return app


def ours_at_short_turns() -> Bottle:
    """Return `ours`, and let no thread keep Python's lock for long."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    return ours()


def by_hand(*, once: bool = False) -> Bottle:
    """Return the service with a connection a thread; *once*: number and ticket are one commit."""
    app = Bottle()
    own = threading.local()
    encode, decode = msgspec.json.encode, msgspec.json.decode
    ByHand(_folder(), DURABILITY).close()  # makes the tables

    def database() -> Any:
        if not hasattr(own, "database"):
            own.database = open_sqlite(_folder() / "by-hand.sqlite", DURABILITY)
        return own.database

    def insert(ticket: Any) -> str:
        count = database().execute(ByHand.COUNT, ("ticket-id",)).fetchone()[0]
        id = f"scp-{count:03}"
        database().execute(ByHand.PUT, (id, encode(ticket)))
        return id

    @app.post("/tickets")  # type: ignore[untyped-decorator]
    def create() -> dict[str, Any]:
        ticket = request.json
        if not once:
            return _created(insert(ticket))
        with database():
            database().execute("BEGIN IMMEDIATE")
            return _created(insert(ticket))

    @app.get("/tickets/<id>")  # type: ignore[untyped-decorator]
    def show(id: str) -> dict[str, Any]:
        found = database().execute("SELECT value FROM kv WHERE key = ?", (id,)).fetchone()
        return {**decode(found[0]), "worker": os.getpid()}

    return app


def by_hand_once() -> Bottle:
    """Return `by_hand` with one commit a ticket."""
    return by_hand(once=True)
