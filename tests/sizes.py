"""How much a test does: as much as it needs to find what it is for, or as much as CI can wait for.

`scripts/test` runs every test in a few minutes, `scripts/test --full` takes the larger of the
sizes that stand beside the tests that have two. What only a night has time for is marked
``torture``. That the smaller ones find what they should is shown by `tests/test_mutations.py`.
"""

import os
from typing import TypeVar

import pytest

_FULL = "NAPIXD_FULL"  # of the environment, which the processes that a test starts share

T = TypeVar("T")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run the tests at their full sizes")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("full"):
        os.environ[_FULL] = "1"


def size(*, quick: T, full: T) -> T:
    """Return the size for this run, to a module of tests: a conftest.py is read too soon."""
    return full if os.environ.get(_FULL) == "1" else quick
