"""Keys and names: one rule on every backend, and no two of them ever meet."""

import hashlib
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from napixd_store import ConfigError, CorruptData, InvalidKey, InvalidName, InvalidValue, NoSuchKey
from napixd_store.names import MAX_LENGTH, check_name, decode_key, encode_key, merged
from napixd_store.testing.cases import numbered
from tests.media import Medium
from tests.sizes import size
from tests.strategies import keys, names

Pair = tuple[str, str | int]

_DRAWN = 10


def twins(pair: Pair) -> list[Pair]:
    """Return *pair* and those that are most easily taken for it."""
    collection, key = pair
    text = str(key)
    near: list[Pair] = [
        pair,
        (collection, f"={text}"),
        (collection, encode_key(key)[:MAX_LENGTH]),
        (collection, f"{collection}:{text}"),
        (f"{collection}:{text}", text),
        (collection, text.swapcase()),
    ]
    if type(key) is str and re.fullmatch("-?[0-9]{1,18}", key):
        near.append((collection, int(key)))
    else:
        near.append((collection, text))
    return [(c, k) for c, k in near if len(c) <= MAX_LENGTH and len(str(k)) <= MAX_LENGTH]


def digest(*parts: str) -> bytes:
    """Return what stands for *parts* in little room."""
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).digest()


