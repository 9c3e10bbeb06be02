"""The records of a collection in memory: what `Memory` keeps and a working copy works on."""

from collections.abc import Collection, Iterable, Iterator
from math import isqrt

from napixd_store.changes import Changes
from napixd_store.names import Span


class Records(dict[str, bytes]):
    """Records by key's text, in the order of insertion.

    Guarantees: whoever changes them must be alone (see `Exclusive`), but a change is one step
    for those who read meanwhile, and for whoever is interrupted: it is made or it is not.
    """

    _gone = 0  # keys deleted here, whose empty places a dict still has to pass

    def changed(self, changes: Changes) -> "Records":
        """Make *changes* here or in a copy, whichever takes one step; return where.

        The change is made as soon as what is returned stands where these records stood.
        """
        if None not in changes.values():
            self.update(changes)  # type: ignore[arg-type]  # None is not among them
            return self
        if len(changes) == 1:
            # A first key is looked for from the start, so a queue must not leave many behind;
            # with this limit, to pass them and to copy the rest now and then cost alike.
            records = self if self._gone < 16 * (1 + isqrt(len(self))) else Records(self)
            records._gone += 1
            records.pop(next(iter(changes)), None)
            return records
        return self.copied(changes)

    def copied(self, changes: Changes) -> "Records":
        """Return a copy with *changes*."""
        pairs = {**self, **changes}.items()
        return Records((text, record) for text, record in pairs if record is not None)

    def found(self, texts: Collection[str]) -> dict[str, bytes]:
        """Return the records of those *texts* that are here."""
        return {text: self[text] for text in texts if text in self}

    def texts(self) -> Iterator[str]:
        """Yield the keys' texts; the first costs the same however many there are.

        One that is deleted or added meanwhile may or may not be among them.
        """
        first = self._first()
        yield from first
        rest = list(self)  # one step for those who write
        if rest[:1] == first:
            del rest[:1]
        yield from rest

    def _first(self) -> list[str]:
        while True:
            try:
                return [next(iter(self))]
            except StopIteration:
                return []
            except RuntimeError:
                continue  # another thread wrote between the two steps


def between(texts: Iterable[str], span: Span, reverse: bool) -> list[str]:
    """Return those of *texts* that are in *span*, in order."""
    low, high = span
    return sorted((text for text in texts if low <= text < high), reverse=reverse)
