"""Each test has a home folder of its own, no settings from outside, and leaves nothing open."""

import gc
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from coverage import Coverage

from napixd_store import configure, connections
from napixd_store.connections import close_all
from tests.media import BACKENDS, POLICIES, Medium
from tests.redis.servers import empty_shared

project = hypothesis.settings(deadline=None, print_blob=True)
hypothesis.settings.register_profile("project", project)
hypothesis.settings.register_profile("hasty", project, phases=[hypothesis.Phase.generate])
hypothesis.settings.load_profile("project")


def pytest_configure() -> None:
    """Have signals do in processes that tests start what they do in a terminal.

    Who runs the tests in the background may have them ignored, and that is inherited.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def measure_nothing() -> None:
    """Have no coverage measured in forked children, from which nobody collects it."""
    sys.settrace(None)
    threading.settrace(None)


os.register_at_fork(after_in_child=measure_nothing)


LONGEST = [
    "test_transactions",
    "test_state_machine",
    "test_values",
    "test_syscalls",
    "test_browser",
    "test_load",
]
"""Modules to begin with, lest one process works on one of them alone at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: [*LONGEST, item.path.stem].index(item.path.stem))


@pytest.fixture(scope="module", autouse=True)
def frozen() -> None:
    """Have what is there neither searched for garbage nor, in forks, copied for that.

    That is ten thousand tests, and what pytest remembers of those that ran.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture
def in_its_folder() -> Iterator[None]:
    """Find out whoever leaves the working directory changed, for the test that comes next."""
    folder = os.getcwd()
    yield
    assert os.getcwd() == folder


@pytest.fixture(autouse=True)
def alone(in_its_folder: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("NAPIXD_HOME", str(tmp_path / "home"))
    for variable in ("NAPIXHOME", "NAPIXD_STORE_URL"):
        monkeypatch.delenv(variable, raising=False)
    yield
    configure({})
    close_all()
    # They stay for as long as the process lives, and each test has a place of its own.
    connections._live.clear()
    empty_shared()


@pytest.fixture
def unmeasured() -> Iterator[None]:
    """Have no coverage measured.

    The mark ``no_cover`` stops one measurement, and a worker of xdist has two of pytest-cov's, the
    first of which goes on then.
    """
    stopped = []
    while (running := Coverage.current()) is not None:
        running.stop()
        stopped.append(running)
    assert not stopped or sys.gettrace() is None
    yield
    for each in reversed(stopped):
        each.start()


@pytest.fixture
def quick_path(tmp_path: Path) -> Iterator[Path]:
    """A folder for many writes: in memory, where ``fsync`` costs nothing, if there is room."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK) or shutil.disk_usage(memory).free < 2**30:
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory, prefix="napixd-") as folder:
        yield Path(folder)
        close_all()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter, as pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="napixd-store-") as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, quick_path: Path) -> Medium:
    """Each backend, write-through."""
    return Medium(request.param, quick_path, writeback=False)


@pytest.fixture(params=BACKENDS)
def keeper(request: pytest.FixtureRequest) -> str:
    """The name of each backend."""
    name: str = request.param
    return name


@pytest.fixture(params=POLICIES)
def writeback(request: pytest.FixtureRequest) -> bool:
    """Each policy."""
    return POLICIES[request.param]


@pytest.fixture
def medium(keeper: str, writeback: bool, quick_path: Path) -> Medium:
    """Each backend under each policy."""
    return Medium(keeper, quick_path, writeback)
