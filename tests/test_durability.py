"""What a backend on disk promises depends on the place: in memory nothing survives a power cut."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napixd_store import ConfigError, Counter, Store
from napixd_store.connections import close_all
from tests.mounts import mount_small, with_mounts

PLACES: dict[str, Callable[[Path], dict[str, Any]]] = {
    "SQLite": lambda folder: {"path": folder / "made" / "doc.sqlite"},
    "File": lambda folder: {"root": folder / "made"},
    "Directory": lambda folder: {"root": folder / "made"},
}


@pytest.fixture(params=PLACES)
def backend(request) -> str:
    return str(request.param)


def test_power_is_what_a_disk_gives_and_may_be_asked_for(backend, tmp_path):
    options = PLACES[backend](tmp_path)
    for asked in ({}, {"durability": "power"}):
        store = Store("a", backend, **options, **asked)
        counter = Counter("a", backend, **options, **asked)
        assert (store.durability, counter.durability) == ("power", "power")
        store["x"] = 1
        store.save()
        assert (store.durability, counter.increment() > 0) == ("power", True)


@pytest.mark.lab
def test_in_memory_it_is_process_and_power_is_refused_at_the_first_operation(backend, tmp_path):
    with_mounts(_in_memory, backend, tmp_path)


def _in_memory(backend: str, folder: Path) -> None:
    mount_small(folder, "1m")
    options = PLACES[backend](folder)
    store = Store("a", backend, **options, durability="power")  # no I/O, so no refusal
    counter = Counter("a", backend, **options, durability="power")

    for attempt in (
        lambda: store.get("x"),
        lambda: store.drop(),
        lambda: counter.value,
        counter.increment,
        lambda: store.durability,
        lambda: counter.durability,
    ):
        with pytest.raises(ConfigError, match=r"tmpfs.*leave durability= out"):
            attempt()
    assert os.listdir(folder) == []

    store, counter = Store("a", backend, **options), Counter("a", backend, **options)
    assert (store.durability, counter.durability) == ("process", "process")
    store["x"] = 1
    store.save()
    assert (counter.increment(), store.durability, counter.durability) == (1, "process", "process")
    close_all()
