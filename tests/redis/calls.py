"""One call of each kind that writes, with what it makes of the state before and what it returns."""

from collections.abc import Callable
from typing import Any, NamedTuple

KINDS = ("increment", "reset", "pop", "del", "setdefault", "incr", "edit", "update")


class Call(NamedTuple):
    """One operation, what it makes of the state ``before``, and what it returns."""

    run: Callable[[], Any]
    state: Callable[[], Any]
    before: Any
    after: Any
    returns: Any


def prepared(kind: str, number: int, store: Any, counter: Any, truth: Any, true: Any) -> Call:
    """Prepare one call of *store* or *counter*; *truth* and *true* are the same by another way."""
    truth.clear()
    true.reset(number)
    if kind == "increment":
        return Call(counter.increment, lambda: true.value, number, number + 1, number + 1)
    if kind == "reset":
        return Call(lambda: counter.reset(-1), lambda: true.value, number, -1, number)
    mine = {"n": number}
    kinds: dict[str, tuple[dict[str, Any], Callable[[], Any], Any, Any]] = {
        "pop": ({"k": mine}, lambda: store.pop("k"), {}, mine),
        "del": ({"k": mine}, lambda: store.__delitem__("k"), {}, None),
        "setdefault": ({}, lambda: store.setdefault("k", mine), {"k": mine}, mine),
        "incr": ({"k": number}, lambda: store.incr("k"), {"k": number + 1}, number + 1),
        "edit": ({"k": mine}, lambda: _edit(store), {"k": {"n": number + 1}}, None),
        "update": ({"b": 0}, lambda: store.update(a=1, b=2), {"a": 1, "b": 2}, None),
    }
    start, run, after, returns = kinds[kind]
    truth.update(start)
    return Call(run, truth.snapshot, start, after, returns)


def _edit(store: Any) -> None:
    with store.edit("k") as value:
        value["n"] += 1
