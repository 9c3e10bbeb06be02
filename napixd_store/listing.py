"""``collections()`` and ``counters()``: the names that are there."""

from __future__ import annotations  # the checkers' names are not there at run time

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, overload

from napixd_store.errors import StoreError
from napixd_store.opening import choose_counter, choose_store
from napixd_store.settings import current

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from napixd_store import signatures as of


@overload
def collections(backend: of.MemoryName, **options: Unpack[of.MemoryOptions]) -> list[str]: ...
@overload
def collections(backend: of.FilesName, **options: Unpack[of.FilesOptions]) -> list[str]: ...
@overload
def collections(
    backend: of.SQLiteName | None = None, **options: Unpack[of.SQLiteOptions]
) -> list[str]: ...
@overload
def collections(backend: of.RedisName, **options: Unpack[of.RedisOptions]) -> list[str]: ...
@overload
def collections(backend: type[Any], **options: Any) -> list[str]: ...
@overload
def collections(backend: str) -> list[str]: ...
def collections(backend: str | type | None = None, **options: Any) -> list[str]:
    """Return the names of the collections that hold something, sorted.

    *backend* and *options* as for `napixd_store.Store`. A name is as it was given, and opens its
    collection. What was dropped or emptied is not among them, nor, but on Redis, one in which
    all is past its deadline. It takes a few round trips, or one look into each file or folder.

    Raises:
        NoSuchStoreBackend, ConfigError: as `napixd_store.Store` does.
        NotImplementedError: the backend is somebody else's and has no such list.
        Unavailable, CorruptData: as any operation does.

    >>> from napixd_store import Store
    >>> Store("colours")["red"] = "#f00"
    >>> collections()
    ['colours']
    >>> Store("colours").drop()
    >>> collections()
    []
    """
    try:
        cls, chosen = choose_store(backend, options, current().store)
        return _listed(cls, "collections", chosen)
    except StoreError as exc:
        refused = exc.with_traceback(None)  # its frames hold the options, with their secrets
    options = chosen = {}
    raise refused


@overload
def counters(backend: of.MemoryCounterName, **options: Unpack[of.MemoryOptions]) -> list[str]: ...
@overload
def counters(backend: of.FilesCounterName, **options: Unpack[of.FilesOptions]) -> list[str]: ...
@overload
def counters(
    backend: of.SQLiteCounterName | None = None, **options: Unpack[of.SQLiteOptions]
) -> list[str]: ...
@overload
def counters(backend: of.RedisCounterName, **options: Unpack[of.RedisOptions]) -> list[str]: ...
@overload
def counters(backend: type[Any], **options: Any) -> list[str]: ...
@overload
def counters(backend: str) -> list[str]: ...
def counters(backend: str | type | None = None, **options: Any) -> list[str]:
    """Return the names of the counters that are there, sorted.

    *backend* and *options* as for `napixd_store.Counter`. A counter is there from its first
    `increment` or `reset` until its ``drop()``, whatever its value.

    Raises:
        NoSuchStoreBackend, ConfigError, NotImplementedError, Unavailable, CorruptData: as
            `collections` does.

    >>> from napixd_store import Counter
    >>> Counter("ids").increment()
    1
    >>> counters()
    ['ids']
    >>> Counter("ids").drop()
    """
    try:
        cls, chosen = choose_counter(backend, options, current().counter)
        return _listed(cls, "counters", chosen)
    except StoreError as exc:
        refused = exc.with_traceback(None)  # as in collections
    options = chosen = {}
    raise refused


def _listed(cls: type, names: str, options: Mapping[str, Any]) -> list[str]:
    listing = getattr(cls, names, None)
    if listing is None:  # any class with two arguments may be a backend
        raise NotImplementedError(f"{cls.__name__} has no {names}(options)")
    return sorted(listing(options))
