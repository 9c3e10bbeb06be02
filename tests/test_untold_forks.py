"""Forked by who tells nobody, as uWSGI forks: each process works with what is its own.

Before such a fork the parent has opened and used all that its children go on to use.
"""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.media import Medium
from tests.processes import fork, fork_in_c
from tests.redis.servers import until
from tests.sizes import size

pytestmark = pytest.mark.usefixtures("unmeasured")

WORKERS = 4
TURNS = size(quick=40, full=125)
"""Of four operations each."""
PLACES = 5

HANG = 120
"""Seconds after which a process is taken to wait for ever."""


def untold_fork(work: Callable[..., Any], *args: Any) -> int:
    """Start *work* in a child that Python is not told of; return its pid."""
    pid = fork_in_c()
    if pid == 0:
        try:
            signal.alarm(HANG)  # which ends it, whatever it waits for
            work(*args)
        finally:
            os._exit(0)
    return pid


class Opened:
    """A store and counters, used by whoever has them: each reads and writes its own records."""

    def __init__(self, medium: Medium) -> None:
        self.store = medium.store("records", expires_in=86_400)
        self.counter = medium.counter("numbers")
        self.leased = medium.counter("leased", lease=7)

    def look(self) -> tuple[int, int]:
        """Have a connection, and use it; and hold numbers."""
        self.leased.increment()
        return self.counter.value, len(self.store)

    def use(self, folder: Path, who: int) -> None:
        """Do 500 operations (at full size), and leave a report."""
        numbers: list[int] = []
        leased: list[int] = []
        wrong: list[str] = []
        try:
            for turn in range(TURNS):
                numbers.append(self.counter.increment())
                leased.append(self.leased.increment())
                self.store[f"{who}-{turn % PLACES}"] = {"who": who, "turn": turn}
                found = self.store[f"{who}-{turn % PLACES}"], self.store.incr(f"{who}-turns")
                if found != ({"who": who, "turn": turn}, turn + 1):
                    wrong.append(f"{found} in turn {turn}")
            if self.store.get_many(written(who)) != written(who):
                wrong.append("what it wrote is lost")
        except Exception as exc:  # noqa: BLE001 - whatever it is, the test fails
            wrong.append(repr(exc))
        aside = folder / f"{who}.aside"
        aside.write_text(json.dumps({"numbers": numbers, "leased": leased, "wrong": wrong}))
        aside.rename(folder / f"{who}.report")


def written(who: int) -> dict[str, Any]:
    """Return the records that *who* has left in the end."""
    last = range(TURNS - PLACES, TURNS)
    records = {f"{who}-{turn % PLACES}": {"who": who, "turn": turn} for turn in last}
    return {**records, f"{who}-turns": TURNS}


def that_is_gone(medium: Medium, folder: Path) -> None:
    opened = Opened(medium)
    opened.use(folder, 0)
    for who in range(1, WORKERS + 1):
        untold_fork(opened.use, folder, who)


def that_works_on(medium: Medium, folder: Path) -> None:
    opened = Opened(medium)
    opened.look()
    children = [untold_fork(opened.use, folder, who) for who in range(1, WORKERS + 1)]
    opened.use(folder, 0)
    for child in children:
        os.waitpid(child, 0)


def that_is_a_child_itself(medium: Medium, folder: Path) -> None:
    opened = Opened(medium)
    opened.use(folder, 0)

    def child_and_parent(who: int) -> None:
        opened.look()
        child = untold_fork(opened.use, folder, who)
        opened.use(folder, who + 1)
        os.waitpid(child, 0)

    for child in [untold_fork(child_and_parent, who) for who in range(1, WORKERS + 1, 2)]:
        os.waitpid(child, 0)


@pytest.mark.parametrize("parent", [that_is_gone, that_works_on, that_is_a_child_itself])
def test_children_of_a_parent(parent, backend: Medium, tmp_path: Path):
    """Nobody gets another's record or number, nothing is lost, and nobody waits for ever."""
    everybody = range(WORKERS + 1)
    with fork(parent, backend, tmp_path) as first:
        until(lambda: len(list(tmp_path.glob("*.report"))) > WORKERS, HANG)
        first.result(HANG)
    reports = [json.loads((tmp_path / f"{who}.report").read_text()) for who in everybody]
    assert [report["wrong"] for report in reports] == [[]] * len(everybody)

    opened = Opened(backend)
    numbers = [number for report in reports for number in report["numbers"]]
    if backend.backend != "Memory":  # whose children go on with copies of their own
        assert sorted(numbers) == list(range(1, TURNS * len(everybody) + 1))
        assert opened.counter.value == len(numbers)
        leased = [number for report in reports for number in report["leased"]]
        assert len(set(leased)) == len(leased) == len(numbers)
        assert opened.store.snapshot() == {
            key: record for who in everybody for key, record in written(who).items()
        }
