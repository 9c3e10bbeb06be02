"""The bugs of the Napix server's store, B1 to B40: none comes back.

Each is a test of that name, on every backend. Some of them are bugs of parts that do not exist
yet; `LATER` says where each of those will be tested.
"""

import base64
import logging
import os
import pickle
import re
import subprocess
import sys
import threading
import warnings
from collections import UserDict
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

import napixd_store
from napixd_store import (
    ConfigError,
    Conflict,
    CorruptData,
    Counter,
    InvalidKey,
    InvalidValue,
    NoSuchStoreBackend,
    Store,
    StoreBackend,
    configure,
)
from napixd_store.connections import close_all
from napixd_store.counter import CounterBackend
from napixd_store.resolve import OLD_NAMES, STANDARD, resolve_counter, resolve_store
from napixd_store.settings import current
from napixd_store.testing.cases import numbered, together
from tests.media import BACKENDS, Medium
from tests.strategies import form

ELSEWHERE: dict[str, str] = {
    "B29": "tests/test_syscalls.py: whoever is killed leaves the old or the new state",
    "B31": "tests/test_syscalls.py: a call that fails once is one error and changes nothing",
    "B32": "tests/redis/test_errors.py: a foreign key is refused and left untouched",
    "B34": "with dump and load: they stream, and cover counters",
    "B36": "with dump, load and move: everything is verified before anything is dropped",
    "B37": "with dump and load: the text format, its round trip",
    "B38": "with the rate limits: a gauge spans the handler",
    "B39": "with the rate limits: bounded data, unique members, Retry-After",
}
"""Bug -> the tests that hold it, or the part to come whose bug it is."""


def test_every_bug_is_tested_or_held_elsewhere():
    tested = {
        f"B{int(found[1])}" for name in globals() if (found := re.match(r"test_b(\d+)_", name))
    }
    assert tested | set(ELSEWHERE) == {f"B{number}" for number in range(1, 41)}
    assert not tested & set(ELSEWHERE)


# --- finding and configuring a backend -------------------------------------------------------


def test_b01_stores_and_counters_work_without_any_settings():
    assert Counter("x").increment() == 1
    Store("x")["a"] = 1
    close_all()
    assert (Counter("x").value, Store("x")["a"]) == (1, 1)
    assert current().store == current().counter


@pytest.mark.parametrize("name", sorted(OLD_NAMES))
def test_b01_a_name_of_old_settings_resolves_to_the_right_counter(name: str):
    counter = Counter("x", backend=name)
    assert isinstance(counter, CounterBackend)
    assert type(counter).__name__ == STANDARD[OLD_NAMES[name]][2]
    if "redis" not in name:  # tests/redis has a server
        assert counter.increment() == 1


@pytest.mark.parametrize("family", STANDARD)
def test_b02_bare_class_names_resolve(family: str):
    for name in (family, *STANDARD[family][1:]):
        assert Store("x", backend=name).collection == "x"
        assert Counter("x", backend=name).name == "x"
    with pytest.raises(NoSuchStoreBackend, match=rf"\(did you mean '{family}Store'\?\)"):
        Store("x", backend=f"{family}Stor")


def test_b03_an_import_error_inside_a_backend_keeps_its_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "b03_needy.py").write_text("import no_such_driver\nclass Back: pass")
    (tmp_path / "b03_broken.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        NoSuchStoreBackend, match=r"b03_needy was found, but it needs 'no_s"
    ) as needy:
        Store("x", backend="b03_needy.Back")
    assert isinstance(needy.value.__cause__, ModuleNotFoundError)
    with pytest.raises(NoSuchStoreBackend, match="there is no module 'b03_absent'"):
        Store("x", backend="b03_absent.Back")
    with pytest.raises(ZeroDivisionError):
        Store("x", backend="b03_broken.Back")


@pytest.mark.parametrize("name", ["os.path", "os.getcwd", "napixd_store.opening.Store", "sys.path"])
def test_b04_what_is_no_class_is_refused_with_what_was_found(name: str):
    for function in (Store, Counter):
        with pytest.raises(
            NoSuchStoreBackend, match=r"is not a class: (module|\w+|function) found"
        ):
            function("x", backend=name)


