"""Places for tests: each backend's, hostile contents, and all that is in a place."""

import random
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from napixd_store.operations import Place
from tests.media import BACKENDS, OPTIONS
from tests.strategies import TRICKY_TEXTS

NAMES = [
    "a", "A", "a:b", "a/b", "../x", ".", "..", "*", "?", "con", "nul.txt", "=", "==", "=b17", "{}",
    "{a}", "%7B", "%", "\0", "\n", "\r\n", "\t", " ", "é", "e\u0301", "ﬁ", "\u212a", "K", "k", "ß",
    "ẞ", "🦄", "\u200b", "\ufeff", "\u2028", "\x7f", "\x1b[31m", '"', "'", "\\", "$until", "$",
    "[1,2]", '["a",1]', '{"records":1}', "null", "NaN", "true", "-0", "+1", "1e9", "x" * 1000,
    "é" * 999, "napixd-store", ".store", "a.store.json", ".journal", "~", "~root", "--help", "-",
    "%00", "0" * 300, "a" * 200, "a" * 201, "C:\\x", "|", ";", "`id`", "$(id)", "<b>", "&amp;",
    "\uffff", "\U0010ffff", "\ue000", "a\0b",
]  # fmt: skip
"""Names and keys that one medium or another would have for something else."""


def hostile(count: int) -> list[str]:
    """Return so many hostile names."""
    chance = random.Random(count)
    characters = "aA:/.*?[]{}=%\\\0é\u0301ßKk\u212aﬁ\n\r\"'$ 🦄"
    names = dict.fromkeys(NAMES)
    while len(names) < count:
        names["".join(chance.choices(characters, k=chance.randint(1, 9)))] = None
    return list(names)[:count]


VALUES: list[Any] = [
    None, True, False, 0, -1, 2**63, -(2**64), 10**4299, 0.0, -0.0, 1.7e308, float("inf"), "", "a",
    *TRICKY_TEXTS, b"", b"\xff\0", [], [1, [2]], (), (1, ("a",)), {}, {"a": {"b": [1]}}, {1: 2},
    {"$until": [1, 2]}, {"$tuple": [1]}, set(), {1, "a"}, frozenset({(1, 2)}), Decimal("-0.00"),
    datetime(2026, 1, 2, 3, 4, 5, 6), datetime(2026, 1, 2, tzinfo=timezone.utc),
    datetime(2026, 1, 2).date(), datetime(2026, 1, 2, 3).time(), timedelta(days=-1), UUID(int=7),
]  # fmt: skip
"""One of each type that a store keeps, and what is tricky of it."""


def place_on(backend: str, folder: Path) -> Place:
    """Return a place of *backend* whose data is in *folder*."""
    return Place(backend, **OPTIONS[backend](folder))


def fill(place: Place, names: int = 20) -> None:
    """Put all kinds of names, keys, values, deadlines and numbers into *place*."""
    values = place.records("values")
    values.update(enumerate(VALUES))
    values.update({f"{number}": value for number, value in enumerate(VALUES)})
    values.put("ends", "later", expires_in=3600)
    values.put(-(2**63), {"$until": [1, 2]}, expires_in=10**6)
    values.put("over", "by now", expires_in=0.001)
    keys = place.records("keys")
    keys.update({name: name for name in hostile(200)})
    for name in hostile(names):
        place.records(name)["its name"] = name
        place.counter(name).reset(len(name) - 5)
    place.counter("most").reset(2**63 - 1)
    place.counter("least").reset(-(2**63))


def contents(place: Place) -> tuple[dict[str, dict[str, bytes]], dict[str, int]]:
    """Return all that lives in *place*: records to the byte, and numbers."""
    collections = {}
    for name in place.collections():
        store = place.records(name)
        collections[name] = dict(store._living(store._load().items()))
    return collections, {name: place.counter(name).value for name in place.counters()}


def empty(place: Place) -> None:
    """Remove all that is in *place*."""
    for name in place.collections():
        place.records(name).drop()
    for name in place.counters():
        place.counter(name).drop()


PAIRS = [(one, other) for one in BACKENDS for other in BACKENDS if one != other]
