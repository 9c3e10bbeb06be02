"""The settings of an *owner*, an app or one of its routes, and what they declare."""

import weakref
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import bottle

from napixd_store import StoreError
from napixd_store.settings import Settings, of_the_process, read
from napixd_store_bottle.config import Declaration, declarations
from napixd_store_bottle.running import app_of


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
    settings, stand_in = _read(owner).settings, stand_ins.get(app_of(owner))
    return settings if stand_in is None else stand_in.settings(settings)


def declared_by(owner: Any) -> Mapping[str, Declaration]:
    """Return what the settings of *owner* declare, by argument."""
    known, stand_in = _read(owner), stand_ins.get(app_of(owner))
    if stand_in is None:
        return known.declared
    declared = {}
    for name, each in known.declared.items():
        with telling(each.section, owner.config):
            declared[name] = stand_in.declaration(each, known.settings)
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


def _read(owner: Any) -> "_Read":
    below, known = of_the_process(), _known.get(owner)
    if known is None or known.below != below or known.config != owner.config:
        with telling():
            known = _known[owner] = _Read(owner, below)
    return known


class _Read:
    """The settings of an owner, and what they were read from. Its repr tells no value."""

    def __init__(self, owner: Any, below: Settings) -> None:
        self.config, self.below = dict(owner.config), below
        last = _own_last(owner, self.config)
        self.settings, self.declared = read(last, below), declarations(last)


def _own_last(owner: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return *config* with a route's own settings last, to win whatever their keys' case.

    A route's config holds a copy of all the app's settings.
    """
    below = app_of(owner).config if isinstance(owner, bottle.Route) else config
    own = {key: value for key, value in config.items() if below.get(key, below) is not value}
    return {**{key: config[key] for key in config if key not in own}, **own}


def _app(owner: Any) -> Any:
    return owner.app if isinstance(owner, bottle.Route) else owner
