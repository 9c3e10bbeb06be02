"""Collections of many keys, of which full pages are read otherwise than shorter ones."""

from collections.abc import Mapping
from typing import Any

import pytest

from napixd_store import Store, WrongType
from napixd_store.backends.redis import key
from napixd_store.backends.redis.names import physical
from tests.redis.servers import Running
from tests.redis.test_round_trips import sent
from tests.sizes import size

PAGES = [16, 64, 256]
"""The sizes of pages before the first full one."""

KEYS = {f"k{number:04}é": number for number in range(sum(PAGES) + 2 * key._LARGE - 1)}


@pytest.fixture
def store(reach: Mapping[str, Any]) -> Any:
    return Store("c", "RedisKey", writeback=False, **reach)


def _value(store: Any, text: str) -> str:
    return physical(store._connection.prefix, "key", "c", text)


@pytest.mark.parametrize("reverse", [False, True])
def test_full_pages_are_read_by_plain_commands(server: Running, store: Any, reverse: bool) -> None:
    store.update(KEYS)
    list(store.range(limit=1))  # from now on the server knows the script
    with server.monitored() as commands:
        found = list(store.range(reverse=reverse))
    assert found == sorted(KEYS.items(), reverse=reverse)
    listing = "ZREVRANGEBYLEX" if reverse else "ZRANGEBYLEX"
    assert sent(commands) == ", ".join(["*key_page*"] * len(PAGES) + [listing, "MGET"] * 2)
    for first in range(sum(PAGES) + key._LARGE, len(KEYS)):
        del store[f"k{first:04}é"]
    assert list(store.range(reverse=reverse)) == sorted(store.items(), reverse=reverse)
    assert len(list(store.items())) == sum(PAGES) + key._LARGE  # the last page is empty


@pytest.mark.parametrize("last", [-1, -100])
def test_in_a_full_page_what_the_server_evicted_is_missing_and_no_longer_counted(
    server: Running, store: Any, last: int
) -> None:
    store.update(KEYS)
    gone = sorted(KEYS)[last]
    server.ask("DEL", _value(store, gone))
    assert len(store) == len(KEYS)
    assert dict(store.items()) == {text: KEYS[text] for text in KEYS if text != gone}
    assert len(store) == len(KEYS) - 1


def test_in_a_full_page_what_is_no_value_is_refused(server: Running, store: Any) -> None:
    store.update(KEYS)
    foreign = _value(store, max(KEYS))
    server.ask("DEL", foreign)
    server.ask("HSET", foreign, "f", "v")
    with pytest.raises(WrongType):
        list(store.items())
    with pytest.raises(WrongType):
        store.update(KEYS)  # nor is it overwritten
    assert server.ask("TYPE", foreign) == b"hash"


def test_a_large_drop_leaves_nothing(server: Running, store: Any) -> None:
    texts = map(str, range(size(quick=5_001, full=300_000)))
    store.update(dict.fromkeys(texts, 1))
    store.put("1", 1, expires_in=60)
    store.drop()
    assert server.ask("KEYS", f"{store._connection.prefix}:*{{c}}*") == []
