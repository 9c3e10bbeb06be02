"""A place: all collections and counters that a backend keeps under given options."""

import os
import re
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from napixd_store.app_stores import AppStores
from napixd_store.base import StoreBackend
from napixd_store.counter import CounterBackend, counter_options
from napixd_store.declarations import chosen
from napixd_store.errors import ConfigError, NoSuchStoreBackend
from napixd_store.opening import choose_counter, choose_store
from napixd_store.options import declared_options
from napixd_store.scripts import stores_of
from napixd_store.settings import Default, Settings, of_one_backend, shared, without
from napixd_store.urls import backend_of

_PROBE = "napixd-store/probe"
"""A collection that is there for a moment, and in no list of ours."""

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


class Place:
    """Where collections and counters are kept: a backend with its options.

    Opening does no I/O. Any backend will do whose classes are derived from `StoreBackend` and
    `CounterBackend`, and list what they keep.

    >>> from napixd_store import Store
    >>> Store("users", "SQLite", path="desk.sqlite")["ann"] = 1
    >>> Place("SQLite", path="desk.sqlite").collections()
    ['users']
    """

    def __init__(self, backend: str | type | None = None, /, **options: Any) -> None:
        """*backend* and *options* as for `napixd_store.Store`; the settings play no part.

        Raises:
            NoSuchStoreBackend, ConfigError: as `napixd_store.Store` does.
        """
        self._choose(of_one_backend(backend or "SQLite", options))

    @classmethod
    def of_settings(cls, settings: Settings) -> "Place":
        """Return the place that *settings* lead to; raises as ``Place(…)`` does."""
        place = cls.__new__(cls)
        place._choose(settings)
        return place

    def _choose(self, settings: Settings) -> None:
        store, options = choose_store(None, {}, settings.store)
        if not issubclass(store, StoreBackend):
            raise ConfigError(
                f"{store.__name__} is not derived from StoreBackend, so its records cannot be had"
            )
        self._store, self._options = store, options
        self.connection = store._reached(options)
        self._counter: type[CounterBackend] | None = None
        try:
            counter, options = choose_counter(None, {}, settings.counter)
        except NoSuchStoreBackend:
            if settings.counter.backend != settings.store.backend:
                raise
            return  # a backend may well have no counters
        if not issubclass(counter, CounterBackend):
            raise ConfigError(f"{counter.__name__} is not derived from CounterBackend")
        self._counter = counter
        self._counter_options = without(options, counter_options)  # it looks, and takes no lease
        self.counter_connection = counter._reached(self._counter_options)

    @property
    def is_one_medium(self) -> bool:
        """Whether the counters are kept where the collections are."""
        return self._counter is None or self.connection is self.counter_connection

    def collections(self) -> list[str]:
        """Return the names of the collections that hold something, sorted."""
        return sorted(set(self._store.collections(self._options)) - {_PROBE})

    def counters(self) -> list[str]:
        """Return the names of the counters that are there, sorted."""
        return sorted(self._counter.counters(self._counter_options)) if self._counter else []

    def records(self, collection: str) -> StoreBackend[Any]:
        """Return the store of *collection* for its records: write-through, and with no type."""
        return self._store(collection, {**shared(self._options), "writeback": False})

    def store(self, collection: str) -> StoreBackend[Any]:
        """Return the store of *collection* as the options say, but write-through."""
        return self._store(collection, {**self._options, "writeback": False})

    def counter(self, name: str) -> CounterBackend:
        """Return the counter *name*; raise `ConfigError` if the backend has none."""
        if self._counter is None:
            raise ConfigError(f"{self._store.__name__} names no counter class to keep {name!r}")
        return self._counter(name, self._counter_options)

    def at(self, path: Path) -> "Place":
        """Return the place of the same backend at *path*.

        Raises:
            ConfigError: it has no place in the file system.
        """
        for name, hint in declared_options(self._store.opener).items():
            if hint is Path or Path in get_args(hint):
                return Place(self._store, **{name: path})
        raise ConfigError(f"{path} is no archive, and {self} is not in the file system")

    def examine(self) -> list[str]:
        """Return, in words, what is wrong with the media as a whole."""
        found: list[str] = self.connection.examine()
        return found if self.is_one_medium else [*found, *self.counter_connection.examine()]

    def refuse_others(self) -> None:
        """Raise `Unavailable` if other processes have this open, where that can be known."""
        self.connection.refuse_others()
        if not self.is_one_medium:
            self.counter_connection.refuse_others()

    def __str__(self) -> str:
        return f"{self._store.__name__} in {self.connection.place}"

    def __repr__(self) -> str:
        return f"<Place: {self}>"

    # --- one place by two names --------------------------------------------------------------

    def has_stores_of(self, other: "Place") -> bool:
        """Return whether a collection here is the collection of that name at the *other* place.

        Who has the same opener may have the same medium: by a link, another form of a URL, another
        address of a server. Nothing but a look tells: a record is put here that ends by itself.
        """
        if self._store is not other._store:
            return False
        return self.connection is other.connection or _meet(
            self._store, self._options, other._options
        )

    def has_counters_of(self, other: "Place") -> bool:
        """Return whether a counter here is the counter of that name at the *other* place."""
        mine = self._counter
        if mine is None or mine is not other._counter:
            return False
        if self.counter_connection is other.counter_connection:
            return True
        for store in (self._store, other._store):
            if store.opener is mine.opener:
                return _meet(store, self._counter_options, other._counter_options)
        return bool(self.counter_connection.place == other.counter_connection.place)


