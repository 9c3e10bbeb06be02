"""Connections to a server go when nobody needs them: no descriptor, no warning, no record stays."""

import gc
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import redis

from napixd_store import Store, connections
from tests.redis.servers import Running

BACKENDS = ["Redis", "RedisHash", "RedisKey"]


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Let nothing go but what no reference keeps."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def clients(server: Running) -> int:
    """Return how many connections the server has, without the one that asks."""
    return int(server.info("clients")["connected_clients"]) - 1


@pytest.mark.usefixtures("uncollected")
def test_the_connections_of_a_server_that_no_store_uses_go_at_once(
    server: Running, reach: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_KEPT", 0)
    before = clients(server)
    store = Store("c", "RedisHash", **reach)
    store["k"] = 1
    assert clients(server) == before + 1
    del store
    assert clients(server) == before


def test_a_client_made_in_each_call_leaves_nothing_behind(server: Running) -> None:
    before = clients(server)
    for _ in range(connections._KEPT + 20):
        with redis.Redis(port=server.port) as client:
            Store("c", "RedisHash", client=client).get("k")
    gc.collect()
    assert clients(server) - before <= connections._KEPT


@pytest.mark.parametrize("backend", BACKENDS)
def test_whoever_iterates_keeps_no_connection_from_others(
    server: Running, reach: Mapping[str, Any], backend: str
) -> None:
    store = Store("c", backend, writeback=False, **reach)
    store.update({str(n): n for n in range(1000)})
    before = clients(server)
    suspended = [iter(store.items()) for _ in range(3)]
    for each in suspended:
        next(each)
    assert store["5"] == 5
    assert clients(server) == before
