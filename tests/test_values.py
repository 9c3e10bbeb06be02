"""A value comes back equal and of the same type, or is refused and the old one is kept."""

import collections
import dataclasses
import io
import itertools
import re
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napixd_store import CorruptData, InvalidKey, InvalidValue, Store, StoreBackend
from napixd_store.base import MAX_VALUE_BYTES
from napixd_store.connections import close_all
from napixd_store.serializers.tags import MAX_DEPTH
from napixd_store.testing.cases import numbered
from tests.media import BACKENDS, POLICIES, Medium
from tests.sizes import size
from tests.stack import from_deep_down
from tests.strategies import (
    UNSUPPORTED,
    Colour,
    Numbers,
    Pair,
    Text,
    form,
    refused,
    scalars,
    values,
    wrapped,
)

_DRAWN = 10
_WRAPPED = 6  # at least so many objects are made of each value drawn


def holders(values: list[Any]) -> list[Any]:
    """Return each of *values* and the containers that hold it."""
    return [each for value in values for each in wrapped(value)]


@pytest.mark.parametrize(
    "objects",
    [size(quick=3_000, full=20_000), pytest.param(2_000_000, marks=pytest.mark.torture)],
    ids="{:,}".format,
)
def test_every_generated_value_comes_back_or_is_refused(quick_path: Path, objects: int):
    """Through every backend, under each policy in turn, and read after everything was closed."""
    rounds = itertools.cycle(
        [Medium(backend, quick_path, writeback) for backend in BACKENDS]
        for writeback in POLICIES.values()
    )
    seen = {"came back": 0, "refused": 0}

    @settings(
        max_examples=objects // _DRAWN // _WRAPPED + 1,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(
        st.lists(values | scalars, min_size=_DRAWN, max_size=_DRAWN),
        st.lists(refused, min_size=1, max_size=2),
    )
    def come_back_or_are_refused(supported: list[Any], unsupported: list[Any]) -> None:
        assigned = dict(enumerate(holders(supported)))
        expected = {key: form(value) for key, value in assigned.items()}
        media = next(rounds)
        for medium in media:
            store = medium.store("values")
            store.clear()
            store.update(assigned)
            for number, value in enumerate(unsupported):
                with pytest.raises(InvalidValue, match="value"):
                    store[number] = value
            store.save()
        close_all()
        for medium in media:
            found = medium.store("values").snapshot()
            assert {key: form(value) for key, value in found.items()} == expected
        seen["came back"] += len(assigned)
        seen["refused"] += len(unsupported)

    come_back_or_are_refused()
    assert seen["came back"] >= objects
    assert seen["refused"] >= objects // _DRAWN // _WRAPPED


EDGES: list[Any] = [
    *(sign * 2**bits + by for bits in (31, 53, 63, 64) for sign in (1, -1) for by in (-1, 0, 1)),
    10**4299, 10**4300 - 1, -(10**4300 - 1),
    0.0, -0.0, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 0.1, 1e16, 1e22, 123456789.5,
    float("nan"), float("inf"), float("-inf"),
    "\ud800", "\udfff", "\ud83d\ude00", "😀", "\\ud800", "\\", "\ud800\\n\n\"", "\0", "\x7f\x80\u2028",
    '"$', "$", {"$": 1}, {"$a": 1}, {"$a": 1, "$b": 2}, {"": 1}, {"$tuple": [1]}, {"$dict": []},
    {"$int": "1"}, {"a": {"$float": "nan"}}, {"$tuple": ({"$set": {1}},)}, {"\ud800": 1}, {"$\ud800": 1},
    {None: 1, "None": 2, False: 3, 2: 4, 2.5: 5, b"2": 6, "2": 7, Decimal("3.0"): 8},
    {float("nan"): 1, -0.0: 2}, {date(2026, 1, 2): {time(1): [timedelta(1)]}}, {"b": 1, "a": 2},
    set(), frozenset(), {None, True, 2, 2.5, "2", b"2"}, {(1, (2, frozenset({3})))}, {frozenset({()})},
    datetime.min, datetime.max, datetime.max.replace(tzinfo=timezone.utc), datetime(2026, 1, 1, fold=1),
    datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Paris")),
    datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Paris")),
    datetime(2026, 3, 29, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Paris")),
    datetime(2026, 1, 1, tzinfo=ZoneInfo("UTC")), datetime(2026, 1, 1, tzinfo=timezone.utc),
    datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=-23, seconds=-1))),
    datetime(2026, 1, 1, fold=1, tzinfo=timezone.utc),
    *(datetime(2026, 1, 1, fold=fold, tzinfo=timezone(timedelta(hours=1), "CET")) for fold in (0, 1)),
    datetime(2026, 1, 1, tzinfo=timezone(timedelta(0), "")), datetime.now().astimezone(),
    time(1, tzinfo=timezone(timedelta(hours=1), "CET")), time(1, fold=1, tzinfo=timezone(timedelta(1 / 2), "")),
    time.min, time.max, time(1, fold=1), time(1, 2, 3, 4, tzinfo=timezone(timedelta(hours=5.75))),
    time(1, fold=1, tzinfo=timezone.utc), date.min, date.max,
    timedelta.min, timedelta.max, timedelta.resolution, timedelta(-1, 86399, 999999),
    Decimal("-0"), Decimal("0E-10"), Decimal("1E+999999"), Decimal("NaN"), Decimal("-sNaN7"),
    Decimal("Infinity"), Decimal("1." + "1" * 60), UUID(int=0), UUID(int=2**128 - 1),
    [], [[]], (), ((),), {}, {"a": {}}, [None, [True, (False, {"x": b""})]],
]  # fmt: skip


