"""Two states of this library, held against each other: a process each, rounds in turns.

Both are measured by the benchmarks of this tree, so that only the library differs. Of a commit
its files alone are laid out: nothing is registered in the repository, so who is killed leaves
nothing there.
"""

import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from benchmarks.measure import RATIO, Operation
from benchmarks.race import row
from benchmarks.results import Table
from benchmarks.rounds import Round

SUITES = ("sqlite", "files", "redis", "memory", "plugin")
ROOT = Path(__file__).parent.parent
PACKAGES = ("napixd_store", "napixd_store_bottle")


Side = subprocess.Popen[bytes]


class Named(msgspec.Struct):
    """A lap of somebody else's process: what was done, and seconds a call."""

    operation: str
    taken: float


def compare(
    suite: str, old: str, new: str, rounds: int, dice: random.Random, limit: float
) -> Table:
    """Return the operations of *suite*, of *new* against *old*, each with *limit*."""
    taken: dict[str, dict[str, list[float]]] = {}
    names = [f"new: {new}", f"old: {old}"]
    seed = str(dice.random())
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        sides = {}
        for number, (name, state) in enumerate(zip(names, (new, old), strict=True)):
            library = laid_out(state, Path(folder, str(number)))
            sides[name] = stack.enter_context(_side(library, suite, rounds, seed))
        running = True
        while running:
            for name in dice.sample(names, 2):
                lap = _lap(sides[name])
                running = lap is not None
                if lap is not None:
                    taken.setdefault(lap.operation, {}).setdefault(name, []).append(lap.taken)
    rows = [
        row(Operation(operation, limit, "", Round.times), times, names, RATIO)
        for operation, times in taken.items()
    ]
    note = f"{rounds} rounds in turns; above {limit:.2f} is too slow."
    durabilities = dict.fromkeys(names, suite)
    return Table(f"{new} against {old}: {suite}", note, RATIO.name, 0, durabilities, [], rows)


def laid_out(state: str, folder: Path) -> Path:
    """Fill *folder* with the library alone, as it is in *state*, a commit or a folder."""
    folder.mkdir()
    if Path(state).is_dir():
        for name in PACKAGES:
            (folder / name).symlink_to(Path(state, name).resolve())
    else:
        archive = ["git", "archive", state, *PACKAGES]
        files = subprocess.run(archive, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
        subprocess.run(["tar", "-x"], cwd=folder, input=files, check=True)
    return folder


@contextmanager
def _side(library: Path, suite: str, rounds: int, seed: str) -> Iterator[Side]:
    """Start the process that measures *library*, which stands before ours on its path."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.side", suite, str(rounds), seed],
        cwd=library,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _lap(side: Side) -> Named | None:
    """Let *side* run its next lap; None when it has run all."""
    assert side.stdin is not None
    assert side.stdout is not None
    side.stdin.write(b"go\n")
    side.stdin.flush()
    said = side.stdout.readline()
    if not said:
        raise RuntimeError(f"{side.args!r} ended; above is why")
    return msgspec.json.decode(said, type=Named | None)
