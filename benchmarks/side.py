"""One side of `benchmarks.compare`, as a process: a lap for each line that it is given."""

import importlib
import random
import sys
from collections.abc import Iterator

import msgspec

from benchmarks.compare import Named
from benchmarks.race import assembled, fill, laps


def main(suite: str, rounds: str, seed: str) -> None:
    """Run a lap of *suite* for each line of standard input, and print it; null at the end."""
    todo = _laps(suite, int(rounds), seed)
    for _line in sys.stdin:
        print(msgspec.json.encode(next(todo, None)).decode(), flush=True)


def _laps(suite: str, rounds: int, seed: str) -> Iterator[Named]:
    for heat in importlib.import_module(f"benchmarks.suites.{suite}").heats():
        where = heat.title.partition(":")[0]
        with assembled(heat.contestants[:1]) as field:
            dice = random.Random(seed)
            fill(heat, field.contestants, dice)
            for lap in laps(heat, field.contestants, rounds, dice):
                yield Named(f"{heat.operations[lap.operation].name} ({where})", lap.taken)


if __name__ == "__main__":
    main(*sys.argv[1:])