def test_a_value_at_the_edge_comes_back(medium: Medium):
    store = medium.store()
    for place, value in enumerate(EDGES):
        store[place] = value
        assert form(store[place]) == form(value)
    again = medium.reopened(store)
    for place, value in enumerate(EDGES):
        assert form(again[place]) == form(value)


@pytest.mark.parametrize("bad", UNSUPPORTED, ids=numbered(UNSUPPORTED))
def test_an_unsupported_value_is_refused_in_every_container(medium: Medium, bad: Any):
    store = medium.store()
    store.update(k="old", other=[1])
    for value in wrapped(bad):
        for write in (
            lambda v: store.__setitem__("k", v),
            lambda v: store.update(other="new", k=v),
            lambda v: store.setdefault("new", v),
            lambda v: store.edit("new", v).__enter__(),
        ):
            with pytest.raises(InvalidValue):
                write(value)
    assert medium.reopened(store) == {"k": "old", "other": [1]}


def test_an_unsupported_change_in_place_is_refused_when_saved(quick_path: Path):
    for backend in BACKENDS:
        medium = Medium(backend, quick_path, writeback=True)
        store = medium.store()
        store["k"] = ["old"]
        store.save()
        store["k"].append(object())
        with pytest.raises(InvalidValue, match=r"value\[1\]: object cannot be stored"):
            store.save()
        store["k"].pop()
        store["k"].append("new")
        assert medium.reopened(store) == {"k": ["old", "new"]}


# --- what a refusal says ---------------------------------------------------------------------


@dataclasses.dataclass
class Point:
    x: int


class Thing(msgspec.Struct):
    x: int


class NoZone(tzinfo):
    """A zone of somebody's own, of which only the class is known."""

    def utcoffset(self, _moment: datetime | None) -> timedelta:
        return timedelta(0)

    def dst(self, _moment: datetime | None) -> timedelta:
        return timedelta(0)

    def tzname(self, _moment: datetime | None) -> str:
        return "nowhere"


