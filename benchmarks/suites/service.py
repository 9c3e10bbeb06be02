"""A service from end to end: Bottle behind waitress and gunicorn, on SQLite, under load."""

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks import desk
from benchmarks.compare import laid_out
from benchmarks.crowd import Worked, point
from benchmarks.load import Ask, load, mixed, post
from benchmarks.measure import Plan, Suite
from benchmarks.results import Crowd, Section
from benchmarks.waits import BOUNDS

ROOT = Path(__file__).parent.parent.parent
SECONDS = 3.0
PATIENCE = 30.0


class Contestant(NamedTuple):
    """An app of `desk`, and the folder that has the library it uses."""

    app: str
    library: Path


CONTESTANTS = {
    "napixd-store": Contestant("ours", ROOT),
    "the same, short turns": Contestant("ours_at_short_turns", ROOT),
    "sqlite3 by hand": Contestant("by_hand", ROOT),
    "by hand, one commit": Contestant("by_hand_once", ROOT),
}


class Server(NamedTuple):
    """How a service is started, and how many processes it is."""

    command: str
    workers: int


_WAITRESS = "waitress --threads=8 --connection-limit=1000 --unix-socket={socket} --call"
_GUNICORN = "gunicorn --workers=4 --threads=4 --keep-alive=60 --bind=unix:{socket}"
WAITRESS = Server(f"{_WAITRESS} benchmarks.desk:{{app}}", 1)
GUNICORN = Server(
    f"{_GUNICORN} --no-control-socket --log-level=warning benchmarks.desk:{{app}}()", 4
)
LOADS: dict[str, tuple[Server, Ask, tuple[int, ...]]] = {
    "Mixed load on gunicorn: one POST and four GETs": (GUNICORN, mixed, (4, 16, 64)),
    "`POST /tickets` on waitress": (WAITRESS, post, (8, 200)),
    "`POST /tickets` on gunicorn": (GUNICORN, post, (8, 200)),
}

NOTE = (
    "A Bottle app that numbers tickets and keeps them in SQLite, durability `power`, over a unix "
    "socket: by this library and its plugin, and by hand with `sqlite3`, a connection a thread, a "
    "busy timeout of a minute. All read and answer the same JSON. By this library and by hand a "
    "number and a ticket are two commits; what by hand can be one is beside them, and here it "
    "cannot. Short turns: with `sys.setswitchinterval(0.0001)`, as the Ticket desk has it. "
    "gunicorn has 4 workers of 4 threads, waitress 8 threads. Who asks is one process on the same "
    "machine, over as many connections as said, each with one request at a time. Slowest / "
    "fastest is of the processes that answer; a connection stays with the one that took it."
)


def measure(plan: Plan) -> Iterator[Section]:
    """Yield what each server did under each load."""
    with tempfile.TemporaryDirectory() as folder:
        contestants = dict(CONTESTANTS)
        if plan.before is not None:
            library = laid_out(plan.before, Path(folder, "before"))
            contestants[f"napixd-store at {plan.before}"] = Contestant("ours", library)
        for title, (server, ask, numbers) in LOADS.items():
            points = []
            for number in numbers:
                worked = _worked(contestants, server, ask, number, plan)
                points += [point(name, number, each) for name, each in worked.items()]
            yield Crowd(title, f"{SECONDS:g} s a round.", "connections", [], points)


def _worked(
    contestants: Mapping[str, Contestant], server: Server, ask: Ask, number: int, plan: Plan
) -> dict[str, list[list[Worked]]]:
    dice = random.Random(plan.seed + number)
    worked: dict[str, list[list[Worked]]] = {name: [] for name in contestants}
    for _ in range(plan.rounds):
        for name in dice.sample(list(contestants), len(contestants)):
            with running(server, contestants[name]) as socket:
                worked[name].append(_by_worker(socket, server, ask, number))
    return worked


def _by_worker(socket: Path, server: Server, ask: Ask, number: int) -> list[Worked]:
    answered = list(load(socket, ask, number, SECONDS).values())
    idle = Worked([0] * (len(BOUNDS) + 1), 0.0, SECONDS)
    return answered + [idle] * (server.workers - len(answered))


@contextmanager
def running(server: Server, one: Contestant) -> Iterator[Path]:
    """Start *one* behind *server*; yield its socket, once it has a hundred tickets."""
    with tempfile.TemporaryDirectory() as folder:
        socket = Path(folder, "s")
        module, *arguments = (
            word.format(socket=socket, app=one.app) for word in server.command.split()
        )
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=one.library,  # which stands before ours on its path
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
                desk.FOLDER: folder,
            },
        )
        try:
            _fill(socket, process)
            yield socket
        finally:
            process.terminate()
            process.wait()


def _fill(socket: Path, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + PATIENCE
    while not socket.exists():
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"{process.args!r} does not listen; above is why")
        time.sleep(0.05)
    left = 100
    while left > 0:
        try:
            done = load(socket, post, 1, 0.1)
        except ConnectionError:  # the socket is there before who listens to it
            time.sleep(0.05)
            continue
        left -= sum(sum(each.counts) for each in done.values())


SUITE = Suite(
    title="Benchmarks of a service",
    packages=("bottle", "gunicorn", "msgspec", "waitress"),
    note=NOTE,
    measure=measure,
    rounds=3,
)
