"""Where a command looks: the place, or the places of an app, and what is in them by name."""

import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, Literal

import click

from napixd_store import ini
from napixd_store.app_stores import AppStores
from napixd_store.base import StoreBackend
from napixd_store.cli.errors import NAME, say
from napixd_store.counter import CounterBackend
from napixd_store.declarations import Declaration, chosen
from napixd_store.engine.verbs import Key
from napixd_store.errors import ConfigError, NoSuchStoreBackend
from napixd_store.names import encode_key
from napixd_store.operations import Place, places_of
from napixd_store.options import closest
from napixd_store.settings import Default, Settings, of_the_process, shared
from napixd_store.urls import backend_of, refuse_password


class Where:
    """The places that a command is about, and the stores and counters in them by name.

    A name is that of a collection or counter in the first place; but if the settings declare a
    handler's argument of that name, it is what the handler gets.
    """

    def __init__(self, places: list[Place], app: AppStores | None = None) -> None:
        self.places, self._app = places, app

    @property
    def place(self) -> Place:
        """The one place that there is.

        Raises:
            UsageError: the settings lead to several.
        """
        if len(self.places) > 1:
            shown = "; ".join(map(str, self.places))
            raise click.UsageError(f"the settings lead to several places ({shown}): name one")
        return self.places[0]

    def standing(self) -> "Where":
        """Return this, if each place is there: who looks must not make one.

        Raises:
            ConfigError: nothing stands there.
        """
        for place in self.places:
            check_standing(place)
        return self

    def records(self, collection: str) -> StoreBackend[Any]:
        """Return the store of *collection* for its records as they stand: it has no type."""
        declaration = self._declared("store", collection)
        if declaration is None:
            return self.places[0].records(collection)
        return self._opened(declaration, shared)

    def store(self, collection: str) -> StoreBackend[Any]:
        """Return the store of *collection* as the app has it, but write-through."""
        declaration = self._declared("store", collection)
        if declaration is None:
            return self.places[0].store(collection)
        return self._opened(declaration, dict)

    def counter(self, name: str) -> CounterBackend:
        """Return the counter *name*."""
        declaration = self._declared("counter", name)
        if declaration is None or self._app is None:
            return self.places[0].counter(name)
        counter: CounterBackend = self._app[name]
        return counter

    def missing(self, kind: Literal["collection", "counter"], name: str) -> str | None:
        """Return how to say that there are others, but none of that *name*.

        None if there is one, or the settings declare one: it is not misspelt.
        """
        there = {each for place in self.places for each in getattr(place, f"{kind}s")()}
        declared = self._app.declared.values() if self._app else ()
        if not there or name in there.union(each.name for each in declared):
            return None
        close = closest(name, there)
        hint = f" (did you mean {close!r}?)" if close else ""
        return f"there is no {kind} {name!r} there{hint}"

    def warn_of_missing(self, kind: Literal["collection", "counter"], *names: str) -> None:
        """Warn of each name of which there is nothing: it may be misspelt."""
        for name in names:
            if said := self.missing(kind, name):
                say(f"{NAME}: warning: {said}")

    def declared(self) -> Iterator[tuple[str, Any]]:
        """Yield what the settings declare: the argument, and the store or counter."""
        for name, declaration in self._app.declared.items() if self._app else ():
            is_store = declaration.kind == "store"
            yield name, self.records(name) if is_store else self.counter(name)

    def _declared(self, kind: str, name: str) -> Declaration | None:
        found = self._app.declared.get(name.lower()) if self._app else None
        return found if found and found.kind == kind else None

    def _opened(
        self, declaration: Declaration, kept: Callable[[Any], dict[str, Any]]
    ) -> StoreBackend[Any]:
        assert self._app is not None
        cls, name, options = chosen(declaration, self._app.settings)
        if not issubclass(cls, StoreBackend):
            raise ConfigError(f"{cls.__name__} is not derived from StoreBackend")
        store: StoreBackend[Any] = cls(name, {**kept(options), "writeback": False})
        return store


def where_is(it: StoreBackend[Any] | CounterBackend, key: Key | None = None) -> str:
    """Return how messages name *it*, or *key* in a store."""
    return (
        it._where() if key is None or isinstance(it, CounterBackend) else it._where(encode_key(key))
    )


def check_standing(place: Place) -> None:
    """Raise `ConfigError` if *place* is a file or folder that is not there."""
    path = str(place.connection.place)
    if path.startswith(os.sep) and not os.path.exists(path):
        raise ConfigError(f"there is nothing at {path}: check the place; nothing was made there")


def named(place: str) -> Where:
    """Return what an argument of a command names: an INI file, or a URL."""
    refuse_in_argument(place)
    if ":" in place.partition("/")[0] and not os.path.exists(place):
        return of_url(place)
    if os.path.isdir(place):
        raise click.UsageError(f"{place} is a folder: write file:{place}, or directory:{place}")
    if _is_sqlite(place):
        raise click.UsageError(f"{place} is a SQLite file: write sqlite:{place}")
    return of_config(place)


def _is_sqlite(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(16) == b"SQLite format 3\0"
    except (OSError, ValueError):
        return False  # whoever reads it in earnest says why


def of_config(path: str) -> Where:
    """Return what the INI file *path* leads to."""
    _find_as_the_app_does()
    pairs = ini.load(path)
    return Where(places_of(pairs), AppStores(pairs))


def of_url(url: str, **more: Any) -> Where:
    """Return what *url* leads to."""
    refuse_in_argument(url)
    with _misused():
        backend, options = backend_of(url)
        return Where([Place(backend, **{**options, **more})])


def of_backend(backend: str, options: tuple[str, ...], **more: Any) -> Where:
    """Return what *backend* with the *options* leads to, each a text ``key=value``."""
    given: dict[str, Any] = {}
    for each in options:
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise click.UsageError("--option is written --option key=value")
        if "password" in name.lower() or "secret" in name.lower():
            raise click.UsageError(
                f"--option {name}: others see it among the processes: {_INSTEAD}"
            )
        refuse_in_argument(value)
        given[name] = value
    if "." in backend:
        _find_as_the_app_does()
    with _misused():
        return Where([Place(backend, **{**given, **more})])


def of_process(**more: Any) -> Where:
    """Return what ``$NAPIXD_STORE_URL`` leads to, or else the default."""
    store, counter = of_the_process()
    settings = Settings(
        Default(store.backend, {**store.options, **more}),
        Default(counter.backend, {**counter.options, **more}),
    )
    return Where([Place.of_settings(settings)])


def refuse_in_argument(url: str) -> None:
    """Raise `UsageError` if *url*, which stands on the command line, holds a password."""
    try:
        refuse_password(url)
    except (ConfigError, ValueError):
        raise click.UsageError(
            f"a URL on the command line must hold no password, for others see it among the "
            f"processes: {_INSTEAD}"
        ) from None


_INSTEAD = (
    "put it into a file for --password-file, or the URL into $NAPIXD_STORE_URL or an INI file"
)


def _find_as_the_app_does() -> None:
    """Have the app's own backends and types be found: they lie where it is started, as we are."""
    if "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())


class _misused:  # noqa: N801 - reads as the function that it is used as
    """Have what the command line itself says wrong be a wrong command."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, exc: BaseException | None, *where: object) -> None:
        if isinstance(exc, ConfigError | NoSuchStoreBackend):
            raise click.UsageError(str(exc)) from None