REFUSALS: list[Any] = [
    (object(), "value: object cannot be stored"),
    ({"a": [0, 1, 2, object()]}, "value['a'][3]: object cannot be stored"),
    ({"a": ({"b": 1j},)}, "value['a'][0]['b']: complex cannot be stored"),
    ({1: {None: print}}, "value[1][None]: builtin_function_or_method cannot be stored"),
    ({(1, 2): 3}, "value: a tuple as a dict's key cannot be stored: the key of a dict is one of"),
    ({"a": {frozenset(): 3}}, "value['a']: a frozenset as a dict's key cannot be stored"),
    ({Text("x"): 1}, "value: a Text as a dict's key cannot be stored"),
    (Text("x"), "value: Text cannot be stored: it is a kind of str, so write str(…)"),
    (Colour.RED, "value: Colour cannot be stored: it is a kind of int, so write int(…)"),
    (Numbers(), "value: Numbers cannot be stored: it is a kind of list, so write list(…)"),
    ([Pair(1, 2)], "value[0]: Pair cannot be stored: it is a kind of tuple, so write tuple(…)"),
    (collections.OrderedDict(), "OrderedDict cannot be stored: it is a kind of dict, so write dict("),
    (bytearray(), "value: bytearray cannot be stored: write bytes(…)"),
    (memoryview(b""), "value: memoryview cannot be stored: write bytes(…)"),
    (Point(1), "value: Point cannot be stored: open the store with type=Point"),
    (Thing(1), "value: Thing cannot be stored: open the store with type=Thing"),
    (10**4300, "value: an int of more than 4300 digits cannot be stored"),
    ([-(10**5000)], "value[0]: an int of more than 4300 digits cannot be stored"),
    ({1: 1, 10**4300: 1}, "value[…]: an int of more than 4300 digits cannot be stored"),
    ({10**4300: 1}, "value[…]: an int of more than 4300 digits cannot be stored"),
    ({"a": [{10**5000: 1}]}, "value['a'][0][…]: an int of more than 4300 digits cannot be stored"),
    ({"x" * 100: object()}, "value['" + "x" * 39 + "…]: object cannot be stored"),
    ({1: 1, 10**4299: [object()]}, "[0]: object cannot be stored"),
    (datetime(2026, 1, 1, tzinfo=NoZone()), "value: a datetime in this NoZone cannot be stored: use"),
    (time(1, tzinfo=ZoneInfo("UTC")), "value: a time in a named zone cannot be stored: use a datetime"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "message"), REFUSALS, ids=numbered(REFUSALS))
def test_a_refusal_names_the_place_and_the_type(backend: Medium, value: Any, message: str):
    store = backend.store()
    store["k"] = "old"
    with pytest.raises(InvalidValue) as caught:
        store["k"] = value
    assert message in str(caught.value)
    assert f"{type(store).__name__} {store.collection!r} in" in str(caught.value)
    assert "key 'k'" in str(caught.value)
    assert "nothing was changed" in str(caught.value)
    assert store["k"] == "old"


def test_the_path_leads_to_a_socket(backend: Medium):
    refused = pytest.raises(InvalidValue, match=r"value\['a'\]\[3\]: socket cannot be stored")
    with closing(socket.socket()) as culprit, refused:
        backend.store()["k"] = {"a": [1, 2, 3, culprit]}


@pytest.mark.parametrize("microseconds", [1, -1, 999_999, 3_600_000_007])
def test_an_offset_with_fractions_of_a_second_is_refused(backend: Medium, microseconds: int):
    """datetime.fromisoformat() would take one within a second of UTC for UTC itself."""
    zone = timezone(timedelta(microseconds=microseconds))
    store = backend.store()
    for value in (datetime(2026, 1, 1, tzinfo=zone), time(1, tzinfo=zone)):
        with pytest.raises(InvalidValue, match="an offset with fractions of a second cannot be"):
            store["k"] = [value]


@pytest.mark.parametrize("key", [None, "Europe/Paris", "No/Where"])
def test_a_zone_that_was_read_from_a_file_is_refused_whatever_key_it_was_given(
    backend: Medium, key: str | None
):
    tzif = b"TZif" + bytes(16) + struct.pack(">6L", 0, 0, 0, 0, 1, 4) + bytes(6) + b"UTC\0"
    zone = ZoneInfo.from_file(io.BytesIO(tzif), key=key)
    with pytest.raises(InvalidValue, match=r"value\[0\]: a datetime in this ZoneInfo cannot be"):
        backend.store()["k"] = [datetime(2026, 1, 1, tzinfo=zone)]


def test_a_zone_that_this_machine_does_not_know_says_what_to_install(backend: Medium):
    store = backend.store()
    backend.plant(store, "k", b'{"$datetime":["2026-01-02T00:00:00",0,"No/Where"]}')
    with pytest.raises(CorruptData, match="no zone of that name is on this machine: pip install"):
        store["k"]


# --- depth and cycles ------------------------------------------------------------------------


def nested(levels: int, kind: str) -> Any:
    """Return *levels* containers, each in the next."""
    value: Any = "innermost"
    for _ in range(levels):
        value = {"list": [value], "dict": {"a": value}, "tuple": (value,), "mixed": [1, value]}[
            kind
        ]
    return value


