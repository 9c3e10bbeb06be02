"""The plugin: its life in an app, and what it gives to which handler."""

import atexit
import os
import weakref
from itertools import takewhile
from typing import Any

import bottle

from napixd_store import ini
from napixd_store.connections import close_all
from napixd_store.settings import Settings, ask_first
from napixd_store.unit_of_work import current
from napixd_store_bottle import json_step
from napixd_store_bottle.answers import Answers, logger, where
from napixd_store_bottle.app_settings import declared_by, settings_of
from napixd_store_bottle.checking import (
    apps_of,
    others_may_give,
    refuse_misspelt_sections,
    refuse_namesakes,
    unprovided,
    wanted,
)
from napixd_store_bottle.handler import at_first_request, wrap
from napixd_store_bottle.injection import Wanted, ask_each_once, defaults, provide
from napixd_store_bottle.requests import watch
from napixd_store_bottle.running import Giver, in_a_handler, running, serves
from napixd_store_bottle.signature import Handler


class StorePlugin(Giver):
    """Gives Bottle handlers the stores and counters that the app's settings declare.

    ``store.<argument>.<option>`` in ``app.config`` declares the store that a handler's argument
    of that name receives, ``counter.<argument>.<option>`` the counter. An INI section needs at
    least one key, for Bottle keeps no trace of an empty one. An argument that is annotated
    ``StoreBackend`` or ``CounterBackend`` and not declared gets the default backend under its
    own name, ``Optional`` or not. Names are those of `inspect.signature`: a decorator must use
    `functools.wraps`. A handler that asks for nothing is left as it is.

    Settings that are there when it is installed are checked at once. They are read when a route
    is first used, and again after ``app.reset()``. Those of a route win over the app's:
    ``app.get('/x', **{'store.users.backend': 'Memory'})``. Inside any handler ``Store('x')`` and
    ``Counter('y')`` take the settings of the app whose route runs, of a mounted or merged app
    its own; a thread that a handler starts has those of the process.

    A write-back store lives for one request: saved when the handler returns a value with a
    status below 400, or returns or raises an ``HTTPResponse`` below 400; else dropped. So does one
    that a handler, a hook or another plugin opens as ``Store('x')``, or has from `declared`. The
    body of a generator, or another iterator, belongs to the handler until it is exhausted; closed
    earlier (a client that goes away, a HEAD request) it is dropped. Each store is saved by
    itself: several of them are not one transaction.

    Bottle's JSON step learns what a store may hold: a store or a typed value that a handler
    returns is sent as JSON, and so is a dict with stores, counters or values in it: as msgspec
    writes them, a dataclass as an object, a datetime as ISO 8601, bytes as base64, a Decimal as
    text. An app with a ``JSONPlugin(json_dumps=…)`` of its own keeps it.

    Plugins that are installed earlier lie around this one: one that authenticates then refuses
    before anything is opened, and one that handles errors sees the HTTP errors made here.

    Guarantees: one instance may be installed in several apps, whatever their threads.

    Args:
        config: an INI file to load into the settings of each app when it is installed there, as
            ``app.config.load_config`` does; but a missing file, or a section without a key, is
            refused.
        http_errors: answer `Conflict` with 409, `LimitReached` with 429 and, where the number
            ends, ``Retry-After``, `Unavailable` and `OutcomeUnknown` with 503 and
            ``Retry-After``, `StoreFull` with 507, and with 400 an `InvalidValue` or `InvalidKey`
            about what came with the request. Only where a handler received something, and when
            a request's stores are saved: else they are exceptions as any.

    >>> app = bottle.Bottle()
    >>> _ = app.config.load_dict({"store": {"backend": "Memory", "users": {"writeback": True}}})
    >>> _ = app.install(StorePlugin())
    >>> @app.get("/users/<name>")
    ... def show(name, users):
    ...     return users[name]
    """

    name = "napixd_store"
    api = 2

    def __init__(
        self, *, config: str | os.PathLike[str] | None = None, http_errors: bool = True
    ) -> None:
        self._config, self._http_errors = config, http_errors
        self._warned: weakref.WeakSet[Any] = weakref.WeakSet()
        ask_first(_settings_of_who_is_running)

    def setup(self, app: Any = None) -> None:
        """Refuse a second plugin, and settings that are wrong already; no I/O but for *config*.

        Raises:
            PluginError: the app has such a plugin.
            ConfigError, NoSuchStoreBackend, InvalidName: a setting is wrong; the message names
                its key or section. Or there is no file *config*.
        """
        # Bottle calls it on the class, where that was installed in place of an instance.
        if not isinstance(self, StorePlugin):
            raise TypeError("setup(): install an instance: app.install(StorePlugin())")
        for other in app.plugins:
            if isinstance(other, StorePlugin) or getattr(other, "name", None) == self.name:
                raise bottle.PluginError(
                    f"the plugin {self.name!r} cannot be installed, for {other.name!r} is there "
                    f"already: one StorePlugin serves all stores and counters of an app"
                )
        if self._config is not None:
            app.config.update(ini.load(self._config))
        for wanted_of_app in (defaults(app), declared_by(app)):
            provide(app, wanted_of_app)
        watch(app, self._http_errors)

    def check(self, app: Any) -> None:
        """Find out now what would fail a request later: wrong settings, bad routes, no answer.

        Reads one key of each store and the value of each counter: the defaults, those that the
        settings declare, and those that handlers ask for. What is stored stays as it is. Apps
        that are merged into this one or mounted in it, and have such a plugin, are checked with
        it. Call it when all settings and routes are there, to stop the start; or in a handler,
        to answer whether all is well.

        Raises:
            PluginError: an argument of a handler is a wildcard of its rule as well, or nothing
                provides it; or the app has no such plugin, or another of its name.
            StoreError: the first that is found; the message begins with the section of the
                settings that it is about. Those that need no I/O are found first.

        >>> app = bottle.Bottle()
        >>> _ = app.config.load_dict({"store": {"users": {"backend": "Memory"}}})
        >>> plugin = app.install(StorePlugin())
        >>> plugin.check(app)
        """
        asked: list[tuple[Any, Wanted]] = []
        for each in apps_of(app):
            refuse_namesakes(each, self.name)
            refuse_misspelt_sections(each)
            asked += (each, defaults(each)), (each, declared_by(each))
        for route in app.routes:
            if serves(route.all_plugins()):
                asked.append((route, wanted(route)))
                self._tell_of_unprovided(route, refuse=not others_may_give(route))
        for owner, these in asked:
            provide(owner, these)
        ask_each_once(asked)

    def apply(self, callback: Handler, route: Any) -> Handler:
        """Return *callback* with what it asks for, or itself when it asks for nothing.

        Raises:
            PluginError: an argument of the handler is a wildcard of the rule as well.
        """
        if bottle.DEBUG and not in_a_handler():
            # The route was added this moment, and the app's settings may be yet to come.
            return at_first_request(lambda: self._apply(callback, route))
        return self._apply(callback, route)

    def close(self) -> None:
        """Close the connections; whatever is used afterwards opens its own again."""
        close_all()

    def _apply(self, callback: Handler, route: Any) -> Handler:
        wants = wanted(route)
        self._tell_of_unprovided(route)
        plugins = list(route.all_plugins())  # from the inside out
        steps = [plugin for plugin in plugins if isinstance(plugin, bottle.JSONPlugin)]
        for step in steps:
            json_step.teach(step, self._answers)
        if wants or not _is_watched():
            callback = wrap(callback, lambda: provide(route, wants), route, self._answers(route))
        for step in takewhile(lambda plugin: plugin is not self, plugins):
            if step in steps:  # it lies inside, and had not learnt when it was applied
                callback = step.apply(callback, route)
        return callback

    def _answers(self, route: Any) -> Answers:
        return Answers(where(route), self._http_errors)

    def _tell_of_unprovided(self, route: Any, refuse: bool = False) -> None:
        for said in unprovided(route):
            if refuse:
                raise bottle.PluginError(said)
            if route not in self._warned:
                logger.warning("%s, unless a plugin or decorator provides it", said)
        self._warned.add(route)


atexit.register(close_all)  # nobody calls app.close(), not even Bottle's own run()


def _settings_of_who_is_running() -> Settings | None:
    owner = running()
    return None if owner is None else settings_of(owner)


def _is_watched() -> bool:
    """Say whether the request that is served here is a unit of work; so it is before the first."""
    return current() is not None or not in_a_handler()
