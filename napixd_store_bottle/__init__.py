"""The Bottle plugin: handlers receive stores and counters that the app's settings declare.

Install it once per app, after or before its routes and settings: ``app.install(StorePlugin())``.
"""

from napixd_store_bottle.plugin import StorePlugin

__all__ = ["StorePlugin"]
