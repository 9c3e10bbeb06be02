"""What the contracts try on a backend, and how they look at the result."""

import threading
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from napixd_store.base import StoreBackend

Open = Callable[..., StoreBackend[Any]]
"""Opens a collection of the backend under test."""

VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2**63, -(10**30), 1.0, -0.0, 1e300, float("inf"),
    "", "text", "é\0\u2028", "\ud800", b"", b"\0\xff", [], [1, [2, [3]]], {}, {"a": {"b": [1]}},
    (), (1, (2,)), {1: "int", "1": "str", None: 0},
    {"$tuple": [1]}, {"$a": 1, "b": 2}, set(), {1, "1"}, frozenset({(1, 2)}),
    datetime(2026, 1, 2, 3, 4, 5, 6), datetime(2026, 1, 2, tzinfo=timezone.utc), date(2026, 1, 2),
    time(3, 4), timedelta(-1, 2, 3), Decimal("1.10"), uuid.UUID(int=7),
]  # fmt: skip
KEYS: list[Any] = ["k", "K", "k:", "k:k", "../k", "/k", "*", "[k]", ".", "=b17", "17", 17, -17, 0]
KEYS += ["é", "e\u0301", " ", "k\0", "\n", "=" * 1000, "=" * 999 + "k", 2**63 - 1, -(2**63)]
BAD_KEYS: list[Any] = ["", "k" * 1001, "\udc80", True, 1.5, b"k", ("k",), None, 2**63, -(2**63) - 1]
NAMES: list[str] = ["a", "A", "a:b", "a/b", "../a", ".", "*", "a*", "[a]", "=1", "1", "k\0"]
NAMES += ["é", "e\u0301", "x" * 1000, "x" * 999 + "y"]
BAD_NAMES: list[Any] = ["", "x" * 1001, "\udc80", 17, None, b"x", True]


class Clock:
    """The clock by which records end, which stands still until a test lets time pass."""

    def __init__(self, now: int) -> None:
        self.now = now

    def advance(self, seconds: float) -> None:
        """Let so many *seconds* pass."""
        self.now += round(seconds * 1000)


def same(left: object, right: object) -> bool:
    """Whether both are equal and of the same type, all the way down."""
    if type(left) is not type(right):
        return False
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return same(sorted(left.items(), key=repr), sorted(right.items(), key=repr))
    return left == right and repr(left) == repr(right) if type(left) is float else left == right


def numbered(cases: list[Any]) -> list[str]:
    """Return ids for *cases* that are short and distinct: ``str-12``."""
    return [f"{type(case).__name__}-{number}" for number, case in enumerate(cases)]


def listed_or_skip(
    listing: Callable[[Mapping[str, Any]], list[str]], options: Mapping[str, Any]
) -> list[str]:
    """Return what *listing* lists; a backend may have no list, and then nothing is tried on it."""
    try:
        return listing(options)
    except NotImplementedError as exc:
        pytest.skip(str(exc))


def together(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Run *work* in *count* threads that start at one moment; return what each returned."""
    barrier = threading.Barrier(count)

    def start(number: int) -> Any:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(start, range(count)))


through = pytest.mark.parametrize("open", [False], ids=["write-through"], indirect=True)
"""For tests of what a store that writes back refuses."""
