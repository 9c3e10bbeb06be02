"""The Ticket desk as a process: it starts, keeps, refuses and ends."""

import json
import re
import signal
import socket
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from sample_app.web import MAX_BODY
from tests.sample.service import TIMEOUT, Gunicorn, Service, settings, start


@pytest.fixture
def service(tmp_path: Path):
    with Service(tmp_path) as service:
        yield service


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory):
    """A service for all tests that it answers with an error."""
    with Service(tmp_path_factory.mktemp("untouched")) as service:
        yield service


@pytest.mark.parametrize("backend", ["SQLite", "File", "Directory"])
def test_tickets_and_numbers_outlive_kill_9(tmp_path: Path, backend: str):
    chosen = settings(tmp_path, backend)
    with Service(tmp_path, *chosen) as service:
        tickets = [service.request("POST", "/tickets", {"title": str(n)})[1] for n in range(3)]
        service.request("DELETE", "/tickets/scp-003")
        service.request("PATCH", "/tickets/scp-002", {"status": "closed"})
        before = [service.request("GET", path)[1] for path in ("/tickets", "/stats")]
        assert service.end(signal.SIGKILL) == -signal.SIGKILL
    with Service(tmp_path, *chosen) as service:
        assert [service.request("GET", path)[1] for path in ("/tickets", "/stats")] == before
        assert service.request("GET", "/tickets/scp-001") == (200, tickets[0])
        status, ticket = service.request("POST", "/tickets", {"title": "next"})
        assert (status, ticket["id"]) == (201, "scp-004")


@pytest.mark.parametrize(
    ("backend", "kept"),
    [
        ("File", {"tickets.store.json", "ticket-id.counter.json"}),
        ("Directory", {"tickets.store", "ticket-id.counter.json"}),
    ],
)
def test_on_files_it_ends_cleanly_and_leaves_what_the_readme_names(
    tmp_path: Path, backend: str, kept: set[str]
):
    with Service(tmp_path, *settings(tmp_path, backend)) as service:
        ticket = service.request("POST", "/tickets", {"title": "No coffee"})[1]
        assert service.end(signal.SIGTERM) == 0
    root = tmp_path / "var" / "stores"
    assert {path.name for path in root.iterdir()} == kept
    if backend == "Directory":
        document = json.loads((root / "tickets.store" / "=a1.json").read_text())
        assert document["record"] == ticket
    else:
        document = json.loads((root / "tickets.store.json").read_text())
        assert document["records"] == {"=a1": ticket}


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_when_asked(tmp_path: Path, signum: signal.Signals):
    with Service(tmp_path) as service:
        assert service.request("POST", "/tickets", {"title": "No coffee"})[0] == 201
        assert service.end(signum) == 0
    # Waitress warns of a queue where a request comes before its threads have begun.
    log = (tmp_path / "service.log").read_text().splitlines()
    assert [line for line in log if "Task queue depth" not in line] == []
    # SQLite removes these when the last handle is closed in order.
    assert {path.name for path in (tmp_path / "var").iterdir()} == {"desk.sqlite"}


def test_the_tickets_are_plain_json_in_a_file_of_the_working_directory(
    service: Service, tmp_path: Path
):
    ticket = service.request("POST", "/tickets", {"title": "No coffee"})[1]
    database = sqlite3.connect(tmp_path / "var" / "desk.sqlite")
    row = "SELECT key, CAST(record AS TEXT) FROM records WHERE collection = 'tickets'"
    ((key, record),) = database.execute(row).fetchall()
    database.close()
    assert (key, json.loads(record)) == ("=a1", ticket)


def test_clients_that_change_one_ticket_at_once_lose_no_change(service: Service):
    rounds = 20
    service.request("POST", "/tickets", {"title": "0", "body": "0"})

    def change(field: str) -> int:
        done = 0
        while done < rounds:
            fields = {field: str(done + 1)}
            status, answer = service.request("PATCH", "/tickets/scp-001", fields)
            assert (status, answer.get(field)) == (200, fields[field]) or status == 409
            done += status == 200
        return done

    with ThreadPoolExecutor() as pool:
        assert list(pool.map(change, ["title", "body"])) == [rounds, rounds]
    ticket = service.request("GET", "/tickets/scp-001")[1]
    assert (ticket["title"], ticket["body"]) == (str(rounds), str(rounds))


def fails(folder: Path, *arguments: str, exit_code: int = 1) -> str:
    """Start a service that must not start; return its log."""
    with start(folder, *arguments) as process:
        try:
            said, _ = process.communicate(timeout=TIMEOUT)
        finally:
            process.kill()
    log = (folder / "service.log").read_text()
    assert (process.returncode, said) == (exit_code, "")
    assert "Traceback" not in log
    return log


