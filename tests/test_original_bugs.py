"""The bugs of the Napix server's store, each a regression test by its number.

A number that is not here belongs to what does not exist yet, or is held elsewhere:

=====================  ==========================================================================
B10, B15, B16          the Redis client, and mapping methods on Redis: with the Redis backends
B22, B23, B24, B32     Redis keys and foreign data: with the Redis backends
B29, B30, B31          truncate-then-write, errors taken for emptiness: with the file backends
B34, B35, B36, B37     dump, load and move: with the archive
B38, B39               the rate limiter around a gauge: with the recipes
B18, B20, B21          values and names: `test_values`, `test_names` and the contract, at length
B26, B13               `reset(to)`, streaming: the contract, `test_large`
=====================  ==========================================================================
"""

import logging
import subprocess
import sys
import threading
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

import napixd_store
from napixd_store import (
    ConfigError,
    Conflict,
    Counter,
    NoSuchStoreBackend,
    Store,
    StoreBackend,
    configure,
)
from napixd_store.base import StoreBackend as Base
from tests.media import Medium


def test_b01_a_counter_works_out_of_the_box():
    assert Counter("x").increment() == 1


def test_b01_a_store_works_out_of_the_box():
    Store("x")["k"] = 1
    assert Store("x") == {"k": 1}


@pytest.mark.parametrize(
    "shipped",
    ["napixd.store.backends.local.LocalBackend", "napixd.store.backends.local.LocalCounter"],
)
def test_b01_the_wrong_names_that_were_shipped_in_settings_resolve(shipped: str):
    configure({"counter.backend": shipped})
    assert Counter("x").increment() == 1


def test_b02_a_bare_class_name_resolves_and_a_wrong_one_names_the_nearest():
    assert Store("x", backend="MemoryStore").durability == "memory"
    with pytest.raises(NoSuchStoreBackend, match="did you mean 'MemoryStore'"):
        Store("x", backend="MemoryStor")


