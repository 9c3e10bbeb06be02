"""Names in the server: readable, never meeting, and each collection's own business alone."""

import itertools
import json
import random
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napixd_store import Counter, Store
from napixd_store.backends.redis.names import physical, registry
from tests.redis.servers import Running
from tests.sizes import size

PIECES = [
    "a",
    "A",
    ":",
    "*",
    "?",
    "[",
    "]",
    "{",
    "}",
    "%",
    "%7B",
    "\\",
    "^",
    "\0",
    " ",
    "é",
    "..",
    "/",
]
text = st.text(st.sampled_from("ab:{}%*=\0é"), min_size=1, max_size=6)
parts = st.tuples(text, st.sampled_from(["blob", "hash", "index", "counter", "key"]), text, text)


def hostile(count: int) -> list[str]:
    chosen = random.Random(7)
    names = {"*", "a", "a:b", "a*", "[a]", "a[b]", "{a}", "}{", "{}", "%7Ba%7D", "napixd:hash:{a}"}
    while len(names) < count:
        names.add("".join(chosen.choices(PIECES, k=chosen.randint(1, 5))))
    return sorted(names)


@settings(max_examples=size(quick=300, full=2_000), deadline=None)
@given(parts, parts)
def test_different_things_have_different_names(one: Any, other: Any) -> None:
    def name(prefix: str, kind: Any, collection: str, key: str) -> tuple[str, ...]:
        value = physical(prefix, kind, collection, key if kind == "key" else None)
        return (value, registry(prefix, kind))

    same = one[:3] == other[:3] and (one[1] != "key" or one[3] == other[3])
    assert (name(*one)[0] == name(*other)[0]) == same
    assert name(*one)[0] != name(*other)[1]


@pytest.mark.parametrize("backend", ["Redis", "RedisHash", "RedisKey"])
def test_dropping_a_collection_leaves_its_neighbours_byte_for_byte(
    server: Running, reach: Mapping[str, Any], backend: str
) -> None:
    names = hostile(200)
    stores = {name: Store(name, backend=backend, writeback=False, **reach) for name in names}
    for number, store in enumerate(stores.values()):
        store.update({"k": number, "a:b": 1, "*": [number], 17: None})
        Counter(store.collection, backend=backend, **reach).increment(number)
    client = server.client()

    def dumped() -> dict[bytes, Any]:
        ours, listing = f"{reach['prefix']}:", f"{reach['prefix']}:collections:"
        keys = [key for key in client.scan_iter(count=5000) if key.startswith(ours.encode())]
        return {key: client.dump(key) for key in keys if not key.startswith(listing.encode())}

    before = dumped()
    assert type(stores["a"]).collections(reach) == names
    for name in names[::3]:
        mine = {key for key in before if _owner(key.decode(), reach["prefix"]) == name}
        stores[name].drop()
        for key in mine:
            del before[key]
    assert dumped() == before
    kept = [name for number, name in enumerate(names) if number % 3]
    assert type(stores["a"]).collections(reach) == kept
    for name in kept:
        assert stores[name]["*"] == [names.index(name)]
    client.close()


def _owner(key: str, prefix: str) -> str | None:
    """Take a physical name apart again, as another program would; None for no collection's."""
    kind, braced, rest = key.removeprefix(f"{prefix}:").partition("{")
    if not braced or kind == "counter:":
        return None
    escaped = rest.partition("}")[0]
    for char in "{}%":
        escaped = escaped.replace(f"%{ord(char):02X}", char)
    return escaped


def test_plain_values_are_plain_for_other_programs(
    server: Running, reach: Mapping[str, Any]
) -> None:
    value = {"name": "Ann", "tags": ["a", "é"], "n": 1}
    for backend in ("Redis", "RedisHash", "RedisKey"):
        with Store("users", backend=backend, **reach) as store:
            store["ann"] = value
            store[17] = 5
    Counter("ids", backend="Redis", **reach).increment(7)
    prefix = reach["prefix"]
    stored = [
        server.ask("HGET", f"{prefix}:hash:{{users}}", "ann"),
        server.ask("GET", f"{prefix}:key:{{users}}:ann"),
    ]
    assert [json.loads(record) for record in stored] == [value, value]
    assert json.loads(server.ask("GET", f"{prefix}:blob:{{users}}")) == {"ann": value, "=b17": 5}
    assert server.ask("HGET", f"{prefix}:hash:{{users}}", "=b17") == b"5"
    assert server.ask("GET", f"{prefix}:counter:{{ids}}") == b"7"


@pytest.mark.parametrize("backend", ["Redis", "RedisHash", "RedisKey"])
def test_a_write_of_many_keys_arrives_as_it_is(backend: str, reach: Mapping[str, Any]) -> None:
    """Such a command is sent in parts, each of which begins with a key or a value like these."""
    store = Store("c", backend=backend, **reach)
    many = {f"{number} é\n$1": f" {number}\r\n*1" for number in range(3_000)}
    store.update(many)
    store.save()
    assert Store("c", backend=backend, **reach).snapshot() == many


def test_the_kinds_of_stores_never_meet(reach: Mapping[str, Any]) -> None:
    kinds = ("Redis", "RedisHash", "RedisKey")
    stores = [Store("c", backend=kind, writeback=False, **reach) for kind in kinds]
    for number, store in enumerate(stores):
        store["k"] = number
    for one, other in itertools.combinations(stores, 2):
        assert one != other
    assert [store["k"] for store in stores] == [0, 1, 2]
