"""How a command is put into bytes: as redis-py does it, in parts, and never by hiredis."""

from collections.abc import Mapping
from typing import Any

import hiredis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napixd_store import Counter, Store
from napixd_store.backends.redis import driver

ARGUMENTS = st.one_of(st.binary(), st.text(), st.integers(), st.just(b"x" * (2**16 + 1)))


@given(command=st.lists(ARGUMENTS, min_size=1).map(tuple), limit=st.sampled_from([1, 40, 2**16]))
def test_the_parts_together_are_the_command_and_the_last_is_small(
    command: tuple[Any, ...], limit: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(driver, "_PART", limit)
        parts = list(driver.parts(command))
    assert b"".join(parts) == hiredis.pack_command(command)
    assert all(parts)
    assert len(parts[-1]) <= 2 * limit + 40  # what may stand before and around one argument


def test_hiredis_packs_nothing_for_a_number_in_its_hands_may_end_the_process(
    reach: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def packs(*_: object) -> None:
        pytest.fail("hiredis packs a command")

    monkeypatch.setattr(hiredis, "pack_command", packs)
    options = {**reach, "db": 1}
    Counter("c", "Redis", **options).increment(2)
    for backend in ("Redis", "RedisHash", "RedisKey"):
        store = Store("c", backend, writeback=False, **options)
        store.update(a=1, b=2)
        assert store.incr("a") == 2
        assert store.pop("b") == 2
        assert dict(store.items()) == {"a": 2}
