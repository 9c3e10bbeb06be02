"""How it is measured: rounds in which everybody does the same work, in a random order.

A machine's speed drifts while one measures. So the contestants take turns within each round, on
the same keys and values, and what is compared is the ratio (or the difference) *of one round*;
its median over all rounds is the result, and its quartiles say how much to believe it.
"""

import operator
import random
import statistics
import string
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

Value = dict[str, Any]


class Contestant:
    """Who is compared; a subclass has a method for each operation that it can do.

    The loops stand inside those methods: a call costs time too.
    """

    name: str
    durability: str
    """What a write survives once it is acknowledged: ``memory``, ``process`` or ``power``."""

    def update(self, pairs: Mapping[str, Value], /) -> None:
        """Write *pairs* in one go."""

    def ready(self) -> None:
        """Be as a service is before it does something; nobody takes the time."""

    def close(self) -> None:
        """Release all files."""


class Comparison(NamedTuple):
    """How the first one's time is held against the second's."""

    name: str
    """What heads its column."""
    of: Callable[[float, float], float]
    read: str
    """What to look at, for the page."""
    explained: str
    """Its sentence on the page."""


RATIO = Comparison(
    "ratio",
    operator.truediv,
    "ratios",
    "The ratio is the median of the first's to the second's within one round; its quartiles tell "
    "how steady it was. A ratio above the limit is a fault of this library.",
)
DIFFERENCE = Comparison(
    "more, µs",
    lambda mine, other: 1e6 * (mine - other),
    "differences",
    "How much more it is, is the median of the first's less the second's within one round; its "
    "quartiles tell how steady it was. More than the limit is a fault of this library.",
)


class Operation(NamedTuple):
    """One line of a table.

    *verb* is the contestants' method, which takes what *argument* returns and has as many calls
    (or pairs) to make as that is long. This library promises to stay below *limit*, which is of
    its heat's comparison.
    """

    name: str
    limit: float | None
    verb: str
    argument: Callable[["Round"], Sized]


class Heat(NamedTuple):
    """One table: who does what, over *size* pairs, with *writes* single writes a round.

    The first contestant is this library, and the limits are against the second. Each is built
    in an empty folder of its own.
    """

    title: str
    note: str
    contestants: Sequence[Callable[[Path], Contestant]]
    operations: Sequence[Operation]
    size: int
    writes: int
    comparison: Comparison = RATIO


class Fact(NamedTuple):
    """What has no contestant: what was measured, and the median as text."""

    what: str
    figure: str


def _nothing(dice: random.Random) -> list[Fact]:
    return []


class Suite(NamedTuple):
    """All heats of one medium, and what their page says of them."""

    page: str
    title: str
    extra: str
    """What to install to repeat it."""
    packages: Sequence[str]
    """What was measured, beside Python, SQLite and this library."""
    note: str
    heats: Callable[[], Iterable[Heat]]
    facts: Callable[[random.Random], list[Fact]] = _nothing


@dataclass(frozen=True)
class Round:
    """The dice of one round of a heat."""

    number: int
    dice: random.Random
    size: int
    writes: int

    def some_keys(self) -> list[str]:
        """Return a thousand keys that exist."""
        return self._keys(1000)

    def new_keys(self) -> list[str]:
        """Return keys that exist in no other round."""
        return [f"new-{self.number:04}-{n:04}" for n in range(self.writes)]

    def pairs(self) -> list[tuple[str, Value]]:
        """Return values for keys that exist."""
        return [(key, self.value()) for key in self._keys(self.writes)]

    def new_pairs(self) -> list[tuple[str, Value]]:
        """Return values for `new_keys`."""
        return [(key, self.value()) for key in self.new_keys()]

    def all_pairs(self) -> dict[str, Value]:
        """Return all that a store holds, with values of this round."""
        return {f"key-{n:05}": self.value() for n in range(self.size)}

    def all_places(self) -> range:
        """Return as many numbers as a store has pairs."""
        return range(self.size)

    def times(self) -> range:
        """Return as many numbers as there are single writes."""
        return range(self.writes)

    def value(self) -> Value:
        """Return a dict of about 120 bytes of JSON, unlike all others.

        SQLite skips an overwrite with the very same bytes, so values must vary.
        """
        dice = self.dice
        return {
            "id": dice.randrange(10**9),
            "name": "".join(dice.choices(string.ascii_letters, k=20)),
            "mail": "".join(dice.choices(string.ascii_lowercase, k=12)) + "@example.com",
            "active": dice.random() < 0.5,
            "tags": ["alpha", "beta"],
            "score": round(dice.random(), 6),
        }

    def _keys(self, count: int) -> list[str]:
        return [f"key-{self.dice.randrange(self.size):05}" for _ in range(count)]


@dataclass(frozen=True)
class Row:
    """The result for one operation.

    *micros* is µs per call (or pair) by contestant, None for who cannot do it; *compared* is the
    first against the second.
    """

    operation: Operation
    micros: Mapping[str, float | None]
    compared: float
    quartiles: tuple[float, float]

    @property
    def missed(self) -> bool:
        """Whether this library is slower than it promises."""
        return self.operation.limit is not None and self.compared > self.operation.limit


class Result(NamedTuple):
    """What a heat gave; *durabilities* by contestant."""

    heat: Heat
    durabilities: Mapping[str, str]
    rows: Sequence[Row]


def race(heat: Heat, rounds: int, dice: random.Random) -> Result:
    """Let the contestants of *heat* do its operations, round after round."""
    with tempfile.TemporaryDirectory() as folder:
        contestants = []
        for number, build in enumerate(heat.contestants):
            own = Path(folder, str(number))
            own.mkdir()
            contestants.append(build(own))
        pairs = Round(0, dice, heat.size, heat.writes).all_pairs()
        for one in contestants:
            one.update(pairs)
        times: list[dict[str, list[float]]] = [
            {one.name: [] for one in contestants if hasattr(one, operation.verb)}
            for operation in heat.operations
        ]
        for number in range(rounds):
            this = Round(number, dice, heat.size, heat.writes)
            for operation, taken in zip(heat.operations, times, strict=True):
                argument = operation.argument(this)
                for one in dice.sample(contestants, len(contestants)):
                    if one.name in taken:
                        one.ready()
                        work = getattr(one, operation.verb)
                        taken[one.name].append(seconds(work, argument) / len(argument))
        for one in contestants:
            one.close()
    names = {one.name: one.durability for one in contestants}
    rows = [
        _row(*each, list(names), heat.comparison)
        for each in zip(heat.operations, times, strict=True)
    ]
    return Result(heat, names, rows)


def seconds(work: Callable[[Any], Any], argument: Sized) -> float:
    """Return how long *work* takes."""
    start = time.perf_counter()
    work(argument)
    return time.perf_counter() - start


def _row(
    operation: Operation,
    taken: Mapping[str, Sequence[float]],
    names: Sequence[str],
    comparison: Comparison,
) -> Row:
    ours, by_hand, *_others = taken.values()
    low, compared, high = statistics.quantiles(map(comparison.of, ours, by_hand), n=4)
    micros = {
        name: 1e6 * statistics.median(taken[name]) if name in taken else None for name in names
    }
    return Row(operation, micros, compared, (low, high))
