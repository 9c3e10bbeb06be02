"""Each request of an app is a unit of work, from its first hook to its last."""

import traceback
from collections.abc import Callable
from typing import Any

from bottle import HTTPError

from napixd_store import StoreError
from napixd_store_bottle.answers import Answers, where
from napixd_store_bottle.work import RequestUnit, Work, end, is_yet_to_run

_FATAL = (KeyboardInterrupt, SystemExit, MemoryError)


def watch(app: Any, switched_on: bool) -> None:
    """Have *app* run its requests in units of work, with hooks, plugins, handlers and bodies.

    A handler that asks for nothing is thereby left as it is. Bottle offers no place that sees
    what its hooks and all plugins have made of a request, so its method is taken that does.
    """
    if getattr(app._handle, "watched", False):  # installed before, and uninstalled
        del app._handle
    handle: Callable[[Any], Any] = app._handle

    def watched(environ: Any) -> Any:
        unit = RequestUnit()
        out = unit.run(handle, environ)
        if type(out) is str and not unit:
            return out  # most do, and need not wait
        return unit.run(_ended, app, environ, out, unit, switched_on)

    watched.watched = True  # type: ignore[attr-defined]  # as functions may have attributes
    app._handle = watched  # of two plugins that take it, Bottle refuses the second


def _ended(app: Any, environ: Any, out: Any, unit: RequestUnit, switched_on: bool) -> Any:
    """Return *out* if the stores of *unit* can be saved, else the error that comes of it."""
    route = environ.get("bottle.route")
    answers = Answers(where(route) if route else "a hook", switched_on)
    try:
        out = end(out, Work(unit, route or app, answers))
    except _FATAL:
        raise
    except StoreError as exc:
        out = answers.to(exc) or _failed(app, environ, exc)
    except Exception as exc:  # noqa: BLE001 - of a backend's own; Bottle's way with any
        out = _failed(app, environ, exc)
    if not is_yet_to_run(out):
        unit.end()
    return out


def _failed(app: Any, environ: Any, exc: Exception) -> HTTPError:
    """Return the answer to an unexpected error, as Bottle makes it."""
    if not app.catchall:
        raise exc
    text = traceback.format_exc()
    environ["wsgi.errors"].write(text)
    environ["bottle.exc_info"] = (type(exc), exc, exc.__traceback__)
    return HTTPError(500, "Internal Server Error", exc, text)