def _meet(cls: type[StoreBackend[Any]], here: Mapping[str, Any], there: Mapping[str, Any]) -> bool:
    one, other = (cls(_PROBE, {**shared(each), "writeback": False}) for each in (here, there))
    key = str(uuid.uuid4())
    try:
        one.put(key, "to see whether two names are of one place", expires_in=60)
        return key in other
    finally:
        one.pop(key, None)
        one.sweep()  # what was left by one that was killed
        if next(iter(one._stream()), None) is None:
            one.drop()


def places_of(source: Any) -> list[Place]:
    """Return the places that *source* leads to: that of its default backend first.

    *source* is a `Place`, a URL (see `napixd_store.urls`), or what `stores_of` takes: an INI file,
    a mapping, an app. What an app declares with a backend or options of its own may be elsewhere.

    Raises:
        ConfigError, NoSuchStoreBackend: it leads to none.
    """
    if isinstance(source, Place):
        return [source]
    if isinstance(source, str) and _URL.match(source) and not os.path.exists(source):
        backend, options = backend_of(source)
        return [Place(backend, **options)]
    return list(_distinct(stores_of(source)))


def place_of(source: Any) -> Place:
    """Return the one place that *source* leads to, see `places_of`.

    Raises:
        ConfigError: an app's stores are in several places, so one must be named.
    """
    first, *others = places_of(source)
    if others:
        raise ConfigError(
            f"the settings lead to several places ({first}; {'; '.join(map(str, others))}): name "
            f"one of them by its URL"
        )
    return first


def _distinct(app: AppStores) -> Iterator[Place]:
    """Yield the places of an app; what is only in the memory of its process is in none."""
    default = Place.of_settings(app.settings)
    seen = {default.connection}
    if default._counter is not None:
        seen.add(default.counter_connection)
    yield default
    for declaration in app.declared.values():
        cls, _name, options = chosen(declaration, app.settings)
        if not issubclass(cls, (StoreBackend, CounterBackend)):
            raise ConfigError(f"{declaration.section}: {cls.__name__} is not derived from ours")
        connection = cls._reached(options)
        if connection.holds_data or connection in seen:
            continue
        seen.add(connection)
        default_of_its_kind = getattr(app.settings, declaration.kind)
        only = Default(declaration.backend or default_of_its_kind.backend, shared(options))
        yield Place.of_settings(Settings(only, only))
