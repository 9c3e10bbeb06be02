"""One random program on every backend under every policy: the same results, in the same order.

What may differ is listed here, and nothing else does: `repr` names another class and place.
"""

import copy
import random
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest

from napixd_store import CounterBackend, StoreBackend, StoreError, transaction
from napixd_store.connections import close_all
from tests.media import BACKENDS, ORDERED, POLICIES, Medium, remove_files, rename_all
from tests.sizes import size
from tests.strategies import form

Step = tuple[str, Callable[[StoreBackend[Any], CounterBackend], Any]]

KEYS: list[Any] = [*"abcdefgh", "=a1", "1", 1, 2, -3, 2**63 - 1, "é", "e\u0301", "k\0", "../x", "*"]
BAD_KEYS: list[Any] = ["", "x" * 1001, "\ud800", True, 1.5, None, b"b", ("a",), 2**63]
VALUES: list[Any] = [
    0, 1, -7, 2**63 - 1, -(2**63), 2**64, 10**30, True, None, 1.5, -0.0, float("inf"), "", "text",
    "\ud800", b"\0", [], [1, [2]], (), (1, (2,)), {}, {"a": [1]}, {"$tuple": [1]}, {1: 1, "1": 2},
    {1, 2}, frozenset({"a"}), "x" * 5000,
]  # fmt: skip
BAD_VALUES: list[Any] = [object(), [print], {"a": 1j}, 10**4300, bytearray(b"x"), {(): 1}]
OUTSIDE = {"transaction", "popitem", "save"}
"""What no transaction has, or has in another order: it reads what it touches when it does."""
NUMBERS: list[Any] = [1, 2, -3, 0, 2**62, -(2**63), 2**63, 10**30, True, 1.0, "1", None]


def a_step(chance: random.Random, *, within: bool = False) -> Step:
    """Return the next operation, and how to apply it to a store and a counter.

    One *within* a transaction is no other one, and none that would save or drop more than that.
    """
    key = chance.choice(KEYS if chance.random() < 0.93 else BAD_KEYS)
    value = chance.choice(VALUES if chance.random() < 0.9 else BAD_VALUES)
    several = {chance.choice(KEYS): chance.choice(VALUES) for _ in range(chance.randrange(6))}
    wanted = chance.sample(KEYS, chance.randrange(6))
    by = chance.choice(NUMBERS)
    inner = [] if within else [a_step(chance, within=True) for _ in range(chance.randrange(5))]
    steps: dict[str, Callable[[StoreBackend[Any], CounterBackend], Any]] = {
        "get": lambda s, _: s[key],
        "get or None": lambda s, _: s.get(key),
        "in": lambda s, _: key in s,
        "set": lambda s, _: s.__setitem__(key, copy.deepcopy(value)),
        "set again": lambda s, _: s.__setitem__(key, copy.deepcopy(value)),
        "delete": lambda s, _: s.__delitem__(key),
        "pop": lambda s, _: s.pop(key),
        "pop or 5": lambda s, _: s.pop(key, 5),
        "popitem": lambda s, _: s.popitem(),
        "setdefault": lambda s, _: s.setdefault(key, copy.deepcopy(value)),
        "update": lambda s, _: s.update(_fresh(several)),
        "update with one more": lambda s, _: s.update(_fresh({**several, key: value})),
        "|=": lambda s, _: s.__ior__(_fresh(several)) is s,
        "|": lambda s, _: s | several,
        "ror": lambda s, _: several | s,
        "==": lambda s, _: (s == several, s == s.snapshot(), s != {}),
        "get_many": lambda s, _: s.get_many(wanted),
        "incr": lambda s, _: s.incr(key, by),
        "incr by one": lambda s, _: s.incr(key),
        "edit": lambda s, _: _edit(s, key),
        "edit with a default": lambda s, _: _edit(s, key, []),
        "iterate": lambda s, _: list(s),
        "items": lambda s, _: list(s.items()),
        "values": lambda s, _: list(s.values()),
        "value in values": lambda s, _: value in s.values(),
        "range": lambda s, _: list(s.range(reverse=by == 1, limit=len(several))),
        "range of a prefix": lambda s, _: list(s.range(prefix=str(key), after="b")),
        "range between": lambda s, _: list(s.range(start=key, before=next(iter(several), None))),
        "len": lambda s, _: (len(s), bool(s)),
        "snapshot": lambda s, _: s.snapshot(),
        "transaction": lambda s, c: _in_one(s, c, inner),
        "save": lambda s, _: s.save(),
        "increment": lambda _, c: c.increment(by),
        "decrement": lambda _, c: c.decrement(by),
        "reset": lambda _, c: c.reset(by),
        "gauge": lambda _, c: _gauge(c),
        "value": lambda _, c: c.value,
    }
    rare: dict[str, Callable[[StoreBackend[Any], CounterBackend], Any]] = {
        "clear": lambda s, _: s.clear(),
        "drop": lambda s, _: s.drop(),
        "save and reload": lambda s, _: _save_and(s, s.reload),
        "save and close all": lambda s, _: _save_and(s, close_all),
        "rename while iterating": lambda s, _: rename_all(s),
        "remove the files": _lose_all,
    }
    if within:
        return chance.choice([step for step in steps.items() if step[0] not in OUTSIDE])
    return chance.choice(list((rare if chance.random() < 0.03 else steps).items()))


