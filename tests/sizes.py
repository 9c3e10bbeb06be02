"""How much a test does: as much as it needs to find what it is for, or as much as CI can wait for.

`scripts/test` runs every test in a few minutes: with each value of each of its parameters, though
not each with each other. `scripts/test --full` runs all of them, and takes the larger of the sizes
that stand beside the tests that have two. What only a night has time for is marked ``torture``.
That the smaller ones find what they should is shown by `tests/test_mutations.py`.
"""

import os
from collections import defaultdict
from typing import TypeVar
from zlib import crc32

import pytest

FULL = "NAPIXD_FULL"
"""Set to 1 in the environment, which the processes that a test starts share, in a full run."""

T = TypeVar("T")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run the tests at their full sizes")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("full"):
        os.environ[FULL] = "1"


def _full() -> bool:
    return os.environ.get(FULL) == "1"


def pytest_report_header() -> str:
    if _full():
        return "sizes: full"
    return (
        "sizes: quick, with each value of each parameter, not each with each: --full has them all"
    )


@pytest.hookimpl(trylast=True)  # of what -k and -m chose
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if _full():
        return
    combinations = defaultdict(list)
    for item in items:
        name = item.nodeid.partition("[")[0].rpartition("::")[2]
        combinations[item.path, name].append(item)
    chosen = {item for each in combinations.values() for item in _cover(each)}
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = [item for item in items if item in chosen]


def _cover(combinations: list[pytest.Item]) -> list[pytest.Item]:
    """Return so many of the *combinations* of a test's parameters that each value is there.

    Of a contract, the class that keeps it is one of them.
    """
    mixed = sorted(combinations, key=lambda item: crc32(item.nodeid.encode()))
    covered: set[tuple[str, int]] = set()
    chosen = []
    for only_new in (True, False):
        for item in mixed:
            values = {(name, id(value)) for name, value in _parameters(item).items()}
            if values.isdisjoint(covered) if only_new else not values <= covered:
                covered |= values
                chosen.append(item)
    return chosen


def _parameters(item: pytest.Item) -> dict[str, object]:
    kept_by = {"class": item.cls} if isinstance(item, pytest.Function) and item.cls else {}
    callspec = getattr(item, "callspec", None)  # a test without parameters has none
    return kept_by if callspec is None else kept_by | callspec.params


def size(*, quick: T, full: T) -> T:
    """Return the size for this run, to a module of tests: a conftest.py is read too soon."""
    return full if _full() else quick
