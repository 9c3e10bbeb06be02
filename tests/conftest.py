"""Each test has a home folder of its own, no settings from outside, and leaves nothing open."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from napixd_store import configure
from napixd_store.backends.memory import Memory, open_memory
from napixd_store.connections import close_all, connect
from tests.media import BACKENDS, POLICIES, Medium, in_memory

hypothesis.settings.register_profile("project", deadline=None, print_blob=True)
hypothesis.settings.load_profile("project")


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("NAPIXD_HOME", str(tmp_path / "home"))
    for variable in ("NAPIXHOME", "NAPIXD_STORE_URL"):
        monkeypatch.delenv(variable, raising=False)
    yield
    configure({})
    close_all()
    memory = connect(open_memory, {})
    assert isinstance(memory, Memory)
    memory.collections.clear()
    memory.counters.clear()
    shutil.rmtree(in_memory(tmp_path), ignore_errors=True)


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Medium:
    """Each backend, write-through."""
    return Medium(request.param, tmp_path, writeback=False)


@pytest.fixture(params=[(name, policy) for name in BACKENDS for policy in POLICIES], ids="-".join)
def medium(request: pytest.FixtureRequest, tmp_path: Path) -> Medium:
    """Each backend under each policy."""
    name, policy = request.param
    return Medium(name, tmp_path, POLICIES[policy])
