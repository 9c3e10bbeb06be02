"""From declarations to stores and counters."""

import weakref
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from napixd_store import CounterBackend, StoreBackend
from napixd_store.opening import choose_counter, choose_store
from napixd_store.settings import Default, Settings, shared
from napixd_store.unit import Opening, writes_back
from napixd_store_bottle.answers import logger
from napixd_store_bottle.config import Declaration
from napixd_store_bottle.owners import declared_by, settings_of, telling
from napixd_store_bottle.running import app_of

Wanted = Mapping[str, Declaration]
"""What a handler asks for, by argument."""


class Provision(NamedTuple):
    """What the arguments of one route's handler receive."""

    shared: Mapping[str, Any]
    """The same objects in each request: counters, and stores that write through."""
    fresh: Mapping[str, Opening]
    """Those of each request's own: stores that write back."""


def provide(owner: Any, wanted: Wanted) -> Provision:
    """Return what the handlers of *owner* receive that have the arguments *wanted*; no I/O."""
    settings = settings_of(owner)
    lasting: dict[str, Any] = {}
    fresh: dict[str, Opening] = {}
    for name, declaration in wanted.items():
        with telling(declaration.section, owner.config):
            opening = chosen(declaration, settings)
            one = opening.built()
        if writes_back(one):
            fresh[name] = opening
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


def chosen(declaration: Declaration, settings: Settings) -> Opening:
    """Return what it takes to build what *declaration* declares."""
    kind, _parameter, name, backend, options = declaration
    if kind == "store":
        cls, options = choose_store(backend, options, settings.store)
    else:
        cls, options = choose_counter(backend, options, settings.counter)
    return Opening(cls, name, options)


def ask(declaration: Declaration, settings: Settings) -> None:
    """Have the medium answer a small question, and change nothing."""
    cls, name, options = chosen(declaration, settings)
    if declaration.kind == "counter":
        _ = cls(name, options).value
        return
    if issubclass(cls, StoreBackend):
        options = {**options, "writeback": False}  # a working copy would load it all
    _ = "ping" in cls(name, options)


def ask_each_once(asked: Iterable[tuple[Any, Wanted]]) -> None:
    """Have the media of all that owners want answer; what is the same for two is asked once."""
    answered: list[tuple[Settings, Declaration]] = []
    for owner, wanted in asked:
        for declaration in wanted.values():
            this = settings_of(owner), declaration
            if this not in answered:
                with telling(declaration.section):
                    ask(declaration, this[0])
                answered.append(this)


def tell_of_another(owner: Any, opening: Opening) -> None:
    """Log, once an app, that *opening* is another one than what *owner* declares by that name.

    That is what ``Store('hits')`` says where the settings' ``[store.hits]`` lead elsewhere.
    """
    declaration = declared_by(owner).get(opening.name.lower())
    if declaration is None or opening.name in _told.get(app_of(owner), ()):
        return
    kind, settings = declaration.kind, settings_of(owner)
    if issubclass(opening.cls, CounterBackend) != (kind == "counter"):
        return
    unsaid = chosen(Declaration(kind, "", opening.name, None, {}), settings)
    if _place(opening) == _place(unsaid) != _place(chosen(declaration, settings)):
        _told.setdefault(app_of(owner), set()).add(opening.name)
        logger.warning(_ANOTHER, kind.capitalize(), opening.name, declaration.section, opening.name)


def _place(opening: Opening) -> Opening:
    return opening._replace(options=shared(opening.options))


_told: "weakref.WeakKeyDictionary[Any, set[str]]" = weakref.WeakKeyDictionary()

_ANOTHER = (
    "%s(%r) is another one than [%s] of the settings declares, and keeps what it is given "
    "elsewhere: write declared(%r) for that one"
)
