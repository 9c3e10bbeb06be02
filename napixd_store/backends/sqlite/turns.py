"""Who works on a SQLite file when, and how it ends: whatever breaks it off, nothing stays open."""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from napixd_store.backends.sqlite import faults
from napixd_store.backends.sqlite.group import Result
from napixd_store.backends.sqlite.pool import Pool
from napixd_store.backends.sqlite.queue import GivesWay
from napixd_store.backends.sqlite.session import NOTHING, Session
from napixd_store.connections import Connection
from napixd_store.errors import Conflict, ReadOnly, StoreError, Unavailable
from napixd_store.exclusive import owned

T = TypeVar("T")

RAISED = (sqlite3.Error, OverflowError)  # the latter by Python, for a record of 2 GiB or more

_VERDICTS = (Conflict, sqlite3.IntegrityError)  # what a write finds, maybe in a file that is gone

_BRIEF = 0.01  # seconds; who had to wait no longer has as good as all of its time left


class Turns(Connection):
    """What the operations of a `Database` have in common."""

    def __init__(self, path: Path, durability: str | None, timeout: float) -> None:
        self.path, self.place, self.timeout = path, str(path), timeout
        self._pool = Pool(path, durability, timeout)
        self._log = self._pool.log
        super().__init__()

    def _in_turn(self, work: Callable[..., T], what: Any, arguments: Any, deadline: float) -> T:
        # Our threads queue here, so that the process as a whole has one waiter at most.
        asked = work, what, deadline
        while True:
            session = self._pool.session()
            left = max(0.0, deadline - monotonic())
            try:
                done: T = self.exclusively(
                    self._operate, session, self._queued, asked, arguments, timeout=left
                )
                return done
            except GivesWay:
                pass  # `Pool.session` waits until the fork is made

    def _queued(self, session: Session, asked: Any, arguments: Any) -> Any:
        """Do what is *asked* when it is this process's turn."""
        queue = session.queue
        if queue.is_alone() or not session.writable:  # that leaves nothing beside the file
            return self._until(session, asked, arguments)
        return queue.in_turn(
            asked[-1], self._pool.is_forking, self._until, session, asked, arguments
        )

    def _until(self, session: Session, asked: Any, arguments: Any) -> Any:
        """Do what is *asked*, which SQLite may wait for until its deadline."""
        work, what, deadline = asked
        left = deadline - monotonic()
        if session.hurries or left < self.timeout - _BRIEF:
            session.wait(left, self.timeout - _BRIEF)
        return work(session, what, arguments)

    def _operate(self, session: Session, work: Callable[..., T], what: Any, arguments: Any) -> T:
        """Return ``work(session, what, arguments)``; whatever breaks it off, nothing stays open."""
        lock = session.lock
        if owned(lock):
            raise Unavailable(
                f"{self.place}: this thread is in the middle of an operation here, which a signal "
                f"handler or a finaliser interrupted; nothing was changed: do it outside of them"
            )
        with lock:
            try:
                if session.trusted_until < monotonic():
                    self._pool.check(session)
                return work(session, what, arguments)
            except BaseException as exc:
                handle, session.trusted_until = session.handle, 0.0
                # First of all, and in this frame, what `Session.settle` does: a second signal may
                # come when a function is entered, and would leave it open.
                try:
                    if handle is not None:
                        session.cursor.execute("ROLLBACK" if handle.in_transaction else NOTHING)
                except sqlite3.Error:
                    session.close()
                if isinstance(exc, _VERDICTS) and session.handle and not session.is_found():
                    raise self._pool.moved(writing=False) from exc
                if isinstance(exc, (StoreError, sqlite3.IntegrityError)):
                    raise
                if isinstance(exc, RAISED):
                    raise self._failed(exc, session, writing=False) from exc
                raise

    def _execute(self, session: Session, sql: str, parameters: Sequence[Any]) -> Result:
        if self._log.due <= 0 or not session.writable:
            self._prepare(session)
        cursor = session.cursor
        try:
            rows = cursor.execute(sql, parameters).fetchall()
        except sqlite3.IntegrityError:
            raise
        except RAISED as exc:
            raise self._failed(exc, session, writing=True) from exc
        if not session.is_found():
            raise self._pool.moved(writing=True)
        changed = cursor.rowcount
        self._log.due -= changed if changed > 0 else 1
        return rows, changed

    def _transact(self, session: Session, work: Callable[..., T], arguments: Any) -> T:
        handle = self._prepare(session)
        changed = handle.total_changes
        begun = session.begin("BEGIN IMMEDIATE")
        result = work(session.cursor, *arguments)
        if not session.is_found():
            raise self._pool.moved(writing=False)
        try:
            session.end("COMMIT", begun)
        except sqlite3.Error as exc:
            raise self._failed(exc, session, writing=True) from exc
        if not session.is_found():
            raise self._pool.moved(writing=True)
        self._log.due -= max(1, handle.total_changes - changed)
        return result

    def _prepare(self, session: Session) -> sqlite3.Connection:
        """Return the session's handle, ready for a write."""
        if not session.writable:  # it would stay so for ever
            self._pool.open(session)
        handle = session.handle
        assert handle is not None
        self._log.tend(handle)
        return handle

    def _failed(self, exc: Exception, session: Session, *, writing: bool) -> StoreError:
        if session.handle is not None and not session.is_whole():
            return self._pool.moved(writing=writing)
        error = faults.translated(exc, self.path, writing=writing)
        if isinstance(error, ReadOnly):
            session.close()  # else its side files would keep the rights of this moment
        return error
