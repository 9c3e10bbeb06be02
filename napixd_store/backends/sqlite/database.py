"""The connection to one SQLite file: its operations, the queue of writers, and forks.

SQLite's handles must not be shared by threads in the middle of a transaction, and must not
cross a fork. So each thread has a session of its own, closed when the thread ends; before a fork
that Python tells of all sessions are closed, once what they do is done, and each is opened again
when it is next used. After any other fork the child closes those that it finds.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, Literal, TypeVar

from napixd_store import filesystems
from napixd_store.backends.sqlite import faults, file
from napixd_store.backends.sqlite.log import Log
from napixd_store.backends.sqlite.session import NOTHING, Session, check_usable, identity
from napixd_store.connections import Connection, hold
from napixd_store.errors import (
    ConfigError,
    Conflict,
    OutcomeUnknown,
    ReadOnly,
    StoreError,
    Unavailable,
)
from napixd_store.exclusive import owned
from napixd_store.places import home
from napixd_store.processes import is_new, notice

T = TypeVar("T")

_RAISED = (sqlite3.Error, OverflowError)  # the latter by Python, for a record of 2 GiB or more

_VERDICTS = (Conflict, sqlite3.IntegrityError)  # what a write finds, maybe in a file that is gone

_LONGEST = 86_400  # seconds; SQLite counts milliseconds in 32 bits
_TRUSTED = 0.005  # seconds; to look whether the file still stands takes a quarter of a read's time


def open_database(
    *,
    path: Path | None = None,
    durability: Literal["power", "process"] | None = None,
    timeout: float = 30.0,
) -> "Database":
    """Return the database at *path*; nothing is opened before it is used.

    Args:
        path: the file; ``stores/store.sqlite`` in the home folder when not given.
        durability: ``power`` syncs each commit; ``process`` may lose the last ones in a power cut.
            When not given, ``power``, unless the file is in memory (tmpfs).
        timeout: seconds to wait for other writers before `Unavailable`.

    Raises:
        ConfigError: an option is out of range, or Python's SQLite is older than 3.37.
    """
    if sqlite3.sqlite_version_info < file.MINIMUM_SQLITE:
        needed = ".".join(map(str, file.MINIMUM_SQLITE))
        raise ConfigError(
            f"the SQLite backend needs SQLite {needed} or newer, and this Python has "
            f"{sqlite3.sqlite_version}"
        )
    if not 0 <= timeout <= _LONGEST:
        raise ConfigError(f"the SQLite backend: timeout= takes 0 to {_LONGEST} seconds")
    return Database(path or home() / "stores" / "store.sqlite", durability, timeout)


class _Lease:
    """A thread's hold on its session, which goes with the thread.

    The session stays known until its handle is closed, so that a fork, `Database.close` and the
    end of the process wait for a thread that is closing it.
    """

    def __init__(self, session: Session, sessions: set[Session]) -> None:
        self._session, self._sessions = session, sessions
        sessions.add(session)

    def __del__(self, is_new: Callable[[], bool] = is_new) -> None:  # this module may be gone
        # Who has the lock (a fork, `Database.close`) closes the handle, and two at once would
        # crash Python 3.10. To wait for them might be for ever: the garbage collector calls this
        # in any thread, whatever that thread holds. In a child it waits for `begin_anew`.
        if is_new():
            return
        self._session.close_if_idle()
        self._sessions.discard(self._session)


class Database(Connection):
    """One SQLite file, used by all stores and counters of its path and options.

    Guarantees: a signal handler or a finaliser that runs in the middle of an operation gets
    `Unavailable` here, so that it neither sees nor joins what is half done. A file that was
    removed, renamed or replaced is noticed: by a write before it is acknowledged, by a read
    within 5 milliseconds. After that the operations work on the file that stands at the path.
    """

    def __init__(self, path: Path, durability: str | None, timeout: float) -> None:
        self.path, self.place, self._asked = path, str(path), durability
        self.timeout = timeout
        self._log = Log(path)
        self._local = threading.local()
        self._sessions: set[Session] = set()
        self._begin_anew()
        super().__init__()

    @property
    def durability(self) -> str:  # type: ignore[override]  # nobody sets it
        """What is asked for, or else what the file system has."""
        return filesystems.durability(self.path, self._asked)

    # --- operations --------------------------------------------------------------------------

    def read(self, sql: str, parameters: Sequence[Any]) -> list[Any]:
        """Return the rows of a query."""
        return self._operate(self._session(), _rows, sql, parameters)

    def read_parts(self, sql: str, parts: Iterable[Sequence[Any]]) -> list[Any]:
        """Return the rows of a query, run once for each of *parts* over one state."""
        return self._operate(self._session(), _rows_of_parts, sql, parts)

    def read_until(self, sql: str, parameters: Sequence[Any], enough: int) -> list[Any]:
        """Return rows until their last columns (bytes) add up to *enough*; no more is fetched."""
        return self._operate(self._session(), _rows_until, sql, (parameters, enough))

    def write(self, sql: str, parameters: Sequence[Any]) -> tuple[list[Any], int]:
        """Run one statement as a transaction of its own; return its rows, and how many it changed.

        SQLite takes the write lock when such a statement begins, as BEGIN IMMEDIATE does.

        Raises:
            sqlite3.IntegrityError: the layout forbids it; the caller alone knows what that means.
        """
        return self._in_turn(self._execute, sql, parameters)

    def transaction(self, work: Callable[..., T], *arguments: Any) -> T:
        """Return ``work(cursor, *arguments)``, run as one transaction: all of it or nothing.

        An exception of *work* undoes what it did.
        """
        done: T = self._in_turn(self._transact, work, arguments)
        return done

    def _in_turn(self, work: Callable[..., T], what: Any, arguments: Any) -> T:
        # SQLite's waiters poll and sleep, and the latest may be served first for seconds. Our
        # threads queue here, so that the process as a whole has one waiter at most.
        session = self._session()
        done: T = self.exclusively(
            self._operate, session, work, what, arguments, timeout=self.timeout
        )
        return done

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
                    self._trust(session)
                return work(session, what, arguments)
            except BaseException as exc:
                session.settle()
                if isinstance(exc, _VERDICTS) and session.handle and not session.is_found():
                    raise self._moved(writing=False) from exc
                if isinstance(exc, (StoreError, sqlite3.IntegrityError)):
                    raise
                if isinstance(exc, _RAISED):
                    raise self._failed(exc, session, writing=False) from exc
                raise

    def _execute(
        self, session: Session, sql: str, parameters: Sequence[Any]
    ) -> tuple[list[Any], int]:
        if self._log.due <= 0 or not session.writable:
            self._prepare(session)
        cursor = session.cursor
        try:
            rows = cursor.execute(sql, parameters).fetchall()
        except sqlite3.IntegrityError:
            raise
        except _RAISED as exc:
            raise self._failed(exc, session, writing=True) from exc
        if not session.is_found():
            raise self._moved(writing=True)
        changed = cursor.rowcount
        self._log.due -= changed if changed > 0 else 1
        return rows, changed

    def _transact(self, session: Session, work: Callable[..., T], arguments: Any) -> T:
        handle = self._prepare(session)
        changed = handle.total_changes
        begun = session.begin("BEGIN IMMEDIATE")
        result = work(session.cursor, *arguments)
        if not session.is_found():
            raise self._moved(writing=False)
        try:
            session.end("COMMIT", begun)
        except sqlite3.Error as exc:
            raise self._failed(exc, session, writing=True) from exc
        if not session.is_found():
            raise self._moved(writing=True)
        self._log.due -= max(1, handle.total_changes - changed)
        return result

    def _prepare(self, session: Session) -> sqlite3.Connection:
        """Return the session's handle, ready for a write."""
        if not session.writable:  # it would stay so for ever
            self._open(session)
        handle = session.handle
        assert handle is not None
        self._log.tend(handle)
        return handle

    def close(self) -> None:
        """Close the sessions of all threads, each when what it does is done.

        Not one that this very thread is using: it is called from a signal handler then.
        """
        for session in list(self._sessions):
            if not owned(session.lock):
                with session.lock:
                    session.close()

    # --- forks -------------------------------------------------------------------------------

    def before_fork(self) -> None:
        """Wait for every session to finish, close it, and hold it until after the fork."""
        hold(self._gate)
        self._forking = True  # no thread begins an operation: a busy one would never let us in
        super().before_fork()
        for session in list(self._sessions):
            hold(session.lock)
            session.close()

    def is_in_use_here(self) -> bool:
        """Whether this very thread is in the middle of something here, were it only a read."""
        return super().is_in_use_here() or any(
            owned(lock) for lock in (self._gate, *(each.lock for each in list(self._sessions)))
        )

    def begin_anew(self) -> None:
        """Give up what is the parent's; its other threads do not exist here."""
        super().begin_anew()
        for session in list(self._sessions):
            session.begin_anew()
        self._sessions.intersection_update([getattr(self._local, "session", None)])
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._gate = threading.RLock()
        self._forking = False

    # --- sessions ----------------------------------------------------------------------------

    def _session(self) -> Session:
        notice()
        if self._forking:
            with self._gate:  # so the fork is made
                self._forking = False
        try:
            session: Session = self._local.session
        except AttributeError:
            with self._gate:  # a fork must know all sessions
                session = Session(self.place)
                self._local.lease = _Lease(session, self._sessions)
                self._local.session = session
        return session

    def _trust(self, session: Session) -> None:
        """Make sure of the session's handle: no transaction in it, and the file at the path.

        Raises:
            Unavailable: another file stands there now; from now on that is worked with.
        """
        if session.handle is None or session.handle.in_transaction or session.passing:
            self._open(session)  # in one: a second interrupt broke off the rolling back
        elif not session.is_whole():
            raise self._moved(writing=False)
        if not session.passing:
            session.trusted_until = monotonic() + _TRUSTED

    def _open(self, session: Session) -> None:
        check_usable(self.place)
        session.close()
        durability = self.durability
        file.ensure(self.path)
        standing = identity(self.place)
        if standing not in {other.file for other in list(self._sessions)}:
            file.check(self.path)
        session.passing = file.is_unchanging(self.path)
        session.writable = faults.may_write(self.path)
        session.open(standing, file.connecting(self.path, self.timeout), durability)
        self._log.due = 0

    # --- errors ------------------------------------------------------------------------------

    def _failed(self, exc: Exception, session: Session, *, writing: bool) -> StoreError:
        if session.handle is not None and not session.is_whole():
            return self._moved(writing=writing)
        error = faults.translated(exc, self.path, writing=writing)
        if isinstance(error, ReadOnly):
            session.close()  # else its side files would keep the rights of this moment
        return error

    def _moved(self, *, writing: bool) -> StoreError:
        """Close what is open on a file that is no longer at the path; return the error to raise."""
        for session in list(self._sessions):
            session.close_if_idle()
        what = f"{self.place}: the file was removed, renamed or replaced while it was open"
        if writing:
            return OutcomeUnknown(
                f"{what}; the change is in the one that was there, if anywhere: read it back"
            )
        return Unavailable(f"{what}; nothing was changed: repeat, with the one that is there now")


def _rows(session: Session, sql: str, parameters: Sequence[Any]) -> list[Any]:
    return session.cursor.execute(sql, parameters).fetchall()


def _rows_of_parts(session: Session, sql: str, parts: Iterable[Sequence[Any]]) -> list[Any]:
    rows: list[Any] = []
    begun = session.begin("BEGIN")
    for parameters in parts:
        rows += _rows(session, sql, parameters)
    session.end("ROLLBACK", begun)
    return rows


def _rows_until(session: Session, sql: str, asked: tuple[Sequence[Any], int]) -> list[Any]:
    parameters, enough = asked
    rows, size = [], 0
    for row in session.cursor.execute(sql, parameters):
        rows.append(row)
        size += len(row[-1])
        if size >= enough:
            session.cursor.execute(NOTHING)
            break
    return rows
