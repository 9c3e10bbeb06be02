"""Pairs in the order of their keys' texts, from any key on, either way."""

from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import chain, islice
from typing import Any, Final, TypeVar

from napixd_store.engine.records import between
from napixd_store.engine.values import ValueMethods
from napixd_store.engine.verbs import Key
from napixd_store.errors import InvalidValue
from napixd_store.integers import exact
from napixd_store.names import ALL, Span, beginning, decode_key, encode_key

V = TypeVar("V")

_FIRST: Final = 16
_MOST: Final = 1_000
_ENOUGH: Final = 2**18

Pairs = Collection[tuple[str, bytes]]


class OrderMethods(ValueMethods[V]):
    """A page costs the same wherever it begins, if the medium has an index of the keys' texts."""

    def range(
        self,
        *,
        prefix: str | None = None,
        start: Key | None = None,
        after: Key | None = None,
        before: Key | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> Iterator[tuple[Key, V]]:
        """Yield pairs in the order of the keys, as they are asked for; at most *limit* of them.

        ``str`` keys are in the order of their code points and ``int`` keys in that of numbers;
        where a collection has both, the ints stand together, between the strs that begin with
        ``=`` and those that begin with ``>``.

        Args:
            prefix: only ``str`` keys that begin so; with ``""`` all of them, and no ``int``.
            start: no key before this one, whichever way it runs.
            after: only what comes behind this key as it runs, whether it is still there or not:
                the last key of a page is the place where the next one begins.
            before: neither this key nor one behind it, whichever way it runs.
            reverse: from the last key to the first.
            limit: how many pairs at most; None is all. What is past its deadline does not count.

        A key that is there all the while is met exactly once, whatever others set and delete
        meanwhile; one of these may or may not be met. Of a value that cannot be read ``next()``
        raises `CorruptData`, whose ``key`` it is, and goes on behind it when it is called again.

        Raises:
            InvalidKey: a bound is no key that can be stored; this and the next at the call itself.
            InvalidValue: *prefix* and *start* are both given, *prefix*, *start* and *before* are
                not all of one type, or *limit* is no int of 0 or more.

        >>> from napixd_store.backends.memory import MemoryStore
        >>> days = MemoryStore("days", {})
        >>> days.update({"2026-02-01": "Sun", "2026-01-31": "Sat", "2026-01-30": "Fri"})
        >>> list(days.range(prefix="2026-01"))
        [('2026-01-30', 'Fri'), ('2026-01-31', 'Sat')]
        >>> list(days.range(after="2026-02-01", reverse=True, limit=1))
        [('2026-01-31', 'Sat')]
        >>> days.drop()
        """
        found = self._in_order(
            prefix=prefix, start=start, after=after, before=before, reverse=reverse, limit=limit
        )
        return map(self._pair, found)  # which goes on after an error of _pair

    def _in_order(
        self,
        *,
        prefix: Any = None,
        start: Any = None,
        after: Any = None,
        before: Any = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> Iterator[tuple[str, bytes]]:
        """Return what `range` does, as texts and records."""
        spans = _spans(prefix, start, after, before, reverse)
        if limit is not None and exact(limit, "limit") < 0:
            raise InvalidValue("limit must be 0 or more; nothing was read")
        spread = ((self._copy or self)._range(span, reverse, limit) for span in spans)
        return islice(self._living(chain.from_iterable(spread)), limit)

    def _pair(self, found: tuple[str, bytes]) -> tuple[Key, V]:
        text, record = found
        return decode_key(text), self._decode(text, record)

    def _range(self, span: Span, reverse: bool, limit: int | None) -> Iterator[tuple[str, bytes]]:
        """Yield the records of *span*, by their keys' texts in order.

        *limit* is how many of them may be of use, if none is past its deadline.
        """
        living = (text for text, _front in self._living(self._fronts()))
        texts, size = between(living, span, reverse), _first_size(limit)
        while texts:
            found = self._load(texts[:size])
            yield from ((text, found[text]) for text in texts[:size] if text in found)
            del texts[:size]
            size = next_size(size, found)


def paged(
    page: Callable[[Span, int], tuple[Pairs, str | None]],
    span: Span,
    reverse: bool,
    limit: int | None,
) -> Iterator[tuple[str, bytes]]:
    """Yield the pairs of pages that *page* gets of a medium that has an index of the texts.

    It is given what is left of the *span*, and about how many to get, and returns them and the
    last text that it has looked at; None if it has looked at all. Nothing is open in between.
    """
    (low, high), size = span, _first_size(limit)
    while True:
        pairs, last = page((low, high), size)
        yield from pairs
        if last is None:
            return
        low, high = (low, last) if reverse else (_behind(last), high)
        size = next_size(size, dict(pairs))


def next_size(size: int, records: Mapping[str, bytes]) -> int:
    """Return how many records to ask for after *records*: as many as fit into constant memory."""
    if sum(map(len, records.values())) < _ENOUGH:
        return min(size * 4, _MOST)
    return max(size // 2, 1)


def _first_size(limit: int | None) -> int:
    return min(limit or _FIRST, _MOST)


def _spans(prefix: Any, start: Any, after: Any, before: Any, reverse: bool) -> list[Span]:
    """Return which spans of texts are asked for, as it runs; none where there can be no key."""
    if prefix is not None and start is not None:
        raise InvalidValue("range() takes prefix= or start=, not both: a prefix is where it starts")
    spans = [ALL] if prefix is None else beginning(prefix)
    low, high = ALL
    if start is not None:
        low = encode_key(start)
    if before is not None:
        high = encode_key(before)
    if after is not None and not reverse:
        low = max(low, _behind(encode_key(after)))
    if after is not None and reverse:
        high = min(high, encode_key(after))
    # A page may end at a key of either type, so *after* is of any, where no prefix says str.
    bounds = (prefix, start, before) if prefix is None else (prefix, before, after)
    if len({type(bound) for bound in bounds if bound is not None}) > 1:
        raise InvalidValue("range() takes bounds of one type: all str, or all int")
    clipped = [(max(low, first), min(high, end)) for first, end in spans]
    return [(first, end) for first, end in clipped[:: -1 if reverse else 1] if first < end]


def _behind(text: str) -> str:
    """Return the first text behind *text*."""
    return text + "\0"