def test_b05_equal_options_share_one_connection_and_others_never(tmp_path: Path):
    options = {"path": tmp_path / "a.sqlite", "durability": "process"}
    one = Store("a", "SQLite", **options)._connection
    assert Store("b", "SQLite", **options)._connection is one
    assert Counter("a", "SQLite", **options)._connection is one
    assert Store("a", "SQLite", **{**options, "path": tmp_path / "b"})._connection is not one
    fresh = {"path": tmp_path / "c.sqlite"}
    opened = together(8, lambda _: Store("a", "SQLite", **fresh)._connection)
    assert len(set(map(id, opened))) == 1


def test_b05_store_and_counter_settings_are_apart_and_can_be_replaced(tmp_path: Path):
    configure({"store.path": tmp_path / "s.sqlite", "counter.path": tmp_path / "c.sqlite"})
    Store("x")["a"] = 1
    Counter("x").increment()
    assert {file.name for file in tmp_path.glob("?.sqlite")} == {"s.sqlite", "c.sqlite"}
    close_all()
    configure({"store.path": tmp_path / "t.sqlite"})
    assert Store("x") == {}
    configure({})
    assert not (tmp_path / "home").exists()


def test_b06_nothing_is_logged_or_warned_of_when_nothing_is_configured(
    caplog: pytest.LogCaptureFixture,
):
    with caplog.at_level(logging.DEBUG), warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        Store("x")["a"] = Counter("x").increment()
    assert caplog.records == []
    assert warned == []


def test_b07_every_module_begins_with_its_docstring():
    folder = Path(napixd_store.__file__).parent
    modules = [module for module in folder.rglob("*.py") if module.stat().st_size]
    assert len(modules) > 15
    for module in modules:
        assert module.read_text().lstrip().startswith('"""'), module
        assert not re.search(r"collections\.(Mutable)?Mapping", module.read_text())


@pytest.mark.parametrize("kind", [dict, UserDict, MappingProxyType])
def test_b08_options_are_any_mapping_and_are_not_changed(backend: Medium, kind: Any):
    given = {**backend.options, "writeback": True}
    options: Mapping[str, Any] = kind(given)
    store = resolve_store(backend.backend)("x", options)
    store["a"] = 1
    store.save()
    resolve_counter(backend.backend)("x", kind(backend.options)).increment()
    assert dict(options) == given


def test_b09_an_unknown_option_is_an_error_that_names_the_nearest(tmp_path: Path):
    for wrong in ("root", "directory", "pth"):
        with pytest.raises(ConfigError, match=rf"^SQLiteStore: unknown option '{wrong}'"):
            Store("x", "SQLite", **{wrong: tmp_path})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", BACKENDS)
def test_b09_a_class_states_its_policy_as_it_is(name: str):
    cls: Any = resolve_store(name)
    assert f"write-{'back' if cls.writes_back else 'through'} by default" in " ".join(
        (cls.__doc__ or "").split()
    )
    assert cls("x", {}).writeback is cls.writes_back


def test_b10_one_client_serves_all_stores_and_counters(backend: Medium):
    clients = {id(backend.store()._connection) for _ in range(5)}
    clients |= {id(backend.counter()._connection) for _ in range(5)}
    clients.add(id(backend.store(serializer="pickle", secret="x", writeback=True)._connection))
    assert len(clients) == 1


# --- the mapping -----------------------------------------------------------------------------


def test_b11_with_saves_on_success_and_discards_on_an_exception(medium: Medium):
    with medium.store("b11") as store:
        store["a"] = 1
    assert medium.store("b11") == {"a": 1}
    store = medium.store("b11")
    store["a"] = 2
    with pytest.raises(ZeroDivisionError), store:
        _ = 1 / 0
    assert store == medium.store("b11") == {"a": 1 if medium.writeback else 2}


def test_b12_incr_adds_its_amount(medium: Medium):
    store = medium.store()
    store["n"] = 5
    assert (store.incr("n", 3), store.incr("m", 7), store.incr("m", by=-2), store.incr("m")) == (
        8,
        7,
        5,
        6,
    )
    assert medium.reopened(store) == {"n": 8, "m": 6}


def test_b12_incr_is_atomic(backend: Medium):
    store = backend.store()
    numbers = together(8, lambda _: [store.incr("n") for _ in range(50)])
    assert sorted(number for each in numbers for number in each) == list(range(1, 401))


class Forgetful(StoreBackend[Any]):
    """A backend that forgot its verbs."""


