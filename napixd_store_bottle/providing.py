"""From declarations to stores and counters."""

from collections.abc import Callable, Mapping
from typing import Any

from napixd_store import StoreBackend
from napixd_store.opening import choose_counter, choose_store
from napixd_store.settings import Default, Settings, shared
from napixd_store_bottle.config import Declaration
from napixd_store_bottle.handler import Provision
from napixd_store_bottle.owners import settings_of, telling

Wanted = Mapping[str, Declaration]
"""What a handler asks for, by argument."""


def provide(owner: Any, wanted: Wanted) -> Provision:
    """Return what the handlers of *owner* receive that have the arguments *wanted*; no I/O."""
    settings = settings_of(owner)
    lasting: dict[str, Any] = {}
    fresh: dict[str, Callable[[], Any]] = {}
    for name, declaration in wanted.items():
        with telling(declaration.section, owner.config):
            opened = _opener(*chosen(declaration, settings))
            one = opened()
        # A class that is not derived from ours may keep changes until save(), as the
        # original's did: then each request needs its own.
        if getattr(one, "writeback", hasattr(one, "save")):
            fresh[name] = opened
        else:
            lasting[name] = one
    return Provision(lasting, fresh)


def defaults(owner: Any) -> Wanted:
    """Return what stands for the defaults of stores, and of counters if theirs are others.

    Where they are not, a backend may well have no counters.
    """
    store, counter = settings_of(owner)
    wanted = {"store": Declaration("store", "", "default", None, {})}
    if counter != Default(store.backend, shared(store.options)):
        wanted["counter"] = Declaration("counter", "", "default", None, {})
    return wanted


def chosen(declaration: Declaration, settings: Settings) -> tuple[type, str, dict[str, Any]]:
    """Return a class, and what it takes to build what *declaration* declares."""
    kind, _parameter, name, backend, options = declaration
    if kind == "store":
        cls, options = choose_store(backend, options, settings.store)
    else:
        cls, options = choose_counter(backend, options, settings.counter)
    return cls, name, options


def _opener(cls: type, name: str, options: Mapping[str, Any]) -> Callable[[], Any]:
    return lambda: cls(name, options)  # a functools.partial would show the options in its repr


def ask(declaration: Declaration, settings: Settings) -> None:
    """Have the medium answer a small question, and change nothing."""
    cls, name, options = chosen(declaration, settings)
    if declaration.kind == "counter":
        _ = cls(name, options).value
        return
    if issubclass(cls, StoreBackend):
        options["writeback"] = False  # a working copy would load it all
    _ = "ping" in cls(name, options)