@pytest.mark.parametrize(
    "pairs",
    [size(quick=3_000, full=20_000), pytest.param(1_000_000, marks=pytest.mark.torture)],
    ids="{:,}".format,
)
def test_no_two_keys_share_a_text(pairs: int):
    """Of all pairs of a collection and a key that are ever seen here, not only of neighbours."""
    owners: dict[bytes, bytes] = {}  # digests: a million pairs of a thousand characters are many
    seen = 0

    @settings(max_examples=pairs // _DRAWN // 3 + 1, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(st.tuples(names, keys), min_size=_DRAWN, max_size=_DRAWN))
    def differ(drawn: list[Pair]) -> None:
        nonlocal seen
        for collection, key in (near for pair in drawn for near in twins(pair)):
            text = encode_key(key)
            back = decode_key(text)
            assert (back, type(back)) == (key, type(key))
            assert check_name(collection, "collection") == collection
            owner = digest(collection, repr(key))
            assert owners.setdefault(digest(collection, text), owner) == owner
            assert 0 < len(text) <= MAX_LENGTH + 1
            seen += 1

    differ()
    assert seen >= pairs


@given(st.lists(keys, unique_by=lambda key: (type(key), key)))
@example(["a", "=", 1])
@example(["a", "é"])
def test_many_keys_have_the_texts_that_each_has(drawn: list[str | int]):
    pairs = {key: place for place, key in enumerate(drawn)}
    texts = {encode_key(key): place for key, place in pairs.items()}
    assert merged(pairs, {}) == merged(list(pairs.items()), {}) == texts
    assert merged(MappingProxyType(pairs), {"b": -1}) == {**texts, "b": -1}


@pytest.mark.parametrize("key", [b"k", 1.5, True, None, (), "", "\ud800", "k" * (MAX_LENGTH + 1)])
def test_an_invalid_key_among_many_is_found(key: Any):
    with pytest.raises(InvalidKey):
        merged({"a": 1, key: 2}, {})


TWINS: list[list[Any]] = [
    [1, True],
    [True, 1],
    [0, False],
    [1, 1.0],
    [1, Decimal(1)],
    ["a", 2, 2.0],
]


@pytest.mark.parametrize("twins", TWINS, ids=repr)
def test_a_key_that_a_dict_takes_for_another_is_refused(medium: Medium, twins: list[Any]):
    store = medium.store()
    pairs = [(key, place) for place, key in enumerate(twins)]
    for call in (lambda: store.update(pairs), lambda: store.update(iter(pairs), b=1)):
        with pytest.raises(InvalidKey, match="a key must be a str or an int"):
            call()
    assert medium.reopened(store) == {}


@pytest.mark.parametrize("twins", TWINS, ids=repr)
def test_a_key_that_a_dict_takes_for_another_is_not_found_as_that_one(
    medium: Medium, twins: list[Any]
):
    store = medium.store()
    (whole,) = [key for key in twins if type(key) is int]
    store[whole] = "kept"
    assert [type(key) for key in store.get_many(twins)] == [int]
    assert [key for key in twins if key in store and type(key) is not int] == []


def test_what_differs_in_code_differs_in_the_medium(medium: Medium):
    """Thousands of collections and keys, each with what was put there and nothing else."""
    written: dict[str, dict[str | int, Any]] = {}

    @settings(max_examples=size(quick=12, full=40), database=None)
    @given(st.lists(st.tuples(names, keys), min_size=_DRAWN, max_size=_DRAWN))
    def put(drawn: list[Pair]) -> None:
        for collection, key in (near for pair in drawn for near in twins(pair)):
            value = [collection, repr(key)]
            written.setdefault(collection, {})[key] = value

    put()
    for collection, content in written.items():
        store = medium.store(collection)
        store.update(content)
        medium.reopened(store)
    assert len(written) > 100
    for collection, content in written.items():
        found = medium.store(collection)
        assert found.snapshot() == content
        assert {(key, type(key)) for key in found} == {(key, type(key)) for key in content}
    listed = type(medium.store()).collections(medium.options)
    assert sorted(listed) == sorted(written)


def test_dropping_one_of_200_hostile_names_leaves_199(backend: Medium):
    hostile = ["a", "a:b", "a*", "*", "?", "[a]", "a\\", "../a", "/a", ".", "..", "a/", "A", "%61"]
    hostile += ["é", "e\u0301", "ß", "ss", "SS", "K", "\u212a", "ﬁ", "fi", " ", " a", "a ", "\n"]
    hostile += [
        "a\0",
        "\0",
        "NUL",
        "con",
        "{a}",
        "{a}:b",
        "=1",
        "1",
        "'",
        '"',
        ";--",
        "_",
        "%",
        "a_",
    ]
    hostile += [f"{each}{number}" for number in range(200) for each in ("a:", "*")][
        : 200 - len(hostile)
    ]
    assert len(set(hostile)) == 200
    for name in hostile:
        backend.store(name).update({name: name, 1: 2})
        backend.counter(name).increment(len(name))
    for dropped in ("*", "a", "%", "..", "_"):
        backend.store(dropped).drop()
        hostile.remove(dropped)
    for name in hostile:
        assert backend.store(name).snapshot() == {name: name, 1: 2}
    assert backend.store("*").snapshot() == {}
    assert backend.counter("*").value == 1
    assert sorted(type(backend.store("a")).collections(backend.options)) == sorted(hostile)


def test_a_store_and_a_counter_of_one_name_do_not_meet(backend: Medium):
    store, counter = backend.store("same"), backend.counter("same")
    counter.increment(5)
    store["same"] = 7
    store.drop()
    assert counter.value == 5
    counter.reset()
    store["same"] = 8
    assert counter.value == 0
    assert store == {"same": 8}


@pytest.mark.parametrize("number", [0, 1, -1, 17, -17, 2**63 - 1, -(2**63)])
def test_an_int_and_its_text_are_two_keys(medium: Medium, number: int):
    store, marked = medium.store(), encode_key(number)
    store[number], store[str(number)], store[marked] = "int", "text", "marked"
    again = medium.reopened(store)
    assert again.snapshot() == {number: "int", str(number): "text", marked: "marked"}
    assert again.pop(number) == "int"
    assert (number in again, str(number) in again) == (False, True)
    del again[str(number)]
    assert medium.reopened(again) == {marked: "marked"}


@given(st.lists(keys, max_size=20))
@example([0, 9, 10, -1, -9, -10, 2**63 - 1, -(2**63), 10**18, -(10**18)])
@example(["=", "==", "=a1", "=>", "<", ">", "a", "\0", "\uffff", "\U0001f600"])
def test_texts_sort_as_the_numbers_and_as_the_strs_do(drawn: list[str | int]):
    for kind in (int, str):
        of_kind = [key for key in drawn if type(key) is kind]
        assert sorted(of_kind, key=encode_key) == sorted(of_kind)
        as_bytes = sorted(of_kind, key=lambda key: encode_key(key).encode())
        assert as_bytes == sorted(of_kind)


# --- what no backend takes -------------------------------------------------------------------

KEYS: list[tuple[Any, str]] = [
    ("", "a key must not be empty"),
    ("k" * 1001, "a key has at most 1000 characters, not 1001"),
    ("é" * 1001, "a key has at most 1000 characters, not 1001"),
    ("=" * 1001, "a key has at most 1000 characters, not 1001"),
    ("k" * 2**20, "a key has at most 1000 characters, not 1048576"),
    ("\udc80", "a key must be valid Unicode: a lone surrogate stands at position 0"),
    ("ab\ud800", "a key must be valid Unicode: a lone surrogate stands at position 2"),
    ("=\ud800", "a key must be valid Unicode: a lone surrogate stands at position 1"),
    (True, "a key must be a str or an int, not bool: write int(key) or str(key)"),
    (False, "a key must be a str or an int, not bool: write int(key) or str(key)"),
    (1.0, "not float: write str(key), or int(key) for a whole number"),
    (float("nan"), "not float: write str(key), or int(key) for a whole number"),
    (b"k", "not bytes: write key.decode()"),
    (("a", "b"), "not tuple: join the parts into one str"),
    (None, "not NoneType: None is no key"),
    (object(), "not object: write str(key)"),
    (frozenset(), "not frozenset: write str(key)"),
    (2**63, "a key that is an int must be within −2**63 … 2**63−1"),
    (-(2**63) - 1, "a key that is an int must be within −2**63 … 2**63−1"),
    (10**5000, "a key that is an int must be within −2**63 … 2**63−1"),
    (type("Text", (str,), {})("x"), "a key must be a str or an int, not Text: write str(key)"),
    (type("Number", (int,), {})(1), "a key must be a str or an int, not Number: write str(key)"),
]


@pytest.mark.parametrize(("key", "message"), KEYS, ids=numbered(KEYS))
def test_a_bad_key_is_refused_by_every_method_that_would_put_it(
    medium: Medium, key: Any, message: str
):
    store = medium.store()
    store["k"] = 1
    store.save()
    calls: dict[str, Callable[[], Any]] = {
        "[] =": lambda: store.__setitem__(key, 1),
        "put": lambda: store.put(key, 1, expires_in=5),
        "add": lambda: store.add(key, 1),
        "setdefault": lambda: store.setdefault(key, 1),
        "update": lambda: store.update({"k": 2, key: 1}),
        "update with pairs": lambda: store.update([("k", 2), (key, 1)]),
        "|=": lambda: store.__ior__({"k": 2, key: 1}),
        "incr": lambda: store.incr(key),
        "incr with a bound": lambda: store.incr(key, at_most=5),
        "edit with a default": lambda: store.edit(key, 1).__enter__(),
        "compute with a default": lambda: store.compute(key, lambda value: value, 1),
    }
    for name, call in calls.items():
        with pytest.raises(InvalidKey) as caught:
            call()
        assert message in str(caught.value), name
        assert type(caught.value) is InvalidKey, name
    assert medium.reopened(store) == {"k": 1}


@pytest.mark.parametrize(("key", "message"), KEYS, ids=numbered(KEYS))
def test_a_bad_key_is_absent_to_every_method_that_would_find_it(
    medium: Medium, key: Any, message: str
):
    store = medium.store()
    store["k"] = 1
    store.save()
    for said, expected in (
        (key in store, False),
        (key in store.keys(), False),  # noqa: SIM118 - the view is asked
        ((key, 1) in store.items(), False),
        (store.get(key), None),
        (store.get(key, 1), 1),
        (store.get_many(["k", key]), {"k": 1}),
        (store.pop(key, 1), 1),
        (store.touch(key), False),
        (store.delete_many([key]), 0),
    ):
        assert said == expected
    calls: dict[str, Callable[[], Any]] = {
        "[]": lambda: store[key],
        "del": lambda: store.__delitem__(key),
        "pop": lambda: store.pop(key),
        "edit": lambda: store.edit(key).__enter__(),
        "compute": lambda: store.compute(key, lambda value: value),
        "expires_in": lambda: store.expires_in(key),
    }
    for name, call in calls.items():
        with pytest.raises(KeyError) as caught:
            call()
        assert message in str(caught.value), name
        assert type(caught.value) is NoSuchKey, name
    assert medium.reopened(store) == {"k": 1}


@pytest.mark.parametrize("key", [[], {}, set()], ids=["list", "dict", "set"])
def test_a_key_that_no_dict_takes_is_as_any_bad_one(backend: Medium, key: Any):
    store = backend.store()
    assert key not in store
    for call in (
        lambda: store[key],
        lambda: store.__setitem__(key, 1),
        lambda: store.update([(key, 1)]),
    ):
        with pytest.raises(InvalidKey, match=f"not {type(key).__name__}: write str"):
            call()


NAMES: list[tuple[Any, str]] = [
    ("", "name must not be empty"),
    ("x" * 1001, "name has at most 1000 characters, not 1001"),
    ("é" * 2000, "name has at most 1000 characters, not 2000"),
    ("\udc80", "name must be valid Unicode: a lone surrogate stands at position 0"),
    ("x\udfffx", "name must be valid Unicode: a lone surrogate stands at position 1"),
    *(
        (name, f"name must be a str, not {type(name).__name__}")
        for name in (None, 17, True, 1.5, b"x", ("x",), object(), [], type("Text", (str,), {})("x"))
    ),
]


@pytest.mark.parametrize(("name", "message"), NAMES, ids=numbered(NAMES))
def test_a_bad_name_is_refused_when_opening(backend: Medium, name: Any, message: str):
    from napixd_store import Counter, Store

    with pytest.raises(InvalidName) as caught:
        Store(name, backend.backend, **backend.options)
    assert str(caught.value) == f"a collection {message}"
    with pytest.raises(InvalidName) as caught:
        Counter(name, backend.backend, **backend.options)
    assert str(caught.value) == f"a counter {message}"


def test_what_is_long_is_counted_in_code_points(medium: Medium):
    longest = "😀" * 1000
    store = medium.store(longest)
    store[longest] = 1
    store["=" * 1000] = 2
    assert medium.reopened(store) == {longest: 1, "=" * 1000: 2}
    assert store.collection == longest


def test_the_sqlite_file_stays_in_its_folder(tmp_path: Path):
    medium = Medium("SQLite", tmp_path / "root", writeback=False)
    for name in ("../x", "/tmp/x", "..", ".", "a/b", "~", "\0", "x" * 1000):
        medium.store(name)[name] = name
        medium.counter(name).increment()
    assert {file.name for file in tmp_path.iterdir()} == {"root"}
    assert {file.name for file in (tmp_path / "root").iterdir()} <= {
        "doc.sqlite",
        "doc.sqlite-wal",
        "doc.sqlite-shm",
        "doc.sqlite-note",
        "doc.sqlite-queue",
    }


# --- texts that no key has -------------------------------------------------------------------

FOREIGN = [
    "=",
    "=x",
    "=1",
    "=-1",
    "=a",
    "=b01",
    "=a10",
    "=b1",
    "=b+1",
    "=b 1",
    "=b1 ",
    "=c1_0",
    "=a٣",
    "=a1=",
    "=S9",
    "=R98",
    "=-8",
    "=s9223372036854775808",
    "=A0776627963145224190",
    "=t10000000000000000000",
    "=a" + "9" * 5000,
]


@pytest.mark.parametrize("text", FOREIGN, ids=numbered(FOREIGN))
def test_a_foreign_key_in_the_medium_is_corrupt_data(backend: Medium, text: str):
    with pytest.raises(CorruptData, match="a stored key begins with '=' but is neither an int's"):
        decode_key(text)
    store = backend.store()
    store["k"] = 1
    backend.plant(store, text, b"1")
    for read in (lambda: list(store), lambda: list(store.items()), store.snapshot):
        with pytest.raises(CorruptData):
            read()
    assert store["k"] == 1
    assert len(store) == 2


def test_errors_are_what_code_that_knows_nothing_of_us_expects():
    for error in (InvalidKey, InvalidName, InvalidValue):
        assert issubclass(error, ValueError)
        assert issubclass(error, TypeError)
    assert issubclass(ConfigError, ValueError)
