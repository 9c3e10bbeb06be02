"""The Ticket desk as its users run it: a process of its own, spoken to over HTTP."""

import json
import os
import re
import select
import shlex
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests.markdown import blocks

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "sample_app" / "README.md"
READY = re.compile(r"Ticket desk listens on http://127\.0\.0\.1:(\d+)\n")
TIMEOUT = 30.0
JSON = {"Content-Type": "application/json"}
ADDRESS = "http://127.0.0.1:8080"
"""Where the pages of the docs have it."""
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
ANY_TIME = "2026-01-02T03:04:05.678901Z"
"""What those pages show for any time."""
REDIS = "redis://localhost:6379/0"


def start(
    folder: Path, *arguments: str, module: str = "sample_app", pass_fds: tuple[int, ...] = ()
) -> "subprocess.Popen[str]":
    """Start it in *folder*, where it keeps its tickets; its log goes there too."""
    with (folder / "service.log").open("a") as log:
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
            pass_fds=pass_fds,
        )


def settings_shown() -> list[str]:
    """Return the INI blocks of the README: the shipped file, then what stands for its first."""
    return blocks(README, "ini")


def kept_in(folder: Path, section: str) -> tuple[str, ...]:
    """Return the arguments for the shipped settings with *section* in place of the first."""
    _store, rest = settings_shown()[0].split("\n\n", 1)
    (folder / "my.ini").write_text(f"{section}\n{rest}")
    return "--config", "my.ini"


def settings(folder: Path, backend: str, url: str = "") -> tuple[str, ...]:
    """Return the arguments that keep the tickets in *backend*, by settings as the README's."""
    if backend == "SQLite":
        return ()
    _shipped, for_files, for_redis = settings_shown()
    if backend == "RedisHash":
        assert f"backend = {backend}\nurl = {REDIS}\n" in for_redis
        return kept_in(folder, for_redis.replace(REDIS, url))
    assert "backend = Directory\n" in for_files
    return kept_in(folder, for_files.replace("= Directory", f"= {backend}"))


class Service:
    """A service that is ready; killed at the end of the ``with`` block, if not before."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.process = start(folder, "--port", "0", *arguments)
        assert self.process.stdout is not None
        self.stdout = self.process.stdout
        if not select.select([self.stdout], [], [], TIMEOUT)[0]:
            self.end(signal.SIGKILL)
            raise AssertionError(f"not ready within {TIMEOUT} s")
        said = self.stdout.readline()
        ready = READY.fullmatch(said)
        if ready is None:
            self.end(signal.SIGKILL)
            raise AssertionError(f"said {said!r}; its log: {(folder / 'service.log').read_text()}")
        self.port = int(ready[1])

    def request(self, method: str, path: str, fields: Any = None) -> tuple[int, Any]:
        """Return the status and what the JSON body holds."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        try:
            connection.request(method, path, None if fields is None else json.dumps(fields), JSON)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        finally:
            connection.close()

    def curl(self, command: str) -> str:
        """Run a page's *command* with the real curl, here; return what it prints."""
        words = shlex.split(command.replace(ADDRESS, f"http://127.0.0.1:{self.port}"))
        assert words[0] == "curl"
        done = subprocess.run(
            words,
            # No settings and no proxy of whoever runs the tests.
            env={"PATH": os.environ["PATH"], "NO_PROXY": "*"},
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=True,
        )
        return TIME.sub(ANY_TIME, done.stdout.rstrip("\n"))

    def end(self, signum: signal.Signals) -> int:
        """Send *signum* and return the exit code."""
        if self.process.returncode is None:
            self.process.send_signal(signum)
            self.process.wait(TIMEOUT)
            self.stdout.close()
        return self.process.returncode

    def workers(self) -> list[int]:
        """Return its processes that answer requests."""
        return [self.process.pid]

    def __enter__(self) -> "Service":
        return self

    def __exit__(self, *exception: object) -> None:
        self.end(signal.SIGKILL)


class Gunicorn(Service):
    """The same app behind gunicorn, by the README's own command: two processes of four threads."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        (command,) = re.findall(r"^gunicorn .*", README.read_text(), re.MULTILINE)
        if not arguments:
            command = command.replace('"my.ini"', "")
        with socket.create_server(("127.0.0.1", 0), backlog=2048) as listening:
            self.port = listening.getsockname()[1]
            fd = listening.fileno()
            module, *given = shlex.split(command.replace("127.0.0.1:8080", f"fd://{fd}"))
            self.process = start(folder, *given, module=module, pass_fds=(fd,))
        assert self.process.stdout is not None
        self.stdout = self.process.stdout

    def end(self, signum: signal.Signals) -> int:
        """Send *signum* to the master, and see to it that no worker is left."""
        workers = self.workers() if self.process.returncode is None else []
        code = super().end(signum)
        for worker in workers:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        return code

    def workers(self) -> list[int]:
        return children(self.process.pid)


def children(pid: int) -> list[int]:
    """Return the processes that *pid* started, and that are not ended."""
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:  # it ended itself
        return []


def all_tickets(service: Service) -> list[dict[str, Any]]:
    """Return the tickets of all pages."""
    tickets: list[dict[str, Any]] = []
    after = ""
    while True:
        status, answer = service.request("GET", f"/tickets?per_page=100&after={after}")
        assert status == 200
        tickets += answer["tickets"]
        after = answer["next"]
        if after is None:
            assert len(tickets) == answer["total"]
            return tickets
        assert len(answer["tickets"]) == 100
