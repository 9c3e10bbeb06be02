"""Transactions: what a block reads and writes is one step, or it is not done at all."""

import sys
from contextvars import ContextVar
from typing import Any, Generic, TypeVar, overload
from weakref import ref

from napixd_store.engine.commit import commit, why_apart
from napixd_store.engine.draft import Draft
from napixd_store.engine.verbs import Verbs
from napixd_store.errors import ConfigError

T = TypeVar("T")
S1 = TypeVar("S1", bound=Verbs[Any])
S2 = TypeVar("S2", bound=Verbs[Any])
S3 = TypeVar("S3", bound=Verbs[Any])


@overload
def transaction(store: S1, /) -> "Transaction[S1]": ...
@overload
def transaction(first: S1, second: S2, /) -> "Transaction[tuple[S1, S2]]": ...
@overload
def transaction(first: S1, second: S2, third: S3, /) -> "Transaction[tuple[S1, S2, S3]]": ...
@overload
def transaction(*stores: S1) -> "Transaction[tuple[S1, ...]]": ...
def transaction(*stores: Any) -> "Transaction[Any]":
    """Return a context manager in whose block all that is done to *stores* is one step.

    It gives the block a store in place of each: one as itself, several as a tuple, in their
    order. What the block did to them is written when it ends, if all that it read, the keys that
    were missing included, still is as it was. After an exception nothing is written. Only keys
    that the block touches are read, each of them once.

    Guarantees: the write is as atomic as the backend's `update`. The block holds no lock, so two
    of its reads may be of different moments; if they do not fit together, it ends in `Conflict`.
    Keys that appear while it iterates over a store are not looked for.

    Raises:
        Conflict: somebody else changed meanwhile what the block had read, see ``keys``; nothing
            is written, and the block may be run again.
        ConfigError: on entering: the stores do not share a connection that writes several at
            once; or one writes back, for which `save` is its transaction; or one is in a
            transaction of this thread, or context, already; or it is entered a second time.

    >>> from napixd_store.backends.memory import MemoryStore
    >>> accounts, journal = MemoryStore("accounts", {}), MemoryStore("journal", {})
    >>> accounts.update(ann=10, bob=0)
    >>> with transaction(accounts, journal) as (a, j):
    ...     a["ann"] -= 5
    ...     a["bob"] += 5
    ...     j[1] = "5 from ann to bob"
    >>> accounts.snapshot(), journal.snapshot()
    ({'ann': 5, 'bob': 5}, {1: '5 from ann to bob'})
    >>> accounts.drop(), journal.drop()
    (None, None)
    """
    return Transaction(stores)


class Transaction(Generic[T]):
    """What `transaction` returns, for one block."""

    def __init__(self, stores: tuple[Any, ...]) -> None:
        self._stores = stores
        self._turns = [None]
        self._inside: tuple[Any, ...] = ()
        self._frame = 0

    def __enter__(self) -> T:
        running = [each for reference in _running.get() if (each := reference()) and each._inside]
        if running:
            frames = _frames()
            running = [each for each in running if each._frame in frames]
        _check(self._stores, [store for each in running for store in each._stores])
        try:
            self._turns.pop()
        except IndexError:  # another thread may be in it: neither is to end the other's block
            raise ConfigError("a transaction() is for one block: call it for each") from None
        try:
            self._inside = inside = tuple(map(_drafted, self._stores))
            self._frame = id(sys._getframe(1))
            # Nothing takes one off this list when it ends, for an interrupt may come before. A
            # traceback may keep it then, but that keeps the block's frame, too: no other has its
            # id.
            _running.set((*map(ref, running), ref(self)))
            answer: T = inside if len(inside) > 1 else inside[0]  # type: ignore[assignment]
            return answer
        except BaseException:  # an interrupt: the block is not entered, nor is it ever left
            self._inside = ()
            raise

    def __exit__(self, kind: object, *rest: object) -> None:
        inside, self._inside = self._inside, ()
        drafts = [store._copy for store in inside]
        for store in inside:
            store._copy = _Ended(store._where())
        if kind is None:
            for draft in drafts:
                draft.is_done = True
            commit(drafts)


_running: "ContextVar[tuple[ref[Transaction[Any]], ...]]" = ContextVar(
    "napixd_store_transactions", default=()
)
"""The transactions that this code runs in; some may have ended."""


def _frames() -> set[int]:
    """Return the ids of the frames in which this thread is."""
    frames, frame = set(), sys._getframe(1)
    while frame is not None:
        frames.add(id(frame))
        frame = frame.f_back  # type: ignore[assignment]  # None in the end
    return frames


class _Ended:
    """The working copy of a store whose transaction has ended."""

    policy = "of a transaction that has ended"

    def __init__(self, where: str) -> None:
        self._place = where

    def __getattr__(self, name: str) -> Any:
        raise ConfigError(
            f"{self._place}: the transaction that gave this store has ended; nothing was changed: "
            f"use the store that you gave it"
        )


def _drafted(store: Any) -> Any:
    """Return a store like *store*, of which a draft takes the changes."""
    inside = object.__new__(type(store))
    vars(inside).update(vars(store))
    inside._copy = Draft(store)
    return inside


def _check(stores: tuple[Any, ...], running: list[Any]) -> None:
    if not stores:
        raise ConfigError("transaction() takes one store, or several")
    for number, store in enumerate(stores):
        if not isinstance(store, Verbs):
            raise ConfigError(f"transaction() takes stores, and this is none: {store!r}")
        if any(map(store._is_same_as, (*running, *stores[:number]))):
            raise ConfigError(
                f"{store._where()} is in a transaction already: use the store that it gave; "
                f"nothing was changed"
            )
        if store._copy is not None:
            raise ConfigError(
                f"{store._where()} writes back, so its save() is its transaction: open it with "
                f"writeback=False to use it in another one"
            )
        why = why_apart(stores[0], store) if number else None
        if why:
            raise ConfigError(
                f"{stores[0]._where()} and {store._where()} cannot be written in one step: {why}"
            )
