"""Tags: what JSON cannot express, in the manner of MongoDB's Extended JSON.

A tag is an object of exactly one member whose name begins with ``$``, see
https://www.mongodb.com/docs/manual/reference/mongodb-extended-json/. A dict that looks like one
is written as pairs, so that no value is taken for another.

>>> tagged((1, b"x"))
{'$tuple': [1, {'$bytes': 'eA=='}]}
>>> untagged(tagged({"$tuple": 1}))
{'$tuple': 1}
"""

from collections.abc import Callable
from typing import Any

import msgspec

from napixd_store.errors import CorruptData, InvalidValue
from napixd_store.serializers.path import Path
from napixd_store.serializers.scalars import READERS, WRITERS, expect, has_surrogate

MAX_DEPTH = 500
"""Levels of JSON arrays and objects in a record; a tag counts as the levels it is written in."""


def tagged(value: Any, path: Path | None = None, depth: int = 0) -> Any:
    """Return *value* as plain JSON data, whatever JSON cannot express put into tags.

    One frame a level, for Python's stack holds about a thousand: hence loops, no helpers.

    Raises:
        InvalidValue: some part cannot be stored; the message names its place.
    """
    path = path or Path()
    kind = type(value)
    writer = WRITERS.get(kind)
    if writer is not None:
        return writer(value, path)
    if kind not in _LEVELS:
        raise InvalidValue(f"{path}: {kind.__name__} cannot be stored{_hint(kind)}")
    named = kind is dict and _is_object(value)
    inner = depth + (_LEVELS[kind] if not named else 1)
    if inner > MAX_DEPTH:
        cycle = path.cycle()
        if cycle:
            raise InvalidValue(f"{cycle} contains itself")
        raise InvalidValue(f"{path}: nested deeper than {MAX_DEPTH} levels")
    if named:
        members = {}
        for name, member in value.items():
            members[name] = tagged(member, path.into(value, name), inner)
        return members
    items = []
    if kind is dict:
        for key, member in value.items():
            if type(key) not in WRITERS:
                raise InvalidValue(f"{path}: a {type(key).__name__} as a dict's key {_KEY_HINT}")
            step = path.into(value, key)
            items.append([tagged(key, step, inner), tagged(member, step, inner)])
    else:
        for index, member in enumerate(value):
            items.append(tagged(member, path.into(value, index), inner))
    if kind is set or kind is frozenset:
        items.sort(
            key=msgspec.json.encode
        )  # equal sets iterate differently; equal values want equal records
    return items if kind is list else {f"${kind.__name__}": items}


def _is_object(value: dict[Any, Any]) -> bool:
    """Whether *value* is written as a JSON object: valid names only, and no look of a tag."""
    for name in value:
        if type(name) is not str or not (name.isascii() or not has_surrogate(name)):
            return False
    return len(value) != 1 or not name.startswith("$")


def _hint(kind: type) -> str:
    for base in (dict, list, tuple, set, str, int, float):
        if issubclass(kind, base):
            return f": it is a kind of {base.__name__}, so write {base.__name__}(…)"
    if kind is bytearray or kind is memoryview:
        return ": write bytes(…)"
    if hasattr(kind, "__dataclass_fields__") or issubclass(kind, msgspec.Struct):
        return f": open the store with type={kind.__name__}"
    return ""


_LEVELS: dict[type, int] = {list: 1, tuple: 2, set: 2, frozenset: 2, dict: 3}
_KEY_HINT = "cannot be stored: the key of a dict is one of " + ", ".join(
    sorted(kind.__name__ for kind in WRITERS)
)


# --- reading tags ----------------------------------------------------------------------------


def untagged(tree: Any) -> Any:
    """Return the value of decoded JSON *tree*, or raise for what no value is written as.

    One frame a level, like its counterpart.
    """
    if type(tree) is list:
        items = []
        for item in tree:
            items.append(untagged(item))  # noqa: PERF401 - a comprehension is one more frame
        return items
    if type(tree) is not dict:
        return tree
    if len(tree) == 1:
        ((name, body),) = tree.items()
        if name[:1] == "$":
            if name in CONTAINERS:
                return _contained(name, untagged(expect(list, body)))
            if name not in READERS:
                raise CorruptData(f"the record holds an unknown tag {name[:20]!r}")
            value = READERS[name](body)
            if msgspec.json.encode(tagged(value)) != msgspec.json.encode(tree):
                raise CorruptData("a tag in the record is not written as we write it")
            return value
    members = {}
    for name, member in tree.items():
        members[name] = untagged(member)
    return members


def _contained(name: str, items: list[Any]) -> Any:
    if name == "$dict" and not all(type(pair) is list and len(pair) == 2 for pair in items):
        raise CorruptData("a $dict in the record does not hold pairs")
    value = CONTAINERS[name](items)
    if len(value) != len(items):
        raise CorruptData(f"a {name} in the record holds an item twice")
    return value


CONTAINERS: dict[str, Callable[[Any], Any]] = {
    "$tuple": tuple,
    "$set": set,
    "$frozenset": frozenset,
    "$dict": dict,
}