def test_b03_an_import_error_inside_a_backend_keeps_its_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "b03_backend.py").write_text("import b03_driver_that_is_missing\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(NoSuchStoreBackend, match="needs 'b03_driver_that_is_missing'") as caught:
        Store("x", backend="b03_backend.Store")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


@pytest.mark.parametrize("path", ["os.path.join", "os.path", "sys.ps0", "napixd_store.Store"])
def test_b04_what_is_no_class_says_what_was_found(path: str):
    with pytest.raises(NoSuchStoreBackend, match=r"is no class|has no"):
        Store("x", backend=path)


def test_b05_equal_options_share_a_connection_and_different_ones_never(tmp_path: Path):
    one = Store("x", "SQLite", path=tmp_path / "1.sqlite")
    same = Counter("x", "SQLite", path=str(tmp_path / "1.sqlite"))
    other = Store("x", "SQLite", path=tmp_path / "2.sqlite")
    assert one._connection is same._connection is not other._connection


def test_b05_settings_of_stores_and_counters_are_apart_and_can_be_replaced(tmp_path: Path):
    configure(
        {"store.backend": "Memory", "counter.path": tmp_path / "c", "counter.backend": "SQLite"}
    )
    assert (Store("x").durability, Counter("x").durability) == ("memory", "power")
    configure({"store.path": tmp_path / "s"})
    assert (Store("x").durability, Counter("x").durability) == ("power", "power")


def test_b06_silence_when_nothing_is_configured(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    Store("x")["k"] = Counter("x").increment()
    assert not caplog.records


def test_b07_every_module_begins_with_its_docstring():
    folder = Path(napixd_store.__file__).parent
    for path in folder.glob("**/*.py"):
        assert path.read_text().startswith('"""'), path


def test_b08_options_are_never_changed_and_may_be_any_mapping(tmp_path: Path):
    options = MappingProxyType({"path": tmp_path / "x.sqlite", "writeback": True})
    cls: Any = type(Store("x", "SQLite"))
    cls("x", options)["k"] = 1
    assert dict(options) == {"path": tmp_path / "x.sqlite", "writeback": True}


@pytest.mark.parametrize("wrong", ["paht", "directory"])
def test_b09_an_unknown_option_is_an_error_with_the_known_ones(backend: Medium, wrong: str):
    with pytest.raises(ConfigError, match=f"unknown option '{wrong}'"):
        Store("x", backend.backend, **{**backend.options, wrong: "var"})


def test_b11_with_saves_on_success_and_lets_an_exception_pass(medium: Medium):
    store = medium.store()
    with store:
        store["a"] = 1
    assert medium.store(store.collection) == {"a": 1}
    with pytest.raises(ZeroDivisionError), store:
        raise ZeroDivisionError


def test_b12_incr_adds_its_amount_and_starts_at_zero(medium: Medium):
    store = medium.store()
    store["n"] = 5
    assert store.incr("n", 3) == 8
    assert store.incr("m", 7) == 7


def test_b13_a_forgotten_verb_is_a_clear_error():
    class Forgetful(Base[Any]):
        pass

    for use in (lambda s: list(s), len, lambda s: s["k"], lambda s: s.update(k=1)):
        with pytest.raises(NotImplementedError, match=r"Forgetful has no _(load|write)\("):
            use(Forgetful("x", {}))


def test_b14_deleting_a_missing_key_is_a_key_error(medium: Medium):
    with pytest.raises(KeyError, match="missing"):
        del medium.store()["missing"]


def test_b16_update_takes_nothing_a_dict_and_keywords(medium: Medium):
    store = medium.store()
    store.update({})
    store.update({"a": 1}, b=2)
    assert store == {"a": 1, "b": 2}


def test_b17_equality_is_by_content_and_stores_are_unhashable(medium: Medium):
    one, other = medium.store(), medium.store()
    assert one == other
    one["a"] = 1
    assert one != other
    with pytest.raises(TypeError, match="unhashable"):
        hash(one)


def test_b19_two_saves_never_lose_an_update(backend: Medium):
    name = backend.store().collection
    one, two = (backend.store(name, writeback=True) for _ in range(2))
    one["a"], two["b"] = 1, 2
    one.save()
    two.save()
    assert backend.store(name) == {"a": 1, "b": 2}
    one.reload()
    one["a"], two["a"] = 3, 4
    one.save()
    with pytest.raises(Conflict):
        two.save()
    assert backend.store(name)["a"] == 3


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x", "~/x"])
def test_b20_a_name_never_leaves_its_place(backend: Medium, name: str, tmp_path: Path):
    outside = {path for path in tmp_path.parent.iterdir() if path != tmp_path}
    store = backend.store(name)
    store["k"] = 1
    store.save()
    assert store.collection == name
    assert {path for path in tmp_path.parent.iterdir() if path != tmp_path} == outside
    assert not Path("/etc/x").exists()


@pytest.mark.parametrize("key", [".k", "k/k", "k\0", "K", 7])
def test_b21_no_key_is_invisible_or_survives_drop(backend: Medium, key: Any):
    store = backend.store()
    store[key] = 1
    assert (list(store), len(store)) == ([key], 1)
    store.drop()
    assert (list(store), len(store), key in store) == ([], 0, False)


def test_b25_a_new_counter_is_zero_and_its_repr_asks_nobody(backend: Medium, tmp_path: Path):
    assert backend.counter().value == 0
    repr(Counter("x", "SQLite", path=tmp_path / "no" / "such" / "folder" / "x"))
    assert not (tmp_path / "no").exists()


def test_b26_reset_sets_what_it_is_told(backend: Medium):
    counter = backend.counter()
    assert counter.reset(10) == 0
    assert counter.increment() == 11


def test_b27_the_default_counter_outlives_the_process(tmp_path: Path):
    program = "from napixd_store import Counter; print(Counter('ids').increment())"
    environment = {"NAPIXD_HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[1])}
    runs = [
        subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, check=True
        ).stdout
        for _ in range(3)
    ]
    assert runs == [b"1\n", b"2\n", b"3\n"]


def test_b28_a_leaked_gauge_is_documented_with_its_repair():
    text = " ".join((napixd_store.CounterBackend.__doc__ or "").split())
    assert "dies inside the block leaves the gauge one too high: repair it with `reset`" in text


def test_b33_nothing_in_the_default_path_executes_what_is_stored(medium: Medium, tmp_path: Path):
    canary = tmp_path / "canary"
    store = medium.store()
    medium.plant(store, "evil", f"cposix\nsystem\n(S'touch {canary}'\ntR.".encode())
    for read in (lambda: store["evil"], lambda: store.pop("evil"), lambda: list(store.values())):
        with pytest.raises(napixd_store.CorruptData):
            read()
    assert not canary.exists()


def test_b38_a_gauge_spans_its_block():
    counter, inside = Counter("gauge", "Memory"), threading.Event()
    with counter as now:
        inside.set()
        assert (now, counter.value) == (1, 1)
    assert counter.value == 0


def test_b40_a_change_of_what_was_read_is_stored_by_save_alone(backend: Medium):
    name = backend.store().collection
    through: StoreBackend[Any] = backend.store(name)
    through["host"] = {"status": "up"}
    through["host"]["status"] = "lost"
    assert through["host"] == {"status": "up"}

    back = backend.store(name, writeback=True)
    back["host"]["status"] = "lost"
    assert through["host"] == {"status": "up"}
    back.save()
    assert through["host"] == {"status": "lost"}
    through["host"] = {"status": "up"}
    assert back["host"] == {"status": "lost"}
    back.reload()
    assert back["host"] == {"status": "up"}


def test_every_number_is_tested_or_its_place_is_named():
    text = Path(__file__).read_text()
    missing = [n for n in range(1, 41) if f"test_b{n:02}_" not in text and f"B{n:02}" not in text]
    assert not missing
