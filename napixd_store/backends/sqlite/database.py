"""The connection to one SQLite file: a session per thread, transactions, and forks.

SQLite's handles must not be shared by threads in the middle of a transaction, and must not
cross a fork at all (https://www.sqlite.org/howtocorrupt.html, section 2.6). So each thread has
a session of its own, closed when the thread ends; before a fork all sessions are closed, once
what they do is done, and each is opened again when it is next used.
"""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from napixd_store import disk
from napixd_store.backends.sqlite import file
from napixd_store.backends.sqlite.log import Log
from napixd_store.connections import Connection
from napixd_store.errors import ConfigError, ReadOnly, StoreError, Unavailable
from napixd_store.places import home

_LONGEST = 86_400  # seconds; SQLite counts milliseconds in 32 bits
_SYNCHRONOUS = {"power": "FULL", "process": "NORMAL"}  # https://www.sqlite.org/pragma.html


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
    if path is not None and "\0" in str(path):
        raise ConfigError("the SQLite backend: path= must not hold a NUL character")
    place = home() / "stores" / "store.sqlite" if path is None else path.expanduser()
    return Database(place.absolute(), durability, timeout)  # the working folder may change later


class _Session:
    """One thread's handle; `lock` keeps a fork and `Database.close` out while it works."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.handle: sqlite3.Connection | None = None
        self.writable = True

    def close(self) -> None:
        if self.handle is not None:
            self.handle.close()
            self.handle = None


class _Lease:
    """A thread's hold on its session, which goes with the thread.

    The session stays known until its handle is closed, so that a fork, `Database.close` and the
    end of the process wait for a thread that is closing it.
    """

    def __init__(self, session: _Session, sessions: set[_Session]) -> None:
        self._session, self._sessions = session, sessions

    def __del__(self) -> None:
        # Who has the lock (a fork, `Database.close`) closes the handle, and two at once would
        # crash Python 3.10. To wait for them might be for ever: the garbage collector calls this
        # in any thread, whatever that thread holds.
        if self._session.lock.acquire(blocking=False):
            try:
                self._session.close()
            finally:
                self._session.lock.release()
        self._sessions.discard(self._session)


class Database(Connection):
    """One SQLite file, used by all stores and counters of its path and options."""

    def __init__(self, path: Path, durability: str | None, timeout: float) -> None:
        super().__init__()
        self.path, self.place, self._asked = path, str(path), durability
        self._timeout = timeout
        self._checked = False
        self._log = Log(path)
        self._begin_anew()

    @property
    def durability(self) -> str:  # type: ignore[override]  # nobody sets it
        """What is asked for, or else what the file system has."""
        return disk.durability(self.path, self._asked)

    def read(self, sql: str, parameters: Sequence[Any]) -> list[Any]:
        """Return the rows of a query."""
        session = self._session()
        with session.lock:
            try:
                return (session.handle or self._open(session)).execute(sql, parameters).fetchall()
            except sqlite3.Error as exc:
                raise file.translated(exc, self.path, writing=False) from exc

    def read_parts(self, sql: str, parts: Iterable[Sequence[Any]]) -> list[Any]:
        """Return the rows of a query, run once for each of *parts* over one state."""
        session = self._session()
        rows = []
        with session.lock:
            try:
                handle = session.handle or self._open(session)
                handle.execute("BEGIN")
                try:
                    for parameters in parts:
                        rows += handle.execute(sql, parameters).fetchall()
                finally:
                    handle.execute("ROLLBACK")
            except sqlite3.Error as exc:
                raise file.translated(exc, self.path, writing=False) from exc
        return rows

    def read_until(self, sql: str, parameters: Sequence[Any], enough: int) -> list[Any]:
        """Return rows until their last columns (bytes) add up to *enough*; no more is fetched."""
        session = self._session()
        rows, size = [], 0
        with session.lock:
            try:
                cursor = (session.handle or self._open(session)).execute(sql, parameters)
                for row in cursor:
                    rows.append(row)
                    size += len(row[-1])
                    if size >= enough:
                        break
                cursor.close()
            except sqlite3.Error as exc:
                raise file.translated(exc, self.path, writing=False) from exc
        return rows

    def write(self, sql: str, parameters: Sequence[Any]) -> tuple[list[Any], int]:
        """Run one statement as a transaction of its own; return its rows, and how many it changed.

        SQLite takes the write lock when such a statement begins, as BEGIN IMMEDIATE does.
        """
        session = self._session()
        with session.lock:
            self._queue()
            try:
                handle = self._writable(session)
                self._log.tend(handle)
                cursor = handle.execute(sql, parameters)
                rows, changed = cursor.fetchall(), cursor.rowcount
                self._log.due -= changed if changed > 1 else 1
                return rows, changed
            except sqlite3.IntegrityError:
                raise  # the caller's: it alone knows which rule was broken
            except (sqlite3.Error, OverflowError) as exc:
                raise self._failed(exc, session, writing=True) from exc
            finally:
                self._writers.release()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run the block as one write transaction: all of it, or on any exception nothing."""
        session = self._session()
        committing = False
        with session.lock:
            self._queue()
            try:
                handle = self._writable(session)
                self._log.tend(handle)
                changed = handle.total_changes
                handle.execute("BEGIN IMMEDIATE")
                try:
                    yield handle
                    committing = True
                    handle.execute("COMMIT")
                    self._log.due -= max(1, handle.total_changes - changed)
                except BaseException:
                    if handle.in_transaction:
                        handle.execute("ROLLBACK")
                    raise
            except StoreError:
                raise
            except (sqlite3.Error, OverflowError) as exc:
                raise self._failed(exc, session, writing=committing) from exc
            finally:
                self._writers.release()

    def _queue(self) -> None:
        # SQLite's waiters poll and sleep, and the latest may be served first for seconds. Our
        # threads queue here, so that the process as a whole has one waiter at most.
        if not self._writers.acquire(timeout=self._timeout):
            raise Unavailable(
                f"{self.place}: other threads were writing for longer than timeout=; nothing was "
                f"changed: try again"
            )

    def close(self) -> None:
        """Close the sessions of all threads, each when what it does is done."""
        with self.lock:
            for session in list(self._sessions):
                with session.lock:
                    session.close()

    # --- forks -------------------------------------------------------------------------------

    def before_fork(self) -> None:
        """Wait for every session to finish, close it, and hold it until after the fork."""
        self.lock.acquire()  # from here on no thread gets a new session
        self._forking = True  # nor begins a new operation: a busy one would never let us in
        self._held[:] = self._sessions
        for session in self._held:
            session.lock.acquire()
            session.close()

    def after_fork_in_parent(self) -> None:
        """Let the threads go on; each opens its handle again."""
        for session in self._held:
            session.lock.release()
        self._held.clear()
        self._forking = False
        self.lock.release()

    def begin_anew(self) -> None:
        """Forget the other threads' sessions: their threads do not exist here."""
        super().begin_anew()
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._local = threading.local()
        self._sessions: set[_Session] = set()
        self._held: list[_Session] = []
        self._forking = False
        self._writers = threading.Lock()

    # --- sessions ----------------------------------------------------------------------------

    def _session(self) -> _Session:
        while self._forking:
            with self.lock:  # held by the thread that forks
                pass
        try:
            session: _Session = self._local.session
        except AttributeError:
            with self.lock:
                session = self._local.session = _Session()
                self._sessions.add(session)
                self._local.lease = _Lease(session, self._sessions)
        return session

    def _open(self, session: _Session) -> sqlite3.Connection:
        synchronous = _SYNCHRONOUS[self.durability]
        if not self._checked:
            file.ensure(self.path)
            file.check(self.path)
            self._checked = True
        handle = file.connect(self.path, timeout=self._timeout, synchronous=synchronous)
        if not isinstance(handle, file.Passing):
            session.handle, session.writable = handle, file.may_write(self.path)
        self._log.due = 0
        return handle

    def _failed(self, exc: Exception, session: _Session, *, writing: bool) -> StoreError:
        error = file.translated(exc, self.path, writing=writing)
        if isinstance(error, ReadOnly):
            session.close()  # else its side files would keep the rights of this moment
        return error

    def _writable(self, session: _Session) -> sqlite3.Connection:
        # A handle that SQLite could open for reading only would stay so for ever.
        if not session.writable:
            session.close()
        return session.handle or self._open(session)
