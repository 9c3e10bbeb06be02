"""What an iteration over a hash tells, once, however many keys there are."""

import random
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from napixd_store import Store
from napixd_store.backends.redis import once as module
from napixd_store.backends.redis.once import once
from tests.sizes import size

TEXTS = ["", "a", "b", "ab", "ba", "aa", "ÿ", "aÿ", "ÿa", "é", "\0", "\n", "🎈", "=b17", "a" * 1000]


@pytest.fixture(params=[1, 7, 14, 15, 16, module._FEW])
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(module, "_FEW", request.param)
    monkeypatch.setattr(module, "_SHELVES", 3)  # so that several texts stand on each
    return int(request.param)


def test_each_text_comes_once_and_in_its_place(few: int) -> None:
    chance = random.Random(few)
    for _ in range(size(quick=50, full=1_000)):
        told = chance.choices(TEXTS, k=chance.randrange(60))
        expected = dict.fromkeys(told)
        found = list(once((text, number) for number, text in enumerate(told)))
        assert [text for text, _number in found] == list(expected)
        assert [told.index(text) for text in expected] == [number for _text, number in found]


def test_what_comes_is_asked_for_one_by_one(few: int) -> None:
    asked: list[int] = []

    def pairs() -> Iterator[tuple[str, int]]:
        for number in range(40):
            asked.append(number)
            yield str(number), number

    for number, _pair in enumerate(once(pairs())):
        assert asked[-1] == number


def test_many_keys_are_told_once_whoever_begins_anew(
    reach: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FEW", 100)
    store = Store("c", "RedisHash", writeback=False, **reach)
    store.update({str(number): number for number in range(2_000)})
    told = iter(store.items())
    some = [next(told) for _ in range(1_000)]
    store._connection.close()  # the next answer comes by a younger connection: from the beginning
    assert sorted([*some, *told]) == sorted(store.snapshot().items())
