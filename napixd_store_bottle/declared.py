"""What the settings declare, by name: where there are no arguments to receive it."""

from typing import Any

from napixd_store import ConfigError
from napixd_store.declarations import chosen, in_section
from napixd_store.options import nearest
from napixd_store.unit_of_work import current
from napixd_store_bottle.app_settings import declared_by, settings_of
from napixd_store_bottle.running import running
from napixd_store_bottle.work import RequestUnit


def declared(name: str) -> Any:
    """Return the store or counter that the settings of the running app declare as *name*.

    For hooks, other plugins, error pages and helper modules, in a request of an app that has a
    `StorePlugin`: what a handler's argument *name* receives there. A store that writes back is
    the request's: the very object that the handler gets, saved with the request. In an error
    page it is one that nobody saves, for the request has failed.

    Raises:
        ConfigError: nothing is declared by that name, or no such app runs in this thread.

    >>> from bottle import Bottle
    >>> from napixd_store_bottle import StorePlugin
    >>> from webtest import TestApp
    >>> app = Bottle()
    >>> _ = app.config.load_dict({"store": {"hits": {"backend": "Memory", "writeback": True}}})
    >>> _ = app.install(StorePlugin())
    >>> @app.hook("before_request")
    ... def count():
    ...     declared("hits").incr("all")
    >>> @app.get("/")
    ... def index(hits):
    ...     return hits
    >>> [TestApp(app).get("/").json for _ in range(2)]
    [{'all': 1}, {'all': 2}]
    """
    owner = running()
    if owner is None:
        raise ConfigError(
            f"declared({name!r}): no request of an app with a StorePlugin runs in this thread"
        )
    known = declared_by(owner)
    declaration = known.get(name.lower())
    if declaration is None:
        raise ConfigError(
            f"declared({name!r}): the app's settings declare nothing of that name"
            f"{nearest(name, known.keys())}"
        )
    with in_section(declaration.section, owner.config):
        opening = chosen(declaration, settings_of(owner))
        unit = current()
        return unit.given(opening) if isinstance(unit, RequestUnit) else opening.built()
