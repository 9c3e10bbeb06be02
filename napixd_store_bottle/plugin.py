"""The plugin: its life in an app, and what it gives to which handler."""

import atexit
import inspect
import weakref
from collections.abc import Callable, Iterable
from itertools import takewhile
from typing import Any

try:
    import bottle
except ModuleNotFoundError as exc:
    raise ImportError(
        "napixd_store_bottle needs Bottle, which is not installed: pip install 'bottle>=0.13'",
        name="bottle",
    ) from exc

from napixd_store.connections import close_all
from napixd_store.settings import Settings, ask_first
from napixd_store_bottle.config import Declaration
from napixd_store_bottle.handler import HTTP, Around, logger, wrap
from napixd_store_bottle.owners import declared_by, running, settings_of, telling
from napixd_store_bottle.providing import Wanted, ask, defaults, provide
from napixd_store_bottle.signature import Handler, annotated, arguments


class StorePlugin:
    """Gives Bottle handlers the stores and counters that the app's settings declare.

    ``store.<argument>.<option>`` in ``app.config`` declares the store that a handler's argument
    of that name receives, ``counter.<argument>.<option>`` the counter. An INI section needs at
    least one key, for Bottle keeps no trace of an empty one. An argument that is annotated
    ``StoreBackend`` or ``CounterBackend`` and not declared gets the default backend under its
    own name. Names are those of `inspect.signature`: a decorator must use `functools.wraps`.
    A handler that asks for nothing is left as it is.

    Settings that are there when it is installed are checked at once. They are read when a route
    is first used, and again after ``app.reset()``. Those of a route win over the app's:
    ``app.get('/x', **{'store.users.backend': 'Memory'})``. Inside any handler ``Store('x')`` and
    ``Counter('y')`` take the settings of the app whose route runs, of a mounted or merged app
    its own; a thread that a handler starts has those of the process.

    A write-back store lives for one request: saved when the handler returns a value with a
    status below 400, or returns or raises an ``HTTPResponse`` below 400; else dropped. A
    generator's body belongs to the handler until it is exhausted; closed earlier (a client that
    goes away, a HEAD request) it is dropped. Each store is saved by itself: several of them are
    not one transaction.

    A store that a handler returns is sent as JSON, and so is a dict, whatever of a store's values
    they hold: as msgspec writes them, a dataclass as an object, a datetime as ISO 8601, bytes as
    base64, a Decimal as text. An app with a ``JSONPlugin(json_dumps=…)`` of its own keeps it.

    Plugins that are installed earlier lie around this one: one that authenticates then refuses
    before anything is opened, and one that handles errors sees the HTTP errors made here.

    Guarantees: one instance may be installed in several apps, whatever their threads.

    Args:
        http_errors: answer `Conflict` with 409, `Unavailable` and `OutcomeUnknown` with 503 and
            ``Retry-After``, `StoreFull` with 507. Only where a handler received something: in
            others they are exceptions as any, and so is everything else.

    >>> app = bottle.Bottle()
    >>> _ = app.config.load_dict({"store": {"backend": "Memory", "users": {"writeback": True}}})
    >>> _ = app.install(StorePlugin())
    >>> @app.get("/users/<name>")
    ... def show(name, users):
    ...     return users[name]
    """

    name = "napixd_store"
    api = 2

    def __init__(self, *, http_errors: bool = True) -> None:
        self._http_errors = http_errors
        self._told: weakref.WeakSet[Any] = weakref.WeakSet()
        ask_first(_settings_of_who_is_running)

    def setup(self, app: Any) -> None:
        """Refuse a second plugin, and settings that are wrong already; no I/O.

        Raises:
            PluginError: the app has such a plugin.
            ConfigError, NoSuchStoreBackend, InvalidName: a setting is wrong; the message names
                its key or section.
        """
        for other in app.plugins:
            if isinstance(other, StorePlugin) or _name(other) == self.name:
                raise bottle.PluginError(
                    f"the plugin {self.name!r} cannot be installed, for {other.name!r} is there "
                    f"already: one StorePlugin serves all stores and counters of an app"
                )
        for wanted in (defaults(app), declared_by(app)):
            provide(app, wanted)

    def check(self, app: Any) -> None:
        """Find out now what would fail a request later: wrong settings, bad routes, no answer.

        Reads one key of each store and the value of each counter: the defaults, those that the
        settings declare, and those that handlers ask for. What is stored stays as it is. Apps
        that are merged into this one or mounted in it, and have such a plugin, are checked with
        it. Call it when all settings and routes are there, to stop the start; or in a handler,
        to answer whether all is well.

        Raises:
            PluginError: an argument of a handler is a wildcard of its rule as well; or the app
                has no such plugin, or another of its name.
            StoreError: the first that is found; the message begins with the section of the
                settings that it is about. Those that need no I/O are found first.

        >>> app = bottle.Bottle()
        >>> _ = app.config.load_dict({"store": {"users": {"backend": "Memory"}}})
        >>> plugin = app.install(StorePlugin())
        >>> plugin.check(app)
        """
        asked: list[tuple[Any, Wanted]] = []
        for each in apps_of(app):
            _refuse_namesakes(each)
            asked += (each, defaults(each)), (each, declared_by(each))
        for route in app.routes:
            if serves(route.all_plugins()):
                asked.append((route, self._wanted(route)))
        for owner, wanted in asked:
            provide(owner, wanted)
        answered: list[tuple[Settings, Declaration]] = []
        for owner, wanted in asked:
            for declaration in wanted.values():
                this = settings_of(owner), declaration
                if this not in answered:
                    with telling(declaration.section):
                        ask(declaration, this[0])
                    answered.append(this)

    def apply(self, callback: Handler, route: Any) -> Handler:
        """Return *callback* with what it asks for, or itself when it asks for nothing.

        Raises:
            PluginError: an argument of the handler is a wildcard of the rule as well.
        """
        if bottle.DEBUG and arguments(route.callback):
            # The route was added this moment, and the app's settings may be yet to come.
            return _at_first_request(lambda: self._apply(callback, route))
        return self._apply(callback, route)

    def close(self) -> None:
        """Close the connections; whatever is used afterwards opens its own again."""
        close_all()

    def _apply(self, callback: Handler, route: Any) -> Handler:
        wanted = self._wanted(route)
        if not wanted:
            return callback
        plugins = list(route.all_plugins())  # from the inside out
        steps = [plugin for plugin in plugins if isinstance(plugin, bottle.JSONPlugin)]
        around = Around(
            where=_where(route),
            answered=tuple(HTTP) if self._http_errors else (),
            plain_json=[step.json_dumps for step in steps] == [bottle.json_dumps],
        )
        handler = wrap(callback, lambda: provide(route, wanted), around)
        for step in takewhile(lambda plugin: plugin is not self, plugins):
            if step in steps:  # what a store becomes is for the app's JSON step, too
                handler = step.apply(handler, route)
        return handler

    def _wanted(self, route: Any) -> Wanted:
        wildcards = _wildcards(route.rule)
        declared = declared_by(route)
        wanted: dict[str, Declaration] = {}
        for name, parameter in arguments(route.callback).items():
            declaration = declared.get(name.lower()) or annotated(route.callback, parameter)
            if declaration is None:
                required = parameter.default is inspect.Parameter.empty
                if required and name not in wildcards and route not in self._told:
                    logger.warning(_NOT_PROVIDED, _where(route), name, name, name)
            elif name in wildcards:
                raise bottle.PluginError(
                    f"{_where(route)}: the argument {name!r} is a wildcard of the rule "
                    f"{route.rule!r} and a {declaration.kind} too: rename one of them, or give "
                    f"the route a path if it has none"
                )
            else:
                wanted[name] = declaration
        self._told.add(route)
        return wanted