def test_a_settings_file_that_is_missing_stops_the_start(tmp_path: Path):
    assert "nowhere.ini: No such file or directory" in fails(
        tmp_path, "--config", "nowhere.ini", "--port", "0"
    )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("[store]\nbackend = SQLlite\n[store.tickets]\ncollection = tickets\n", "'SQLite'"),
        ("[store]\npaht = x\n[store.tickets]\ncollection = tickets\n", "'path'"),
        ("[store.tickets]\nbackend = company.Store\n", "'company'"),
        ("[counter.ticket_id]\nname =\n", "counter.ticket_id"),
        ("backend = SQLite\n", "the first [section] comes too late"),
        ("[store]\nbackend = SQLite\nbackend = Memory\n", "already exists"),
        (b"[store]\npath = \xff\n", "is not text in UTF-8"),
    ],
)
def test_settings_that_are_wrong_stop_the_start(tmp_path: Path, settings: str | bytes, said: str):
    (tmp_path / "wrong.ini").write_bytes(
        settings if isinstance(settings, bytes) else settings.encode()
    )
    assert said in fails(tmp_path, "--config", "wrong.ini", "--port", "0")


def test_a_port_that_is_taken_stops_the_start(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = fails(tmp_path, "--port", str(port))
    assert f"port {port} of 127.0.0.1 is in use: --port 0 takes a free one" in said


def test_many_idle_connections_stop_nobody(service: Service):
    """Browsers leave theirs open; waitress would take no more than 100 unless told."""
    idle = []
    try:
        for _ in range(150):
            idle.append(HTTPConnection("127.0.0.1", service.port, timeout=TIMEOUT))
            idle[-1].request("GET", "/static/icon.svg")
            assert idle[-1].getresponse().read()
        assert service.request("POST", "/tickets", {"title": "No coffee"})[0] == 201
        idle[0].request("GET", "/stats")
        assert json.loads(idle[0].getresponse().read())["issued"] == 1
    finally:
        for connection in idle:
            connection.close()


def test_an_address_that_is_none_stops_the_start(tmp_path: Path):
    assert "Invalid host/port" in fails(tmp_path, "--host", "no host", "--port", "0")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--port", "70000"),
        ("--port", "-1"),
        ("--port", "x"),
        ("--threads", "0"),
        ("--threads", "x"),
        ("--thraeds", "2"),
    ],
)
def test_wrong_arguments_stop_the_start(tmp_path: Path, arguments: tuple[str, str]):
    log = fails(tmp_path, *arguments, exit_code=2)
    assert re.search(f"error: .*{arguments[0]}", log)


def test_another_settings_file_names_another_place(tmp_path: Path):
    (tmp_path / "my.ini").write_text(
        "[store]\npath = elsewhere/desk.sqlite\n"
        "[store.tickets]\ntype = sample_app.tickets.Ticket\n"
        "[counter.ticket_id]\nname = ticket-id\n"
    )
    with Service(tmp_path, "--config", "my.ini") as service:
        assert service.request("POST", "/tickets", {"title": "No coffee"})[0] == 201
    assert (tmp_path / "elsewhere" / "desk.sqlite").exists()
    assert not (tmp_path / "var").exists()


