"""``Store()`` and ``Counter()``: from a name to an instance of the right class."""

from __future__ import annotations  # the checkers' names are not there at run time

from collections.abc import Callable, Mapping
from contextlib import suppress
from types import UnionType
from typing import TYPE_CHECKING, Any, TypeVar, overload

from napixd_store.base import StoreBackend
from napixd_store.counter import CounterBackend
from napixd_store.errors import ConfigError, NoSuchStoreBackend
from napixd_store.resolve import resolve_counter, resolve_store, resolve_type
from napixd_store.settings import Default, current
from napixd_store.unit_of_work import Opening, opened

if TYPE_CHECKING:
    from typing_extensions import TypeVar as TypeVarWithDefault
    from typing_extensions import Unpack

    from napixd_store import signatures

    V = TypeVarWithDefault("V", default=Any)

S = TypeVar("S")


@overload
def Store(
    collection: str,
    backend: signatures.MemoryName,
    *,
    type: type[V] = ...,
    **options: Unpack[signatures.MemoryStoreOptions],
) -> StoreBackend[V]: ...
@overload
def Store(
    collection: str,
    backend: signatures.FilesName,
    *,
    type: type[V] = ...,
    **options: Unpack[signatures.FilesStoreOptions],
) -> StoreBackend[V]: ...
@overload
def Store(
    collection: str,
    backend: signatures.SQLiteName | None = None,
    *,
    type: type[V] = ...,
    **options: Unpack[signatures.SQLiteStoreOptions],
) -> StoreBackend[V]: ...
@overload
def Store(
    collection: str,
    backend: signatures.RedisName,
    *,
    type: type[V] = ...,
    **options: Unpack[signatures.RedisStoreOptions],
) -> StoreBackend[V]: ...
@overload
def Store(collection: str, backend: type[S], **options: Any) -> S: ...
@overload  # what no `type[V]` is
def Store(
    collection: str, backend: str | None = None, *, type: str | UnionType, **options: Any
) -> StoreBackend[Any]: ...
@overload
def Store(
    collection: str,
    backend: str,
    *,
    type: type[V] = ...,
    **options: Unpack[signatures.StoreOptions],
) -> StoreBackend[V]: ...
def Store(  # noqa: N802 - reads as the class it stands for, as threading.Lock long did
    collection: str, backend: str | type | None = None, **options: Any
) -> Any:
    """Return the store of *collection*: a dict that outlives the process.

    *backend* is a standard class or family name (``'SQLite'``, ``'MemoryStore'``), or the dotted
    path of any class; None is the default of the settings. *options* are the backend's. The
    settings' options apply too where *backend* is the settings' own; those given here win. The
    store is built as ``cls(collection, options)``, without I/O: a service starts while its
    medium is down. Within a unit of work, as a request of an app with our plugin is, a store that
    writes back is saved with it; outside of one, when you call `save`.

    Raises:
        NoSuchStoreBackend: *backend* does not lead to a class.
        InvalidName: no backend takes such a collection name.
        ConfigError: an option is unknown or mistyped.

    >>> users = Store("users", backend="Memory")
    >>> users["alice"] = {"admin": True}
    >>> users["alice"]
    {'admin': True}
    >>> users.drop()
    """
    try:
        cls, chosen = choose_store(backend, options, current().store)
        return opened(Opening(cls, collection, chosen))
    except ConfigError as exc:
        refused = exc.with_traceback(None)  # its frames hold the options, with their secrets
    options = chosen = {}
    raise refused


@overload
def Counter(
    name: str,
    backend: signatures.MemoryCounterName,
    **options: Unpack[signatures.MemoryCounterOptions],
) -> CounterBackend: ...
@overload
def Counter(
    name: str,
    backend: signatures.FilesCounterName,
    **options: Unpack[signatures.FilesCounterOptions],
) -> CounterBackend: ...
@overload
def Counter(
    name: str,
    backend: signatures.SQLiteCounterName | None = None,
    **options: Unpack[signatures.SQLiteCounterOptions],
) -> CounterBackend: ...
@overload
def Counter(
    name: str,
    backend: signatures.RedisCounterName,
    **options: Unpack[signatures.RedisCounterOptions],
) -> CounterBackend: ...
@overload
def Counter(name: str, backend: type[Any], **options: Any) -> CounterBackend: ...
@overload
def Counter(
    name: str, backend: str, **options: Unpack[signatures.CounterOptions]
) -> CounterBackend: ...
def Counter(  # noqa: N802 - as Store
    name: str, backend: str | type | None = None, **options: Any
) -> CounterBackend:
    """Return the counter *name*: an integer that never hands out a number twice.

    *backend* and *options* as for `Store`; a store's name stands for its counter. With
    ``lease=100`` a process takes a hundred numbers in one write, see `CounterBackend`.

    Raises:
        NoSuchStoreBackend, InvalidName, ConfigError: as `Store` does.

    >>> ids = Counter("ids", backend="Memory")
    >>> ids.increment(), ids.increment()
    (1, 2)
    >>> ids.reset()
    2
    """
    try:
        cls, chosen = choose_counter(backend, options, current().counter)
        counter: CounterBackend = opened(Opening(cls, name, chosen))
        return counter
    except ConfigError as exc:
        refused = exc.with_traceback(None)  # as in Store
    options = chosen = {}
    raise refused


def choose_store(
    backend: str | type | None, options: Mapping[str, Any], default: Default
) -> tuple[type, dict[str, Any]]:
    """Return the store class of *backend* and the options to build it with."""
    cls = resolve_store(default.backend if backend is None else backend)
    chosen = {**_inherited(cls, resolve_store, default), **options}
    if isinstance(chosen.get("type"), str):
        chosen["type"] = resolve_type(chosen["type"])
    return cls, chosen


def choose_counter(
    backend: str | type | None, options: Mapping[str, Any], default: Default
) -> tuple[type, dict[str, Any]]:
    """Return the counter class of *backend* and the options to build it with."""
    cls = resolve_counter(default.backend if backend is None else backend)
    return cls, {**_inherited(cls, resolve_counter, default), **options}


def _inherited(
    cls: type, resolve: Callable[[str | type], type], default: Default
) -> Mapping[str, Any]:
    """Return the settings' options if they are for *cls*; its module alone need be there."""
    with suppress(NoSuchStoreBackend):
        if default.options and resolve(default.backend) is cls:
            return default.options
    return {}
