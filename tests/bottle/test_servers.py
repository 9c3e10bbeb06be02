"""Behind real servers: threads, forked workers, greenlets."""

import collections
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from napixd_store import Counter, Store
from tests.bottle.serving import ROOT, THREADS, WORKERS, Served
from tests.labs import need
from tests.processes import run_threads
from tests.redis.servers import programs, running
from tests.sizes import size

REQUESTS = size(quick=40, full=160)
SERVERS = list(WORKERS)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The socket of a server for these tests."""
    program = programs()["valkey"]
    need(program is not None, "there is no valkey server")
    assert program is not None
    with running(program, tmp_path_factory.mktemp("s")) as server:
        yield server.socket


def settings_in(backend: str, folder: Path, redis: str) -> Mapping[str, Any]:
    """Return settings of which each test has its own data."""
    medium: dict[str, Any] = {
        "SQLite": {"path": "desk.sqlite", "durability": "process"},
        "Directory": {"root": "desk"},
        "RedisHash": {"url": f"unix://{redis}", "prefix": folder.name},
    }[backend]
    return {
        "store": {
            "backend": backend,
            **medium,
            "hits": {"collection": "hits"},
            "notes": {"writeback": "yes"},
        },
        "counter": {"ids": {"name": "ids"}},
    }


@pytest.fixture(params=["SQLite", "RedisHash"])
def settings(request: pytest.FixtureRequest, tmp_path: Path, redis: str) -> Mapping[str, Any]:
    return settings_in(request.param, tmp_path, redis)


@pytest.fixture(params=SERVERS)
def served(
    request: pytest.FixtureRequest, tmp_path: Path, settings: Mapping[str, Any]
) -> Iterator[Served]:
    with Served(request.param, tmp_path, settings) as served:
        yield served


def test_many_requests_at_once_lose_nothing(served):
    """Ids are given once and without a gap; hits are all counted; each note is stored."""

    def client(me: int) -> list[Any]:
        said = []
        for number in range(REQUESTS // THREADS):
            said.append(served.json("POST", "/id"))
            served.json("POST", f"/hit/{number % 3}")
            served.json("POST", f"/note/{me}-{number}")
        return said

    said = [each for one in run_threads(client, [(me,) for me in range(THREADS)]) for each in one]
    assert sorted(each["id"] for each in said) == list(range(1, REQUESTS + 1))
    stored = served.json("GET", "/all")
    assert stored["ids"] == REQUESTS
    hits = collections.Counter(str(number % 3) for number in range(REQUESTS // THREADS))
    assert stored["hits"] == {key: THREADS * times for key, times in hits.items()}
    assert sorted(stored["notes"]) == sorted(
        f"{me}-{number}" for me in range(THREADS) for number in range(REQUESTS // THREADS)
    )
    assert "Traceback" not in served.log


def test_two_that_change_different_keys_at_once_both_survive(served):
    answers = at_once(served, "alice", "bob")
    assert [status for status, _ in answers] == [200, 200]
    assert served.json("GET", "/all")["notes"] == {"alice": 1, "bob": 1}


def test_of_two_that_change_one_key_at_once_one_gets_a_409_that_one_can_read(served):
    answers = at_once(served, "alice", "alice")
    assert sorted(status for status, _ in answers) == [200, 409]
    assert served.json("GET", "/all")["notes"] == {"alice": 1}
    (body,) = (body for status, body in answers if status == 409)
    assert "&#039;alice&#039;: changed by somebody else meanwhile, so this change was not" in body
    assert "read again and repeat" in body
    assert served.ask("POST", "/note/alice")[0] == 200  # and repeated, it is stored


def at_once(served: Served, *keys: str) -> list[tuple[int, str]]:
    """Two requests that both have read before either is saved."""
    return run_threads(
        lambda key, me: served.ask("POST", f"/meet/{key}/guest-{me}"),
        [(key, me) for me, key in enumerate(keys)],
    )


@pytest.mark.parametrize("server", SERVERS)
def test_a_streamed_answer_is_stored_when_it_is_sent(server, tmp_path, redis):
    with Served(server, tmp_path, settings_in("SQLite", tmp_path, redis)) as served:
        assert served.ask("GET", "/stream") == (200, "0\n1\n2\n")
        notes = served.json("GET", "/all")["notes"]
        assert notes == {"part-0": 0, "part-1": 1, "part-2": 2}


@pytest.mark.parametrize("backend", ["SQLite", "Directory", "RedisHash"])
def test_workers_forked_from_a_process_that_had_all_open_serve_as_one(backend, tmp_path, redis):
    with Served("gunicorn", tmp_path, settings_in(backend, tmp_path, redis)) as served:
        said = run_threads(
            lambda _: [served.json("POST", "/id") for _ in range(10)], [(n,) for n in range(8)]
        )
        answers = [each for one in said for each in one]
        assert sorted(each["id"] for each in answers) == list(range(1, 81))
        assert served.process.pid not in {each["pid"] for each in answers}
        while len({each["pid"] for each in answers}) < 2:  # the kernel chooses who serves
            answers.append(served.json("POST", "/id"))
        assert served.json("GET", "/all")["ids"] == len(answers)


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_that_is_told_to_end_does_so_quietly(server, tmp_path, redis):
    with Served(server, tmp_path, settings_in("SQLite", tmp_path, redis)) as served:
        served.json("POST", "/id")
        served.json("POST", "/note/a")
        assert served.end() == 0
        for word in ("Traceback", "Warning", "Error"):
            assert word not in served.log
    path = tmp_path / "desk.sqlite"
    assert Counter("ids", "SQLite", path=path).value == 1
    assert len(Store("notes", "SQLite", path=path)) == 1


def test_a_program_that_closes_nothing_leaves_a_single_file_and_no_warning(tmp_path):
    """Nobody calls ``app.close()``, not even Bottle's own ``run()``."""
    program = f"""
from tests.bottle.serving import make_app
from tests.sample.wsgi import TestApp
app = make_app({settings_in("SQLite", tmp_path, "")!r})
assert TestApp(app).post("/id").json["id"] == 1
assert TestApp(app).post("/note/a").json == {{"notes": 1}}
"""
    done = subprocess.run(
        [sys.executable, "-W", "default::ResourceWarning", "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": ":".join([str(ROOT), *sys.path])},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["desk.sqlite"]
