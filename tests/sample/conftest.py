"""The Ticket desk as an app in this process, on a file of the test's own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from napixd_store import connections
from sample_app.app import make_app
from tests.sample.wsgi import TestApp

INI = """
[store]
backend = SQLite
path = {path}
; No power is cut here, and it is much faster.
durability = process
{options}
[store.tickets]
collection = tickets
type = sample_app.tickets.Ticket
{store}
[counter.ticket_id]
name = ticket-id
"""


@pytest.fixture
def make_desk(tmp_path: Path):
    def make(*, options: str = "", store: str = "") -> TestApp:
        settings = tmp_path / "app.ini"
        path = tmp_path / "desk.sqlite"
        settings.write_text(INI.format(path=path, options=options, store=store))
        return TestApp(make_app(settings))

    yield make
    connections.close_all()


@pytest.fixture
def desk(make_desk: Callable[..., TestApp]):
    return make_desk()
