"""A lease that the settings give a counter: handlers open it anew, and share what is held."""

from pathlib import Path

import pytest
from bottle import Bottle

from napixd_store import Counter
from napixd_store_bottle import StorePlugin
from napixd_store_bottle.testing import on_memory
from tests.bottle.client import Client

INI = """
[store]
path = desk.sqlite

[counter]
lease = 50

[counter.ticket_id]
lease = 100
"""


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bottle:
    monkeypatch.chdir(tmp_path)
    Path("desk.ini").write_text(INI)
    app = Bottle()
    app.install(StorePlugin(config="desk.ini"))
    app.get("/declared", callback=lambda ticket_id: f"{ticket_id.increment()}")
    app.get("/opened", callback=lambda: f"{Counter('user_id').increment()}")
    return app


def test_requests_are_given_numbers_of_one_lease(app):
    client = Client(app)
    assert [client.get("/declared").text for _ in range(3)] == ["1", "2", "3"]
    assert [client.get("/opened").text for _ in range(3)] == ["1", "2", "3"]
    values = [Counter(name, path="desk.sqlite").value for name in ("ticket_id", "user_id")]
    assert values == [100, 50]


def test_on_memory_an_app_has_the_leases_of_its_settings(app):
    with on_memory(app) as given:
        client = Client(app)
        assert [client.get("/declared").text, client.get("/opened").text] == ["1", "1"]
        assert (given["ticket_id"].lease, given["ticket_id"].value) == (100, 100)
    assert not Path("desk.sqlite").exists()