def raw(service: Service, *parts: bytes, ends: bool = False) -> tuple[HTTPResponse, bytes]:
    """Send bytes as they are, and perhaps that it is all; return the first answer and its body."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=TIMEOUT) as connection:
        with suppress(ConnectionError):  # it may answer and hang up before it has heard all
            for part in parts:
                connection.sendall(part)
            if ends:
                connection.shutdown(socket.SHUT_WR)
        answer = HTTPResponse(connection)
        answer.begin()
        return answer, answer.read()


POST = (
    b"POST /tickets HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
)
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
CHUNK = b"4000\r\n" + b" " * 0x4000 + b"\r\n"


@pytest.mark.parametrize(
    ("request_", "status", "said"),
    [
        ([POST, b'\r\n{"title":"x"}'], 400, "Input data was truncated"),
        ([POST, b'Content-Length: 5\r\n\r\n{"tit'], 400, "Input data was truncated"),
        ([POST, b"Content-Length: 65537\r\n\r\n", b" " * 65537], 413, "at most 65536 bytes"),
        ([POST, b"Content-Length: 99999999\r\n\r\n"], 413, "Too Large"),
        ([POST, b"Content-Length: -1\r\n\r\n{}"], 400, "Content-Length is invalid"),
        ([POST, b"Content-Length: two\r\n\r\n{}"], 400, "Content-Length is invalid"),
        ([POST, b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"], 400, "Content-Length"),
        ([CHUNKED, b"2\r\n{}\r\n0\r\n\r\n"], 400, "`title`"),
        ([CHUNKED, *[CHUNK] * 5, b"0\r\n\r\n"], 413, "at most 65536 bytes"),
        ([CHUNKED, *[CHUNK] * 64], 413, "Too Large"),
        ([CHUNKED, b"zz\r\n{}\r\n0\r\n\r\n"], 400, "chunk"),
        ([b"GET /tickets/%FF HTTP/1.1\r\nConnection: close\r\n\r\n"], 404, "must be UTF-8"),
        ([b"GET /tickets/\xff HTTP/1.1\r\n\r\n"], 400, "Bad URI"),
        ([b"GARBAGE\r\n\r\n"], 400, "Start line is invalid"),
        ([b"GET / HTTP/1.1\r\nHost x\r\n\r\n"], 400, "Invalid header"),
        ([b"GET / HTTP/1.1\r\nX: " + b"x" * 2**18 + b"\r\n\r\n"], 431, "max_header"),
    ],
    ids=lambda value: None if isinstance(value, list) else str(value),
)
def test_what_the_server_refuses_is_an_error_in_json_too(
    untouched: Service, request_: list[bytes], status: int, said: str
):
    answer, body = raw(untouched, *request_)
    assert answer.status == status
    assert answer.getheader("Content-Type") == "application/json"
    assert said in json.loads(body)["error"]
    assert untouched.request("GET", "/stats")[1]["issued"] == 0


@pytest.fixture(scope="module")
def gunicorn(tmp_path_factory: pytest.TempPathFactory):
    with Gunicorn(tmp_path_factory.mktemp("gunicorn")) as service:
        yield service


@pytest.mark.parametrize(
    ("request_", "status", "said"),
    [
        ([CHUNKED, b'd\r\n{"title":"x"}\r\n0\r\n\r\n'], 201, None),
        ([CHUNKED, b'5\r\n{"tit\r\n8\r\nle":"x"}\r\n0\r\n\r\n'], 201, None),
        ([CHUNKED, *[CHUNK] * 4, b"0\r\n\r\n"], 400, "not accepted"),
        ([CHUNKED, *[CHUNK] * 4, b"1\r\n \r\n0\r\n\r\n"], 413, "at most 65536 bytes"),
        ([CHUNKED, b"zz\r\n{}\r\n0\r\n\r\n"], 400, "chunks"),
        ([CHUNKED, b'd\r\n{"title":"x"}'], 400, "chunks"),
        ([POST, b'Content-Length: 13\r\n\r\n{"title":"x"}'], 201, None),
        ([POST, b'Content-Length: 5\r\n\r\n{"tit'], 400, "truncated"),
        ([POST, b"Content-Length: 65537\r\n\r\n"], 413, "at most 65536 bytes"),
    ],
    ids=lambda value: None if isinstance(value, list) else str(value),
)
def test_gunicorn_hands_on_bodies_up_to_the_limit(
    gunicorn: Gunicorn, request_: list[bytes], status: int, said: str | None
):
    answer, body = raw(gunicorn, *request_, ends=True)
    assert answer.status == status
    assert said is None or said in json.loads(body)["error"]


MOST = 2**24  # bytes, of which the system keeps some on the way


def test_gunicorn_takes_little_more_than_the_limit_of_a_body_without_end(gunicorn: Gunicorn):
    with socket.create_connection(("127.0.0.1", gunicorn.port), timeout=TIMEOUT) as connection:
        connection.sendall(CHUNKED)
        taken = 0
        with suppress(ConnectionError):
            while taken < MOST:
                connection.sendall(CHUNK)
                taken += len(CHUNK)
    assert taken < MOST


def test_a_lying_length_does_not_turn_one_body_into_two_requests(service: Service):
    # What stands behind the said length would be the next request.
    answer, _ = raw(service, POST, b'Content-Length: 13\r\n\r\n{"title":"x"}', POST)
    assert answer.status == 201
    assert service.request("GET", "/stats")[1]["issued"] == 1


def test_the_limit_of_the_app_is_below_that_of_the_server(service: Service):
    """So a client that sends a little too much gets to read why, instead of a reset."""
    status, answer = service.request("POST", "/tickets", {"title": "x", "body": "b" * MAX_BODY})
    assert (status, "at most 65536 bytes" in answer["error"]) == (413, True)
