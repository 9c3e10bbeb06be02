"""From a backend's name to its class: what is found, what is not, and what is never run."""

import _imp
import errno
import importlib
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from napixd_store import ConfigError, Counter, NoSuchStoreBackend, Store, Unavailable, resolve
from napixd_store.backends.memory import MemoryCounter, MemoryStore
from napixd_store.backends.sqlite import SQLiteCounter, SQLiteStore
from napixd_store.base import StoreBackend
from napixd_store.counter import CounterBackend
from napixd_store.resolve import resolve_counter, resolve_store, resolve_type
from napixd_store.testing.cases import numbered
from tests.processes import TIMEOUT

Module = Callable[[str, str], None]


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Module]:
    """Write modules and packages that can be imported until the test ends."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def write(name: str, source: str) -> None:
        *packages, last = name.split(".")
        folder = tmp_path
        for package in packages:
            folder = folder / package
            folder.mkdir(exist_ok=True)
            (folder / "__init__.py").touch()
        (folder / f"{last}.py").write_text(source)
        importlib.invalidate_caches()

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


def refusal(name: Any, resolver: Callable[[Any], type] = resolve_store) -> NoSuchStoreBackend:
    with pytest.raises(NoSuchStoreBackend) as caught:
        resolver(name)
    return caught.value


# --- names -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "store", "counter"),
    [
        (["Memory", "MemoryStore", "MemoryCounter"], MemoryStore, MemoryCounter),
        (["SQLite", "SQLiteStore", "SQLiteCounter"], SQLiteStore, SQLiteCounter),
    ],
    ids=["Memory", "SQLite"],
)
def test_each_name_of_a_family_serves_both(names: list[str], store: type, counter: type):
    for name in names:
        assert resolve_store(name) is store
        assert resolve_counter(name) is counter


def test_a_dotted_path_leads_to_its_class():
    assert resolve_store("napixd_store.backends.memory.MemoryStore") is MemoryStore
    assert resolve_counter("napixd_store.backends.memory.MemoryCounter") is MemoryCounter
    assert resolve_counter("napixd_store.backends.memory.MemoryStore") is MemoryCounter


def test_a_class_stands_for_itself_and_a_store_for_its_counter():
    assert resolve_store(SQLiteStore) is SQLiteStore
    assert resolve_counter(SQLiteStore) is SQLiteCounter
    assert resolve_counter(SQLiteCounter) is SQLiteCounter


@pytest.mark.parametrize("name", sorted(resolve.OLD_NAMES))
def test_an_old_name_still_resolves(name: str):
    assert name.startswith("napixd.store.backends.")
    assert issubclass(resolve_store(name), StoreBackend)
    assert issubclass(resolve_counter(name), CounterBackend)
    for resolver in (resolve_store, resolve_counter):
        ours, old = resolver(resolve.OLD_NAMES[name]), resolver(name)
        assert issubclass(old, ours)
        assert old.__name__ == ours.__name__


def test_every_standard_backend_has_a_store_a_counter_and_a_twin():
    for family, (_module, store, counter) in resolve.STANDARD.items():
        assert store == f"{family}Store"
        medium = "File" if family == "Directory" else "Redis" if "Redis" in family else family
        assert counter == f"{medium}Counter"
        assert resolve_store(family).counter is resolve_counter(family)  # type: ignore[attr-defined]


# --- what is no class ------------------------------------------------------------------------

UNKNOWN: list[tuple[str, str]] = [
    ("Memry", "there is no backend 'Memry' (did you mean 'Memory'?)"),
    ("sqlite", "there is no backend 'sqlite' (did you mean 'SQLite'?)"),
    ("SQLITE", "there is no backend 'SQLITE' (did you mean 'SQLite'?)"),
    ("redishashkey", "there is no backend 'redishashkey' (did you mean 'RedisHashKey'?)"),
    ("default", "there is no backend 'default': leave it out"),
    (
        "napixd_store.backend.memory.MemoryStore",
        "the backend 'napixd_store.backend.memory.MemoryStore': there is no module "
        "'napixd_store.backend' (did you mean 'napixd_store.backends'?)",
    ),
    (
        "napixd_stor.backends.memory.MemoryStore",
        "the backend 'napixd_stor.backends.memory.MemoryStore': there is no module 'napixd_stor' "
        "(did you mean 'napixd_store'?)",
    ),
    ("SqliteStore", "there is no backend 'SqliteStore' (did you mean 'SQLiteStore'?)"),
    ("memorystore", "there is no backend 'memorystore' (did you mean 'MemoryStore'?)"),
    (
        "antigravity",
        "there is no backend 'antigravity' (known: Directory, DirectoryStore, File, ",
    ),
    ("os", "there is no backend 'os' (known: Directory, "),
    ("os.path", "the backend 'os.path' is not a class: module found there"),
    ("os.system", "the backend 'os.system' is not a class: builtin_function_or_method found there"),
    ("os.path.join", "the backend 'os.path.join' is not a class: function found there"),
    ("sys.path", "the backend 'sys.path' is not a class: list found there"),
    ("no_such.Store", "the backend 'no_such.Store': there is no module 'no_such'"),
    ("no_such.deep.er.Store", "the backend 'no_such.deep.er.Store': there is no module 'no_such'"),
    ("os.no_such.Store", "the backend 'os.no_such.Store': there is no module 'os.no_such'"),
    (
        "napixd_store.backends.memory.MemoryStor",
        "the backend 'napixd_store.backends.memory.MemoryStor': napixd_store.backends.memory has "
        "no 'MemoryStor' (did you mean 'MemoryStore'?)",
    ),
]


@pytest.mark.parametrize(("name", "message"), UNKNOWN, ids=[row[0] for row in UNKNOWN])
def test_a_name_that_leads_to_no_class_says_why(name: str, message: str):
    for resolver in (resolve_store, resolve_counter):
        assert str(refusal(name, resolver)).startswith(message)


NO_NAMES: list[Any] = [
    "", ".", ".Store", "Store.", "a..B", "a-b", "a b", "1", "a.1b", "a/b", "__import__('os')",
    "a\0", "os.system('x')", "a;b", 1, b"Memory", ["Memory"], ("a", "b"), object, print, 1.5,
]  # fmt: skip


@pytest.mark.parametrize(
    "name", [n for n in NO_NAMES if n is not object], ids=numbered(NO_NAMES[:-3] + NO_NAMES[-2:])
)
def test_what_is_no_name_is_refused_and_never_evaluated(name: Any):
    message = f"a backend is named by a class name or a dotted path, not by {name!r}"
    assert str(refusal(name)) == message


def test_a_bare_name_is_never_imported(module: Module, tmp_path: Path):
    canary = tmp_path / "canary"
    module("careless", f"open({str(canary)!r}, 'w').close()\nclass careless: pass")
    refusal("careless")
    assert "careless" not in sys.modules
    assert not canary.exists()


def test_only_the_chosen_module_is_imported(module: Module):
    module("one", "class Store: pass")
    module("two", "raise SystemError('nobody asked for it')")
    assert resolve_store("one.Store").__module__ == "one"
    assert "two" not in sys.modules


def test_an_attribute_that_is_none_is_no_class(module: Module):
    module("shop", "Store = None\ndef function(collection, options): return {}\nnumber = 5")
    for name, kind in [("Store", "NoneType"), ("function", "function"), ("number", "int")]:
        message = f"the backend 'shop.{name}' is not a class: {kind} found there"
        assert str(refusal(f"shop.{name}")) == message


def test_a_counter_is_no_store_and_a_store_without_a_counter_is_no_counter(module: Module):
    assert str(refusal(MemoryCounter)) == "MemoryCounter is a counter, not a store"
    assert str(refusal("napixd_store.backends.memory.MemoryCounter")) == (
        "MemoryCounter is a counter, not a store"
    )
    module("shop", "from napixd_store import StoreBackend\nclass Lone(StoreBackend): pass")
    assert str(refusal("shop.Lone", resolve_counter)) == (
        "Lone is a store that names no counter class"
    )


# --- imports that fail -----------------------------------------------------------------------

FAILING: dict[str, tuple[str, str, type[BaseException]]] = {
    "a missing library": (
        "import no_such_driver",
        "shop.back was found, but it needs 'no_such_driver', which is not installed",
        ModuleNotFoundError,
    ),
    "a missing part of a library": (
        "import os.no_such_part",
        "shop.back was found, but it needs 'os.no_such_part', which is not installed",
        ModuleNotFoundError,
    ),
    "a missing name": (
        "from os import no_such_name",
        "shop.back was found, but could not be imported: cannot import name 'no_such_name'",
        ImportError,
    ),
    "an ImportError of its own": (
        "raise ImportError('libredis.so is too old')",
        "shop.back was found, but could not be imported: libredis.so is too old",
        ImportError,
    ),
    "a ModuleNotFoundError of its own": (
        "raise ModuleNotFoundError('nothing of that name')",
        "shop.back was found, but could not be imported: nothing of that name",
        ModuleNotFoundError,
    ),
}


@pytest.mark.parametrize("what", list(FAILING))
def test_an_import_error_keeps_its_cause_and_says_that_the_module_was_found(
    module: Module, what: str
):
    source, message, cause = FAILING[what]
    module("shop.back", f"{source}\nclass Store: pass")
    error = refusal("shop.back.Store")
    assert str(error).startswith(f"the backend 'shop.back.Store': {message}")
    assert type(error.__cause__) is cause


def test_a_module_that_is_not_there_keeps_its_cause_too():
    assert type(refusal("no_such.Store").__cause__) is ModuleNotFoundError
    assert type(refusal("os.NoSuchStore").__cause__) is AttributeError


def test_a_module_that_cannot_be_read_for_too_many_open_files_is_unavailable(
    monkeypatch: pytest.MonkeyPatch,
):
    def out_of_descriptors(name: str) -> None:
        raise OSError(errno.EMFILE, "Too many open files", f"/srv/{name}.py")

    monkeypatch.setattr("importlib.import_module", out_of_descriptors)
    for function in (Store, Counter):
        with pytest.raises(Unavailable, match="cannot be read: Too many open files; try again"):
            function("a", "shop.Anything")


@pytest.mark.parametrize(
    "error", ["ZeroDivisionError", "SystemError", "KeyError", "SystemExit", "OSError"]
)
def test_any_other_exception_of_a_module_passes_untouched(module: Module, error: str):
    module("shop", f"raise {error}('its own business')")
    with pytest.raises((Exception, SystemExit)) as caught:
        resolve_store("shop.Store")
    assert type(caught.value).__name__ == error


def test_a_syntax_error_of_a_module_passes_untouched(module: Module):
    module("shop", "class Store(:")
    with pytest.raises(SyntaxError):
        resolve_store("shop.Store")


def test_what_a_class_raises_when_built_passes_untouched(module: Module):
    module("shop", "class Store:\n    def __init__(self, collection, options): 1 / 0")
    with pytest.raises(ZeroDivisionError):
        Store("x", backend="shop.Store")


# --- entry points ----------------------------------------------------------------------------


def install(tmp_path: Path, *points: str, group: str = resolve.ENTRY_POINTS) -> None:
    """Make a distribution with *points*, as an installer leaves it beside its modules."""
    info = tmp_path / "shop-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shop\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("\n".join([f"[{group}]", *points, ""]))


SHELF = """
from napixd_store.backends.memory import MemoryStore
class ShelfStore(MemoryStore): pass
function = print
"""


def test_an_entry_point_names_a_backend(module: Module, tmp_path: Path):
    module("shop.shelf", SHELF)
    install(tmp_path, "Shelf = shop.shelf:ShelfStore", "Other = shop.no_such:Store")
    assert resolve_store("Shelf").__module__ == "shop.shelf"
    assert resolve_counter("Shelf") is MemoryCounter
    store = Store("x", backend="Shelf")
    store["a"] = 1
    assert Store("x", "Memory") == {"a": 1}
    assert str(refusal("Other")) == "the backend 'Other': there is no module 'shop.no_such'"
    assert str(refusal("Shelff")) == "there is no backend 'Shelff' (did you mean 'Shelf'?)"
    assert "MemoryStore, Other, Redis" in str(refusal("qqq"))


def test_an_entry_point_to_no_class_is_refused(module: Module, tmp_path: Path):
    module("shop.shelf", SHELF)
    install(tmp_path, "F = shop.shelf:function", "G = shop.shelf:ShelfStor")
    assert "is not a class: builtin_function_or_method found there" in str(refusal("F"))
    assert "shop.shelf has no 'ShelfStor' (did you mean 'ShelfStore'?)" in str(refusal("G"))


def test_an_entry_point_never_hides_a_standard_backend(module: Module, tmp_path: Path):
    module("shop.shelf", SHELF)
    install(tmp_path, "Memory = shop.shelf:ShelfStore", "SQLiteStore = shop.shelf:ShelfStore")
    assert resolve_store("Memory") is MemoryStore
    assert resolve_store("SQLiteStore") is SQLiteStore


def test_entry_points_of_other_groups_are_nobodys_backends(module: Module, tmp_path: Path):
    module("shop.shelf", SHELF)
    install(tmp_path, "Shelf = shop.shelf:ShelfStore", group="console_scripts")
    refusal("Shelf")


# --- what is built ---------------------------------------------------------------------------


def test_a_class_is_built_with_a_collection_and_options(module: Module):
    module(
        "shop",
        "class Anything:\n"
        "    def __init__(self, *args, **named): self.args, self.named = args, named",
    )
    for function in (Store, Counter):
        made: Any = function("a name", backend="shop.Anything", host="h", port="1")
        assert made.args == ("a name", {"host": "h", "port": "1"})
        assert made.named == {}


def test_options_are_a_copy_of_the_callers(module: Module):
    module("shop", "class Greedy:\n    def __init__(self, name, options): options.clear()")
    given = {"host": "h"}
    Store("x", backend="shop.Greedy", **given)
    assert given == {"host": "h"}


# --- types -----------------------------------------------------------------------------------


def test_a_type_is_named_by_its_dotted_path(module: Module):
    module("desk", "import dataclasses\n@dataclasses.dataclass\nclass Ticket:\n    title: str")
    ticket = resolve_type("desk.Ticket")
    store = Store("x", "Memory", type="desk.Ticket")
    store["a"] = ticket("No coffee")
    assert store["a"] == ticket("No coffee")
    assert Store("x", "Memory").snapshot() == {"a": {"title": "No coffee"}}


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("Ticket", "not a dotted path"),
        ("", "not a dotted path"),
        ("desk.Tick et", "not a dotted path"),
        ("no_such.Ticket", "the type 'no_such.Ticket': there is no module 'no_such'"),
        ("os.pth", "the type 'os.pth': os has no 'pth' (did you mean 'path'?)"),
    ],
)
def test_a_type_that_is_not_there_is_a_config_error(path: str, why: str):
    with pytest.raises(ConfigError) as caught:
        Store("x", "Memory", type=path)
    assert str(caught.value) == f"the option 'type' is not the dotted path of a class: {why}"
    assert type(caught.value.__cause__) is NoSuchStoreBackend


def test_what_is_imported_is_found_beside_a_thread_that_imports():
    """One that was interrupted, before Python 3.11, has the lock of imports for ever."""
    Store("a", "Memory")
    with ThreadPoolExecutor(1) as pool:
        _imp.acquire_lock()
        try:
            opened: Any = pool.submit(Store, "a", "Memory").result(TIMEOUT)
        finally:
            _imp.release_lock()
    assert opened == {}
