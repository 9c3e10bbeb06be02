"""``stores_of()``: an app's stores and counters for scripts, cron jobs and a Python prompt."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from napixd_store.errors import ConfigError

if TYPE_CHECKING:
    from napixd_store.app_stores import AppStores


def stores_of(source: Any) -> "AppStores":
    """Open the stores and counters of an app outside of any request.

    *source* is the app's INI file, its settings as a mapping (flat or nested), or the Bottle app
    itself. ``stores["tickets"]`` is what a handler's argument ``tickets`` receives. Stores that
    write back are saved when the ``with`` block ends, and dropped when it raises; counters and
    stores that write through do what they do at once.

    Raises:
        ConfigError: the file or the settings are wrong; also by ``stores[name]``, for a name that
            they do not declare, or options that are wrong.

    >>> settings = {"store": {"backend": "Memory", "hits": {"writeback": "yes"}}}
    >>> with stores_of(settings) as stores:
    ...     stores["hits"]["home"] = 41
    >>> with stores_of(settings) as stores:
    ...     stores["hits"].incr("home")
    42
    >>> stores.store("hits").drop()
    """
    from napixd_store.app_stores import AppStores  # a service has a plugin instead

    if isinstance(source, (str, os.PathLike)):
        from napixd_store import ini  # only who has a file pays for loading its reader

        return AppStores(ini.load(source))
    pairs = source if isinstance(source, Mapping) else getattr(source, "config", None)
    if not isinstance(pairs, Mapping):
        raise ConfigError(
            f"stores_of() takes an INI file, a mapping or an app with a config, not "
            f"{type(source).__name__}"
        )
    return AppStores(pairs)
