"""What a dict does: read, iterate, compare, assign, delete."""

from collections.abc import ItemsView, Iterable, Iterator, Mapping, MutableMapping, ValuesView
from typing import Any, TypeVar

from napixd_store.deadline import AFTER, MARK
from napixd_store.engine.values import ValueMethods
from napixd_store.engine.verbs import Key
from napixd_store.errors import InvalidKey
from napixd_store.names import absent, decode_key, encode_key, merged, storable

V = TypeVar("V")
Self = TypeVar("Self", bound="MappingMethods[Any]")  # typing.Self is of Python 3.11


class MappingMethods(ValueMethods[V], MutableMapping[Key, V]):
    """The methods of a dict that are one read or one write."""

    def __getitem__(self, key: Key) -> V:
        try:
            text = encode_key(key)
        except InvalidKey as exc:
            raise absent(exc) from None
        record = (self._copy or self)._get(text)
        if record is None or (AFTER > record > MARK and self._is_over(record)):
            raise KeyError(key)
        return self._decode(text, record)

    def __contains__(self, key: object) -> bool:
        try:
            text = encode_key(key)
        except InvalidKey:
            return False
        front = (self._copy or self)._front(text)
        return front is not None and not (AFTER > front > MARK and self._is_over(front))

    def __len__(self) -> int:
        return (self._copy or self)._count()

    def __iter__(self) -> Iterator[Key]:
        for text, front in (self._copy or self)._fronts():
            if not (AFTER > front > MARK and self._is_over(front)):
                yield decode_key(text)

    def items(self) -> ItemsView[Key, V]:
        """Return a view of the pairs that streams them."""
        return _Items(self)

    def values(self) -> ValuesView[V]:
        """Return a view of the values that streams them."""
        return _Values(self)

    def get_many(self, keys: Iterable[Key]) -> dict[Key, V]:
        """Return the values of *keys*, read in one round trip; missing keys are absent."""
        texts = storable(keys)
        found = dict(self._living((self._copy or self)._load(texts).items())) if texts else {}
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
            for text, record in self._living((self._copy or self)._load().items())
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

    def __setitem__(self, key: Key, value: V) -> None:
        until = None if self._lifetime is None else self._until()
        self._put({encode_key(key): value}, {}, until)

    def update(self, other: Any = (), /, **named: V) -> None:
        """Take over pairs as ``dict.update`` does, in one atomic write: all of them or none.

        Of another store, those of one state are taken.
        """
        values = merged(_at_once(other), named)
        if values:
            self._put(values, {}, self._until())

    def __ior__(self: Self, other: Any) -> Self:  # type: ignore[misc]  # | gives a dict
        self.update(other)
        return self

    def clear(self) -> None:
        """Delete every key; under write-back when saved."""
        (self._copy or self)._drop()


def _at_once(other: Any) -> Any:
    """Return *other*; one state of it if it is a store, which `dict` would ask key by key."""
    return other.snapshot() if isinstance(other, MappingMethods) else other


class _Items(ItemsView[Key, V]):
    """Pairs straight from the stream: the inherited view would ask for each value singly."""

    _mapping: MappingMethods[V]

    def __iter__(self) -> Iterator[tuple[Key, V]]:
        store = self._mapping
        decode = store._loads if store._copy is None else store._copy.decode
        for text, record in store._living((store._copy or store)._scan()):
            yield decode_key(text), decode(text, record)


class _Values(ValuesView[V]):
    _mapping: MappingMethods[V]

    def __iter__(self) -> Iterator[V]:
        store = self._mapping
        decode = store._loads if store._copy is None else store._copy.decode
        for text, record in store._living((store._copy or store)._scan()):
            yield decode(text, record)

    def __contains__(self, value: object) -> bool:
        return any(value == other for other in self)
