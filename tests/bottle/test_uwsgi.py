"""Behind a real uWSGI, which forks its workers in C: from a process that has all open."""

import os
import random
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from napixd_store import Counter, Store
from tests.bottle.serving import THREADS, WORKERS, Served, make_apps
from tests.processes import TIMEOUT, run_threads
from tests.redis.servers import shared, until
from tests.sizes import size

TURNS = size(quick=2, full=5)
BACKENDS: Mapping[str, Mapping[str, Any]] = {
    "SQLite": {"path": "desk.sqlite", "durability": "process"},
    "File": {"root": "files"},
    "Directory": {"root": "folders"},
    "Redis": {"prefix": "blobs"},
    "RedisHash": {"prefix": "hashes"},
    "RedisKey": {"prefix": "keys"},
}
"""All that workers can share."""


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    """Return the settings of an app for each backend."""
    at = {"unix_socket_path": shared().socket}
    return {
        backend: {
            "store": {
                "backend": backend,
                **medium,
                **(at if "prefix" in medium else {}),
                "hits": {"collection": "hits", "writeback": "no"},
                "notes": {"writeback": "yes"},
            },
            "counter": {"ids": {"name": "ids"}},
        }
        for backend, medium in BACKENDS.items()
    }


def workers(served: Served) -> set[int]:
    """Return the processes of all its workers; the kernel chooses who answers."""
    found: set[int] = set()

    def found_all() -> bool:
        found.add(served.json("POST", "/SQLite/id")["pid"])
        return len(found) == WORKERS["uwsgi"]

    until(found_all, TIMEOUT)
    return found


def is_alive(pid: int) -> bool:
    return os.path.exists(f"/proc/{pid}")


HALF_TOLD = pytest.param(
    ("--py-call-osafterfork",),
    marks=pytest.mark.skipif(
        sys.version_info >= (3, 13),
        reason="Python 3.13 aborts a child that is told of a fork which its parent was not told of",
    ),
)


@pytest.mark.parametrize("threads", [(), ("--enable-threads", "--threads", "2")])
@pytest.mark.parametrize("fork", [(), HALF_TOLD])
def test_workers_get_ids_of_their_own_and_lose_nothing(fork, threads, tmp_path, settings):
    def client(me: int) -> dict[str, list[int]]:
        ids: dict[str, list[int]] = {backend: [] for backend in settings}
        for turn in range(1, TURNS + 1):
            for backend in random.sample(sorted(settings), len(settings)):
                ids[backend].append(served.json("POST", f"/{backend}/id")["id"])
                assert served.json("POST", f"/{backend}/hit/{me}") == {"hits": turn}
                served.json("POST", f"/{backend}/note/{me}-{turn}")
        return ids

    with Served("uwsgi", tmp_path, settings, *fork, *threads, make=make_apps) as served:
        clients = run_threads(client, [(me,) for me in range(THREADS)])
        for backend in settings:
            numbers = [number for ids in clients for number in ids[backend]]
            assert sorted(numbers) == list(range(1, THREADS * TURNS + 1)), backend
            stored = served.json("GET", f"/{backend}/all")
            assert stored["ids"] == THREADS * TURNS
            assert stored["hits"] == {str(me): TURNS for me in range(THREADS)}
            assert len(stored["notes"]) == THREADS * TURNS
        assert "Traceback" not in served.log


@pytest.mark.parametrize(
    ("number", "options"),
    [(signal.SIGINT, ()), (signal.SIGQUIT, ()), (signal.SIGTERM, ("--die-on-term",))],
)
def test_it_ends_quietly_and_whole(number, options, tmp_path, settings):
    with Served("uwsgi", tmp_path, settings, *options, make=make_apps) as served:
        were = workers(served)
        for backend in settings:
            served.json("POST", f"/{backend}/note/last")
        last = served.json("POST", "/SQLite/id")["id"]
        assert served.end(number) == 0
        assert not any(map(is_alive, were))
        for word in ("Traceback", "Error"):
            assert word not in served.log
    path = tmp_path / "desk.sqlite"
    assert Counter("ids", "SQLite", path=path).value == last
    assert list(Store("notes", "SQLite", path=path)) == ["last"]


def test_a_worker_that_is_killed_is_replaced_and_no_id_comes_twice(tmp_path, settings):
    with Served("uwsgi", tmp_path, settings, make=make_apps) as served:
        were = workers(served)
        numbers: dict[str, list[int]] = {backend: [] for backend in settings}
        for victim in list(were)[:2]:
            os.kill(victim, signal.SIGKILL)
            until(lambda: not is_alive(victim), TIMEOUT)  # noqa: B023 - called at once
            for backend, ids in numbers.items():
                ids += [served.json("POST", f"/{backend}/id")["id"] for _ in range(10)]
        until(lambda: workers(served) - were, TIMEOUT)
        for ids in numbers.values():
            assert ids == sorted(set(ids))
