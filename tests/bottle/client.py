"""A Bottle app with the plugin, and WebTest's client for it."""

from collections.abc import Mapping
from typing import Any

from bottle import Bottle

from napixd_store_bottle import StorePlugin
from tests.sample.wsgi import TestApp


class Client(TestApp):  # type: ignore[misc]  # it has no types
    """WebTest's, to which an error is an answer too; `errors` of an answer is the server's log."""

    def do_request(self, req: Any, status: Any = None, expect_errors: Any = None) -> Any:
        return super().do_request(req, status, expect_errors=True)


def new_app(settings: Mapping[str, Any], **options: Any) -> Bottle:
    """Return an app with *settings* and the plugin, built with *options*."""
    app = Bottle()
    app.config.load_dict(settings)
    app.install(StorePlugin(**options))
    return app


def put_around(app: Bottle, plugin: Any) -> None:
    """Have *plugin* lie directly around ours, inside those of Bottle."""
    app.plugins.insert(-1, plugin)
    app.reset()
