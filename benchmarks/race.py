"""How it is measured: rounds in which everybody does the same work, in a random order.

A machine's speed drifts while one measures. So the contestants take turns within each round, on
the same keys and values, and what is compared is the ratio (or the difference) *of one round*;
its median over all rounds is the result, and its quartiles say how much to believe it.
"""

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.measure import Builder, Comparison, Contestant, Heat, LeftOut, Operation, Plan
from benchmarks.results import Quartiles, Row, Table
from benchmarks.rounds import Round


class Field(NamedTuple):
    """Who takes part, and in words who does not."""

    contestants: list[Contestant]
    left_out: list[str]


class Lap(NamedTuple):
    """What one did once: the place of the operation in its heat, and seconds a call (or pair)."""

    operation: int
    contestant: str
    taken: float


def races(heats: Iterable[Heat], plan: Plan) -> Iterator[Table]:
    """Yield the table of each of *heats* as it is done."""
    for heat in heats:
        yield race(heat, plan.rounds, random.Random(plan.seed))


def race(heat: Heat, rounds: int, dice: random.Random) -> Table:
    """Let the contestants of *heat* do its operations, round after round."""
    with assembled(heat.contestants) as field:
        fill(heat, field.contestants, dice)
        taken: list[dict[str, list[float]]] = [{} for _ in heat.operations]
        for lap in laps(heat, field.contestants, rounds, dice):
            taken[lap.operation].setdefault(lap.contestant, []).append(lap.taken)
    names = {one.name: one.durability for one in field.contestants}
    rows = [
        row(operation, times, list(names), heat.comparison)
        for operation, times in zip(heat.operations, taken, strict=True)
    ]
    return Table(
        heat.title, heat.note, heat.comparison.name, heat.size, names, field.left_out, rows
    )


@contextmanager
def assembled(builders: Iterable[Builder]) -> Iterator[Field]:
    """Build each contestant in a folder of its own; who cannot take part is left out."""
    field = Field([], [])
    with tempfile.TemporaryDirectory() as folder:
        for number, build in enumerate(builders):
            own = Path(folder, str(number))
            own.mkdir()
            try:
                field.contestants.append(build(own))
            except LeftOut as exc:
                field.left_out.append(str(exc))
        try:
            yield field
        finally:
            for one in field.contestants:
                one.close()


def fill(heat: Heat, contestants: Iterable[Contestant], dice: random.Random) -> None:
    """Give each of the *contestants* the pairs of *heat*."""
    pairs = Round(0, dice, heat.size, heat.writes).all_pairs()
    for one in contestants:
        one.update(pairs)


def laps(
    heat: Heat, contestants: Sequence[Contestant], rounds: int, dice: random.Random
) -> Iterator[Lap]:
    """Yield each lap of the *contestants* when it is run; they are filled."""
    for number in range(rounds):
        this = Round(number, dice, heat.size, heat.writes)
        for place, operation in enumerate(heat.operations):
            argument = operation.argument(this)
            for one in dice.sample(contestants, len(contestants)):
                if hasattr(one, operation.verb):
                    one.ready()
                    work = getattr(one, operation.verb)
                    yield Lap(place, one.name, seconds(work, argument) / len(argument))


def seconds(work: Callable[[Any], Any], argument: Sized) -> float:
    """Return how long *work* takes."""
    start = time.perf_counter()
    work(argument)
    return time.perf_counter() - start


def row(
    operation: Operation,
    taken: Mapping[str, Sequence[float]],
    names: Sequence[str],
    comparison: Comparison,
) -> Row:
    """Return the result of *operation*; the first two of *names* can do it."""
    micros = {
        name: quartiles([1e6 * each for each in taken[name]]) if name in taken else None
        for name in names
    }
    ours, by_hand, *_others = names
    compared = quartiles(list(map(comparison.of, taken[ours], taken[by_hand])))
    return Row(operation.name, operation.limit, micros, compared)


def quartiles(figures: Sequence[float]) -> Quartiles:
    """Return the quartiles of *figures*; of one figure that, three times."""
    if len(figures) == 1:
        return (figures[0],) * 3
    low, median, high = (float(f"{each:.5g}") for each in statistics.quantiles(figures, n=4))
    return low, median, high
