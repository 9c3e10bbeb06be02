"""The settings of an *owner*, an app or one of its routes, and what they declare."""

import weakref
from collections.abc import Mapping
from typing import Any, Protocol

import bottle

from napixd_store.declarations import Declaration, declarations, in_section
from napixd_store.settings import Settings, of_the_process, read
from napixd_store_bottle.running import app_of


class Override(Protocol):
    """What a test puts in place of an app's settings and declarations."""

    def settings(self, settings: Settings, /) -> Settings:
        """Return what takes the place of *settings*."""

    def declaration(self, declaration: Declaration, settings: Settings, /) -> Declaration:
        """Return what takes the place of *declaration* under *settings*."""


overrides: "weakref.WeakKeyDictionary[Any, Override]" = weakref.WeakKeyDictionary()
"""App -> what overrides its settings, while it is under test."""

_known: "weakref.WeakKeyDictionary[Any, _Read]" = weakref.WeakKeyDictionary()


def settings_of(owner: Any) -> Settings:
    """Return the settings of *owner*, laid over those of the process."""
    settings, override = _read(owner).settings, overrides.get(app_of(owner))
    return settings if override is None else override.settings(settings)


def declared_by(owner: Any) -> Mapping[str, Declaration]:
    """Return what the settings of *owner* declare, by argument."""
    known, override = _read(owner), overrides.get(app_of(owner))
    if override is None:
        return known.declared
    declared = {}
    for name, each in known.declared.items():
        with in_section(each.section, owner.config):
            declared[name] = override.declaration(each, known.settings)
    return declared


def _read(owner: Any) -> "_Read":
    below, known = of_the_process(), _known.get(owner)
    if known is None or known.below != below or known.config != owner.config:
        with in_section():
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
