"""The Bottle plugin: handlers receive stores and counters that the app's settings declare.

Install it once per app, after or before its routes and settings: ``app.install(StorePlugin())``.
Where there are no arguments, `declared` gives what the settings declare by name. `if_match` and
`not_modified` are for requests on the condition of a version.
"""

try:
    import bottle as _bottle  # noqa: F401 - first, to say what is missing
except ModuleNotFoundError as exc:
    raise ImportError(
        "napixd_store_bottle needs Bottle, which is not installed: pip install 'bottle>=0.13'",
        name="bottle",
    ) from exc

from napixd_store_bottle.conditional import if_match, not_modified
from napixd_store_bottle.declared import declared
from napixd_store_bottle.plugin import StorePlugin

__all__ = ["StorePlugin", "declared", "if_match", "not_modified"]