class ForgetfulCounter(CounterBackend):
    """A counter that forgot its verbs."""


def test_b13_a_forgotten_hook_is_named():
    store, counter = Forgetful("x", {}), ForgetfulCounter("x", {})
    for read in (lambda: list(store.keys()), lambda: len(store), lambda: store["a"]):
        with pytest.raises(NotImplementedError, match=r"^Forgetful has no _load\(keys=None\)$"):
            read()
    with pytest.raises(
        NotImplementedError, match=r"^Forgetful has no _write\(changes, expected\)$"
    ):
        store["a"] = 1
    with pytest.raises(NotImplementedError, match=r"^Forgetful has no collections\(options\)$"):
        Forgetful.collections({})
    with pytest.raises(NotImplementedError, match=r"^ForgetfulCounter has no counters\(options\)$"):
        ForgetfulCounter.counters({})
    for call, verb in [
        (lambda: counter.value, r"_value\(\)"),
        (counter.increment, r"_increment\(by\)"),
        (counter.reset, r"_reset\(to\)"),
        (counter.drop, r"_drop\(\)"),
    ]:
        with pytest.raises(NotImplementedError, match=f"^ForgetfulCounter has no {verb}$"):
            call()


@pytest.mark.parametrize(
    "backend",
    [each for each in BACKENDS if each not in ("File", "Redis")],  # which read it whole
    indirect=True,
)
def test_b13_iterating_streams_and_len_asks_the_medium(
    backend: Medium, monkeypatch: pytest.MonkeyPatch
):
    store = backend.store()
    store.update({f"k{number}": number for number in range(5000)})

    def load(self: Any, keys: Any = None) -> Any:
        raise AssertionError("everything would be loaded")

    monkeypatch.setattr(type(store), "_load", load)
    assert len(store) == 5000
    assert next(iter(store))[0] == "k"
    assert sum(1 for _ in store.items()) == 5000
    assert bool(store)


def test_b14_deleting_a_missing_key_is_a_key_error(medium: Medium):
    store = medium.store()
    store["a"] = 1
    for missing in ("b", 17, "17"):
        with pytest.raises(KeyError) as caught:
            del store[missing]
        assert caught.value.args == (missing,)
    assert medium.reopened(store) == {"a": 1}


def test_b15_all_mapping_methods_work(medium: Medium):
    store = medium.store()
    store.update(a=1, b=[2])
    assert sorted(store.values(), key=repr) == [1, [2]]
    assert sorted(store.items()) == [("a", 1), ("b", [2])]
    assert sorted(store.keys()) == ["a", "b"]
    assert (store.pop("a"), store.popitem(), store.setdefault("c", 3)) == (1, ("b", [2]), 3)
    assert (store.get("a"), "c" in store, len(store)) == (None, True, 1)
    store.clear()
    assert not store


def test_b16_update_takes_what_dict_takes(medium: Medium):
    store = medium.store()
    store.update({})
    store.update()
    store.update(a=1)
    store.update({"b": 2}, c=3)
    store.update([("d", 4)])
    store.update(medium.store())
    assert medium.reopened(store) == {"a": 1, "b": 2, "c": 3, "d": 4}


def test_b16_update_is_one_atomic_write(medium: Medium):
    store = medium.store()
    store["a"] = 1
    with pytest.raises(InvalidValue):
        store.update({"a": 2, "b": object()})
    assert medium.reopened(store) == {"a": 1}


def test_b17_equality_is_by_content_and_stores_are_unhashable(tmp_path: Path):
    stores = [Medium(name, tmp_path, writeback=False).store("b17") for name in BACKENDS]
    for store in stores:
        store["a"] = 1
    assert all(store == stores[0] == {"a": 1} for store in stores)
    stores[0]["a"] = 2
    assert all(store != stores[0] for store in stores[1:])
    with pytest.raises(TypeError, match="unhashable"):
        hash(stores[0])


TYPES: list[Any] = [1, True, 1.0, "1", b"1", None, (1,), [1], {"a": 1}, {1: 1}, {1}]


@pytest.mark.parametrize("value", TYPES, ids=numbered(TYPES))
def test_b18_a_value_keeps_its_type_also_when_it_moves(tmp_path: Path, value: Any):
    media = [Medium(name, tmp_path, writeback) for name in BACKENDS for writeback in (False, True)]
    moved = value
    for medium in [*media, *media]:
        store = medium.store()
        store["k"] = moved
        moved = medium.reopened(store)["k"]
    assert form(moved) == form(value)