def depth(value: Any) -> int:
    """Return how many containers stand in one another, however many there are."""
    levels = 0
    while not isinstance(value, str):
        value, levels = (value["a"] if isinstance(value, dict) else value[-1]), levels + 1
    return levels


@pytest.mark.parametrize(
    ("kind", "levels"),
    [("list", 499), ("list", 500), ("dict", 499), ("dict", 500), ("mixed", 500), ("tuple", 250)],
)
def test_500_levels_are_kept(medium: Medium, kind: str, levels: int):
    store = medium.store()
    store["k"] = nested(levels, kind)
    assert depth(medium.reopened(store)["k"]) == levels


DEEPEST = size(quick=12_000, full=100_000)


@pytest.mark.parametrize(
    ("kind", "levels"),
    [
        *(("list", levels) for levels in (501, 1000, DEEPEST)),
        *(("dict", levels) for levels in (501, 1000, DEEPEST)),
        *(("tuple", levels) for levels in (251, 1000, DEEPEST)),
    ],
)
def test_deeper_is_refused(medium: Medium, kind: str, levels: int):
    store = medium.store()
    store["k"] = "old"
    with pytest.raises(InvalidValue, match=f"nested deeper than {MAX_DEPTH} levels") as caught:
        store["k"] = nested(levels, kind)
    assert len(str(caught.value)) < 500
    assert store["k"] == "old"


@pytest.mark.parametrize("left", [150, 75])
@pytest.mark.parametrize("kind", ["dict", "tuple"])
def test_what_is_sound_is_read_and_written_from_the_bottom_of_the_stack(
    medium: Medium, kind: str, left: int
):
    store = medium.store()
    levels = MAX_DEPTH // 2
    value = nested(levels, kind)
    from_deep_down(lambda: store.update({"a": value, "b": value}), left)
    store.save()
    again = medium.reopened(store)
    for read in (lambda: again["a"], lambda: again.pop("a"), lambda: again.snapshot()["b"]):
        assert depth(from_deep_down(read, left)) == levels
    with pytest.raises(InvalidValue, match="nested deeper than 500 levels"):
        from_deep_down(lambda: again.update(a=nested(501, kind)), left)


@pytest.mark.parametrize("backend", ["File", "Directory"])
def test_a_sound_file_that_was_edited_by_hand_is_read_from_the_bottom_of_the_stack(
    tmp_path: Path, backend: str
):
    store = Store("a", backend, root=tmp_path, writeback=False)
    store["k"] = nested(MAX_DEPTH, "list")
    (file,) = tmp_path.rglob("*.json")
    file.write_text(re.sub('"sha256":"[^"]*"', '"sha256":null', file.read_text()))
    again = Store("a", backend, root=tmp_path, writeback=False)
    assert depth(from_deep_down(lambda: again["k"], 150)) == MAX_DEPTH


