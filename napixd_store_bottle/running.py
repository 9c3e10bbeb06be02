"""Who is running: which app, or which of its routes, has called the code that asks.

The stack tells, and nothing else does. Bottle keeps the request that ended last bound to its
thread, and the request of an app that a handler called in place of the handler's own.
"""

import sys
from collections.abc import Iterable
from types import CodeType, FrameType
from typing import Any

import bottle


class Giver:
    """What our plugin is to the modules below it."""


def serves(plugins: Iterable[Any]) -> bool:
    """Say whether *plugins* have one of ours."""
    return any(isinstance(plugin, Giver) for plugin in plugins)


def app_of(owner: Any) -> Any:
    """Return the app of *owner*, an app or one of its routes; of a mounted one, the mounted app."""
    return owner.app if isinstance(owner, bottle.Route) else owner


def running() -> Any:
    """Return the route whose handler, plugin or body runs, or the app whose hook or error page.

    None where neither runs in this thread, or its app has no plugin of ours.
    """
    owner = _innermost()
    if owner is None:
        return None
    of_the_route = owner.plugins if isinstance(owner, bottle.Route) else ()
    return owner if serves([*app_of(owner).plugins, *of_the_route]) else None


def in_a_handler() -> bool:
    """Say whether Bottle is up the stack, and has called a route."""
    return isinstance(_innermost(), bottle.Route)


def sends_a_body(code: CodeType) -> None:
    """Take a frame that runs *code* for its object's ``owner``, whose body it sends."""
    _BODIES.add(code)


def _innermost() -> Any:
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        code, around = frame.f_code, frame.f_back
        if code is _HANDLE:
            return frame.f_locals.get("route") or frame.f_locals["self"]
        if code is _PAGES or (code is _HOOKS and around is not None and around.f_code is _HANDLE):
            return frame.f_locals["self"]
        if code in _BODIES:
            return frame.f_locals["self"].owner
        frame = around
    return None


# Bottle's own: the request from its hooks to its hooks; the hooks; all that makes a value a body,
# error pages too.
_HANDLE = bottle.Bottle._handle.__code__
_HOOKS = bottle.Bottle.trigger_hook.__code__
_PAGES = bottle.Bottle._cast.__code__
_BODIES: set[CodeType] = set()
