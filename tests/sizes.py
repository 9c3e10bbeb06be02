"""How much a test does: as much as it needs to find what it is for, or as much as CI can wait for.

`scripts/test` runs every test in a few minutes: with each value of each of its parameters, though
not each with each other. `scripts/test --full` runs all of them, and takes the larger of the sizes
that stand beside the tests that have two. What only a night has time for is marked ``torture``.
That the smaller ones find what they should is shown by `tests/test_mutations.py`. CI runs both, the
second without what the first did alike: `scripts/test --rest`.
"""

import os
import re
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import TypeVar
from zlib import crc32

import pytest

FULL = "NAPIXD_FULL"
"""Set to 1 in the environment, which the processes that a test starts share, in a full run."""

T = TypeVar("T")

_ROOT = Path(__file__).parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run the tests at their full sizes")
    parser.addoption(
        "--rest", action="store_true", help="as --full, without what a quick run does alike"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("full") or config.getoption("rest"):
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
    rest = config.getoption("rest")
    if _full() and not rest:
        return
    combinations = defaultdict(list)
    for item in items:
        name = item.nodeid.partition("[")[0].rpartition("::")[2]
        combinations[item.path, name].append(item)
    chosen = {item for each in combinations.values() for item in _cover(each)}
    if rest:
        chosen = {item for item in items if item not in chosen or _has_sizes(item.path)}
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = [item for item in items if item in chosen]


@cache
def _has_sizes(path: Path) -> bool:
    """Return whether a module of tests has two sizes of something, or takes it from one that has.

    *path* may also be a document's, which has none.
    """
    imported = set(re.findall(r"^from (tests[\w.]*) import", path.read_text(), re.MULTILINE))
    files = (_ROOT.joinpath(*name.split(".")).with_suffix(".py") for name in imported)
    return "tests.sizes" in imported or any(_has_sizes(each) for each in files if each.exists())


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