def test_where_no_thread_can_be_started_nothing_is_said_of_the_data(
    backend: Medium, monkeypatch: pytest.MonkeyPatch
):
    def no_thread(*_arguments: Any) -> None:
        raise RuntimeError("can't start new thread")

    store = backend.store()
    store["k"] = nested(MAX_DEPTH // 2, "tuple")
    monkeypatch.setattr("_thread.start_new_thread", no_thread)
    with pytest.raises(RecursionError, match="no stack is left"):
        from_deep_down(lambda: store["k"], 75)


@pytest.mark.parametrize("levels", [10_000, 100_000])
@pytest.mark.parametrize(("before", "after"), [(b"[", b"]"), (b'{"$tuple":[', b"]}")])
def test_a_record_nested_too_deeply_is_corrupt(
    backend: Medium, levels: int, before: bytes, after: bytes
):
    store = backend.store()
    record = before * levels + after * levels
    backend.plant(store, "k", record)
    said = "nested too deeply" if backend.isolates(record) else r"no JSON object \(RecursionError\)"
    for read in (lambda: store["k"], store.snapshot, lambda: store.pop("k"), store.popitem):
        with pytest.raises(CorruptData, match=f"{said}; it was left as it is"):
            read()
    if backend.isolates(record):
        assert len(store) == 1


def cycles() -> Iterator[tuple[Any, str]]:
    """Yield values that contain themselves, and the place where they come again."""
    alone: list[Any] = []
    alone.append(alone)
    yield alone, "value[0] contains itself"
    wide: list[Any] = [1]
    wide += [wide, wide]
    yield wide, "value[1] contains itself"
    one: list[Any] = []
    other = [one] * 3000
    one += [other] * size(quick=20, full=100)  # each level down has so many times more
    yield one, "value[0][0] contains itself"
    tree: dict[str, Any] = {"up": None}
    tree["children"] = [{"up": tree, "children": []} for _ in range(300)]
    yield tree, "value['children'][0]['up'] contains itself"
    named: dict[str, Any] = {}
    named["a"] = [0, named]
    yield named, "value['a'][1] contains itself"
    inner: dict[Any, Any] = {}
    inner[7] = (inner,)
    yield {"x": [inner]}, "value['x'][0][7][0] contains itself"


@pytest.mark.parametrize(
    ("value", "message"), list(cycles()), ids=["list", "wide", "wider", "tree", "dict", "inner"]
)
def test_a_cycle_is_named(medium: Medium, value: Any, message: str):
    store = medium.store()
    store["k"] = "old"
    with pytest.raises(InvalidValue) as caught:
        store["k"] = value
    assert message in str(caught.value)
    assert store["k"] == "old"


def test_one_object_in_two_places_is_no_cycle(medium: Medium):
    store, shared = medium.store(), [1]
    store["k"] = {"a": shared, "b": [shared, shared]}
    assert medium.reopened(store)["k"] == {"a": [1], "b": [[1], [1]]}


# --- size ------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [2, 10, 1000])
def test_a_record_has_at_most_max_value_bytes(medium: Medium, limit: int):
    store = medium.store(max_value_bytes=limit)
    store["k"] = "x" * (limit - 2)  # and two quotes
    for refuse in (
        lambda: store.__setitem__("k", "x" * (limit - 1)),
        lambda: store.update(k="", other="é" * limit),
        lambda: store.setdefault("new", "x" * (limit - 1)),
    ):
        with pytest.raises(InvalidValue, match=f"more than max_value_bytes={limit}; nothing was"):
            refuse()
    assert medium.reopened(store) == {"k": "x" * (limit - 2)}


def test_a_byte_more_than_64_mib_is_refused(backend: Medium):
    assert MAX_VALUE_BYTES == 64 * 2**20
    store: StoreBackend[str] = backend.store()
    with pytest.raises(
        InvalidValue, match="takes 67108865 bytes, more than max_value_bytes=67108864"
    ):
        store["k"] = "x" * (MAX_VALUE_BYTES - 1)
    assert "k" not in store


def test_as_much_as_may_be_is_kept(backend: Medium):
    most = size(quick=8 * 2**20, full=MAX_VALUE_BYTES)
    store: StoreBackend[str] = backend.store(max_value_bytes=most)
    store["k"] = "x" * (most - 2)
    store["m"] = "x" * (most - 3)
    again = backend.reopened(store)
    assert again["k"] == "x" * (most - 2)
    assert len(again["m"]) == most - 3


# --- a limit of Python's that somebody lowered -----------------------------------------------


def test_a_lower_limit_of_digits_refuses_and_never_hides(
    backend: Medium, request: pytest.FixtureRequest
):
    before = sys.get_int_max_str_digits()
    request.addfinalizer(lambda: sys.set_int_max_str_digits(before))
    store = backend.store()
    store["k"] = 10**1000
    sys.set_int_max_str_digits(700)
    with pytest.raises(InvalidValue, match=r"limit \(700\b"):
        store["k"] = 10**800
    with pytest.raises(CorruptData, match="not valid"):
        _ = store["k"]
    sys.set_int_max_str_digits(before)
    assert store["k"] == 10**1000


LONG_KEYS: list[Any] = [{10**800: 1}, {10**800: object()}, {1: 1, 10**800: [object()]}]


@pytest.mark.parametrize("value", LONG_KEYS, ids=["alone", "bad", "deep"])
def test_a_lower_limit_of_digits_holds_for_keys(
    backend: Medium, request: pytest.FixtureRequest, value: Any
):
    before = sys.get_int_max_str_digits()
    request.addfinalizer(lambda: sys.set_int_max_str_digits(before))
    store = backend.store()
    sys.set_int_max_str_digits(700)
    with pytest.raises((InvalidValue, InvalidKey)):
        store["k"] = value
