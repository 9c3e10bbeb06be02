"""From declarations to stores and counters."""

import weakref
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from napixd_store import CounterBackend, StoreBackend
from napixd_store.declarations import Declaration, chosen, in_section
from napixd_store.settings import Default, Settings, shared
from napixd_store.unit_of_work import Opening, writes_back
from napixd_store_bottle.answers import logger
from napixd_store_bottle.app_settings import declared_by, settings_of
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
        with in_section(declaration.section, owner.config):
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
                with in_section(declaration.section):
                    ask(declaration, this[0])
                answered.append(this)


def warn_of_another(owner: Any, opening: Opening) -> None:
    """Warn in the log, once an app, that *opening* is not what *owner* declares by that name.

    So it is with ``Store('hits')`` where the settings' ``[store.hits]`` lead elsewhere.
    """
    declaration = declared_by(owner).get(opening.name.lower())
    if declaration is None or opening.name in _warned.get(app_of(owner), ()):
        return
    kind, settings = declaration.kind, settings_of(owner)
    if issubclass(opening.cls, CounterBackend) != (kind == "counter"):
        return
    unsaid = chosen(Declaration(kind, "", opening.name, None, {}), settings)
    if _place(opening) == _place(unsaid) != _place(chosen(declaration, settings)):
        _warned.setdefault(app_of(owner), set()).add(opening.name)
        logger.warning(_ANOTHER, kind.capitalize(), opening.name, declaration.section, opening.name)


def _place(opening: Opening) -> Opening:
    return opening._replace(options=shared(opening.options))


_warned: "weakref.WeakKeyDictionary[Any, set[str]]" = weakref.WeakKeyDictionary()

_ANOTHER = (
    "%s(%r) is not the one that [%s] of the settings declares, and keeps its data elsewhere: write "
    "declared(%r) to get that one"
)
