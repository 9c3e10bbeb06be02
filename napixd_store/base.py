"""The engine: all that a Store does, derived once from two verbs.

A backend writes two methods over *records*, the encoded bytes of one value:

``_load(keys=None)``
    the asked records that exist, by key's text; all when ``None``;
``_write(changes, expected)``
    apply ``{text: record, or None to delete}`` as one atomic step, provided each key in
    *expected* still holds what is given there (a record, ABSENT or PRESENT); otherwise apply
    nothing and raise ``self._conflict(texts)``.

Everything a caller sees is built on them here. Where a medium does better, a backend refines
``_get``, ``_scan``, ``_count``, ``_drop`` or ``_incr``, and lists its ``collections``.
"""

from collections.abc import (
    Collection,
    ItemsView,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    ValuesView,
)
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any, ClassVar, Final, Generic, Literal, TypeVar, overload

from napixd_store.changes import ABSENT, PRESENT, Changes, Expected
from napixd_store.connections import Connection, Opener, connect
from napixd_store.counter import CounterBackend
from napixd_store.errors import (
    ConfigError,
    Conflict,
    CorruptData,
    InvalidValue,
    Unavailable,
    WrongType,
)
from napixd_store.fixed import FIXED
from napixd_store.integers import exact, in_range
from napixd_store.names import check_name, decode_key, encode_key, merged
from napixd_store.options import Secret, bind
from napixd_store.reopening import Reopenable
from napixd_store.serializers import choose
from napixd_store.working_copy import WorkingCopy

Key = str | int
V = TypeVar("V")
D = TypeVar("D")

MAX_VALUE_BYTES: Final = 64 * 2**20
_MISSING: Final[Any] = object()


def store_options(
    *,
    writeback: bool | None = None,
    type: Any = None,
    serializer: Literal["json", "pickle"] = "json",
    secret: Secret | bytes | None = None,
    max_value_bytes: int = MAX_VALUE_BYTES,
) -> None:
    """Declare the options that every store takes besides those of its connection.

    Args:
        writeback: hold a working copy until `save()`; None is the backend's default.
        type: the values' type, encoded as natural JSON and validated both ways.
        serializer: ``'pickle'`` keeps any Python object, and needs *secret*.
        secret: signs pickles; whoever knows it can run code in this process.
        max_value_bytes: a larger record is refused as `InvalidValue`.
    """


