"""The Ticket desk on Redis: its settings change, and nothing else."""

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.markdown import blocks
from tests.redis.servers import PAGE, Running
from tests.sample.service import Service, kept_in, settings


@pytest.mark.parametrize(
    ("backend", "read"),
    [
        ("RedisHash", ["HGET", "napixd:hash:{tickets}", "=a1"]),
        ("RedisHashKey", ["HGET", "napixd:hash:{tickets}", "=a1"]),
        ("RedisKey", ["GET", "napixd:key:{tickets}:=a1"]),
        ("Redis", ["GET", "napixd:blob:{tickets}"]),
    ],
)
def test_the_desk_keeps_its_tickets_on_redis_by_settings_alone(
    tmp_path: Path, server: Running, backend: str, read: list[str]
) -> None:
    (section,) = blocks(PAGE, "ini")
    assert "backend = RedisHash\n" in section
    section = section.replace("RedisHash", backend)
    section = section.replace("redis.example.com:6379", f"127.0.0.1:{server.port}")
    chosen = kept_in(tmp_path, section)
    with Service(tmp_path, *chosen) as service:
        tickets = [service.request("POST", "/tickets", {"title": str(n)})[1] for n in range(3)]
        service.request("DELETE", "/tickets/scp-003")
        service.request("PATCH", "/tickets/scp-002", {"status": "closed"})
        before = [service.request("GET", path)[1] for path in ("/tickets", "/stats", "/health")]
        assert service.end(signal.SIGKILL) == -signal.SIGKILL
    with Service(tmp_path, *chosen) as service:
        paths = ("/tickets", "/stats", "/health")
        assert [service.request("GET", path)[1] for path in paths] == before
        assert service.request("POST", "/tickets", {"title": "next"})[1]["id"] == "scp-004"
    kept = json.loads(server.ask(*read))
    assert (kept["=a1"] if backend == "Redis" else kept) == tickets[0]
    assert server.ask("GET", "napixd:counter:{ticket-id}") == b"4"
    assert list(tmp_path.glob("var*")) == []


def test_the_desk_starts_without_its_server_and_works_when_it_comes(
    tmp_path: Path, start: Callable[..., Running]
) -> None:
    server = start()
    server.stop()
    chosen = settings(tmp_path, "RedisHash", f"redis://127.0.0.1:{server.port}/0")
    with Service(tmp_path, *chosen) as service:
        assert service.request("POST", "/tickets", {"title": "too early"})[0] == 503
        assert service.request("GET", "/health")[0] == 503
        server.start()
        assert service.request("POST", "/tickets", {"title": "now"})[1]["id"] == "scp-001"
        assert service.request("GET", "/health")[0] == 200
