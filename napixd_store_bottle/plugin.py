"""The plugin: its life in an app, and the settings of the app whose route runs."""

import inspect
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

import bottle

from napixd_store import ConfigError, InvalidName, NoSuchStoreBackend
from napixd_store.connections import close_all
from napixd_store.opening import choose_counter, choose_store
from napixd_store.settings import Default, Settings, ask_first, of_the_process, read
from napixd_store_bottle.config import Declaration, declarations
from napixd_store_bottle.handler import HTTP, Around, Provision, logger, wrap
from napixd_store_bottle.signature import Handler, annotated, arguments

_Wanted = dict[str, Declaration]


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
    not one transaction. A store that a handler returns is sent as its `snapshot`.

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
        self._read: weakref.WeakKeyDictionary[Any, _Read] = weakref.WeakKeyDictionary()
        ask_first(_settings_of_the_running_app)

    def setup(self, app: Any) -> None:
        """Refuse a second plugin, and settings that are wrong already; no I/O.

        Raises:
            PluginError: the app has such a plugin.
            ConfigError, NoSuchStoreBackend, InvalidName: a setting is wrong; the message names
                its key or section.
        """
        for other in app.plugins:
            if isinstance(other, StorePlugin) or getattr(other, "name", None) == self.name:
                raise bottle.PluginError(
                    f"the plugin {self.name!r} cannot be installed, for {other.name!r} is there "
                    f"already: one StorePlugin serves all stores and counters of an app"
                )
        settings = self.settings(app)
        defaults = {"store": Declaration("store", "", "default", None, {})}
        if settings.counter.backend != settings.store.backend:
            defaults["counter"] = Declaration("counter", "", "default", None, {})
        self._provide(app, defaults)
        self._provide(app, declarations(app.config))

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

    def settings(self, owner: Any) -> Settings:
        """Return the settings of *owner*, an app or a route, laid over those of the process."""
        below, known = of_the_process(), self._read.get(owner)
        if known is None or known.below != below or known.config != owner.config:
            known = self._read[owner] = _Read(owner, below)
        return known.settings

    def _apply(self, callback: Handler, route: Any) -> Handler:
        where = f"{route.method} {route.rule}"
        wildcards = _wildcards(route.rule)
        declared = declarations(_own_last(route, route.config))
        wanted: _Wanted = {}
        for name, parameter in arguments(route.callback).items():
            declaration = declared.get(name.lower()) or annotated(route.callback, parameter)
            if declaration is None:
                if parameter.default is inspect.Parameter.empty and name not in wildcards:
                    logger.warning(_NOT_PROVIDED, where, name, name, name)
            elif name in wildcards:
                raise bottle.PluginError(
                    f"{where}: the argument {name!r} is a wildcard of the rule {route.rule!r} "
                    f"and a {declaration.kind} too: rename one of them, or give the route a path "
                    f"if it has none"
                )
            else:
                wanted[name] = declaration
        if not wanted:
            return callback
        around = Around(where, tuple(HTTP) if self._http_errors else ())
        return wrap(callback, lambda: self._provide(route, wanted), around)

    def _provide(self, owner: Any, wanted: _Wanted) -> Provision:
        settings = self.settings(owner)
        shared: dict[str, Any] = {}
        fresh: dict[str, Callable[[], Any]] = {}
        for name, declaration in wanted.items():
            default, choose = _default(declaration, settings), _CHOOSE[declaration.kind]
            with _at(declaration.section, owner.config):
                cls, options = choose(declaration.backend, declaration.options, default)
                opened = _opener(cls, declaration.name, options)
                one = opened()
            # A class that is not derived from ours may keep changes until save(), as the
            # original's did: then each request needs its own.
            if getattr(one, "writeback", hasattr(one, "save")):
                fresh[name] = opened
            else:
                shared[name] = one
        return Provision(shared, fresh)


class _Read:
    """The settings of an app or a route, and what they were read from. Its repr tells no value."""

    def __init__(self, owner: Any, below: Settings) -> None:
        self.config, self.below = dict(owner.config), below
        self.settings = read(_own_last(owner, self.config), below)


def _settings_of_the_running_app() -> Settings | None:
    request = bottle.request
    try:
        owner = request.route
        app = owner.app  # of a mounted app's route the mounted one, which request.app is not
        plugins = [*app.plugins, *owner.plugins]
    except RuntimeError:
        try:
            owner = request.app  # no route yet: a hook or an error page, which are the app's
        except RuntimeError:
            return None
        plugins = owner.plugins
    for plugin in plugins:
        if isinstance(plugin, StorePlugin):
            return plugin.settings(owner) if _in_a_request() else None
    return None


def _in_a_request() -> bool:
    """Say whether Bottle is up the stack, or a generator, which may be the body it sends.

    When a request is done Bottle keeps it bound to the thread until the next one begins.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if code is _WSGI or code.co_flags & inspect.CO_GENERATOR:
            return True
        frame = frame.f_back
    return False


_WSGI = bottle.Bottle.wsgi.__code__


def _own_last(owner: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return *config* with a route's own settings last, to win whatever their keys' case.

    A route's config holds a copy of all the app's settings.
    """
    app = owner.app.config if isinstance(owner, bottle.Route) else config
    own = {key: value for key, value in config.items() if app.get(key, app) is not value}
    return {**{key: config[key] for key in config if key not in own}, **own}


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


_CHOOSE = {"store": choose_store, "counter": choose_counter}


def _default(declaration: Declaration, settings: Settings) -> Default:
    return settings.store if declaration.kind == "store" else settings.counter


def _opener(cls: type, name: str, options: Mapping[str, Any]) -> Callable[[], Any]:
    return lambda: cls(name, options)  # a functools.partial would show the options in its repr


@contextmanager
def _at(key: str, config: Iterable[str] = ()) -> Iterator[None]:
    """Say in an error which part of the settings, whose keys are in *config*, is wrong."""
    try:
        yield
    except (ConfigError, InvalidName, NoSuchStoreBackend) as exc:
        inherited = any(f"unknown option {root!r}" in str(exc) for root in config)
        hint = " (it stands in the root too: [DEFAULT] adds to every section)" if inherited else ""
        raise type(exc)(f"{key}: {exc}{hint}") from exc


_NOT_PROVIDED = (
    "%s: nothing provides the handler's argument %r, unless another plugin does: declare it in the "
    "app's settings, under [store.%s] or [counter.%s] with at least one key"
)
