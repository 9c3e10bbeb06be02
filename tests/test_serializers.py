"""Serializers: what stands in a record, what is read from one, and what is never run."""

import base64
import dataclasses
import hashlib
import hmac
import json
import pickle
import random
import re
import socket
from datetime import datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, TypedDict
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napixd_store import ConfigError, CorruptData, InvalidValue, Store
from napixd_store.serializers import JSONSerializer
from napixd_store.serializers.scalars import READERS
from napixd_store.serializers.tags import CONTAINERS
from napixd_store.serializers.typed import TypedSerializer
from napixd_store.testing.cases import numbered
from tests.media import Medium
from tests.sizes import size
from tests.stack import from_deep_down
from tests.strategies import datetimes, form, times, values

PLAIN = JSONSerializer()


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.sampled_from(["\n", "é", "$"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab\n"), inner, max_size=3),
    max_leaves=5,
)


# --- plain JSON ------------------------------------------------------------------------------


@given(values)
@settings(max_examples=size(quick=100, full=300))
def test_every_record_is_valid_json_that_others_can_read(value: Any):
    record = PLAIN.dumps("k", value)
    json.loads(record, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert form(PLAIN.loads("k", record)) == form(value)


def test_plain_data_is_plain_json():
    value = {"a": [1, -2, 2**63, 2**64 - 1, 1.5, True, None, "é", []], "$a": 1, "b": {}}
    assert json.loads(PLAIN.dumps("k", value)) == value
    assert PLAIN.dumps("k", 17) == b"17"
    assert PLAIN.dumps("k", "é") == '"é"'.encode()


@given(st.lists(values, max_size=8), st.lists(plain, min_size=1, max_size=3))
@settings(max_examples=size(quick=30, full=100))
def test_many_values_have_the_records_that_each_has(odd: list[Any], usual: list[Any]):
    """Some hundred at a time are encoded at once, where all of those are plain."""
    chosen = [*usual * 300, *odd, *usual * 300]
    many = {str(place): value for place, value in enumerate(chosen)}
    assert PLAIN.dumps_many(many) == {key: PLAIN.dumps(key, many[key]) for key in many}


def test_equal_sets_have_equal_records():
    rng = random.Random(1)
    items = ["a", 1, (2, "b"), None, b"c", frozenset({1})]
    records = set()
    for _ in range(50):
        rng.shuffle(items)
        records.add(PLAIN.dumps("k", set(items)))
    assert len(records) == 1


def test_a_record_written_by_another_program_is_read(backend: Medium):
    store = backend.store()
    backend.plant(store, "k", b' { "a" : [ 1 , 2.50e1, "\\u00e9" ],\n "b" : {"$tuple": [1]} } ')
    assert store["k"] == {"a": [1, 25.0, "é"], "b": (1,)}


# --- damage ----------------------------------------------------------------------------------

BODIES: list[str] = [
    "null", "true", "1", "-1.5", "1e999", '""', '"x"', '"\\\\"', '"\\u00e9"', '"\\\\ud8"', "[]",
    "{}", "[1]", "[[]]", "[[1]]", "[[1,2,3]]", "[[[1],2]]", '[{"a":1}]', "[1,2,3]", "[1,2,3,4]",
    '["x",0,null]',
    '["2026-01-02T03:04:05",7,null]', '["2026-01-02T03:04:05",0,"No/Such"]',
    '["2026-01-02T03:04:05",0,"Europe"]', '["2026-01-02T03:04:05",0,"../x"]',
    '["2026-01-02T03:04:05",0,"/etc/passwd"]', '["2026-01-02T03:04:05",0,""]',
    '["2026-01-02T03:04:05",0,1]', '["2026-01-02T03:04:05",0,[]]',
    '["2026-01-02T03:04:05",null,null]',
    '["2026-01-02T03:04:05","0",null]', '["03:04:05",7]', '["03:04:05",1.5]', '["03:04:05",null]',
    "[1e300,0,0]", "[99999999999,0,0]", '["1","2","3"]', '{"$int":"1"}',
    '[{"$set":[{"$tuple":[[]]}]}]',
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:invalid escape:DeprecationWarning")
@pytest.mark.parametrize("tag", [*CONTAINERS, *READERS, "$no_such_tag", "$"])
def test_a_tag_with_a_wrong_body_is_corrupt_data_or_a_value(tag: str):
    """Whatever stands in the medium, no other exception leaves the serializer."""
    escaped = 0
    for body in BODIES:
        record = f'{{"{tag}":{body}}}'.encode()
        try:
            value = PLAIN.loads("k", record)
        except CorruptData:
            escaped += 1
            continue
        assert tag in {*CONTAINERS, *READERS}
        assert form(PLAIN.loads("k", PLAIN.dumps("k", value))) == form(value)
    assert escaped > len(BODIES) / 4


DAMAGED: list[bytes] = [
    b"", b" ", b"{", b"nul", b"[1,]", b'{"a":1', b'"\xff"', b"\x80\x04K\x01.", b"NaN", b"1 2",
    b"\0",
    b"'a'", b"{1:2}", b'{"$tuple":1}', b'{"$int":"x"}', b'{"$bytes":"*"}', b'{"$new":1}', b'"\\ud8',
    b'{"$int":"' + b"9" * 5000 + b'"}', b'{"$set":[[1]]}', b'{"$dict":[[1]]}', b'{"$decimal":"x"}',
    b'{"$datetime":"yesterday"}', b'{"$uuid":"7"}', b'{"$pickle":"gARLAS4="}', b"\xef\xbb\xbf1",
]  # fmt: skip


@pytest.mark.parametrize("record", DAMAGED, ids=numbered(DAMAGED))
def test_a_damaged_record_is_corrupt_data_and_stays_as_it_is(medium: Medium, record: bytes):
    writer = medium.store()
    writer.update(k=1, other=2)
    writer.save()
    medium.plant(writer, "k", record)
    store = medium.store(writer.collection)
    alone = medium.isolates(record)
    said = "key 'k': .*" if alone else "no JSON object .*"
    for read in (
        lambda: store["k"],
        lambda: store.get("k"),
        lambda: store.get_many(["other", "k"]),
        lambda: store.pop("k"),
        lambda: store.setdefault("k", 5),
        lambda: store.incr("k"),
        lambda: store.edit("k", 5).__enter__(),
        lambda: dict(store.items()),
        lambda: list(store.values()),
        store.snapshot,
        lambda: store == {},
    ):
        with pytest.raises(CorruptData, match=f"{said}; it was left as it is"):
            read()
    store.save()
    if not alone:
        with pytest.raises(CorruptData):
            medium.record(store, "k")
        store.drop()
        store["other"] = 2
    else:
        assert medium.record(store, "k") == record
        assert (store["other"], len(store), set(store)) == (2, 2, {"k", "other"})
    store["k"] = "mended"
    assert medium.reopened(store) == {"k": "mended", "other": 2}


def test_a_record_that_is_cut_anywhere_is_corrupt_data_or_another_number():
    whole = PLAIN.dumps("k", {"a": [(1, 2), {1: datetime(2026, 1, 2)}], "b": b"x" * 40})
    for length in range(len(whole)):
        with pytest.raises(CorruptData):
            PLAIN.loads("k", whole[:length])


@pytest.mark.filterwarnings("ignore:invalid escape:DeprecationWarning")
def test_a_flipped_byte_never_raises_anything_else():
    value = {"a": [(1, "é"), {1: datetime(2026, 1, 2, tzinfo=timezone.utc)}], "b": {b"x", 2**70}}
    whole = PLAIN.dumps("k", [value, Decimal("1.5"), UUID(int=7), timedelta(1), 1e300, "\ud800"])
    corrupt = 0
    for position in range(len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[position] ^= 1 << bit
            try:
                form(PLAIN.loads("k", bytes(damaged)))
            except CorruptData:
                corrupt += 1
    assert corrupt > len(whole)


@pytest.mark.parametrize("text", ["\\\\w", "x\\\\ ", "\\\\400"])
def test_an_escape_that_we_never_write_is_corrupt_data(text: str):
    with pytest.raises(CorruptData):
        PLAIN.loads("k", f'{{"$str":"{text}"}}'.encode())


# --- declared types --------------------------------------------------------------------------


@dataclasses.dataclass
class Owner:
    name: str
    mail: str | None = None


@dataclasses.dataclass
class Ticket:
    title: str
    votes: int = 0
    owner: Owner | None = None
    opened: datetime | None = None
    tags: list[str] = dataclasses.field(default_factory=list)


class Host(msgspec.Struct):
    name: str
    port: int = 80
    weight: float = 1.0


class Movie(TypedDict):
    title: str
    year: int


TYPED: list[tuple[Any, Any, str]] = [
    (Ticket, Ticket("a"), '{"title":"a","votes":0,"owner":null,"opened":null,"tags":[]}'),
    (
        Ticket,
        Ticket("a", 1, Owner("n"), datetime(2026, 1, 2, tzinfo=timezone.utc), ["x"]),
        '{"title":"a","votes":1,"owner":{"name":"n","mail":null},"opened":"2026-01-02T00:00:00Z",'
        '"tags":["x"]}',
    ),
    (Host, Host("a", 81), '{"name":"a","port":81,"weight":1.0}'),
    (Movie, {"title": "a", "year": 1}, '{"title":"a","year":1}'),
    (dict[str, list[int]], {"a": [1], "$set": [2]}, '{"a":[1],"$set":[2]}'),
    (int, 5, "5"),
    (list[Host], [Host("a")], '[{"name":"a","port":80,"weight":1.0}]'),
    (set[int], {5}, "[5]"),
    (tuple[int, str], (1, "a"), '[1,"a"]'),
    (UUID, UUID(int=7), '"00000000-0000-0000-0000-000000000007"'),
]  # fmt: skip


@pytest.mark.parametrize(("declared", "value", "record"), TYPED, ids=numbered(TYPED))
def test_a_typed_value_is_natural_json_and_comes_back(
    medium: Medium, declared: Any, value: Any, record: str
):
    store = medium.store(type=declared)
    store["k"] = value
    again = medium.reopened(store, type=declared)
    assert again["k"] == value
    assert type(again["k"]) is type(value)
    assert medium.record(store, "k") == record.encode()
    assert list(again.values()) == [value]
    assert again.pop("k") == value


MISFITS: list[tuple[Any, Any, str]] = [
    (Ticket, Ticket(5), "value.title: Expected `str`, got `int`"),  # type: ignore[arg-type]
    (Ticket, Ticket("a", "b"), "value.votes: Expected `int`, got `str`"),  # type: ignore[arg-type]
    (Ticket, Ticket("a", tags=["b", 5]), "value.tags[1]: Expected `str`, got `int`"),  # type: ignore[list-item]
    (Ticket, Ticket("a", owner=Owner("b", 5)), "value.owner.mail: "),  # type: ignore[arg-type]
    (Ticket, {"title": "a"}, "value: dict would come back as Ticket"),
    (Ticket, {}, "missing required field `title`"),
    (Ticket, None, "Expected `object`, got `null`"),
    (Ticket, Ticket(object()), "value.title cannot be written as JSON"),  # type: ignore[arg-type]
    (Host, Host("a", True), "value.port: Expected `int`, got `bool`"),
    (Host, Host("a", 1, float("nan")), "value.weight: Expected `float`, got `null`"),
    (Host, Host("a", 1, 5), "value.weight: int would come back as float: it is not of"),
    (Movie, {"title": "a"}, "missing required field `year`"),
    (Movie, {"title": "a", "year": 1, "more": 2}, "value: dict would come back as an unequal dict"),
    (Movie, {"title": "a", "year": "1"}, "value.year: Expected `int`, got `str`"),
    (dict[str, int], {1: 1}, "value: dict would come back as an unequal dict"),
    (dict[str, int], {"a": "b"}, "value[...]: Expected `int`, got `str`"),
    (int, 1.0, "Expected `int`, got `float`"),
    (int, True, "Expected `int`, got `bool`"),
    (list[int], (1, 2), "value: tuple would come back as list"),
    (tuple[int, ...], [1, 2], "value: list would come back as tuple"),
    (set[int], [1], "value: list would come back as set"),
    (str, "\ud800", "value cannot be written as JSON"),
]


@pytest.mark.parametrize(("declared", "value", "message"), MISFITS, ids=numbered(MISFITS))
def test_a_value_of_another_type_is_refused_with_the_fields_path(
    medium: Medium, declared: Any, value: Any, message: str
):
    store = medium.store(type=declared)
    with pytest.raises(InvalidValue) as caught:
        store["k"] = value
    assert message in str(caught.value)
    with pytest.raises(InvalidValue):
        store.setdefault("k", value)
    assert medium.reopened(store, type=declared).snapshot() == {}


@pytest.mark.parametrize(
    ("declared", "record", "message"),
    [
        (Ticket, b'{"title":5}', "value.title: Expected `str`, got `int`"),
        (Ticket, b'{"title":"a","owner":{"name":[]}}', "value.owner.name: "),
        (Ticket, b"{}", "missing required field `title`"),
        (Ticket, b'"text"', "Expected `object`, got `str`"),
        (Ticket, b'{"title":"a","opened":"yesterday"}', "Invalid RFC3339 encoded datetime"),
        (Host, b'{"name":"a","port":"81"}', "value.port: Expected `int`, got `str`"),
        (Movie, b'{"title":"a"}', "missing required field `year`"),
        (int, b"5.5", "Expected `int`, got `float`"),
        (Ticket, b'{"title":"a"', "Input data was truncated"),
        (list[list[int]], b"[" * 100_000, ""),
    ],
)
def test_a_record_of_another_type_is_corrupt_data_with_the_fields_path(
    medium: Medium, declared: Any, record: bytes, message: str
):
    store = medium.store(type=declared)
    medium.plant(store, "k", record)
    for read in (lambda: store["k"], store.snapshot, lambda: store.pop("k")):
        with pytest.raises(CorruptData) as caught:
            read()
        assert (message if medium.isolates(record) else "no JSON object") in str(caught.value)
        assert "it was left as it is" in str(caught.value)
    store.save()
    if medium.isolates(record):
        assert medium.record(store, "k") == record


@dataclasses.dataclass
class Meeting:
    begin: datetime | None = None
    daily: time | None = None
    others: "dict[str, list[Meeting]]" = dataclasses.field(default_factory=dict)
    about: Any = None


@given(datetimes, times)
def test_a_typed_moment_keeps_its_zone_or_is_refused_with_its_place(begin: datetime, daily: time):
    typed = TypedSerializer(Meeting)
    for field, meeting in (("begin", Meeting(begin=begin)), ("daily", Meeting(daily=daily))):
        moment = getattr(meeting, field)
        if moment.fold or type(moment.tzinfo) is ZoneInfo:
            with pytest.raises(InvalidValue, match=rf"^value\.{field}: "):
                typed.dumps("k", meeting)
            continue
        try:
            record = typed.dumps("k", meeting)
        except InvalidValue:  # the offset has a name, or seconds, which RFC 3339 has not
            assert type(moment.tzinfo) is timezone
        else:
            assert form(getattr(typed.loads("k", record), field)) == form(moment)


PARIS = ZoneInfo("Europe/Paris")
LOST: list[tuple[Meeting, str]] = [
    (Meeting(datetime(2026, 1, 1, tzinfo=PARIS)), "value.begin: natural JSON keeps the offset"),
    (Meeting(datetime(2026, 1, 1, fold=1)), "value.begin: natural JSON keeps the offset"),
    (Meeting(daily=time(1, fold=1)), "value.daily: natural JSON keeps the offset of a time"),
    (
        Meeting(others={"a": [Meeting(), Meeting(datetime(2026, 1, 1, tzinfo=PARIS))]}),
        "value.others['a'][1].begin: natural JSON keeps",
    ),
    (Meeting(about={"a": [1, socket]}), "value.about['a'][1] cannot be written as JSON"),
    (Meeting(about={"a": [1, (2,)]}), "value.about['a'][1]: tuple would come back as list"),
    (Meeting(about={"a": {(1,): 2}}), "value.about['a'] cannot be written as JSON"),
    (Meeting(about=[1.5, float("nan")]), "value.about[1]: float would come back as NoneType"),
    (Meeting(about={1: 2}), "value.about: dict would come back as an unequal dict"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "message"), LOST, ids=numbered(LOST))
def test_what_a_typed_value_would_lose_is_refused_with_its_place(
    backend: Medium, value: Meeting, message: str
):
    store = backend.store(type=Meeting)
    for refused in (lambda: store.update(a=value), lambda: store.update(b=Meeting(), a=value)):
        with pytest.raises(InvalidValue, match=re.escape(f"key 'a': {message}")):
            refused()
    assert store == {}


@attrs.define
class Seat:
    row: float
    taken: datetime | None = None


def test_a_class_of_attrs_is_looked_into_as_well(backend: Medium):
    store = backend.store(type=Seat)
    store["k"] = Seat(1.0, datetime(2026, 1, 1))
    assert store["k"] == Seat(1.0, datetime(2026, 1, 1))
    with pytest.raises(InvalidValue, match=r"value\.row: int would come back as float"):
        store["k"] = Seat(1)
    with pytest.raises(InvalidValue, match=r"value\.taken: natural JSON keeps the offset"):
        store["k"] = Seat(1.0, datetime(2026, 1, 1, tzinfo=PARIS))


def test_a_typed_value_that_contains_itself_is_refused(backend: Medium):
    meeting = Meeting()
    meeting.others["a"] = [meeting]
    with pytest.raises(InvalidValue, match="value is nested too deeply"):
        backend.store(type=Meeting)["k"] = meeting
    meeting.about = socket
    with pytest.raises(InvalidValue, match="value"):
        backend.store(type=Meeting)["k"] = meeting


@pytest.mark.parametrize("left", [150, 75])
@pytest.mark.parametrize(
    "options",
    [{"type": Meeting}, {"serializer": "pickle", "secret": "s"}],
    ids=["typed", "pickled"],
)
def test_what_is_sound_is_read_and_written_from_the_bottom_of_the_stack(
    backend: Medium, options: dict[str, Any], left: int
):
    store = backend.store(**options)
    value = Meeting()
    for _ in range(70):
        value = Meeting(others={"a": [value]})
    from_deep_down(lambda: store.update(k=value), left)
    assert repr(from_deep_down(lambda: backend.reopened(store, **options)["k"], left)) == repr(
        value
    )


def test_a_typed_value_is_edited_in_place(medium: Medium):
    store = medium.store(type=Ticket)
    with store.edit("k", Ticket("a")) as ticket:
        ticket.votes += 1
        ticket.tags.append("new")
    with pytest.raises(InvalidValue, match=r"value\.votes: Expected"), store.edit("k") as ticket:
        ticket.votes = "many"
    assert medium.reopened(store, type=Ticket)["k"] == Ticket("a", 1, tags=["new"])


def test_a_changed_field_is_saved_by_a_write_back_store(tmp_path: Path):
    medium = Medium("SQLite", tmp_path, writeback=True)
    store = medium.store(type=Ticket)
    store["k"] = Ticket("a")
    store.save()
    store["k"].votes = 5
    store["k"].tags.append("b")
    assert medium.reopened(store, type=Ticket)["k"] == Ticket("a", 5, tags=["b"])


def test_an_older_record_that_lacks_a_field_with_a_default_is_no_change(tmp_path: Path):
    medium = Medium("Memory", tmp_path, writeback=True)
    store = medium.store(type=Ticket)
    medium.plant(store, "k", b'{"title":"a"}')
    assert store["k"] == Ticket("a")
    store.save()
    assert medium.record(store, "k") == b'{"title":"a"}'
    store["k"].votes = 1
    store.save()
    assert json.loads(medium.record(store, "k"))["votes"] == 1


def test_incr_works_on_a_store_of_numbers(medium: Medium):
    store = medium.store(type=int)
    assert (store.incr("k"), store.incr("k", 4)) == (1, 5)
    assert medium.reopened(store, type=int) == {"k": 5}


@pytest.mark.parametrize("declared", [5, print, "no.such.Type", {int: str}], ids=numbered([1] * 4))
def test_what_is_no_type_is_refused_at_opening(backend: Medium, declared: Any):
    with pytest.raises(ConfigError, match="type"):
        backend.store(type=declared)


def test_a_class_that_is_not_made_of_fields_is_refused_at_the_assignment(backend: Medium):
    store = backend.store(type=Alien)
    with pytest.raises(InvalidValue, match="Encoding objects of type Alien is unsupported"):
        store["k"] = Alien(1)
    backend.plant(store, "k", b'{"number":1}')
    with pytest.raises(CorruptData, match="Expected `Alien`, got `dict`"):
        store["k"]


# --- pickles ---------------------------------------------------------------------------------


class Alien:
    """What only a pickle can keep."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Alien) and other.number == self.number

    __hash__ = None  # type: ignore[assignment]


class Evil:
    """Runs code when it is unpickled: it makes a file."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> Any:
        return (open, (str(self.canary), "w"))


SECRET = "correct horse"


def signed(pickled: bytes, secret: bytes, *scope: str) -> bytes:
    """Return the record of *pickled* as the documents describe it, made without our code."""
    mac = hmac.new(secret, digestmod=hashlib.sha256)
    for part in scope:
        mac.update(len(part.encode()).to_bytes(8, "big") + part.encode())
    mac.update(pickled)
    return json.dumps({"$pickle": base64.b64encode(mac.digest() + pickled).decode()}).encode()


@pytest.mark.parametrize("value", [Alien(1), {"a": [Alien(2)]}, print, 1j, {(1, 2): {3}}])
def test_a_pickle_keeps_what_json_cannot(medium: Medium, value: Any):
    options = {"serializer": "pickle", "secret": SECRET}
    store = medium.store(**options)
    store["k"] = value
    assert medium.reopened(store, **options)["k"] == value
    assert set(json.loads(medium.record(store, "k"))) == {"$pickle"}
    assert medium.store(store.collection, serializer="pickle", secret=SECRET.encode())["k"] == value


def test_the_signature_is_over_backend_collection_key_and_pickle(backend: Medium):
    store = backend.store(serializer="pickle", secret=SECRET)
    place = type(store).__name__, store.collection, "=b17"
    record = signed(pickle.dumps(5), SECRET.encode(), *place)
    backend.plant(store, "=b17", record)
    assert store[17] == 5


def test_another_secret_is_refused(medium: Medium):
    store = medium.store(serializer="pickle", secret=SECRET)
    store["k"] = 1
    store.save()
    other = medium.store(store.collection, serializer="pickle", secret="wrong")
    for read in (lambda: other["k"], other.snapshot, lambda: other.pop("k")):
        with pytest.raises(CorruptData, match="the pickle's signature is wrong: another secret"):
            read()
    assert medium.reopened(store, serializer="pickle", secret=SECRET)["k"] == 1


def test_a_record_that_was_moved_is_refused(tmp_path: Path):
    """To another key, another collection, another backend: each is another place."""
    options = {"serializer": "pickle", "secret": SECRET}
    memory, sqlite = (Medium(name, tmp_path, writeback=False) for name in ("Memory", "SQLite"))
    store = memory.store("home", **options)
    store["k"] = "at home"
    record = memory.record(store, "k")
    for medium, collection, text in (
        (memory, "home", "other"),
        (memory, "home", "=a1"),
        (memory, "elsewhere", "k"),
        (sqlite, "home", "k"),
    ):
        target = medium.store(collection, **options)
        medium.plant(target, text, record)
        with pytest.raises(CorruptData, match="signature is wrong"):
            target.snapshot() if collection == "home" and medium is memory else target[text]
    assert store["k"] == "at home"


def test_an_evil_pickle_is_never_run(medium: Medium, tmp_path: Path):
    """Planted where we read, signed by nobody, by another secret, or for another place."""
    canary = tmp_path / "canary"
    pickled = pickle.dumps(Evil(canary))
    name = f"{medium.backend}Store"
    records = [
        pickled,
        base64.b64encode(pickled),
        json.dumps({"$pickle": base64.b64encode(pickled).decode()}).encode(),
        json.dumps({"$pickle": base64.b64encode(bytes(32) + pickled).decode()}).encode(),
        json.dumps({"$pickle": pickled.decode("latin-1")}).encode(),
        signed(pickled, b"", name, "evil", "k"),
        signed(pickled, b"wrong", name, "evil", "k"),
        signed(pickled, SECRET.encode(), name, "evil", "other"),
        signed(pickled, SECRET.encode(), name, "other", "k"),
        signed(pickled, SECRET.encode(), "OtherStore", "evil", "k"),
        signed(pickled, SECRET.encode(), "evil", "k"),
    ]
    stores: list[dict[str, Any]] = [
        {"serializer": "pickle", "secret": SECRET},
        {},
        {"type": Ticket},
    ]
    for record in records:
        for options in stores:
            medium.plant(medium.store("evil"), "k", record)
            store = medium.store("evil", **options)
            for read in (
                lambda s: s["k"],
                lambda s: s.get_many(["k"]),
                lambda s: list(s.items()),
                lambda s: list(s.values()),
                lambda s: s.snapshot(),
                lambda s: s.pop("k"),
                lambda s: s.popitem(),
                lambda s: s.setdefault("k", 1),
                lambda s: s.incr("k"),
                lambda s: s.edit("k").__enter__(),
                lambda s: s == {"k": 1},
            ):
                with pytest.raises(CorruptData):
                    read(store)
            store.save()
            repr(store)
            if medium.isolates(record):
                assert list(store) == ["k"]
                assert medium.record(store, "k") == record
            medium.store("evil").drop()
    assert not canary.exists()

    # The attack is a real one: signed for this place, it runs.
    medium.plant(medium.store("evil"), "k", signed(pickled, SECRET.encode(), name, "evil", "k"))
    medium.store("evil", serializer="pickle", secret=SECRET)["k"].close()
    assert canary.exists()


def test_a_flipped_byte_of_a_pickle_is_detected(backend: Medium):
    store = backend.store(serializer="pickle", secret=SECRET)
    store["k"] = {"a": [1, 2, 3]}
    whole = json.loads(backend.record(store, "k"))["$pickle"]
    raw = base64.b64decode(whole)
    for position in range(len(raw)):
        damaged = bytearray(raw)
        damaged[position] ^= 1
        text = base64.b64encode(damaged).decode()
        backend.plant(store, "k", json.dumps({"$pickle": text}).encode())
        with pytest.raises(CorruptData, match="signature is wrong"):
            store["k"]


def test_what_cannot_be_pickled_is_an_invalid_value(backend: Medium):
    store = backend.store(serializer="pickle", secret=SECRET)
    store["k"] = "old"
    for value in (lambda: 1, (number for number in [1]), type("Local", (), {})()):
        with pytest.raises(InvalidValue, match=r"value cannot be pickled \(.*Error\)"):
            store["k"] = value
    assert store["k"] == "old"


def test_a_pickle_whose_class_is_gone_is_corrupt_data(backend: Medium):
    store = backend.store(serializer="pickle", secret=SECRET)
    gone = pickle.dumps(Alien(1)).replace(b"Alien", b"Eileen"[:5])
    name = type(store).__name__
    backend.plant(store, "k", signed(gone, SECRET.encode(), name, store.collection, "k"))
    with pytest.raises(CorruptData, match=r"the pickle cannot be read \(AttributeError\)"):
        store["k"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"serializer": "pickle"}, "serializer='pickle' needs secret= and takes no type="),
        ({"serializer": "pickle", "secret": ""}, "serializer='pickle' needs secret= and takes no"),
        ({"serializer": "pickle", "secret": "x", "type": int}, "needs secret= and takes no type="),
        ({"secret": "s3cret"}, "secret= is for serializer='pickle'; JSON is not signed"),
        ({"secret": "s3cret", "type": int}, "secret= is for serializer='pickle'"),
    ],
)
def test_contradicting_options_are_refused(options: dict[str, Any], message: str):
    with pytest.raises(ConfigError) as caught:
        Store("x", "Memory", **options)
    assert str(caught.value).startswith("MemoryStore: ")
    assert message in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_secret_shows_nowhere(medium: Medium):
    store = medium.store(serializer="pickle", secret="s3cret")
    assert "s3cret" not in repr(store) + str(store) + repr(vars(store)) + repr(
        vars(store._serializer)
    )
