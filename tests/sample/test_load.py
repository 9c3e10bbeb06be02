"""The Ticket desk behind real servers and under load, on each kind of backend."""

import asyncio
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.labs import need
from tests.redis.servers import programs, running, until
from tests.sample.service import JSON, TIMEOUT, Gunicorn, Service, all_tickets, settings
from tests.sample.test_kill import Clients, Ticket, faults
from tests.sizes import size

SERVERS = {"waitress": Service, "gunicorn": Gunicorn}
BACKENDS = ["SQLite", "File", "Directory", "RedisHash"]
REQUESTS = size(quick=200, full=1_000)
CLIENTS = 8
ENDS = size(quick=2, full=5)  # of workers under load


@pytest.fixture(params=BACKENDS)
def chosen(request: pytest.FixtureRequest, quick_path: Path) -> Iterator[tuple[str, ...]]:
    """Return the arguments that choose a backend."""
    if request.param != "RedisHash":
        yield settings(quick_path, request.param)
        return
    program = programs()["valkey"]
    need(program is not None, "there is no valkey server")
    assert program is not None
    with running(program, quick_path / "redis") as redis:
        yield settings(quick_path, request.param, f"redis://127.0.0.1:{redis.port}/0")


@pytest.fixture(params=list(SERVERS))
def serve(request: pytest.FixtureRequest, quick_path: Path):
    """Return what starts a server."""
    return lambda *arguments: SERVERS[request.param](quick_path, *arguments)


# --- ids -------------------------------------------------------------------------------------


async def post_at_once(port: int, titles: list[str]) -> list[Ticket]:
    """Post all tickets at the same moment, each over a connection of its own."""

    async def post(title: str) -> Ticket:
        body = json.dumps({"title": title, "body": title}).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"POST /tickets HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        answer = await reader.read()
        writer.close()
        head, _, text = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 201 "), answer
        ticket: Ticket = json.loads(text)
        return ticket

    return await asyncio.gather(*map(post, titles))


def test_of_many_requests_at_once_each_gets_an_id_of_its_own_without_a_gap(
    serve: Callable[..., Service], chosen: tuple[str, ...]
):
    titles = [f"title {number}" for number in range(REQUESTS)]
    with serve(*chosen) as service:
        acknowledged = asyncio.run(asyncio.wait_for(post_at_once(service.port, titles), 120))
        stored = all_tickets(service)
        issued = service.request("GET", "/stats")[1]["issued"]
    ids = {ticket["id"] for ticket in acknowledged}
    assert ids == {f"scp-{number:03}" for number in range(1, REQUESTS + 1)}
    assert faults({title: title for title in titles}, acknowledged, stored) == []
    assert len(stored) == issued == REQUESTS


# --- workers that end under load -------------------------------------------------------------


def kill_one(service: Service) -> set[int]:
    """Kill a worker in the middle of its work; return it."""
    worker = service.workers()[0]
    os.kill(worker, signal.SIGKILL)
    return {worker}


def replace_all(service: Service) -> set[int]:
    """Have the master start new workers and end the old ones in order; return these."""
    workers = set(service.workers())
    os.kill(service.process.pid, signal.SIGHUP)
    return workers


def gone(service: Service, ended: set[int]) -> Callable[[], bool]:
    return lambda: not ended & set(service.workers())


