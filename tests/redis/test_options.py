"""Options: what they mean, which contradict each other, and that secrets stay secret."""

import subprocess
import sys
import traceback
from collections.abc import Mapping
from typing import Any

import pytest
import redis

from napixd_store import ConfigError, Counter, NoSuchStoreBackend, Store
from napixd_store.backends.redis import RedisCounter, RedisHashStore, RedisKeyStore, RedisStore
from napixd_store.options import Secret
from napixd_store.resolve import resolve_counter, resolve_store
from tests.redis.canaries import PASSWORD
from tests.redis.servers import Running


class OwnConnection(redis.Connection):
    """Somebody's own way to connect, through a tunnel say."""


def client_of_its_own_kind() -> "redis.Redis":
    return redis.Redis(connection_pool=redis.ConnectionPool(connection_class=OwnConnection))


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({}, "redis://localhost:6379/0"),
        ({"host": "h", "port": "7000", "db": "3"}, "redis://h:7000/3"),
        ({"host": "h", "ssl": "yes"}, "rediss://h:6379/0"),
        ({"unix_socket_path": "/run/r.sock"}, "unix:///run/r.sock"),
        ({"url": f"redis://me:{PASSWORD}@h:7000/2"}, "redis://h:7000/2"),
        ({"url": "rediss://h"}, "rediss://h:6379/0"),
        ({"url": "valkey://h"}, "redis://h:6379/0"),
        ({"url": "valkeys://h"}, "rediss://h:6379/0"),
        ({"url": "redis://[::1]:7000"}, "redis://::1:7000/0"),
        ({"url": "unix:///run/r.sock?db=3&timeout=2.5"}, "unix:///run/r.sock (db 3)"),
        ({"sentinel": "a:1, b", "service": "m"}, "redis-sentinel://a:1, b/m"),
        ({"host": "h", "cluster": "yes"}, "redis-cluster://h:6379"),
        ({"client": redis.Redis(host="h", port=7, db=2)}, "redis://h:7/2"),
        ({"client": redis.Redis(host="h", ssl=True)}, "rediss://h:6379/0"),
        ({"client": redis.from_url("rediss://h")}, "rediss://h:6379/0"),
    ],
)
def test_where_options_lead(options: Mapping[str, Any], place: str) -> None:
    """Nothing is connected, so none of these need exist."""
    store = Store("c", backend="RedisHash", **options)
    assert place in repr(store)
    assert PASSWORD not in repr(store)
    assert Counter("c", backend="RedisHash", **options)._connection is store._connection
    assert Store("c", backend="RedisKey", **options)._connection is store._connection


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"pasword": PASSWORD}, "did you mean 'password'"),
        ({"password": 5}, "'password' must be a text or None, not int"),
        ({"port": 0}, "'port' must be 1 to 65535"),
        ({"port": "x"}, "'port' must be int"),
        ({"db": -1}, "'db' must be 0 or more"),
        ({"timeout": 0}, "'timeout' must be a number of seconds above 0"),
        ({"replicas": 0}, "'replicas' must be 1 or more"),
        ({"prefix": ""}, "'prefix'.*empty"),
        ({"prefix": "\udc80"}, "'prefix'.*surrogate"),
        ({"durability": "forever"}, "'memory' or 'process' or 'power' or 'replicated'"),
        ({"url": "http://h"}, "must begin with redis://"),
        ({"url": f"redis://:{PASSWORD}@h:x"}, "no URL"),
        ({"url": f"redis://:{PASSWORD}@h?pasword=1"}, "did you mean 'password'"),
        ({"url": f"redis://:{PASSWORD}@h?password=1"}, "given twice"),
        ({"url": "redis://h", "host": "g"}, "'host' is given twice"),
        ({"url": "redis://h/x"}, "'db' must be int"),
        *(
            ({"url": f"redis://:{before}{special}{PASSWORD}@h"}, "write %23 for '#'")
            for special in "#?/["
            for before in ("", "1", PASSWORD)
        ),
        ({"unix_socket_path": "/s", "ssl": True}, "no TLS"),
        ({"sentinel": "a:1"}, "'sentinel' and 'service' need each other"),
        ({"sentinel": "a:x", "service": "m"}, "must be host:port"),
        ({"sentinel": "a:1", "service": "m", "host": "h"}, "exclude each other"),
        ({"cluster": True, "db": 1}, "no databases"),
        ({"cluster": True, "unix_socket_path": "/s"}, "exclude each other"),
        ({"unix_socket_path": "/s", "host": "h"}, "exclude each other"),
        ({"client": 5}, "must be a redis-py client, not int"),
        ({"client": client_of_its_own_kind()}, "in a way of its own .OwnConnection."),
        ({"client": redis.Redis(), "password": PASSWORD}, "is the client's own"),
        ({"client": redis.Redis(), "host": "h"}, "exclude each other"),
    ],
)
def test_a_wrong_option_is_refused_at_once(options: Mapping[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        Store("c", backend="RedisHash", **options)
    assert PASSWORD not in str(caught.value)
    shown = traceback.TracebackException.from_exception(caught.value).format()
    assert PASSWORD not in "".join(each for each in shown if "test_options" not in each)


def test_a_secret_shows_nothing() -> None:
    secret = Secret(PASSWORD)
    assert PASSWORD not in f"{secret} {secret!r} {[secret]}"
    assert secret == Secret(PASSWORD) != Secret("other")
    assert hash(secret) == hash(Secret(PASSWORD))
    assert secret != PASSWORD


def test_a_client_that_is_there_already_is_used(server: Running, prefix: str) -> None:
    client = redis.Redis(unix_socket_path=server.socket, db=3, decode_responses=True)
    counter = Counter("c", backend="Redis", client=client, prefix=prefix)
    assert counter.increment() == 1
    assert client.get(f"{prefix}:counter:{{c}}") == "1"
    client.close()


def test_every_name_leads_to_its_class() -> None:
    old = "napixd.store.backends.redis."
    stores: dict[type, tuple[str, ...]] = {
        RedisStore: ("Redis", "RedisStore", f"{old}RedisBackend"),
        RedisHashStore: ("RedisHash", "RedisHashStore", "RedisHashKey", f"{old}RedisHashBackend"),
        RedisKeyStore: ("RedisKey", "RedisKeyStore", f"{old}RedisKeyBackend"),
    }
    for cls, names in stores.items():
        for name in names:
            # Who calls it as the original did gets ours, which looks for the original's data.
            assert issubclass(resolve_store(name), cls)
            assert (resolve_store(name) is cls) == ("." not in name)
            assert issubclass(resolve_counter(name), RedisCounter)
    for name in (f"{old}RedisCounterBackend", f"{old}RedisCounter", "RedisCounter"):
        assert issubclass(resolve_counter(name), RedisCounter)


def run(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    return done.stdout.strip()


def test_importing_the_library_imports_no_driver() -> None:
    import os

    code = "import napixd_store, sys; print('redis' in sys.modules)"
    assert run(code, **os.environ) == "False"


def test_a_missing_driver_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = ("redis", "napixd_store.backends.redis")
    with monkeypatch.context() as patch:
        for name in list(sys.modules):
            if name.startswith(tuple(f"{each}." for each in hidden)) or name in hidden:
                patch.delitem(sys.modules, name)
        patch.setattr(sys, "path", [each for each in sys.path if "site-packages" not in each])
        with pytest.raises(NoSuchStoreBackend, match=r"pip install 'redis\[hiredis\]'"):
            Store("c", backend="RedisHash")


def test_one_url_in_the_environment_is_enough(
    server: Running, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPIXD_STORE_URL", f"redis://127.0.0.1:{server.port}/1?prefix={prefix}")
    Store("users")["ann"] = 1
    assert isinstance(Store("users"), RedisHashStore)
    assert Counter("ids").increment() == 1
    with server.client(db=1) as client:
        assert client.hget(f"{prefix}:hash:{{users}}", "ann") == b"1"