def _fresh(pairs: dict[Any, Any]) -> dict[Any, Any]:
    """Copy each value by itself: a working copy keeps the very objects, and none is two keys'."""
    return {key: copy.deepcopy(value) for key, value in pairs.items()}


def _in_one(store: StoreBackend[Any], counter: CounterBackend, steps: list[Step]) -> list[Any]:
    """Take *steps* in a transaction; what writes back is one, anyway."""
    with nullcontext(store) if store.writeback else transaction(store) as inside:
        return [repr(unordered(outcome(step, inside, counter))) for step in steps]


def _edit(store: StoreBackend[Any], key: Any, *default: Any) -> Any:
    with store.edit(key, *default) as draft:
        draft.append(len(draft))
    return None


def _save_and(store: StoreBackend[Any], then: Callable[[], None]) -> None:
    store.save()
    then()


def _lose_all(store: StoreBackend[Any], counter: CounterBackend) -> None:
    """Let the files be removed; where there are none, or others share them, drop what is there."""
    remove_files(store)
    with suppress(StoreError):  # who has the file open is told once; by 0, which never overflows
        counter.increment(0)
    counter.reset()
    store.drop()


def _gauge(counter: CounterBackend) -> int:
    with counter as number:
        return number


def outcome(step: Step, store: StoreBackend[Any], counter: CounterBackend) -> Any:
    """Return what the step returned, in a form to compare, or the class of what it raised."""
    try:
        result = step[1](store, counter)
    except Exception as exc:  # noqa: BLE001 - whatever it is, it must be the same everywhere
        return type(exc)
    return form(result)


LENGTHS = [
    size(quick=1_000, full=4_000),
    pytest.param(200_000, marks=pytest.mark.torture),
]


REFUSALS = {
    "KeyError",
    "InvalidKey",
    "NoSuchKey",
    "InvalidValue",
    "WrongType",
    "CounterOverflow",
    "AttributeError",  # edit() of a value without append()
}
"""The classes of the errors that a program meets."""


def run(media: list[Medium], steps: int, ordered: bool) -> None:
    """Run one program on all *media*; the outcome of each step must not differ."""
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    collection = f"program-{seed}"
    opened = [
        (m.store(f"{collection}-{m.writeback}"), m.counter(f"{collection}-{m.writeback}"))
        for m in media
    ]
    missing, returned = set(REFUSALS), 0
    for number in range(20 * steps):
        if number >= steps and not missing:  # as few as there are may miss a rare one
            break
        step = a_step(chance)
        if not ordered and step[0] == "popitem":
            continue  # it takes the first pair, so it depends on the order
        outcomes = [outcome(step, store, counter) for store, counter in opened]
        told = ordered or step[0].startswith("range")
        known = outcomes if told else [unordered(each) for each in outcomes]
        assert all(each == known[0] for each in known), (
            f"seed {seed}, step {number}: {step[0]} gave {outcomes}"
        )
        if isinstance(outcomes[0], type):
            assert outcomes[0].__name__ in REFUSALS, f"seed {seed}, step {number}: {step[0]}"
            missing.discard(outcomes[0].__name__)
        else:
            returned += 1
    assert returned > steps / 2
    assert not missing
    for store, _counter in opened:
        store.save()
    contents = [
        form(m.store(s.collection).snapshot()) for m, (s, _) in zip(media, opened, strict=True)
    ]
    known = contents if ordered else [unordered(each) for each in contents]
    assert all(each == known[0] for each in known), f"seed {seed}"


def unordered(result: Any) -> Any:
    """Return the form of *result* without the order of a list or dict."""
    if isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], list):
        return result[0], sorted(map(repr, result[1]))
    return result


@pytest.mark.parametrize("steps", LENGTHS, ids="{:,}".format)
@pytest.mark.parametrize("policy", POLICIES)
def test_a_program_does_the_same_on_every_backend(quick_path: Path, policy: str, steps: int):
    """Down to the order in which a store iterates, and so to the pair that popitem takes.

    A folder's order is its file system's, so that backend is compared without, below.
    """
    run([Medium(name, quick_path, POLICIES[policy]) for name in ORDERED], steps, ordered=True)


@pytest.mark.parametrize("steps", LENGTHS, ids="{:,}".format)
def test_a_program_does_the_same_under_both_policies(quick_path: Path, steps: int):
    """All but the order: a key that was deleted and set again keeps its place when saved."""
    media = [Medium(name, quick_path, policy) for name in BACKENDS for policy in POLICIES.values()]
    run(media, steps, ordered=False)
