"""One server a session for all tests that leave it whole, and a prefix for each test."""

import logging
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from napixd_store.connections import close_all
from tests.harness.netns import Machine, network
from tests.redis.canaries import PASSWORD, VALUE
from tests.redis.fleets import start_cluster
from tests.redis.servers import Record, Running, chosen, running, shared


@pytest.fixture(scope="session")
def program() -> str:
    """Return the server to test with."""
    return chosen()


@pytest.fixture
def server() -> Running:
    """Return the server of the session; none may change its settings for good."""
    return shared()


@contextmanager
def starting(
    program: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Running]]:
    """Give what starts servers, and end them all at the end of a ``with`` block."""
    with ExitStack() as stack:

        def start(*settings: str, **more: Any) -> Running:
            folder = tmp_path_factory.mktemp("s")
            return stack.enter_context(running(program, folder, *settings, **more))

        yield start
        close_all()


@pytest.fixture
def start(
    program: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Running]]:
    """Start servers for one test, which may do with them what it likes."""
    with starting(program, tmp_path_factory) as start:
        yield start


@pytest.fixture
def machines() -> Iterator[list[Machine]]:
    """Return three machines on one switch."""
    with network(3) as made:
        yield made
        close_all()


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Record:
    """Show a measured result with ``pytest -rA`` or ``-s``, and keep it in a JUnit report."""
    sections = request.node._report_sections

    def record(what: str, result: object) -> None:
        sections.append(("call", "measured", f"{what}: {result}\n"))
        request.node.user_properties.append((what, str(result)))

    return record


@pytest.fixture
def nothing_secret_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Search all that was logged for the canaries."""
    caplog.set_level(logging.DEBUG)
    yield
    assert PASSWORD not in caplog.text
    assert VALUE not in caplog.text


@pytest.fixture
def prefix() -> str:
    """Return a prefix no other test has."""
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def reach(server: Running, prefix: str) -> Iterator[Mapping[str, Any]]:
    """Return the options to reach the session's server."""
    yield {"unix_socket_path": server.socket, "prefix": prefix}
    close_all()


@pytest.fixture(scope="session")
def cluster(program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Running]]:
    """Return three masters that share the slots."""
    with starting(program, tmp_path_factory) as start:
        yield start_cluster(start)


@pytest.fixture(scope="module")
def frail_cluster(
    program: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Running]]:
    """Return three masters, the first with a replica (the last one), for a module to hurt."""
    settings = ["--cluster-require-full-coverage", "no"]
    settings += ["--appendonly", "yes", "--appendfsync", "always"]
    with starting(program, tmp_path_factory) as start:
        yield start_cluster(start, *settings, replicas=1)
