"""The rights that the docs tell to give a user: enough, and not one too many."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from napixd_store import ConfigError, Counter, Store
from napixd_store.connections import close_all
from tests.markdown import rows
from tests.redis.servers import PAGE, Running

Start = Callable[..., Running]

LINES = {
    backend.strip("`"): line.strip("`").split()
    for backend, (line,) in rows(PAGE, "The rights it needs").items()
    if backend.startswith("`Redis")
}
"""Backend -> the words of its line."""


def all_that_a_user_does(backend: str, options: dict[str, Any]) -> None:
    """Call every operation of a store and a counter, under both policies."""
    for writeback in (False, True):
        store = Store("c", backend=backend, writeback=writeback, **options)
        store.update(a=1, b=[2], c={"n": 1})
        store.save()
        del store["b"]
        store.setdefault("d", 1)
        with store.edit("c") as value:
            value["n"] += 1
        assert (store.incr("a"), store.pop("d"), len(store)) == (2, 1, 2)
        store.save()
        assert dict(store.items()) == store.snapshot() == {"a": 2, "c": {"n": 2}}
        assert store.get_many(["a", "x"]) == {"a": 2}
        assert ("a" in store, set(store)) == (True, {"a", "c"})
        assert [key for key, _value in store.range(limit=1)] == ["a"]
        assert [key for key, _value in store.range(reverse=True)] == ["c", "a"]
        store.put("ends", 1, expires_in=0.3)
        assert store.touch("a", expires_in=60)
        store.save()
        time.sleep(0.5)
        assert len(store) == 2
        assert type(store)("c", {**options, "writeback": False}).sweep() == 1
        store.popitem()
        store.save()
        assert type(store).collections(options) == ["c"]
        store.drop()
    counter = Counter("c", backend=backend, **options)
    assert (counter.increment(), counter.reset(), counter.value) == (1, 1, 0)
    assert type(counter).counters(options) == ["c"]
    counter.drop()


def test_each_backend_has_a_line() -> None:
    assert set(LINES) == {"Redis", "RedisHash", "RedisKey"}


@pytest.mark.parametrize("backend", LINES)
def test_the_documented_rights_are_enough_and_none_is_left_over(start: Start, backend: str) -> None:
    server = start()
    _acl, _setuser, user, _on, password, *_ = LINES[backend]
    options: dict[str, Any] = {"host": "127.0.0.1", "port": server.port}
    options |= {"username": user, "password": password[1:]}
    server.ask(*LINES[backend])
    all_that_a_user_does(backend, options)

    rights = [word for word in LINES[backend] if word.startswith("+")]
    assert len(rights) > 5
    for right in rights:
        close_all()
        server.ask("SCRIPT", "FLUSH")
        server.ask("FLUSHALL")
        server.ask("ACL", "SETUSER", user, f"-{right[1:]}")
        try:
            all_that_a_user_does(backend, options)
        except ConfigError as exc:
            assert "has not the rights" in str(exc)  # noqa: PT017 - else another assertion is met
        else:
            pytest.fail(f"{right} is not needed")
        server.ask("ACL", "SETUSER", user, right)