class StoreBackend(Reopenable, MutableMapping[Key, V], Generic[V]):
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

    _collection = "?"  # until __init__ is done, for a repr in its traceback
    _connection: Any = Connection()
    _copy: WorkingCopy | None = None

    def __init__(self, collection: str, options: Mapping[str, Any]) -> None:
        """Raise `InvalidName` or `ConfigError`; no I/O, so the medium may be down."""
        self._collection = check_name(collection, "collection")
        name = type(self).__name__
        beside = ("backend", "collection")
        own, common = bind(name, options, type(self).opener, store_options, beside=beside)
        self._opened = collection, {**own, **common}
        self._connection = connect(type(self).opener, own)
        writeback = common.pop("writeback", None)
        self._max_bytes: int = common.pop("max_value_bytes", MAX_VALUE_BYTES)
        if self._max_bytes < 1:
            raise ConfigError(f"{name}: the option 'max_value_bytes' must be 1 or more")
        self._serializer = choose(name, self._collection, **common)
        if self.writes_back if writeback is None else writeback:
            self._copy = WorkingCopy(
                self._load, self._dumps, self._loads, self._conflict, self._where()
            )

    # --- what a backend writes ---------------------------------------------------------------

    def _load(self, keys: Collection[str] | None = None) -> Mapping[str, bytes]:
        raise NotImplementedError(f"{type(self).__name__} has no _load(keys=None)")

    def _write(self, changes: Changes, expected: Expected) -> None:
        raise NotImplementedError(f"{type(self).__name__} has no _write(changes, expected)")

    # --- what a backend may refine -----------------------------------------------------------

    def _get(self, text: str) -> bytes | None:
        return self._load((text,)).get(text)

    def _scan(self) -> Iterator[tuple[str, bytes]]:
        return iter(self._load().items())

    def _count(self) -> int:
        return len(self._load())

    def _drop(self) -> None:
        self._write(dict.fromkeys(self._load()), {})

    def _incr(self, text: str, by: int) -> int:
        until: float | None = None
        while True:
            record = self._records._get(text)
            value: Any = 0 if record is None else self._decode(text, record)
            if type(value) is not int:
                raise WrongType(
                    f"{self._where(text)} holds a {type(value).__name__}, which incr() cannot "
                    f"add to; it is unchanged"
                )
            total: Any = in_range(value + by, self._where(text))
            with suppress(Conflict):
                self._put({text: total}, {text: ABSENT if record is None else record})
                return int(total)
            until = self._patience(until)

    def _patience(self, until: float | None) -> float:
        """Return until when to try once more, after others' writes were faster: *until*, if given.

        No generator: an interrupt that comes when one ends is lost.

        Raises:
            Unavailable: they have cost the connection's timeout.
        """
        now = monotonic()
        if until is None:
            return now + float(self._connection.timeout)
        if now < until:
            return until
        raise Unavailable(
            f"{self._where()}: others write it all the time; nothing was changed: try again"
        )

    @classmethod
    def collections(cls, options: Mapping[str, Any]) -> list[str]:
        """Return the names of the collections that hold something, as their users know them."""
        raise NotImplementedError(f"{cls.__name__} cannot list its collections")

    # --- facts -------------------------------------------------------------------------------

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
        policy = "write-back" if self.writeback else "write-through"
        return (
            f"<{type(self).__name__} {self._collection!r} ({policy}) in {self._connection.place}>"
        )

    # --- reading -----------------------------------------------------------------------------

    def __getitem__(self, key: Key) -> V:
        text = encode_key(key)
        record = self._records._get(text)
        if record is None:
            raise KeyError(key)
        return self._decode(text, record)

    def __contains__(self, key: object) -> bool:
        text = encode_key(key)
        return self._records._get(text) is not None

    def __len__(self) -> int:
        return self._records._count()

    def __iter__(self) -> Iterator[Key]:
        for text, _record in self._records._scan():
            yield decode_key(text)

    def items(self) -> ItemsView[Key, V]:
        """Return a view of the pairs that streams them."""
        return _Items(self)

    def values(self) -> ValuesView[V]:
        """Return a view of the values that streams them."""
        return _Values(self)

    def get_many(self, keys: Iterable[Key]) -> dict[Key, V]:
        """Return the values of *keys*, read in one round trip; missing keys are absent."""
        texts = {encode_key(key): key for key in keys}
        found = self._records._load(texts) if texts else {}
        return {
            key: self._decode(text, found[text]) for text, key in texts.items() if text in found
        }

    def snapshot(self) -> dict[Key, V]:
        """Return all of it as a plain dict (which a Bottle handler may return as JSON).

        It is one state of the collection, and its values are copies. ``dict(store)`` and
        ``{**store}`` are neither one state nor fast, for Python asks for each key by itself.
        """
        return {
            decode_key(text): self._loads(text, record)
            for text, record in self._records._load().items()
        }

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        return self.snapshot() == dict(_at_once(other))

    __hash__ = None  # type: ignore[assignment]  # as that of a dict

    def __or__(self, other: object) -> dict[Any, Any]:
        if not isinstance(other, Mapping):
            return NotImplemented
        return {**self.snapshot(), **_at_once(other)}

    def __ror__(self, other: object) -> dict[Any, Any]:
        if not isinstance(other, Mapping):
            return NotImplemented
        return {**_at_once(other), **self.snapshot()}

    # --- writing -----------------------------------------------------------------------------

    def __setitem__(self, key: Key, value: V) -> None:
        self._put({encode_key(key): value}, {})

    def __delitem__(self, key: Key) -> None:
        text = encode_key(key)
        try:
            self._records._write({text: None}, {text: PRESENT})
        except Conflict:
            raise KeyError(key) from None

    def update(self, other: Any = (), /, **named: V) -> None:
        """Take over pairs as ``dict.update`` does, in one atomic write: all of them or none.

        Of another store, those of one state are taken.
        """
        values = merged(_at_once(other), named)
        if values:
            self._put(values, {})

    def __ior__(self, other: Any) -> "StoreBackend[V]":  # type: ignore[misc]  # | gives a dict
        self.update(other)
        return self

    def clear(self) -> None:
        """Delete every key; under write-back when saved."""
        self._records._drop()

    @overload
    def pop(self, key: Key) -> V: ...
    @overload
    def pop(self, key: Key, default: V | D) -> V | D: ...
    def pop(self, key: Key, default: Any = _MISSING) -> Any:
        """Remove *key* and return its value; of all who pop it at once, exactly one gets it."""
        text = encode_key(key)
        until: float | None = None
        while True:
            record = self._records._get(text)
            if record is None:
                if default is _MISSING:
                    raise KeyError(key)
                return default
            value = self._decode(text, record)
            with suppress(Conflict):
                self._records._write({text: None}, {text: record})
                return value
            until = self._patience(until)

    def popitem(self) -> tuple[Key, V]:
        """Remove and return some pair; which one is the backend's choice."""
        until: float | None = None
        while True:
            text, record = next(self._records._scan(), (None, b""))
            if text is None:
                raise KeyError(f"popitem(): {self._where()} is empty")
            value = self._decode(text, record)
            with suppress(Conflict):
                self._records._write({text: None}, {text: record})
                return decode_key(text), value
            until = self._patience(until)

    def setdefault(self, key: Key, default: V = None) -> V:  # type: ignore[assignment]
        """Return the value of *key*, having put *default* there if there was none."""
        text = encode_key(key)
        until: float | None = None
        while True:
            record = self._records._get(text)
            if record is not None:
                return self._decode(text, record)
            with suppress(Conflict):
                record = self._put({text: default}, {text: ABSENT})[text]
                return self._decode(text, record)
            until = self._patience(until)

    def incr(self, key: Key, by: int = 1) -> int:
        """Add *by* to the integer under *key* and return the sum; a missing key starts at 0.

        Every concurrent increment is counted, and no two callers get the same sum for ``by=1``.

        Raises:
            WrongType: the value is not an int; it is unchanged.
            CounterOverflow: the sum would leave −2**63 … 2**63−1; the value is unchanged.
        """
        text, by = encode_key(key), exact(by, "by")
        if self._copy is None:
            return self._incr(text, by)
        return StoreBackend._incr(self, text, by)  # a refined one would go past the working copy

    @contextmanager
    def edit(self, key: Key, default: V = _MISSING) -> Iterator[V]:
        """Read, change in place, write: atomic, for one value.

        ``with store.edit('alice') as user: user['mail'] = …`` writes when the block ends; on an
        exception nothing is written. Under write-back it is the store's own object that the
        block works on; whoever reads the key meanwhile gets another, of the state before.

        Raises:
            KeyError: the key is missing and no *default* is given.
            WrongType: the value, or the *default*, is of a type that cannot change in place,
                such as ``int`` or ``str``: use `incr`, or assign a new one.
            Conflict: somebody else changed the value during the block; nothing is written, and
                the block may be run again.
        """
        text = encode_key(key)
        record = self._records._get(text)
        if record is not None:
            draft = self._decode(text, record)
        elif default is not _MISSING:
            draft = self._loads(text, self._dumps(text, default))
        else:
            raise KeyError(key)
        self._refuse_fixed(text, draft)
        before = self._dumps(text, draft)
        lent = None if self._copy is None or record is None else self._copy.lend(text, record)
        record = lent or record
        try:
            yield draft
            if record is None or self._dumps(text, draft) != before:
                if self._copy is not None:
                    self._copy.encode(text)
                self._put({text: draft}, {text: ABSENT if record is None else record})
        finally:
            if self._copy is not None and lent is not None:
                self._copy.give_back(text, lent, draft, before)

    # --- the working copy --------------------------------------------------------------------

    def save(self) -> None:
        """Write-back: write the differences to what was loaded. Write-through: nothing to do.

        Changes of other keys by other processes are kept (merged).

        Raises:
            Conflict: a key changed here was changed elsewhere too; nothing is written and the
                working copy is kept. `reload` the keys that it names, and save the rest.

        A save that was interrupted, or whose outcome is unknown, may be repeated: what it wrote
        conflicts with nothing.
        """
        if self._copy is not None:
            self._copy.save(self._write)

    def reload(self, *keys: Key) -> None:
        """Write-back: forget the working copy, unsaved changes included. Else nothing to do.

        With *keys*, forget those alone, unsaved changes included, and read them afresh; all
        other changes are kept.
        """
        if self._copy is not None:
            self._copy.forget([encode_key(key) for key in keys])

    def drop(self) -> None:
        """Empty the store and remove the collection from the medium; silent when absent.

        Write-back: if it was interrupted, `save` writes what is still seen here, were it dropped.
        """
        if self._copy is None:
            self._drop()
        else:
            self._copy.drop(self._drop)

    def __enter__(self) -> "StoreBackend[V]":
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        if kind is None:
            self.save()
        else:
            self.reload()

    # --- inside ------------------------------------------------------------------------------

    def _has_unsaved(self) -> bool:
        return self._copy is not None and self._copy.unsaved()

    @property
    def _records(self) -> "StoreBackend[V] | WorkingCopy":
        """Whose verbs to call: the backend's own, or the working copy's."""
        return self if self._copy is None else self._copy

    def _put(self, values: Mapping[str, V], expected: Expected) -> dict[str, bytes]:
        try:
            records = self._serializer.dumps_many(values)
            refused = max(map(len, records.values())) > self._max_bytes
        except InvalidValue:
            records, refused = {}, True
        if refused:  # by the serializer, which does not know where; so once more, to say it
            records = {text: self._dumps(text, value) for text, value in values.items()}
        if self._copy is None:
            self._write(records, expected)
        else:
            self._copy._write(records, expected, values)
        return records

    def _decode(self, text: str, record: bytes) -> V:
        decode = self._loads if self._copy is None else self._copy.decode
        value: V = decode(text, record)
        return value

    def _dumps(self, text: str, value: Any) -> bytes:
        try:
            record = self._serializer.dumps(text, value)
        except InvalidValue as exc:
            message = f"{self._where(text)}: {exc}; nothing was changed"
            raise InvalidValue(message, refused=(value,)) from exc
        if len(record) > self._max_bytes:
            raise InvalidValue(
                f"{self._where(text)}: the value takes {len(record)} bytes, more than "
                f"max_value_bytes={self._max_bytes}; nothing was changed",
                refused=(value,),
            )
        return record

    def _loads(self, text: str, record: bytes) -> Any:
        try:
            return self._serializer.loads(text, record)
        except CorruptData as exc:
            raise CorruptData(f"{self._where(text)}: {exc}; it was left as it is") from exc

    def _refuse_fixed(self, text: str, value: object) -> None:
        if isinstance(value, FIXED):
            raise WrongType(
                f"{self._where(text)}: edit() changes a value in place, and that of type "
                f"{type(value).__name__} cannot change; nothing was changed: use incr() for an "
                f"int, or assign a new value"
            )

    def _conflict(self, texts: Collection[str]) -> Conflict:
        keys = [decode_key(text) for text in texts]
        shown = ", ".join(map(repr, keys[:5])) + (" …" if len(keys) > 5 else "")
        return Conflict(
            f"{self._where()}: changed by somebody else meanwhile: {shown}; nothing was "
            f"written; read again and repeat",
            keys,
        )

    def _where(self, text: str | None = None) -> str:
        place = f"{type(self).__name__} {self._collection!r} in {self._connection.place}"
        return place if text is None else f"{place}, key {decode_key(text)!r}"


def _at_once(other: Any) -> Any:
    """Return *other*; one state of it if it is a store, which `dict` would ask key by key."""
    return other.snapshot() if isinstance(other, StoreBackend) else other


class _Items(ItemsView[Key, V]):
    """Pairs straight from the stream: the inherited view would ask for each value singly."""

    _mapping: StoreBackend[V]

    def __iter__(self) -> Iterator[tuple[Key, V]]:
        store = self._mapping
        decode = store._loads if store._copy is None else store._copy.decode
        for text, record in store._records._scan():
            yield decode_key(text), decode(text, record)


class _Values(ValuesView[V]):
    _mapping: StoreBackend[V]

    def __iter__(self) -> Iterator[V]:
        store = self._mapping
        decode = store._loads if store._copy is None else store._copy.decode
        for text, record in store._records._scan():
            yield decode(text, record)

    def __contains__(self, value: object) -> bool:
        return any(value == other for other in self)
