"""How much a place takes, and giving back what is free, beside those who write."""

import os
import time
from pathlib import Path

from napixd_store import Store, connections
from napixd_store.operations import Place, Size, check, stat, vacuum
from tests.processes import Signal, Worker, fork, spawn

MANY = {f"k{number}": "x" * 500 for number in range(4_000)}


def filled(path: Path) -> Place:
    """Return a file in which as much is free as is needed."""
    for name in ("gone", "kept"):
        Store(name, path=path).update(MANY)
    Store("gone", path=path).drop()
    return Place("SQLite", path=path)


def test_what_has_ended_is_counted_apart(tmp_path: Path):
    place = Place("Directory", root=tmp_path)
    place.records("users")._write({"old": b'{"$until":[5,1]}', "ann": b"1"}, {})
    assert stat(place).collections == {"users": Size(1, 1, 23)}
    assert stat(place).medium["files"] > 23
    assert stat(Place("Memory")).medium == {}


def write(path: Path, ready: Signal, over: Signal) -> int:
    store = Store("written", path=path)
    number = 0
    while not over.sent():
        store[number] = number
        number += 1
        if number == 10:
            ready.send()
    return number


def test_whoever_writes_meanwhile_loses_nothing(tmp_path: Path):
    path = tmp_path / "desk.sqlite"
    place = filled(path)
    before = stat(place).medium
    ready, over = Signal(), Signal()
    with spawn(write, path, ready, over) as writer:
        writer.wait_for(ready)
        for _ in range(3):
            vacuum(place)
        over.send()
        written = writer.result()
    assert len(Store("written", path=path)) == written
    assert Store("kept", path=path).snapshot() == MANY
    assert check(place) == []
    assert vacuum(place).medium["free"] == 0
    assert stat(place).medium["file"] < before["file"]


def _vacuum_and_die(path: Path) -> None:
    place = Place("SQLite", path=path)
    database = place.connection
    database._in_turn(database._vacuum, "VACUUM", (), time.monotonic() + 60)
    Store("late", path=path)["ann"] = 1
    os._exit(9)


def test_whoever_dies_behind_it_loses_nothing(tmp_path: Path):
    """What it wrote is in the log alone, which must be known for that of the file."""
    path = tmp_path / "desk.sqlite"
    place = filled(path)
    connections.close_all()
    worker: Worker = fork(_vacuum_and_die, path)
    assert worker.wait() == 9
    assert Store("kept", path=path).snapshot() == MANY
    assert Store("late", path=path).snapshot() == {"ann": 1}
    assert check(place) == []
