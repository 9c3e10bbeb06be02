"""StoreBackend: the sum of the engine's rooms, and the options that every store takes."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Literal, TypeVar

from napixd_store.connections import Connection, Opener, connect
from napixd_store.counter import CounterBackend
from napixd_store.deadline import Duration, milliseconds
from napixd_store.engine.atomic import AtomicMethods
from napixd_store.engine.change import ChangeMethods
from napixd_store.engine.mapping import MappingMethods
from napixd_store.engine.order import OrderMethods
from napixd_store.engine.saving import SavingMethods
from napixd_store.engine.time import TimeMethods
from napixd_store.engine.working_copy import WorkingCopy
from napixd_store.errors import ConfigError, InvalidValue
from napixd_store.names import check_name
from napixd_store.options import Secret, bind
from napixd_store.serializers import choose

V = TypeVar("V")

MAX_VALUE_BYTES: Final = 64 * 2**20


def store_options(
    *,
    writeback: bool | None = None,
    type: Any = None,
    serializer: Literal["json", "pickle"] = "json",
    secret: Secret | bytes | None = None,
    max_value_bytes: int = MAX_VALUE_BYTES,
    expires_in: Duration | None = None,
) -> None:
    """Declare the options that every store takes besides those of its connection.

    Args:
        writeback: hold a working copy until `save()`; None is the backend's default.
        type: the values' type, encoded as natural JSON and validated both ways.
        serializer: ``'pickle'`` keeps any Python object, and needs *secret*.
        secret: signs pickles; whoever knows it can run code in this process.
        max_value_bytes: a larger record is refused as `InvalidValue`.
        expires_in: seconds that a value lives from when it is assigned; None is for ever.
    """


class StoreBackend(
    AtomicMethods[V],
    ChangeMethods[V],
    TimeMethods[V],
    OrderMethods[V],
    SavingMethods[V],
    MappingMethods[V],
):
    """A dict kept in a *collection*, which outlives the process.

    Keys are ``str`` or ``int`` (17 and '17' are two keys); a value comes back equal and of the
    same type, or is refused when assigned.

    Guarantees: every method may be called from any thread, and from a forked child. ``pop``,
    ``popitem``, ``setdefault``, ``incr`` and ``edit`` are atomic against every other thread and
    process, and ``update`` is one atomic write. What an acknowledged write survives is
    `durability`. With ``writeback=True`` all this holds at `save()`.

    Iterating streams; a key that is set or deleted meanwhile may or may not be seen.

    A copy, and a pickle in another process, is another store of the same collection, see
    `napixd_store.reopening`.

    Raises, from every method: `InvalidKey`, `InvalidValue`, `CorruptData`, `Unavailable`,
    `OutcomeUnknown`, `StoreFull`, `ReadOnly` as `napixd_store.errors` describes them.

    >>> from napixd_store.backends.memory import MemoryStore
    >>> users = MemoryStore("users", {})
    >>> users["alice"] = {"mail": "alice@example.com"}
    >>> with users.edit("alice") as user:
    ...     user["mail"] = "al@example.org"
    >>> users["alice"]
    {'mail': 'al@example.org'}
    >>> users.incr("visits")
    1
    >>> users.drop()
    """

    opener: ClassVar[Opener] = Connection
    """Makes the connection; its keyword-only arguments are the backend's own options."""

    writes_back: ClassVar[bool] = False
    """The policy where the option ``writeback`` does not say."""

    counter: ClassVar[type[CounterBackend] | None] = None
    """The counter class of the same family."""

    def __init__(self, collection: str, options: Mapping[str, Any]) -> None:
        """Raise `InvalidName` or `ConfigError`; no I/O, so the medium may be down."""
        self._collection = check_name(collection, "collection")
        name = type(self).__name__
        beside = ("backend", "collection")
        own, common = bind(name, options, type(self).opener, store_options, beside=beside)
        self._opened = collection, {**own, **common}
        self._swept = type(self), collection
        self._connection = connect(type(self).opener, own)
        writeback = common.pop("writeback", None)
        self._max_bytes: int = common.pop("max_value_bytes", MAX_VALUE_BYTES)
        if self._max_bytes < 1:
            raise ConfigError(f"{name}: the option 'max_value_bytes' must be 1 or more")
        expires_in = common.pop("expires_in", None)
        if expires_in is not None:
            try:
                self._lifetime = milliseconds(expires_in)
            except InvalidValue:
                raise ConfigError(
                    f"{name}: the option 'expires_in' must be above 0 and below 10,000 years"
                ) from None
        self._serializer = choose(name, self._collection, **common)
        if self.writes_back if writeback is None else writeback:
            self._copy = WorkingCopy(self)

    @classmethod
    def _reached(cls, options: Mapping[str, Any]) -> Any:
        """Return the connection of a store with these *options*."""
        own, _common = bind(cls.__name__, options, cls.opener, store_options, beside=("backend",))
        return connect(cls.opener, own)

    @property
    def collection(self) -> str:
        """The name given when it was opened."""
        return self._collection

    @property
    def durability(self) -> str:
        """What an acknowledged write survives, one of ``memory process power replicated``."""
        return str(self._connection.durability)

    @property
    def writeback(self) -> bool:
        """Whether changes wait in a working copy for `save()`."""
        return self._copy is not None

    def __repr__(self) -> str:
        policy = "write-through" if self._copy is None else self._copy.policy
        return (
            f"<{type(self).__name__} {self._collection!r} ({policy}) in {self._connection.place}>"
        )
