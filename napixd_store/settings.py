"""Settings: which backend and options stand behind ``Store('x')`` and ``Counter('y')``.

First come those of whoever is running (a framework's plugin adds itself with `ask_first`), then
those of `configure`, then ``$NAPIXD_STORE_URL``, then SQLite in the home folder. Each lies over
the next: a section that names no backend adds its options to the backend below it.
"""

import functools
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from napixd_store.base import store_options
from napixd_store.counter import counter_options
from napixd_store.errors import ConfigError
from napixd_store.options import closest, declared_options

URL_VARIABLE = "NAPIXD_STORE_URL"


class Default(NamedTuple):
    """The backend, and its options, where a store or counter names none."""

    backend: str | type
    options: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"Default({self.backend!r}, options={sorted(self.options)})"  # values may be secret


class Settings(NamedTuple):
    """The defaults of the process or of an app, apart for stores and counters."""

    store: Default
    counter: Default


def configure(settings: Mapping[str, Any]) -> None:
    """Set the defaults of this process; an empty mapping takes them back.

    Keys are ``store.backend``, ``store.<option>`` and the same under ``counter``; nested
    mappings (``{'store': {'backend': …}}``) say the same. Counters follow the ``store`` section
    unless ``counter.backend`` says otherwise. Stores that are open already are not touched.

    Raises:
        ConfigError: a key is neither under ``store`` nor under ``counter``, or has no value.

    >>> configure({"store.backend": "Memory"})
    >>> current().counter
    Default('Memory', options=[])
    >>> configure({})
    """
    for key, _value in flattened(settings):
        namespace, dot, option = key.partition(".")
        if namespace.lower() not in ("store", "counter") or not dot:
            meant = closest(namespace, ("store", "counter"))
            hint = f" (did you mean '{meant}.{option}'?)" if meant and option else ""
            raise ConfigError(
                f"configure(): unknown setting {key!r}{hint}: settings are store.<option> and "
                f"counter.<option>"
            )
    global _configured
    _configured = read(settings, _from_environment()) if settings else None


def current() -> Settings:
    """Return the settings that hold here and now."""
    for ask in _asked_first:
        found = ask()
        if found is not None:
            return found
    return of_the_process()


def of_the_process() -> Settings:
    """Return what `configure` or the environment said, whoever is running."""
    return _configured or _from_environment()


def ask_first(provider: Callable[[], Settings | None]) -> None:
    """Let *provider* answer before the process's settings do; None means: not mine."""
    if provider not in _asked_first:
        _asked_first.append(provider)


def read(pairs: Mapping[str, Any], below: Settings) -> Settings:
    """Return the settings in *pairs*, flat or nested, laid over those *below*.

    Keys compare case-insensitively. Deeper ones (``store.<parameter>.<option>``) and other
    namespaces are somebody else's.
    """
    flat = {key.lower(): value for key, value in flattened(pairs)}
    for_stores, for_counters = _section(flat, "store"), _section(flat, "counter")
    store, beneath = _over(for_stores, below.store), below.counter
    if "backend" in for_stores:
        beneath = Default(store.backend, shared(store.options))
    elif beneath.backend == store.backend:
        beneath = _over(shared(for_stores), beneath)
    return Settings(store, _over(for_counters, beneath))


def shared(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of a store's *options* that describe its connection: a counter's as well."""
    return without(options, store_options)


def without(options: Mapping[str, Any], declaring: Callable[..., None]) -> dict[str, Any]:
    """Return *options* but for those of *declaring*: `store_options` or `counter_options`."""
    declared = declared_options(declaring)
    return {name: options[name] for name in options if name not in declared}


def of_one_backend(backend: str | type, options: Mapping[str, Any]) -> Settings:
    """Return the settings by which *backend* keeps both, each with those *options* that it takes.

    So what a URL says of counters alone is for them, and no unknown option of the stores.
    """
    return Settings(
        Default(backend, without(options, counter_options)), Default(backend, shared(options))
    )


def flattened(pairs: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted keys of nested *pairs*, each with its value; flat ones pass as they are."""
    for key, value in pairs.items():
        if isinstance(value, Mapping):
            yield from flattened(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


_configured: Settings | None = None
_asked_first: list[Callable[[], Settings | None]] = []


def _over(section: Mapping[str, Any], below: Default) -> Default:
    options = {name: value for name, value in section.items() if name != "backend"}
    if "backend" in section:
        return Default(section["backend"], options)
    return Default(below.backend, {**below.options, **options})


def _section(flat: Mapping[str, Any], namespace: str) -> dict[str, Any]:
    section = {}
    for key, value in flat.items():
        outer, _, option = key.partition(".")
        if outer == namespace and option and "." not in option:
            if value is None:
                raise ConfigError(f"the setting {key!r} has no value")
            section[option] = value
    return section


def _from_environment() -> Settings:
    return _from_url(os.environ.get(URL_VARIABLE, ""))


@functools.cache
def _from_url(url: str) -> Settings:
    """Return what the variable says; SQLite when it is empty."""
    if not url:
        return of_one_backend("SQLite", {})
    from napixd_store.urls import backend_of  # only who has a URL pays for it

    return of_one_backend(*backend_of(url, f"${URL_VARIABLE}"))
