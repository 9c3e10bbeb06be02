"""Data of the original Napix store: it is taken over, and never taken for an empty store."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napixd_store import ConfigError, CorruptData, Counter, Store, importing
from napixd_store.connections import close_all
from napixd_store.importing import (
    Source,
    Unreadable,
    napix,
    napix_counters,
    napix_redis,
    take,
    take_counter,
)
from tests.importing import python2
from tests.importing.original import Redis, save_file, set_in_directory
from tests.importing.trees import tree
from tests.markdown import blocks
from tests.redis.servers import shared

PAGE = Path(__file__).parents[2] / "docs/how-to/come-from-another-store.md"

USERS: dict[Any, Any] = {b"ann": {b"mail": b"ann@x", "caf\xe9": 2**70}, b"n": 3, "u": [None, (1,)]}
READ = {"ann": {"mail": "ann@x", "café": 2**70}, "n": 3, "u": [None, (1,)]}


def pairs(source: Source) -> dict[Any, Any]:
    return {each.key: each.value for each in source() if not isinstance(each, Unreadable)}


def read(place: Path | None = None, **more: Any) -> dict[str, dict[Any, Any]]:
    return {each.name: pairs(each.read) for each in napix(place, **more)}


def refused(place: Path, **more: Any) -> list[Unreadable]:
    entries = (entry for each in napix(place, **more) for entry in each.read())
    return [entry for entry in entries if isinstance(entry, Unreadable)]


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_files_and_folders_are_read_and_left_as_they_are(tmp_path: Path, protocol: int):
    root = tmp_path / "root"
    path = save_file(root, "users", USERS, protocol)
    save_file(root, "empty", {}, protocol)
    for key, value in USERS.items():
        name = key.decode() if isinstance(key, bytes) else key
        set_in_directory(root, "hosts", name, value, protocol)
    (root / "hosts" / ".hidden").write_text("not seen by the original either")
    Store("users", "File", root=root)  # ours may stand there
    for name in ("other.store.json", "other.sqlite-note", "other.sqlite-queue"):
        (root / name).write_text("ours")
    before = tree(root)
    assert read(root) == {"users": READ, "hosts": READ, "empty": {}}
    assert read(path) == {"users": READ}
    assert read(root, encoding="bytes")["users"][b"ann"][b"mail"] == b"ann@x"
    assert tree(root) == before


def test_what_cannot_be_read_is_listed_with_its_place(tmp_path: Path):
    (tmp_path / "new").write_bytes(python2.WRITTEN["new", 0])
    (tmp_path / "text").write_text("hello")
    (tmp_path / "list").write_bytes(python2.dumps([1]))
    (tmp_path / "link").symlink_to("new")
    set_in_directory(tmp_path, "folder", "good", 1)
    (tmp_path / "folder" / "bad").write_bytes(python2.WRITTEN["old", 2])
    (tmp_path / "folder" / os.fsdecode(b"\xe9")).write_bytes(python2.dumps(1))
    told = dict(refused(tmp_path))
    never = "which is never called"
    assert told.pop(f"{tmp_path}/new, key 'b'") == f"value is '__main__.New', {never}"
    assert told.pop(f"{tmp_path}/folder/bad") == f"value['b'] is '__main__.Old', {never}"
    assert told.pop(f"{tmp_path}/folder/\udce9") == "its name is not utf-8"
    assert told.pop(f"{tmp_path}/list") == "the pickle is not a dict but a list"
    assert "symbolic links" in told.pop(f"{tmp_path}/link")
    assert "pickle" in told.pop(f"{tmp_path}/text")
    assert told == {}
    assert read(tmp_path, encoding="latin-1")["folder"] == {"good": 1, "é": 1}


def test_where_nothing_of_the_original_is_is_said(tmp_path: Path):
    for place in (None, tmp_path, tmp_path / "gone"):
        with pytest.raises(ConfigError, match="there is no data of the original Napix store"):
            napix(place)
    with pytest.raises(ConfigError, match="no encoding"):
        napix(tmp_path, encoding="x")


# --- where it stood by default ---------------------------------------------------------------

OLD_FILE = "napixd.store.backends.file.FileBackend"
OLD_DIRECTORY = "napixd.store.backends.file.DirectoryBackend"


@pytest.fixture(params=["FileBackend", "DirectoryBackend", "FileStore", "DirectoryStore"])
def standing(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: Any) -> Path:
    """The home folder of an original that kept ``users`` by default, as its class did."""
    monkeypatch.delenv("NAPIXD_HOME")
    monkeypatch.setenv("NAPIXHOME", str(tmp_path))
    root = tmp_path / "stores" / request.param
    if "File" in request.param:
        save_file(root, "users", USERS)
    else:
        for key, value in USERS.items():
            set_in_directory(root, "users", key if isinstance(key, str) else key.decode(), value)
    return tmp_path


@pytest.mark.parametrize("backend", [OLD_FILE, OLD_DIRECTORY, "File", "Directory", None, "SQLite"])
def test_what_stands_there_is_never_taken_for_an_empty_store(standing: Path, backend: str | None):
    before = tree(standing)
    operations: list[Callable[[Any], Any]] = [
        len, list, dict, lambda s: s.snapshot(), lambda s: s.get("ann"), lambda s: "ann" in s,
        lambda s: s.get_many(["ann"]), lambda s: s.update(ann=1) or s.save(),
        lambda s: s.incr("n") and s.save(), lambda s: s.add("ann", 1) and s.save(),
    ]  # fmt: skip
    for operation in operations:
        for writeback in (False, True):
            store = Store("users", backend, writeback=writeback)
            with pytest.raises(CorruptData) as caught:
                operation(store)
            message = str(caught.value)
            assert message.startswith(f"{standing}/stores/")
            assert f"`napixd-store import napix {message.split(':')[0]} --to URL`" in message
    close_all()
    assert tree(standing) == before


@pytest.mark.parametrize("backend", [OLD_FILE, OLD_DIRECTORY, "File", "Directory", None])
def test_it_is_taken_over_into_the_very_place(standing: Path, backend: str | None):
    before = tree(standing)
    (users,) = napix()
    store = Store("users", backend)
    assert take(store, users.read).written == 3
    close_all()
    assert Store("users", backend) == READ
    after = tree(standing)
    assert {name: after[name] for name in before} == before
    Store("others", backend)["a"] = 1
    assert Counter("n", backend).increment() == 1


def test_a_file_of_the_early_days_in_the_root_itself_is_found(tmp_path: Path):
    root = tmp_path / "root"
    save_file(root, "users", USERS)
    with pytest.raises(CorruptData, match=rf"import napix {root}/users --to URL`"):
        len(Store("users", "File", root=root))
    assert len(Store("others", "File", root=root)) == 0


# --- Redis -----------------------------------------------------------------------------------


@pytest.fixture
def options() -> dict[str, Any]:
    return {"unix_socket_path": shared().socket}


@pytest.fixture(params=[None, "*napix?"])
def server(request: pytest.FixtureRequest) -> Redis:
    """A server with data of each backend of the original, under its prefix."""
    server = Redis(shared().socket, request.param)
    server.save_blob("blob", USERS)
    server.set_in_hash("hash", "ann", "caf\xe9")
    server.set_in_hash("hash", "n", 12)
    server.set_key("keys", "ann", "ann@x")
    server.set_key("keys", "b", 1)
    server.increment("ids", 41)
    return server


def taken(layout: Any, options: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {each.name: pairs(each.read) for each in napix_redis(layout, options, **more)}


def test_each_layout_in_redis_is_read_and_left_as_it_is(options: dict[str, Any]):
    server = Redis(shared().socket)
    server.save_blob("a:b*", USERS)
    server.client.set("RedisBackend:empty", b"")
    server.client.set("RedisBackend:bad", b"hello")
    for number in range(2000):
        server.set_in_hash("a:b", f"k{number}", number)
    server.client.hset("RedisHashBackend:a:b", b"\xff", "1")
    server.set_key("keys", "ann", "x")
    server.set_key("keys2", "bob", "y")
    server.set_key("keys3", "k", "z")
    server.increment("ids", -7)
    before = server.all()
    blobs = taken("RedisBackend", options)
    assert blobs == {"a:b*": READ, "bad": {}, "empty": {}}
    hashes = taken("RedisHashBackend", options)
    assert hashes == {"a:b": {f"k{number}": str(number) for number in range(2000)}}
    assert taken("RedisHashBackend", options, encoding="bytes")["a:b"][b"\xff"] == b"1"
    assert taken("RedisKeyBackend", options) == {
        "keys": {"ann": "x"},
        "keys2": {"bob": "y"},
        "keys3": {"k": "z"},
    }
    assert napix_counters(options) == [("ids", -7)]
    server.set_key("keys", "a:b", "x")
    with pytest.raises(ConfigError, match="'keys:a:b' nobody can tell the collection"):
        napix_redis("RedisKeyBackend", options)
    assert taken("RedisKeyBackend", options, collection="keys") == {
        "keys": {"ann": "x", "a:b": "x"}
    }
    server.client.delete("RedisKeyBackend:keys:a:b")
    assert server.all() == before
    server.client.set("RedisCounterBackend:x", "no number")
    with pytest.raises(CorruptData, match=r"RedisCounterBackend:x holds no integer"):
        napix_counters(options)
    with pytest.raises(ConfigError, match="the original had no 'Redis'"):
        napix_redis("Redis", options)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="nothing in a cluster"):
        napix_redis("RedisBackend", {"host": "x", "cluster": True})


FAMILIES = [
    ("RedisBackend", "blob", READ),
    ("RedisHashBackend", "hash", {"ann": "café", "n": "12"}),
    ("RedisKeyBackend", "keys", {"ann": "ann@x", "b": "1"}),
]


@pytest.mark.parametrize(("layout", "collection", "held"), FAMILIES)
def test_under_its_old_name_a_store_is_never_empty_until_it_is_taken_over(
    server: Redis, options: dict[str, Any], layout: Any, collection: str, held: Any
):
    prefix = {"prefix": server._prefix} if server._prefix else {}
    named = {**options, **prefix, "backend": f"napixd.store.backends.redis.{layout}"}
    before = server.all()
    operations: list[Callable[[Any], Any]] = [
        len, list, lambda s: s.snapshot(), lambda s: s.get("ann"), lambda s: s.get("nobody"),
        lambda s: s.update(ann=1) or s.save(), lambda s: s.incr("n") and s.save(),
        lambda s: s.drop(),
    ]  # fmt: skip
    for operation in operations:
        for writeback in (False, True):
            with pytest.raises(CorruptData, match=r"import napix unix:.* --to URL`") as caught:
                operation(Store(collection, writeback=writeback, **named))
            assert f"{server._prefix or layout}:{collection}" in str(caught.value)
    assert server.all() == before
    assert len(Store("others", **named)) == 0
    (found,) = napix_redis(layout, options, collection=collection, prefix=server._prefix)
    take(Store(collection, **named), found.read)
    assert Store(collection, **named) == held
    assert Store(collection, layout.removesuffix("Backend"), **options, **prefix) == held
    assert before.items() <= server.all().items()
    Store(collection, **named).drop()


def test_under_its_old_name_a_counter_never_begins_anew(server: Redis, options: dict[str, Any]):
    prefix = {"prefix": server._prefix} if server._prefix else {}
    named: dict[str, Any] = {**options, **prefix}
    for name in ("RedisHashBackend", "RedisCounter", "RedisCounterBackend"):
        named["backend"] = f"napixd.store.backends.redis.{name}"
        for count in (lambda c: c.value, lambda c: c.increment(), lambda c: c.reset()):
            with pytest.raises(CorruptData, match="import napix"):
                count(Counter("ids", **named))
        assert Counter(f"new-{name}", **named).increment() == 1
    ((name, value),) = napix_counters(options, prefix=server._prefix, name="ids")
    assert take_counter(Counter(name, **named), value) == 41
    assert Counter("ids", **named).increment() == 42
    assert napix_counters(options, prefix=server._prefix, name="gone") == []


def test_who_uses_our_names_pays_nothing_for_it(options: dict[str, Any]):
    store = Store("users", "RedisHash", **options)
    counter = Counter("ids", "Redis", **options)
    with shared().monitored() as commands:
        assert store.get("a") is None
        assert counter.value == 0
    assert [command.split()[0] for command in commands] == ["HGET", "GET"]


def test_the_docs_take_over_all_that_is_in_redis(options: dict[str, Any]):
    server = Redis(shared().socket)
    server.save_blob("blob", USERS)
    server.set_in_hash("hash", "n", 12)
    server.set_key("keys", "b", 1)
    server.increment("ids", 41)
    names: dict[str, Any] = {"importing": importing, "Store": Store, "Counter": Counter}
    (program,) = [block for block in blocks(PAGE, "python") if "def take_all" in block]
    exec(program, names)
    names["take_all"](options)
    assert Store("blob", "Redis", **options) == READ
    assert Store("hash", "RedisHash", **options) == {"n": "12"}
    assert Store("keys", "RedisKey", **options) == {"b": "1"}
    assert Counter("ids", "Redis", **options).increment() == 42