def test_b19_saving_loses_no_update_of_another(backend: Medium):
    one, two = backend.store("b19", writeback=True), backend.store("b19", writeback=True)
    assert len(one) == len(two) == 0
    one["a"], two["b"] = 1, 2
    one.save()
    two.save()
    assert backend.store("b19") == {"a": 1, "b": 2}
    one.reload()
    two.reload()
    one["a"], two["a"], two["c"] = 10, 20, 30
    one.save()
    with pytest.raises(Conflict) as caught:
        two.save()
    assert caught.value.keys == ["a"]
    assert backend.store("b19") == {"a": 10, "b": 2}


# --- names and keys --------------------------------------------------------------------------

HOSTILE = ["/etc/x", "../x", "..", ".", "a/b", ".k", "~", "\0", "a:b", "*", "us*", "[a]", "K", "k"]


def test_b20_a_name_never_leaves_the_root_and_is_what_was_given(tmp_path: Path):
    root = tmp_path / "root"
    for name in BACKENDS:
        medium = Medium(name, root, writeback=False)
        for collection in HOSTILE:
            store = medium.store(collection)
            store["a"] = 1
            medium.counter(collection).increment()
            assert store.collection == collection
            assert repr(collection) in repr(store)
    assert [found.name for found in tmp_path.iterdir()] == ["root"]
    assert {found.name for found in root.iterdir() if found.is_dir()} == {"files", "folders"}
    assert all(found.is_file() for found in root.glob("files/*"))
    assert all(found.is_file() or found.suffix == ".store" for found in root.glob("folders/*"))
    assert all(found.is_file() for found in root.glob("folders/*.store/*"))


def test_b21_no_key_is_invisible_and_one_rule_holds(medium: Medium):
    store = medium.store()
    for key in (".k", "a/b", "\0", "K", "k", 17, "x" * 1000):
        store[key] = 1
    again = medium.reopened(store)
    assert len(again) == len(list(again)) == 7
    for bad in ("", "x" * 1001, "\udc80", None, 1.5):
        with pytest.raises(InvalidKey):
            again[bad] = 1  # type: ignore[index]
    again.drop()
    assert list(medium.store(again.collection)) == []


def test_b22_drop_touches_only_its_own_and_nothing_is_a_pattern(medium: Medium):
    names = ["a", "a:b", "*", "us*", "users", "a[b]", "?", "[a]", "%", "_"]
    for name in names:
        store = medium.store(name)
        store[f"{name} key"] = store["a[b]"] = name
        store.save()
    for dropped in ("*", "a", "us*", "_", "%"):
        medium.store(dropped).drop()
        names.remove(dropped)
        for name in names:
            assert medium.store(name).snapshot() == {f"{name} key": name, "a[b]": name}
        assert medium.store(dropped).snapshot() == {}


def test_b23_no_collection_and_key_meet_others(medium: Medium):
    one, two = medium.store("a"), medium.store("a:b")
    one["b:c"], two["c"] = 1, 2
    one.save()
    two.save()
    assert (medium.store("a").snapshot(), medium.store("a:b").snapshot()) == ({"b:c": 1}, {"c": 2})
    medium.counter("a").increment(5)
    assert medium.store("a").snapshot() == {"b:c": 1}


def test_b24_listing_returns_the_names_that_were_given(medium: Medium):
    for name in HOSTILE:
        store = medium.store(name)
        store["a"] = name
        store.save()
    empty = medium.store("empty")
    empty["a"] = 1
    empty.save()
    empty.drop()
    listed = type(empty).collections(medium.options)
    assert sorted(listed) == sorted(HOSTILE)
    assert [medium.store(name)["a"] for name in listed] == listed


# --- counters --------------------------------------------------------------------------------


def test_b25_a_new_counter_is_zero_and_its_repr_asks_nobody(backend: Medium, tmp_path: Path):
    assert backend.counter().value == 0
    unreachable = Counter("x", "SQLite", path=tmp_path / "file" / "x.sqlite")
    (tmp_path / "file").touch()
    assert "'x'" in repr(unreachable)
    assert "'x'" in repr(Store("x", "SQLite", path=tmp_path / "file" / "x.sqlite"))


