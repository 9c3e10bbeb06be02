"""The settings of an *owner*, an app or one of its routes, and whose they are in a request."""

import inspect
import sys
import weakref
from collections.abc import Iterable, Mapping
from types import FrameType
from typing import Any, Protocol

import bottle

from napixd_store import StoreError
from napixd_store.settings import Settings, of_the_process, read
from napixd_store_bottle.config import Declaration, declarations


class StandIn(Protocol):
    """What takes the place of an app's own, for a test."""

    def settings(self, settings: Settings, /) -> Settings:
        """Return what takes the place of *settings*."""

    def declaration(self, declaration: Declaration, settings: Settings, /) -> Declaration:
        """Return what takes the place of *declaration* under *settings*."""


stand_ins: "weakref.WeakKeyDictionary[Any, StandIn]" = weakref.WeakKeyDictionary()
"""App -> what takes the place of its settings, while it is under test."""

_known: "weakref.WeakKeyDictionary[Any, _Read]" = weakref.WeakKeyDictionary()


def settings_of(owner: Any) -> Settings:
    """Return the settings of *owner*, laid over those of the process."""
    settings, stand_in = _settings(owner), stand_ins.get(_app(owner))
    return settings if stand_in is None else stand_in.settings(settings)


def declared_by(owner: Any) -> dict[str, Declaration]:
    """Return what the settings of *owner* declare, by argument."""
    with telling():
        declared = declarations(_own_last(owner, owner.config))
    stand_in = stand_ins.get(_app(owner))
    if stand_in is not None:
        for name, each in declared.items():
            with telling(each.section, owner.config):
                declared[name] = stand_in.declaration(each, _settings(owner))
    return declared


class telling:  # noqa: N801 - reads as the function that it is used as
    """Say in an error of ours in which *section* of the settings, whose keys are *config*, it is.

    It is raised anew: a debugger shows the variables of all that an error went through, and
    there they are settings, some of them secret.
    """

    def __init__(self, section: str = "", config: Iterable[str] = ()) -> None:
        self._section, self._keys = section, config

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, exc: BaseException | None, *where: object) -> None:
        if isinstance(exc, StoreError):
            text = f"{self._section}: {exc}" if self._section else str(exc)
            if any(f"unknown option {root!r}" in text for root in self._keys):
                text += " (it stands in the root too: [DEFAULT] adds to every section)"
            exc.args = (text, *exc.args[1:])
            raise exc.with_traceback(None)


def _settings(owner: Any) -> Settings:
    below, known = of_the_process(), _known.get(owner)
    if known is None or known.below != below or known.config != owner.config:
        with telling():
            known = _known[owner] = _Read(owner, below)
    return known.settings


class _Read:
    """The settings of an owner, and what they were read from. Its repr tells no value."""

    def __init__(self, owner: Any, below: Settings) -> None:
        self.config, self.below = dict(owner.config), below
        self.settings = read(_own_last(owner, self.config), below)


def _own_last(owner: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return *config* with a route's own settings last, to win whatever their keys' case.

    A route's config holds a copy of all the app's settings.
    """
    below = _app(owner).config if isinstance(owner, bottle.Route) else config
    own = {key: value for key, value in config.items() if below.get(key, below) is not value}
    return {**{key: config[key] for key in config if key not in own}, **own}


def _app(owner: Any) -> Any:
    return owner.app if isinstance(owner, bottle.Route) else owner


# --- who is running --------------------------------------------------------------------------


def running(plugin: type) -> Any:
    """Return the route that runs, or the app where none does yet, if it has such a *plugin*."""
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
    if any(isinstance(each, plugin) for each in plugins) and _in_a_request():
        return owner
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
