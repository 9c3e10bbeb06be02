"""Each test stands in a folder of its own, which is the home of its stores."""

from collections.abc import Iterator
from pathlib import Path
from weakref import WeakValueDictionary

import pytest

from napixd_store import connections
from tests.cli.command import a_folder


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    # Names are relative to where a test stands; a connection to such a name is shared.
    monkeypatch.setattr(connections, "_live", WeakValueDictionary())
    monkeypatch.setenv("COLUMNS", "80")
    with a_folder(tmp_path):
        yield tmp_path
    connections.close_all()
