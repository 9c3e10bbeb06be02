"""Put what a source holds into a store, once all of it was looked at."""

from dataclasses import dataclass, field
from itertools import groupby, islice
from operator import attrgetter
from typing import Any

from napixd_store import original
from napixd_store.base import StoreBackend
from napixd_store.changes import ABSENT, Expected
from napixd_store.counter import CounterBackend
from napixd_store.errors import CorruptData, ImportRefused, InvalidKey, InvalidValue
from napixd_store.importing.entries import Entry, Pair, Source, Unreadable
from napixd_store.names import encode_key
from napixd_store.progress import Progress

_AT_ONCE = 100
_SHOWN = 3


@dataclass
class Report:
    """What an import did, or would do.

    ``read`` counts the entries of the source, ``written`` the keys that were written, ``replaced``
    those of them that were there before. ``refused`` lists each entry that cannot be taken, with
    its place and the reason: where there is one, nothing is written.
    """

    read: int = 0
    written: int = 0
    replaced: int = 0
    refused: list[Unreadable] = field(default_factory=list)


def take(
    store: StoreBackend[Any],
    source: Source,
    *,
    overwrite: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Write all pairs of *source* into *store*, and return the report.

    The source is read twice, a hundred pairs at a time: first to see that each can be read and
    stored, and that no key is there already, unless *overwrite* is true; then to write. So it must
    not change meanwhile. A write-back store is saved once, which is one atomic write; into a
    write-through one they go in batches, each an atomic write that loses nobody's key: who is
    interrupted finds whole batches there, and imports again with *overwrite*.

    With *dry_run* nothing is written, and nothing that an entry is refused for is raised.
    *progress* is called with how many entries are done and of how many, 0 while nobody knows; each
    counts once for each time that it is read.

    Raises:
        ImportRefused: an entry cannot be taken; nothing was written. Its ``report`` lists all.
        Conflict: somebody wrote one of the keys meanwhile; earlier batches were written.
        ConfigError, CorruptData, Unavailable: from the source or the store, as they say.

    >>> from pathlib import Path
    >>> from napixd_store import Store
    >>> from napixd_store.importing import json_object, take
    >>> _ = Path("users.json").write_text('{"ann": 1, "bob": 2}')
    >>> take(Store("users"), json_object("users.json"))
    Report(read=2, written=2, replaced=0, refused=[])
    """
    tell = progress or (lambda _done, _total: None)
    return original.importing(_take, store, source, overwrite, dry_run, tell)


def take_counter(
    counter: CounterBackend, value: int, *, overwrite: bool = False, dry_run: bool = False
) -> int:
    """Bring *counter* to *value*, and return what it is at then; it is never lowered.

    Raises:
        ImportRefused: it counts already, and *overwrite* is false; it is unchanged.
    """
    return original.importing(_take_counter, counter, value, overwrite, dry_run)


def _take_counter(counter: CounterBackend, value: int, overwrite: bool, dry_run: bool) -> int:
    present = counter.value
    if present != 0 and not overwrite:
        raise ImportRefused(f"{counter!r} counts already; it is unchanged: see overwrite=")
    reached = max(present, value) if present else value
    return reached if dry_run else counter.increment(reached - present)


def _take(
    store: StoreBackend[Any], source: Source, overwrite: bool, dry_run: bool, tell: Progress
) -> Report:
    report = Report()
    _examine(store, source, overwrite, report, tell)
    if dry_run:
        return report
    if report.refused:
        raise ImportRefused(_told(store, report), report)
    entries = source()
    while batch := list(islice(entries, _AT_ONCE)):
        for ends, group in groupby(map(_still_readable, batch), attrgetter("ends")):
            values = {encode_key(pair.key): pair.value for pair in group}
            expected: Expected = {} if overwrite else dict.fromkeys(values, ABSENT)
            store._put(values, expected, store._until() if ends is None else int(ends * 1000))
            report.written += len(values)
        tell(report.read + report.written, 2 * report.read)
    store.save()
    return report


def _examine(
    store: StoreBackend[Any], source: Source, overwrite: bool, report: Report, tell: Progress
) -> None:
    entries = source()
    seen: set[str] = set()
    while batch := list(islice(entries, _AT_ONCE)):
        report.read += len(batch)
        fit: dict[Any, str] = {}
        for entry in batch:
            try:
                key = _examine_one(store, entry, seen)
                fit[key] = entry.place
            except _Unfit as exc:
                report.refused.append(Unreadable(entry.place, str(exc)))
        present = store.get_many(fit)
        report.replaced += len(present)
        if not overwrite:
            report.refused += (
                Unreadable(place, "the key is there already")
                for key, place in fit.items()
                if key in present
            )
        tell(report.read, 0)


class _Unfit(Exception):
    """An entry cannot be taken."""


def _examine_one(store: StoreBackend[Any], entry: Entry, seen: set[str]) -> Any:
    if isinstance(entry, Unreadable):
        raise _Unfit(entry.reason)
    try:
        text = encode_key(entry.key)
        store._dumps(text, entry.value)
    except (InvalidKey, InvalidValue) as exc:
        raise _Unfit(str(exc)) from exc
    if text in seen:
        raise _Unfit("another entry has the same key")
    seen.add(text)
    return entry.key


def _still_readable(entry: Entry) -> Pair:
    if isinstance(entry, Unreadable):
        raise CorruptData(f"{entry.place}: {entry.reason}: the source changed while it was read")
    return entry


def _told(store: StoreBackend[Any], report: Report) -> str:
    shown = "; ".join(f"{place}: {reason}" for place, reason in report.refused[:_SHOWN])
    rest = len(report.refused) - _SHOWN
    more = f"; and {rest} more" if rest > 0 else ""
    return (
        f"{store!r}: {len(report.refused)} of {report.read} entries cannot be taken, so nothing "
        f"was written: {shown}{more}"
    )