atexit.register(close_all)  # nobody calls app.close(), not even Bottle's own run()


def _settings_of_who_is_running() -> Settings | None:
    owner = running(StorePlugin)
    return None if owner is None else settings_of(owner)


def apps_of(app: Any) -> list[Any]:
    """Return *app* and those merged into it or mounted in it, as far as they have the plugin.

    Raises:
        PluginError: none has it, not even for one of its routes.
    """
    found = [app] if serves(app.plugins) else []
    found += [each.app for each in app.routes if serves([*each.app.plugins, *each.plugins])]
    if not found:
        raise bottle.PluginError("this app has no StorePlugin: install one first")
    return list(dict.fromkeys(found))


def serves(plugins: Iterable[Any]) -> bool:
    """Say whether *plugins* have one of ours."""
    return any(isinstance(plugin, StorePlugin) for plugin in plugins)


def _refuse_namesakes(app: Any) -> None:
    """Refuse what was installed later under our name: Bottle applies the last one alone."""
    names = [type(each).__name__ for each in app.plugins if _name(each) == StorePlugin.name]
    if len(names) > 1:
        raise bottle.PluginError(
            f"{' and '.join(names)} are installed under the name {StorePlugin.name!r}, and Bottle "
            f"applies only the last one of a name: give the others another"
        )


def _name(plugin: Any) -> Any:
    return getattr(plugin, "name", None)


def _where(route: Any) -> str:
    return f"{route.method} {route.rule}"


def _wildcards(rule: str) -> set[str]:
    matches = (match.groups() for match in bottle.Router.rule_syntax.finditer(rule))
    # The groups: backslashes, three of the old syntax (:name), three of the new (<name>).
    return {named[4] or named[1] or "" for named in matches if len(named[0]) % 2 == 0}


def _at_first_request(apply: Callable[[], Handler]) -> Handler:
    applied: Handler | None = None

    def handler(*args: Any, **kwargs: Any) -> Any:
        nonlocal applied
        if applied is None:
            applied = apply()
        return applied(*args, **kwargs)

    return handler


_NOT_PROVIDED = (
    "%s: nothing provides the handler's argument %r, unless another plugin does: declare it in the "
    "app's settings, under [store.%s] or [counter.%s] with at least one key"
)
