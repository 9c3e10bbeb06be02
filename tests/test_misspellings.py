"""Misspelt words: each is refused before the first request, and the right one is offered.

What a newcomer mistypes first: options, sections, parameters, backends, types and files.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from bottle import Bottle, PluginError

from napixd_store import ConfigError, Counter, NoSuchStoreBackend, Store, configure
from napixd_store_bottle import StorePlugin

TICKETS = {"collection": "tickets"}
IDS = {"name": "ids"}


@dataclass
class Ticket:
    title: str


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NAPIXD_HOME", str(tmp_path))
    monkeypatch.delenv("NAPIXD_STORE_URL", raising=False)


def started(settings: dict[str, Any], handler: Callable[..., Any] | None = None) -> None:
    """Start an app, as far as one can before the first request."""
    app = Bottle()
    app.config.load_dict({"store": {"backend": "Memory"}})
    app.config.load_dict(settings)
    plugin = app.install(StorePlugin())
    if handler is not None:
        app.get("/tickets/<id>", callback=handler)
    plugin.check(app)


def declaring(**options: Any) -> Callable[[], None]:
    return lambda: started({"store": {"tickets": {**TICKETS, **options}}})


def counting(**options: Any) -> Callable[[], None]:
    return lambda: started({"counter": {"ids": {**IDS, **options}}})


def asking(handler: Callable[..., Any]) -> Callable[[], None]:
    return lambda: started({"store": {"tickets": TICKETS}, "counter": {"ids": IDS}}, handler)


def reading(name: str, text: str = "[store]\nbackend = Memory\n") -> Callable[[], Any]:
    def read() -> None:
        Path("desk.ini").write_text(text)
        Bottle().install(StorePlugin(config=name))

    return read


def from_environment(url: str) -> Callable[[], Any]:
    def read() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("NAPIXD_STORE_URL", url)
            Store("x")

    return read


OPTIONS: list[tuple[Any, str]] = [
    (lambda: Store("x", "Memory", colection="y"), "'collection'"),
    (lambda: Store("x", backned="Memory"), "'backend'"),
    (lambda: Store("x", "SQLite", paht="x.sqlite"), "'path'"),
    (lambda: Store("x", "SQLite", timout=3), "'timeout'"),
    (lambda: Store("x", "File", rot="stores"), "'root'"),
    (lambda: Store("x", "Memory", write_back=True), "'writeback'"),
    (lambda: Store("x", "Memory", serialiser="json"), "'serializer'"),
    (lambda: Store("x", "Memory", serializer="pickel"), "'pickle'"),
    (lambda: Store("x", "SQLite", durability="powr"), "'power'"),
    (lambda: Store("x", "Memory", writeback="yse"), "yes or no"),
    (lambda: Counter("x", "Memory", nmae="y"), "'name'"),
    (declaring(colection="t"), "'collection'"),
    (declaring(Backned="Memory"), "'backend'"),
    (declaring(max_value_byte="1"), "'max_value_bytes'"),
    (counting(nmae="t"), "'name'"),
    (lambda: started({"store.durabilty": "memory"}), "'durability'"),
]
SECTIONS: list[tuple[Any, str]] = [
    (lambda: started({"stroe": {"tickets": TICKETS}}), "[store.tickets]"),
    (lambda: started({"stores": {"tickets": TICKETS}}), "[store.tickets]"),
    (lambda: started({"Stor": {"path": "x"}}), "[store]"),
    (lambda: started({"couter": {"ids": IDS}}), "[counter.ids]"),
    (lambda: started({"counters": {"ids": IDS}}), "[counter.ids]"),
    (lambda: configure({"stroe": {"backend": "Memory"}}), "'store.backend'"),
    (lambda: configure({"conter.backend": "Memory"}), "'counter.backend'"),
    (reading("desk.ini", "[store]\nbackend = Memory\n[store.tickets]\n"), "collection = tickets"),
]
PARAMETERS: list[tuple[Any, str]] = [
    (asking(lambda id, tickest: ""), "'tickets'"),
    (asking(lambda id, ticket: ""), "'tickets'"),
    (asking(lambda id, tickets, isd: ""), "'ids'"),
]
BACKENDS: list[tuple[Any, str]] = [
    (lambda: Store("x", "sqlite"), "'SQLite'"),
    (lambda: Store("x", "SQLITE"), "'SQLite'"),
    (lambda: Store("x", "memory"), "'Memory'"),
    (lambda: Store("x", "RedisHsah"), "'RedisHash'"),
    (lambda: Store("x", "FileStroe"), "'FileStore'"),
    (lambda: Store("x", "default"), "leave it out"),
    (lambda: Counter("x", "MemoryCountr"), "'MemoryCounter'"),
    (lambda: Store("x", "napixd_store.backend.sqlite.SQLiteStore"), "'napixd_store.backends'"),
    (lambda: Store("x", "napixd_store.backends.memory.MemStore"), "'MemoryStore'"),
    (lambda: started({"store.backend": "Memroy"}), "'Memory'"),
    (declaring(backend="directory"), "'Directory'"),
    (from_environment("sqllite:///x.sqlite"), "'sqlite'"),
]
TYPES: list[tuple[Any, str]] = [
    (lambda: Store("x", "Memory", type=f"{__name__}.Tickt"), "'Ticket'"),
    (lambda: Store("x", "Memory", type="dataclases.Field"), "'dataclasses'"),
    (declaring(type=f"{__name__}.Tikcet"), "'Ticket'"),
]
FILES: list[tuple[Any, str]] = [
    (reading("dekc.ini"), "desk.ini'"),
    (reading("desk.int"), "desk.ini'"),
]
ALL = [*OPTIONS, *SECTIONS, *PARAMETERS, *BACKENDS, *TYPES, *FILES]
IDS_OF_ALL = [f"{number} {right}" for number, (_mistype, right) in enumerate(ALL, 1)]


def test_there_are_forty():
    assert len(ALL) >= 40


@pytest.mark.parametrize(("mistype", "right"), ALL, ids=IDS_OF_ALL)
def test_a_misspelt_word_is_refused_with_the_right_one(mistype, right):
    with pytest.raises((ConfigError, NoSuchStoreBackend, PluginError)) as refused:
        mistype()
    assert right in str(refused.value)


@pytest.mark.parametrize("section", ["mail", "storage", "database", "session", "cache", "json"])
def test_a_section_of_somebody_else_s_is_none_of_our_business(section):
    started({section: {"backend": "x", "tickets": TICKETS}})


def test_the_type_of_a_script_is_its_own_class(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None, raising=False)
    monkeypatch.setattr(sys.modules["__main__"], "__file__", "/srv/desk.py", raising=False)
    monkeypatch.setattr(sys.modules["__main__"], "Ticket", Ticket, raising=False)
    store = Store("x", "Memory", type="desk.Ticket")
    store["a"] = Ticket("No coffee")
    assert type(store["a"]) is Ticket
    store.drop()
    with pytest.raises(ConfigError, match=r"no 'Tickt' yet, for it is the program that runs \(did"):
        Store("x", "Memory", type="desk.Tickt")
