"""The Bottle plugin: what a request costs with it, and without.

Requests are calls of the app as WSGI, in this process, without a server: so what is measured is
Bottle and the plugin, and nothing else. The stores are on Memory, and no handler does anything
with them.
"""

import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bottle import Bottle, HTTPResponse

from benchmarks.measure import DIFFERENCE, Contestant, Heat, Operation, Plan, Suite
from benchmarks.race import races
from benchmarks.results import Section
from benchmarks.rounds import Round
from napixd_store import connections
from napixd_store_bottle import StorePlugin

NOTE = (
    "A request is a call of the app as WSGI in one process, without a server. The stores are on "
    "Memory, and no handler does anything with what it has: so what is measured is Bottle and "
    "the plugin."
)

REQUESTS = 200
"""In a round: few, and many rounds, so that what is compared is done within milliseconds."""

SETTINGS = {
    "store": {
        "backend": "Memory",
        "hosts": {"collection": "hosts"},
        "drafts": {"writeback": True},
    },
    "counter": {"requests": {"name": "requests"}},
}


def measure(plan: Plan) -> Iterator[Section]:
    """Yield a table for each heat."""
    yield from races(heats(), plan)


def heats() -> Iterator[Heat]:
    """Yield what is asked for, and then what is not."""
    yield Heat(
        "A handler that asks for a store and a counter",
        "The other contestant has globals of a module in place of arguments, and no plugin.",
        [Injected, Globals],
        [
            Operation("a text", 5.0, "text", Round.times),
            Operation("a dict, sent as JSON", 5.0, "json", Round.times),
            Operation("a returned `HTTPResponse`", 5.0, "response", Round.times),
            Operation("a generator", 5.0, "stream", Round.times),
            Operation(
                "a store that writes back, new for each request", None, "drafts", Round.times
            ),
        ],
        0,
        REQUESTS,
        DIFFERENCE,
    )
    yield Heat(
        "A handler that asks for nothing",
        "Is left as it is: what is more is the unit of work that each request of the app is. The "
        "other contestant has no plugin.",
        [Installed, Bare],
        [Operation("a text", 2.0, "nothing", Round.times)],
        0,
        REQUESTS,
        DIFFERENCE,
    )


class _App(Contestant):
    """An app with a handler for each operation, which is asked by its name."""

    durability = "memory"
    plugin = False
    handlers: Mapping[str, Callable[..., Any]]

    def __init__(self, folder: Path) -> None:
        self.app = Bottle()
        self.app.config.load_dict(SETTINGS)
        if self.plugin:
            self.app.install(StorePlugin())
        for name, handler in self.handlers.items():
            self.app.get(f"/{name}", callback=handler)
            ask(self.app, name, range(1))

    def close(self) -> None:
        connections.close_all()


def ask(app: Bottle, name: str, times: range) -> None:
    """Make as many requests, and read the answers."""
    said = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": f"/{name}",
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "8080",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
    }
    for _ in times:
        body = app(dict(said), answer)
        for _chunk in body:
            pass
        if hasattr(body, "close"):
            body.close()


def answer(status: str, headers: Any, error: Any = None) -> None:
    """Take the answer's head, as a server does."""
    assert status == "200 OK", status


class Injected(_App):
    """Handlers that the plugin gives a store and a counter."""

    name = "injected"
    plugin = True
    handlers: Mapping[str, Callable[..., Any]] = {
        "text": lambda hosts, requests: "text",
        "json": lambda hosts, requests: {"hosts": 1, "names": ["a", "b"]},
        "response": lambda hosts, requests: HTTPResponse("text"),
        "stream": lambda hosts, requests: (text for text in ("a", "b")),
        "drafts": lambda drafts: "text",
    }

    def text(self, times: range) -> None:
        ask(self.app, "text", times)

    def json(self, times: range) -> None:
        ask(self.app, "json", times)

    def response(self, times: range) -> None:
        ask(self.app, "response", times)

    def stream(self, times: range) -> None:
        ask(self.app, "stream", times)

    def drafts(self, times: range) -> None:
        ask(self.app, "drafts", times)


class Globals(Injected):
    """The same handlers without arguments: globals of a module cost nothing to have."""

    name = "module globals"
    plugin = False
    handlers: Mapping[str, Callable[..., Any]] = {
        "text": lambda: "text",
        "json": lambda: {"hosts": 1, "names": ["a", "b"]},
        "response": lambda: HTTPResponse("text"),
        "stream": lambda: (text for text in ("a", "b")),
        "drafts": lambda: "text",
    }


class Installed(_App):
    """The plugin is there, and the handler asks for nothing."""

    name = "with the plugin"
    plugin = True
    handlers: Mapping[str, Callable[..., Any]] = {"nothing": lambda: "text"}

    def nothing(self, times: range) -> None:
        ask(self.app, "nothing", times)


class Bare(Installed):
    """No plugin."""

    name = "without it"
    plugin = False


SUITE = Suite(
    title="Benchmarks of the Bottle plugin",
    packages=("msgspec", "bottle"),
    note=NOTE,
    measure=measure,
)
