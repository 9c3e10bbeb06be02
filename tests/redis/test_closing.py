"""Connections to a server go when nobody needs them: no descriptor, no warning, no record stays."""

import gc
from collections.abc import Callable, Iterator

import pytest
import redis

from napixd_store import Store, connections
from tests.redis.servers import Running, until

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
    start: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_KEPT", 0)
    server = start()
    store = Store("c", "RedisHash", port=server.port)
    store["k"] = 1
    assert clients(server) == 1
    del store
    until(lambda: clients(server) == 0)


def test_a_client_made_in_each_call_leaves_nothing_behind(
    start: Callable[..., Running],
) -> None:
    server = start()
    for _ in range(connections._KEPT + 20):
        with redis.Redis(port=server.port) as client:
            Store("c", "RedisHash", client=client).get("k")
    gc.collect()
    until(lambda: clients(server) <= connections._KEPT)


@pytest.mark.parametrize("backend", BACKENDS)
def test_whoever_iterates_keeps_no_connection_from_others(
    server: Running, prefix: str, backend: str
) -> None:
    store = Store("c", backend, writeback=False, port=server.port, prefix=prefix)
    store.update({str(n): n for n in range(1000)})

    def connection() -> int:
        return int(store._connection.read(store._where, "c", "CLIENT", "ID"))

    before = connection()
    suspended = [iter(store.items()) for _ in range(3)]
    for each in suspended:
        next(each)
    assert connection() == before