def test_b26_reset_sets_what_it_is_told_and_returns_the_old_value(backend: Medium):
    counter = backend.counter()
    counter.increment(3)
    assert (counter.reset(10), counter.value, counter.reset(to=-1), counter.reset()) == (
        3,
        10,
        10,
        -1,
    )
    counter.reset(0)
    old = together(8, lambda number: counter.reset(number + 1))
    assert sorted([*old, counter.value]) == list(range(9))  # a swap: each value comes out once


def test_b27_the_default_counter_outlives_the_process():
    program = (
        "from napixd_store import Counter; c = Counter('ids'); print(c.increment(), c.durability)"
    )
    runs = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
        for _ in range(2)
    ]
    assert [run.stdout.split() for run in runs] == [["1", "power"], ["2", "power"]]
    assert Counter("ids", "Memory").durability == "memory"
    assert "restart begins at 0" in (type(Counter("ids", "Memory")).__doc__ or "")


def test_b28_the_class_says_how_a_leaked_gauge_is_repaired(backend: Medium):
    text = " ".join((CounterBackend.__doc__ or "").split())
    assert "dies inside the block leaves the gauge one too high: repair it with `reset`" in text
    gauge = backend.counter()
    gauge.__enter__()  # and the process dies
    assert gauge.reset() == 1
    with gauge as number:
        assert number == 1
    assert gauge.value == 0


# --- files -----------------------------------------------------------------------------------


def test_b30_only_what_does_not_exist_is_empty(tmp_path: Path):
    path = tmp_path / "x.sqlite"
    assert Store("x", "SQLite", path=path) == {}
    close_all()
    for wrong in (b"", b"not a database, and long enough to be one" * 100):
        path = tmp_path / f"{len(wrong)}.sqlite"
        path.write_bytes(wrong)
        store = Store("x", "SQLite", path=path)
        for call in (len, lambda s: s.get("a"), lambda s: s.update(a=1)):
            with pytest.raises(CorruptData) as caught:
                call(store)
            assert str(path) in str(caught.value)
        assert path.read_bytes() == wrong


class Evil:
    """Makes a file when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> Any:
        return (open, (str(self.canary), "w"))


def test_b33_nothing_in_the_default_path_runs_code(backend: Medium, tmp_path: Path):
    canary = tmp_path / "canary"
    evil = pickle.dumps(Evil(canary))
    for record in (evil, b'{"$pickle":"' + base64.b64encode(bytes(32) + evil) + b'"}'):
        store = backend.store()
        backend.plant(store, "k", record)
        for read in (lambda s: s["k"], lambda s: s.snapshot(), lambda s: s.pop("k")):
            with pytest.raises(CorruptData):
                read(store)
    assert not canary.exists()
    pickle.loads(evil).close()
    assert canary.exists()


# --- around it -------------------------------------------------------------------------------


def test_b35_importing_does_nothing(tmp_path: Path):
    """No settings are read, nothing is opened, no thread is started."""
    program = (
        "import os, threading\n"
        "os.environ['NAPIXD_STORE_URL'] = 'no-such-scheme://'\n"
        "import napixd_store, napixd_store.backends.sqlite, napixd_store.backends.memory\n"
        "from napixd_store.connections import _live\n"
        "assert not _live and threading.active_count() == 1\n"
    )
    environment = {**os.environ, "HOME": str(tmp_path), "NAPIXD_HOME": str(tmp_path / "home")}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
    assert not (tmp_path / "home").exists()


def test_b40_what_was_read_is_stored_by_saving_only(medium: Medium):
    writer = medium.store("b40")
    writer["server"] = {"status": "up"}
    writer.save()
    store = medium.store("b40")
    store["server"]["status"] = "expired"
    assert medium.store("b40")["server"] == {"status": "up"}
    store.save()
    assert medium.store("b40")["server"]["status"] == ("expired" if medium.writeback else "up")


def test_b40_a_stale_working_copy_is_refreshed_by_reload(backend: Medium):
    stale = backend.store("b40", writeback=True)
    assert stale == {}
    changed = threading.Thread(target=lambda: backend.store("b40").update(a=1))
    changed.start()
    changed.join()
    assert stale == {}
    stale.reload()
    assert stale == {"a": 1}
