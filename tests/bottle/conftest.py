"""Each test has a home folder of its own, an empty memory, and no settings from outside."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from napixd_store import configure
from napixd_store.backends.memory import MemoryStore
from napixd_store.connections import close_all


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("NAPIXD_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("NAPIXD_STORE_URL", raising=False)
    yield
    configure({})
    for collection in MemoryStore.collections({}):
        MemoryStore(collection, {}).drop()
    close_all()


@pytest.fixture(params=["Memory", "SQLite"])
def medium(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """The options of a backend: where the test's data lies."""
    if request.param == "Memory":
        return {"backend": "Memory"}
    path = tmp_path / "desk.sqlite"
    return {"backend": "SQLite", "path": str(path), "durability": "process"}


@pytest.fixture(params=[False, True], ids=["write-through", "write-back"])
def writeback(request: pytest.FixtureRequest) -> bool:
    """The policy of the store."""
    return bool(request.param)
