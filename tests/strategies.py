"""What is generated: values of every supported type, nested; unsupported ones; keys and names.

And `form`, which says what "equal and of the same type" means without asking the code under test.
"""

import collections
import enum
import fractions
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

# --- supported values ------------------------------------------------------------------------

ZONES = ["Europe/Paris", "America/New_York", "Asia/Kathmandu", "UTC"]
TRICKY_TEXTS = ["", "$", "$tuple", "\ud800", "\ud83d\ude00", "\\ud800", '"$', "\0", "é", "e\u0301"]

texts = st.text(st.characters(), max_size=6) | st.sampled_from(TRICKY_TEXTS)
"""Any text at all: lone surrogates too."""

ints = (
    st.integers()
    | st.integers(-(2**70), 2**70)
    | st.sampled_from([2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 10**4299])
)
offsets = st.integers(-86_399, 86_399).map(lambda seconds: timedelta(seconds=seconds))
fixed_zones = offsets.map(timezone) | st.builds(
    timezone, offsets, st.sampled_from(["CET", "", "UTC", "UTC+01:00", "Europe/Paris", "é$\n"])
)
datetimes = st.builds(
    lambda value, fold, zone: value.replace(fold=fold, tzinfo=zone),
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),
    st.integers(0, 1),
    st.none() | st.sampled_from(ZONES).map(ZoneInfo) | fixed_zones,
)
times = st.builds(
    lambda value, fold, zone: value.replace(fold=fold, tzinfo=zone),
    st.times(),
    st.integers(0, 1),
    st.none() | fixed_zones,
)
scalars: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    ints,
    st.floats(),
    st.sampled_from([-0.0, float("nan"), float("inf"), -float("inf"), 5e-324, 1.7e308]),
    texts,
    st.binary(max_size=6),
    datetimes,
    st.dates(),
    times,
    st.timedeltas(),
    st.decimals() | st.sampled_from([Decimal("-0.00"), Decimal("1E+400"), Decimal("sNaN12")]),
    st.uuids(),
)


def is_hashable(value: object) -> bool:
    """Whether *value* may be a set's item; a signalling NaN may not, for one."""
    try:
        hash(value)
    except TypeError:
        return False
    return True


keys_of_dicts = scalars.filter(is_hashable)
items_of_sets = st.recursive(
    keys_of_dicts,
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=3,
)


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return every container of *inner* values."""
    return st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(texts, inner, max_size=3),
        st.dictionaries(keys_of_dicts, inner, max_size=3),
        st.dictionaries(st.sampled_from(["$tuple", "$int", "$x", "$"]), inner, max_size=1),
        st.sets(items_of_sets, max_size=3),
        st.frozensets(items_of_sets, max_size=3),
    )


values: st.SearchStrategy[Any] = st.recursive(scalars, containers, max_leaves=5)
"""Each of these is stored, and comes back equal and of the same types."""


def wrapped(value: Any) -> Iterator[Any]:
    """Yield *value* alone and in each container that can hold it: it must not matter where."""
    yield value
    yield [value, "after"]
    yield (value,)
    yield {"name": value}
    yield {"$name": value}
    yield {7: value}
    if is_hashable(value):
        yield {value, "another"}
        yield frozenset({(value, 1)})


# --- unsupported values ----------------------------------------------------------------------


class Colour(enum.IntEnum):
    RED = 1


class Text(str):
    pass


class Numbers(list[int]):
    pass


Pair = collections.namedtuple("Pair", "left right")

UNSUPPORTED: list[Any] = [
    object(), object, print, ..., 1j, range(3), bytearray(b"x"), memoryview(b"x"), iter([]),
    Colour.RED, Text("x"), Numbers(), Pair(1, 2), PurePosixPath("x"), fractions.Fraction(1, 3),
    collections.OrderedDict(), collections.defaultdict(int), collections.Counter("x"),
    collections.deque(), {}.keys(), 10**4300, -(10**4300), time(1, tzinfo=ZoneInfo("UTC")),
    datetime(2026, 1, 1, tzinfo=timezone(timedelta(0), "\ud800")),
    time(1, tzinfo=timezone(timedelta(0), type("Text", (str,), {})("CET"))),
]  # fmt: skip
"""No backend stores any of these, in whatever it is wrapped."""

refused: st.SearchStrategy[Any] = st.builds(
    lambda holder, bad: holder(bad),
    st.recursive(
        st.just(lambda bad: bad),
        lambda inner: st.one_of(
            st.builds(lambda f, before: lambda bad: [*before, f(bad)], inner, st.lists(scalars)),
            st.builds(lambda f, other: lambda bad: (f(bad), other), inner, scalars),
            st.builds(lambda f, key: lambda bad: {key: f(bad)}, inner, keys_of_dicts),
        ),
        max_leaves=4,
    ),
    st.sampled_from(UNSUPPORTED),
)
"""Supported containers with one unsupported value somewhere inside."""


# --- keys and names --------------------------------------------------------------------------

_characters = st.characters(exclude_categories=["Cs"])
names = st.one_of(
    st.text(_characters, min_size=1, max_size=12),
    st.text("=aABbRS0189", min_size=1, max_size=5),
    st.text("aA:/.*?[]{}=%\\\0é\u0301ßSsKk\u212aﬁfi ", min_size=1, max_size=6),
    st.integers(990, 1000).map(lambda length: "x" * length),
)
"""Collections, counter names, and keys that are texts."""

keys = names | st.integers(-99, 99) | st.integers(-(2**63), 2**63 - 1)


# --- what "the same" means -------------------------------------------------------------------


def form(value: Any) -> Any:
    """Return what tells *value* from all that is not equal to it or of another type.

    A NaN has one form, however it was made; 0.0 and -0.0 have two. A dict's order counts.
    """
    kind = type(value)
    if kind in (list, tuple):
        return kind, [form(item) for item in value]
    if kind is dict:
        return kind, [(form(key), form(member)) for key, member in value.items()]
    if kind in (set, frozenset):
        return kind, sorted((form(item) for item in value), key=repr)
    if kind is datetime or kind is time:
        return kind, value.replace(tzinfo=None).isoformat(), value.fold, _zone(value.tzinfo)
    if kind in (float, Decimal):
        return kind, "nan" if kind is float and value != value else repr(value)
    if kind in (type(None), bool, int, str, bytes, date, timedelta, UUID):
        return kind, value
    raise AssertionError(f"{kind.__name__} is no type of a value")


def _zone(zone: Any) -> Any:
    if zone is None or type(zone) is timezone:
        return type(zone), zone and (zone.utcoffset(None), zone.tzname(None))
    return type(zone), zone.key
