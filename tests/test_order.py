"""The order of many keys, whatever is asked of it; and who pages while others write."""

import random
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from napixd_store import StoreBackend
from napixd_store.names import encode_key
from napixd_store.testing.order import expected, place
from tests.media import BACKENDS, POLICIES, Medium
from tests.processes import run
from tests.sizes import size

KEYS = size(quick=1_000, full=4_000)
PIECES = ["a", "b", "é", "e\u0301", "=", "==", "%", "/", "\0", "\n", " ", "~", "\ud7ff", "\ue000"]
PIECES += ["\uffff", "\U00010000", "\U0001f600", "\U0010ffff", "0", "10", "9", "A", ">", "<", "=a1"]


def generated(count: int, chance: random.Random) -> list[Any]:
    """Return so many keys, half of them ints of any length."""
    texts: set[Any] = set()
    while len(texts) < count // 2:
        texts.add("".join(chance.choices(PIECES, k=chance.randrange(1, 5))))
    numbers: set[Any] = {-(2**63), 2**63 - 1, 0}
    while len(numbers) < count - count // 2:
        numbers.add(chance.choice([1, -1]) * chance.randrange(2 ** chance.randrange(64)))
    return [*texts, *numbers]


def asked(keys: list[Any], chance: random.Random) -> list[dict[str, Any]]:
    """Return each combination of arguments, with some keys that are there and some that are not."""
    kinds: dict[type, list[Any]] = {
        str: [k for k in keys if type(k) is str],
        int: [k for k in keys if type(k) is int],
    }
    found = []
    for kind, prefixed, ends, goes_on, reverse, limit in product(
        (str, int), (None, True, False), (True, False), (None, str, int), (True, False), (None, 7)
    ):
        if prefixed and (kind is int or goes_on is int):
            continue
        start, before = sorted(chance.sample(kinds[kind], 2))
        given: dict[str, Any] = {"reverse": reverse, "limit": limit}
        if prefixed:
            given["prefix"] = chance.choice(PIECES)
        elif prefixed is not None:
            given["start"] = start
        if ends:
            given["before"] = before
        if goes_on is not None:
            given["after"] = chance.choice(kinds[goes_on])
        found.append(given)
    return [*found, {}, {"prefix": ""}, {"prefix": "", "reverse": True}]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_many_keys_are_in_order_whatever_is_asked(quick_path: Path, backend: str, policy: str):
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    keys = generated(KEYS, chance)
    medium = Medium(backend, quick_path, POLICIES[policy])
    store = medium.store()
    for at in range(0, len(keys), 1_000):
        store.update(dict.fromkeys(keys[at : at + 1000], 1))
    given_all = asked(keys, chance)
    if not store.writeback and backend in ("File", "Directory", "Redis"):
        given_all = chance.sample(given_all, 12)  # each of them lists all
    for given in given_all:
        found = [key for key, _value in store.range(**given)]
        assert found == expected(keys, **given), (seed, given)
    store.drop()


def test_the_places_of_keys_are_those_of_their_texts():
    """The one is how tests tell the order, and the other how media do."""
    keys = generated(10_000, random.Random(1))
    assert sorted(keys, key=place) == sorted(keys, key=encode_key)


@pytest.mark.parametrize("policy", ["write-through"])
@pytest.mark.parametrize("backend", [name for name in BACKENDS if name != "Memory"])
def test_of_keys_that_stay_none_is_missed_while_other_processes_write(
    quick_path: Path, backend: str, policy: str
):
    medium = Medium(backend, quick_path, POLICIES[policy])
    store = medium.store("shared")
    staying = list(range(0, 300, 3))
    store.update(dict.fromkeys(staying, 1))
    write = [(medium, number) for number in (1, 2)]
    read = [(medium, 0), (medium, 0)]
    assert run(_work, [*write, *read])[2:] == [staying] * 2
    assert [key for key, _value in store.range()] == sorted(store)


def _work(medium: Medium, number: int) -> list[Any]:
    store: StoreBackend[Any] = medium.store("shared")
    if number:
        for key in range(number, 300, 3):
            store[key] = number
            if key % 2:
                del store[key]
        return []
    found: list[Any] = []
    after = None
    while page := [key for key, _value in store.range(after=after, limit=9)]:
        found += page
        after = page[-1]
    assert found == sorted(set(found))
    return [key for key in found if key % 3 == 0]
