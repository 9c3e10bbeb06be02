"""Commit: the differences that working copies hold are written, those of several in one step."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from napixd_store.changes import Changes, Expected
from napixd_store.engine.verbs import Verbs
from napixd_store.engine.working_copy import WorkingCopy
from napixd_store.errors import Conflict
from napixd_store.names import encode_key

T = TypeVar("T")


def commit(copies: Sequence[WorkingCopy]) -> None:
    """Write what the *copies* have pending as one step, then have the collections tended.

    The stores of several share a connection that can do it, see `Connection.apart`.

    Raises:
        Conflict: somebody else changed a key that one of them has changed, or has read in a
            transaction; nothing is written.
    """
    in_order = sorted(copies, key=id)  # or two threads would wait for each other
    for copy, changes in _alone_in(in_order, partial(_written, copies)):
        copy.tend(len(changes))


def why_apart(first: Verbs[Any], second: Verbs[Any]) -> str | None:
    """Return why what is written to both stores cannot be one step; None: it can."""
    if first._connection is not second._connection:
        return "they do not share a connection; open both at the same place, with the same options"
    if first._is_same_as(second):
        return "they are one collection"
    why: str | None = first._connection.apart((first, second))
    return why


def _alone_in(copies: Sequence[WorkingCopy], work: Callable[[], T]) -> T:
    """Return ``work()``, run while no other thread is in any of *copies*."""
    return copies[0].exclusively(_alone_in, copies[1:], work) if copies else work()


def _written(copies: Sequence[WorkingCopy]) -> list[tuple[WorkingCopy, Changes]]:
    while True:
        trackers = [(copy, tracker) for copy in copies if (tracker := copy.pending())]
        parts = [(copy, tracker, *tracker.differences()) for copy, tracker in trackers]
        write: Callable[[], None] = partial(
            _write, [(copy.store, *change) for copy, _, *change in parts if any(change)]
        )
        for _, tracker, changes, _ in parts:
            write = partial(tracker.attempt, changes, write)
        try:
            write()
        except Conflict as conflict:
            texts = set(map(encode_key, conflict.keys))  # of which store, it does not say
            settled = [
                copy.settle(tracker, texts & expected.keys())
                for copy, tracker, _, expected in parts
            ]
            if not any(settled):
                raise
            continue
        for _, tracker, changes, _ in parts:
            tracker.saved(changes)
        return [(copy, changes) for copy, _, changes, _ in parts]


def _write(writes: Sequence[tuple[Any, Changes, Expected]]) -> None:
    if len(writes) == 1:
        ((store, changes, expected),) = writes
        store._write(changes, expected)
    elif writes:
        writes[0][0]._connection.write_all(writes)
