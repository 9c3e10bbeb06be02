"""What editors are told of the options: just what the openers take."""

from collections.abc import Callable
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest

from napixd_store import signatures
from napixd_store.base import store_options
from napixd_store.counter import counter_options
from napixd_store.options import Secret, declared_options
from napixd_store.resolve import ALIASES, STANDARD, resolve_counter, resolve_store

FAMILIES = {
    "Memory": "Memory",
    "File": "Files",
    "Directory": "Files",
    "SQLite": "SQLite",
    "Redis": "Redis",
    "RedisHash": "Redis",
    "RedisKey": "Redis",
}
AS_TEXT = {Path, Secret}


def alternatives(hint: Any) -> set[Any]:
    """Return the types that *hint* allows; ``Any`` and ``object`` are one for who calls."""
    found = set(get_args(hint)) if get_origin(hint) in (Union, UnionType) else {hint}
    return {object if each is Any else each for each in found}


def told(name: str) -> dict[str, set[Any]]:
    hints = get_type_hints(getattr(signatures, name))
    return {option: alternatives(hint) for option, hint in hints.items()}


def taken(*functions: Callable[..., Any]) -> dict[str, set[Any]]:
    found = {}
    for function in functions:
        for option, hint in declared_options(function).items():
            kinds = alternatives(hint)
            found[option] = kinds | {str} if kinds & AS_TEXT else kinds
    return found


@pytest.mark.parametrize("family", STANDARD)
def test_the_options_told_are_those_that_the_opener_takes(family: str):
    store: Any = resolve_store(family)
    counter: Any = resolve_counter(family)
    common = taken(store_options)
    del common["type"]  # stands in the signatures themselves
    assert told(f"{FAMILIES[family]}Options") == taken(counter.opener)
    assert told(f"{FAMILIES[family]}StoreOptions") == {**taken(store.opener), **common}
    assert told("StoreOptions") == common
    of_counters = taken(counter_options)
    assert told("CounterOptions") == of_counters
    assert told(f"{FAMILIES[family]}CounterOptions") == {**taken(counter.opener), **of_counters}


def test_the_names_told_are_those_of_the_table():
    expected: dict[str, set[str]] = {}
    for family, (_module, store, counter) in STANDARD.items():
        aliases = [alias for alias, of in ALIASES.items() if of == family]
        stores = expected.setdefault(f"{FAMILIES[family]}Name", set())
        stores |= {family, store, *aliases}
        expected.setdefault(f"{FAMILIES[family]}CounterName", set()).update(stores, {counter})
    for name, words in expected.items():
        assert set(get_args(getattr(signatures, name))) == words
