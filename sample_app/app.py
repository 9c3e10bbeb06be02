"""The service: which path leads to which handler, for programs and for people."""

from contextlib import suppress
from functools import partial
from pathlib import Path

from bottle import Bottle

from napixd_store import Unavailable
from napixd_store_bottle import StorePlugin
from sample_app import api, editing, pages, strangers, web
from sample_app.limits import limit_in

SHIPPED = Path(__file__).with_name("app.ini")


def make_app(settings: str | Path = SHIPPED) -> Bottle:
    """Return the service with its *settings*, an INI file as `app.ini` beside this module."""
    app = Bottle()
    plugin = app.install(StorePlugin(config=settings))
    app.default_error_handler = web.error
    names = app.config.get("desk.names", "").lower().split()
    limit = limit_in(app.config.get("desk.limit", ""))
    app.add_hook("before_request", partial(strangers.refuse_strangers, names))
    app.add_hook("before_request", web.refuse_broken_path)
    app.add_hook("after_request", web.protect)

    app.post("/tickets", callback=partial(api.create, limit))
    app.get("/tickets", callback=api.listing)
    app.get("/tickets/<id>", callback=api.show)
    app.put("/tickets/<id>", callback=api.replace)
    app.route("/tickets/<id>", "PATCH", callback=api.change)
    app.delete("/tickets/<id>", callback=api.delete)
    app.get("/stats", callback=api.stats)
    app.get("/health", callback=partial(api.health, app, plugin))

    # `page` is a mark of our own: an error of these routes is a page too.
    app.get("/", callback=pages.listing, page=True)
    app.get("/show/<id>", callback=pages.show, page=True)
    app.get("/new", callback=editing.new, page=True)
    app.post("/new", callback=partial(editing.create, limit), page=True)
    app.get("/edit/<id>", callback=editing.edit, page=True)
    app.post("/edit/<id>", callback=editing.change, page=True)
    app.post("/status/<id>", callback=editing.turn, page=True)
    app.get("/delete/<id>", callback=editing.confirm, page=True)
    app.post("/delete/<id>", callback=editing.delete, page=True)
    app.get("/counters", callback=pages.counters, page=True)
    app.get("/static/<name>", callback=pages.file, page=True)
    with suppress(Unavailable):  # it starts while Redis is down, and /health says so
        plugin.check(app)
    return app