@pytest.mark.parametrize("serve", ["gunicorn"], indirect=True)
@pytest.mark.parametrize(
    ("end", "chosen"),
    [
        *((kill_one, backend) for backend in BACKENDS),
        (replace_all, "SQLite"),
        *(
            pytest.param(replace_all, backend, marks=pytest.mark.torture)
            for backend in BACKENDS[1:]
        ),
    ],
    indirect=["chosen"],
)
def test_workers_that_end_under_load_lose_nothing_acknowledged_and_give_no_id_twice(
    serve: Callable[..., Service],
    chosen: tuple[str, ...],
    end: Callable[[Service], set[int]],
    quick_path: Path,
):
    clients, stop = Clients(), threading.Event()

    def post(service: Service, client: int) -> None:
        for turn in count():
            if stop.is_set():
                return
            clients.post(service.port, f"{client}-{turn}", 10)

    with serve(*chosen) as service, ThreadPoolExecutor(CLIENTS) as pool:
        posting = [pool.submit(post, service, client) for client in range(CLIENTS)]
        try:
            for _ in range(ENDS):
                for _ in range(40):
                    assert clients.answers.acquire(timeout=TIMEOUT)
                until(lambda: len(service.workers()) == 2)
                until(gone(service, end(service)), TIMEOUT)
        finally:
            stop.set()
        for each in posting:
            each.result(TIMEOUT)
        stored = all_tickets(service)
        issued = service.request("GET", "/stats")[1]["issued"]
    unanswered = len(clients.sent) - len(clients.acknowledged)
    print(  # noqa: T201 - shown when it fails
        f"{len(clients.sent)} sent, {unanswered} unanswered, {len(stored)} stored, {issued} issued"
    )
    assert faults(clients.sent, clients.acknowledged, stored) == []
    assert len(clients.acknowledged) <= len(stored) <= issued
    assert unanswered or end is replace_all  # kills hit requests, a replacement waits for them
    assert "Traceback" not in (quick_path / "service.log").read_text()


# --- leaks -----------------------------------------------------------------------------------


def work(port: int, requests: int) -> None:
    """Send *requests* over one connection, of every kind, that leave no ticket behind."""
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)

    def ask(method: str, path: str, fields: Any = None) -> bytes:
        connection.request(method, path, fields and json.dumps(fields), JSON)
        answer = connection.getresponse()
        assert answer.status < 300, answer.status
        return answer.read()

    with closing(connection):
        for _ in range(requests // 8):
            id = json.loads(ask("POST", "/tickets", {"title": "x", "body": "x" * 100}))["id"]
            ask("PATCH", f"/tickets/{id}", {"status": "closed"})
            for path in (f"/show/{id}", f"/edit/{id}", "/?q=x", "/tickets", "/stats"):
                ask("GET", path)
            ask("DELETE", f"/tickets/{id}")


def memory(pid: int) -> int:
    """Return the KiB that a process has in memory."""
    said = dict(line.split(":") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(said["VmRSS"].split()[0])


def open_files(pid: int) -> int:
    """Return how many descriptors a process has."""
    return len(os.listdir(f"/proc/{pid}/fd"))


@contextmanager
def alone(worker: int, workers: list[int]) -> Iterator[None]:
    """Stop the other workers in the meantime, so that this one gets all requests."""
    others = [pid for pid in workers if pid != worker]
    for pid in others:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in others:
            os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize(
    ("requests", "chosen"),
    [
        (size(quick=640, full=2_000), "SQLite"),
        *(pytest.param(20_000, backend, marks=pytest.mark.torture) for backend in BACKENDS),
    ],
    indirect=["chosen"],
)
def test_memory_and_descriptors_stay_flat(
    serve: Callable[..., Service], chosen: tuple[str, ...], requests: int
):
    with serve(*chosen) as service:

        def load(requests: int) -> None:
            with ThreadPoolExecutor(CLIENTS) as pool:
                list(pool.map(work, [service.port] * CLIENTS, [requests // CLIENTS] * CLIENTS))

        until(lambda: len(service.workers()) == (2 if isinstance(service, Gunicorn) else 1))
        workers = service.workers()
        for worker in workers * 2:  # in turn, for gunicorn kills one that stands still too long
            with alone(worker, workers):
                load(requests // 4)
        before = {pid: (memory(pid), open_files(pid)) for pid in workers}
        load(requests)
        after = {pid: memory(pid) for pid in workers}
        for pid, (kib, files) in before.items():
            print(f"{requests} requests: {kib} -> {after[pid]} KiB, {files} files")  # noqa: T201
            assert after[pid] <= kib * 1.02
            # Clients have hung up, and the server sees it a moment later.
            until(partial(lambda pid, files: open_files(pid) <= files, pid, files), TIMEOUT)
