"""The terms of a measurement: contestants do operations in heats, and a suite is a page of them."""

import importlib
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.results import Section
from benchmarks.rounds import Round, Value


class LeftOut(Exception):
    """A contestant cannot take part here; its text says who, and why."""


class Contestant:
    """Who is compared; a subclass has a method for each operation that it can do.

    The loops stand inside those methods: a call costs time too.
    """

    name: str
    durability: str
    """What a write survives once it is acknowledged: ``memory``, ``process`` or ``power``."""

    @classmethod
    def need(cls, module: str) -> Any:
        """Import *module*, or be left out."""
        try:
            return importlib.import_module(module)
        except ImportError as exc:
            raise LeftOut(f"{cls.name}: {exc}") from exc

    def update(self, pairs: Mapping[str, Value], /) -> None:
        """Write *pairs* in one go."""

    def ready(self) -> None:
        """Be as a service is before it does something; nobody takes the time."""

    def close(self) -> None:
        """Release all files."""


Builder = Callable[[Path], Contestant]
"""Makes a contestant in an empty folder of its own."""


class Comparison(NamedTuple):
    """How the first one's time is held against the second's."""

    name: str
    """What heads its column."""
    of: Callable[[float, float], float]
    explained: str
    """Its sentence on the page."""


RATIO = Comparison(
    "ratio",
    operator.truediv,
    "The ratio is the median of the first's to the second's within one round; its quartiles tell "
    "how steady it was. A ratio above the limit is a fault of this library.",
)
DIFFERENCE = Comparison(
    "more, µs",
    lambda mine, other: 1e6 * (mine - other),
    "How much more it is, is the median of the first's less the second's within one round; its "
    "quartiles tell how steady it was. More than the limit is a fault of this library.",
)
SHARE = Comparison(
    "%",
    lambda mine, other: 100 * mine / other,
    "The share is how much of the second's time the first needs, in percent: the median of that "
    "within one round; its quartiles tell how steady it was. A share above the limit is a fault of "
    "this library.",
)
COMPARISONS = {each.name: each for each in (RATIO, DIFFERENCE, SHARE)}


class Operation(NamedTuple):
    """One line of a table.

    *verb* is the contestants' method, which takes what *argument* returns and has as many calls
    (or pairs) to make as that is long. This library promises to stay below *limit*, which is of
    its heat's comparison.
    """

    name: str
    limit: float | None
    verb: str
    argument: Callable[[Round], Sized]


class Heat(NamedTuple):
    """One table: who does what, over *size* pairs, with *writes* single writes a round.

    The first contestant is this library, and the limits are against the second.
    """

    title: str
    note: str
    contestants: Sequence[Builder]
    operations: Sequence[Operation]
    size: int
    writes: int
    comparison: Comparison = RATIO


class Plan(NamedTuple):
    """How much is to be measured, as the caller asks for it."""

    rounds: int
    seed: int
    largest: int
    """The most pairs that a store of the suite `sizes` has."""
    before: str | None = None
    """A commit of this library, for the suite `service` to show beside the present one."""


class Suite(NamedTuple):
    """What one page tells; *measure* yields its sections as they are done.

    Its module has `heats` too, if `benchmarks.compare` takes it.
    """

    title: str
    packages: Sequence[str]
    """What was measured, beside Python, SQLite and this library."""
    note: str
    measure: Callable[[Plan], Iterator[Section]]
    rounds: int = 25
    """As many as make it steady."""
