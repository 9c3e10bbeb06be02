"""The draft: the working copy of a transaction, which holds what its block has touched.

It offers the verbs, too. Of the medium it asks single keys, when they are touched, and remembers
what stood there, were it nothing: all that is expected to stand there still when it is committed.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from heapq import merge
from itertools import groupby
from typing import Any

from napixd_store.changes import Changes, Expected
from napixd_store.engine.records import between
from napixd_store.engine.tracker import ChangeTracker
from napixd_store.engine.working_copy import WorkingCopy
from napixd_store.names import Span


class Draft(WorkingCopy):
    """The touched keys of one collection, as they were read and as they are to be."""

    policy = "in a transaction"
    is_done = False
    """Whether the block has ended well, so that there is something to commit."""

    def pending(self) -> ChangeTracker | None:
        """As the base, when the block is done; to save within it does nothing."""
        return super().pending() if self.is_done else None

    def drop(self) -> None:
        """Delete every key, when the block ends."""
        self._drop()

    def _load(self, keys: Collection[str] | None = None) -> Mapping[str, bytes]:
        if keys is not None:
            self.exclusively(self._touch, keys)
            return super()._load(keys)
        texts = [text for text, _ in self._laid_over(self.store._load().items())]
        records = self.exclusively(self._encoded)
        return {text: records[text] for text in texts if text in records}

    def _get(self, text: str) -> bytes | None:
        if not self._loaded().knows(text):
            self.exclusively(self._touch, (text,))
        return super()._get(text)

    def _scan(self) -> Iterator[tuple[str, bytes]]:
        return self._laid_over(self.store._scan())

    def _range(self, span: Span, reverse: bool, limit: int | None) -> Iterator[tuple[str, bytes]]:
        own = between(list(self._loaded().records), span, reverse)
        theirs = self._noted(self.store._range(span, reverse, limit))
        for text, _twins in groupby(merge(own, theirs, reverse=reverse)):
            record = super()._get(text)
            if record is not None:
                yield text, record

    def _count(self) -> int:
        return sum(not self.store._is_over(record) for _, record in self._scan())

    def _drop(self) -> None:
        self._write(dict.fromkeys(self._load()), {})

    def _laid_over(self, pairs: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
        """Yield the medium's *pairs*, which count as read, with what was done here over them."""
        passed = set()
        for text in self._noted(pairs):
            passed.add(text)
            now = super()._get(text)
            if now is not None:
                yield text, now
        for text, record in list(self._loaded().records.items()):
            if text not in passed:
                yield text, record

    def _noted(self, pairs: Iterable[tuple[str, bytes]]) -> Iterator[str]:
        for text, record in pairs:
            self.exclusively(self._note, {text: record})
            yield text

    # --- inside: what one thread at a time does ----------------------------------------------

    def _loaded_once(self) -> ChangeTracker:
        tracker = self._tracker
        if tracker is None:
            tracker = self._tracker = ChangeTracker({}, whole=False)
        return tracker

    def _apply(self, changes: Changes, expected: Expected, values: Mapping[str, Any]) -> None:
        # What was put unread, and is deleted, is read: it may stand in the medium.
        gone = [text for text, record in changes.items() if record is None]
        self._read([text for text in gone if text not in self._loaded_once().read])
        super()._apply(changes, expected, values)

    def _touch(self, texts: Iterable[str]) -> None:
        knows = self._loaded_once().knows
        self._read([text for text in texts if not knows(text)])

    def _read(self, texts: Collection[str]) -> None:
        if len(texts) == 1:
            (text,) = texts
            self._note({text: self.store._get(text)})
        elif texts:
            self._note(self._standing(texts))

    def _note(self, found: Mapping[str, bytes | None]) -> None:
        self._loaded_once().note(found)
