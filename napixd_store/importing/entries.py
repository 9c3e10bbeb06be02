"""What a source yields: pairs with the places where they stand, and what cannot be read."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias


class Pair(NamedTuple):
    """A key, its value, and the place where they stand, for messages."""

    place: str
    key: Any
    value: Any
    ends: float | None = None
    """Seconds since 1970 at which it ends; None: never."""


class Unreadable(NamedTuple):
    """A place where something stands that cannot be read, and why."""

    place: str
    reason: str


Entry: TypeAlias = Pair | Unreadable

Source: TypeAlias = Callable[[], Iterator[Entry]]
"""Reads all entries from the first one on, each time it is called."""


class Collection(NamedTuple):
    """The name of a collection in the place of another store, and how to read it."""

    name: str
    read: Source


class Malformed(ValueError):
    """What stands there is not in its format; the text says why, whoever catches it says where."""


def shown(key: object) -> str:
    """Return *key* as messages show it: short, whatever it is."""
    if isinstance(key, (str, bytes)):
        return f"key {key[:100]!r}" + ("…" if len(key) > 100 else "")
    if key is None or isinstance(key, (bool, float)):
        return f"key {key!r}"
    if isinstance(key, int) and key.bit_length() <= 256:
        return f"key {key}"
    return f"a key of type {type(key).__name__}"
