"""Several stores of one server are written by one script: all of them, or none."""

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import pytest

from napixd_store import ConfigError, Store, StoreError, transaction
from napixd_store.backends.redis import lua
from napixd_store.backends.redis.names import Kind, physical
from tests.redis.servers import Running

BACKENDS: dict[str, Kind] = {"Redis": "blob", "RedisHash": "hash", "RedisKey": "index"}
PAIRS = list(product(BACKENDS, repeat=2))


def opened(first: str, second: str, options: Mapping[str, Any]) -> list[Any]:
    pair = (("first", first), ("second", second))
    return [Store(name, backend, writeback=False, **options) for name, backend in pair]


def write(stores: list[Any]) -> None:
    """Change a key of each, put one that ends, and delete one."""
    with transaction(*stores) as inside:
        for store in inside:
            store["a"] = store.get("a", 0) + 1
            store.put("ends", 3, expires_in=60)
            store.pop("gone", None)


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_one_script_writes_stores_of_any_kinds(
    server: Running, reach: Mapping[str, Any], first: str, second: str
) -> None:
    stores = opened(first, second, reach)
    for store in stores:
        store.update(a=1, gone=2)
    write(stores)  # from now on the server knows the script
    with server.monitored() as commands:
        write(stores)
    assert [store.snapshot() for store in stores] == [{"a": 3, "ends": 3}] * 2
    assert [command.split()[1] for command in commands if "EVALSHA" in command] == (
        [lua.SEVERAL.digest]
    )


def test_a_blob_that_others_write_to_meanwhile_keeps_what_they_wrote(
    reach: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = opened("Redis", "Redis", reach)
    part, others = stores[1]._part, opened("Redis", "Redis", reach)

    def overtaken(*asked: Any) -> Any:
        answer = part(*asked)
        others[1].setdefault("theirs", 1)
        return answer

    monkeypatch.setattr(stores[1], "_part", overtaken)
    write(stores)
    assert others[1].snapshot() == {"theirs": 1, "a": 1, "ends": 3}
    assert others[0].snapshot() == {"a": 1, "ends": 3}


@pytest.mark.parametrize(("first", "second"), PAIRS)
@pytest.mark.parametrize("guilty", [0, 1])
def test_what_stands_in_the_way_of_one_keeps_all_from_being_written(
    server: Running, reach: Mapping[str, Any], first: str, second: str, guilty: int
) -> None:
    stores = opened(first, second, reach)
    kind = BACKENDS[(first, second)[guilty]]
    name = physical(reach["prefix"], kind, stores[guilty].collection)
    server.ask("LPUSH", name, "neither string nor hash nor set")
    with pytest.raises(StoreError):
        write(stores)
    assert stores[1 - guilty].snapshot() == {}
    server.ask("DEL", name)


@pytest.mark.parametrize(("backend", "right"), [
    ("Redis", "set"), ("RedisHash", "hset"), ("RedisKey", "sadd"), ("RedisKey", "mset"),
])  # fmt: skip
def test_a_right_that_one_lacks_keeps_all_from_being_written(
    start: Callable[..., Running], backend: str, right: str
) -> None:
    server = start()
    options = {"host": "127.0.0.1", "port": server.port}
    others = [each for each in BACKENDS if each != backend]
    server.ask("ACL", "SETUSER", "u", "on", ">secret", "~*", "&*", "+@all", f"-{right}")
    for other in others:
        if (other, right) == ("Redis", "set"):
            continue
        stores = opened(other, backend, {**options, "username": "u", "password": "secret"})
        with pytest.raises(ConfigError, match="rights"):
            write(stores)
        assert [store.snapshot() for store in opened(other, backend, options)] == [{}, {}]


def test_in_a_cluster_several_are_refused_at_the_door(cluster: list[Running]) -> None:
    options = {"host": "127.0.0.1", "port": cluster[0].port, "cluster": True}
    stores = opened("RedisHash", "RedisKey", options)
    with pytest.raises(ConfigError, match="two nodes"), transaction(*stores):
        raise AssertionError("the block is not entered")
    with transaction(stores[1]) as inside:
        inside.update(a=1, b=2)
    assert stores[1].pop("a") == 1
    stores[1].drop()
