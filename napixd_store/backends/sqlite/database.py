"""The connection to one SQLite file: its operations, and how they end."""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, Literal, TypeVar

from napixd_store import filesystems
from napixd_store.backends.sqlite import erasing, faults, file, note, online
from napixd_store.backends.sqlite.pool import Pool
from napixd_store.backends.sqlite.queue import GivesWay
from napixd_store.backends.sqlite.session import Session
from napixd_store.changes import Changes, Expected
from napixd_store.connections import Connection
from napixd_store.errors import ConfigError, Conflict, ReadOnly, StoreError, Unavailable
from napixd_store.exclusive import owned
from napixd_store.places import home

T = TypeVar("T")

_RAISED = (sqlite3.Error, OverflowError)  # the latter by Python, for a record of 2 GiB or more

_FREE = "SELECT freelist_count * page_size FROM pragma_freelist_count(), pragma_page_size()"

_VERDICTS = (Conflict, sqlite3.IntegrityError)  # what a write finds, maybe in a file that is gone

_BRIEF = 0.01  # seconds; who had to wait no longer has as good as all of its time left

_LONGEST = 86_400  # seconds; SQLite counts milliseconds in 32 bits


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


class Database(Connection):
    """One SQLite file, used by all stores and counters of its path and options.

    Guarantees: a signal handler or a finaliser that runs in the middle of an operation gets
    `Unavailable` here, so that it neither sees nor joins what is half done. A file that was
    removed, renamed or replaced is noticed: by a write before it is acknowledged, by a read
    within 5 milliseconds. After that the operations work on the file that stands at the path.
    """

    def __init__(self, path: Path, durability: str | None, timeout: float) -> None:
        self.path, self.place, self.timeout = path, str(path), timeout
        self._pool = Pool(path, durability, timeout)
        self._log = self._pool.log
        super().__init__()

    @property
    def durability(self) -> str:  # type: ignore[override]  # nobody sets it
        """What is asked for, or else what the file system has."""
        return self._pool.durability

    # --- operations --------------------------------------------------------------------------

    def read(self, sql: str, parameters: Sequence[Any]) -> list[Any]:
        """Return the rows of a query."""
        return self._operate(self._pool.session(), Session.rows, sql, parameters)

    def read_parts(self, sql: str, parts: Iterable[Sequence[Any]]) -> list[Any]:
        """Return the rows of a query, run once for each of *parts* over one state."""
        return self._operate(self._pool.session(), Session.rows_of_parts, sql, parts)

    def read_until(self, sql: str, parameters: Sequence[Any], enough: int) -> list[Any]:
        """Return rows until their last columns (bytes) add up to *enough*; no more is fetched."""
        return self._operate(self._pool.session(), Session.rows_until, sql, (parameters, enough))

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

    def is_awaited(self) -> bool:
        """Whether other processes wait to write while this one does."""
        return self._pool.queue.is_awaited()

    def write_all(self, writes: Sequence[tuple[Any, Changes, Expected]]) -> None:
        """Make the *writes* of several stores, as one transaction."""
        self.transaction(_write_each, writes)

    def back_up(self, target: Path) -> None:
        """Copy all that is here to the file *target*, of one moment, beside those who write."""
        self._operate(self._pool.session(), online.copy_to, target, self.timeout)

    def examine(self) -> list[str]:
        """Return what SQLite says of the file's integrity, and what its rights allow."""
        if not self.path.exists():
            return []
        rows = self.read("PRAGMA integrity_check(100)", ())
        found = [f"{self.path}: {said}" for (said,) in rows if said != "ok"]
        return found + filesystems.open_to_others(self.path)

    def sizes(self) -> dict[str, int]:
        """Return the bytes of the file and of the log, and those of the file that are free."""
        if not self.path.exists():
            return {}
        ((free,),) = self.read(_FREE, ())
        beside = Path(note.beside(self.path))
        log = beside.stat().st_size if beside.exists() else 0
        return {"file": self.path.stat().st_size, "log": log, "free": free}

    def vacuum(self) -> None:
        """Write the file anew without what is free in it; who writes meanwhile waits."""
        if self.path.exists():
            erasing.finish(self)
            self._in_turn(self._vacuum, "VACUUM", ())
            self.close()  # who closes the last handle copies the log, and the file gets shorter

    def _vacuum(self, session: Session, sql: str, parameters: Sequence[Any]) -> None:
        self._execute(session, sql, parameters)
        self._log.due = 0  # it may be long
        self._prepare(session)

    def refuse_others(self) -> None:
        """Raise `Unavailable` if other processes have the file open."""
        self._pool.close()
        if self.path.exists():
            online.refuse_others(self.path, file.connecting(self.path, 0.0))

    def _in_turn(self, work: Callable[..., T], what: Any, arguments: Any) -> T:
        # Our threads queue here, so that the process as a whole has one waiter at most.
        left, deadline = self.timeout, monotonic() + self.timeout
        asked = work, what, deadline
        while True:
            session = self._pool.session()
            try:
                done: T = self.exclusively(
                    self._operate, session, self._queued, asked, arguments, timeout=left
                )
                return done
            except GivesWay:  # `Pool.session` waits until the fork is made
                left = max(0.0, deadline - monotonic())

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
                session.settle()
                if isinstance(exc, _VERDICTS) and session.handle and not session.is_found():
                    raise self._pool.moved(writing=False) from exc
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

    # --- the sessions of all threads ---------------------------------------------------------

    def close(self) -> None:
        """Close the sessions of all threads, each when what it does is done.

        Not one that this very thread is using: it is called from a signal handler then.
        """
        self._pool.close()

    def before_fork(self) -> None:
        """Wait for every session to finish, close it, and hold it until after the fork."""
        self._pool.shut_gate()
        super().before_fork()
        self._pool.close_until_forked()

    def is_in_use_here(self) -> bool:
        """Whether this very thread is in the middle of something here, were it only a read."""
        return super().is_in_use_here() or self._pool.is_in_use_here()

    def begin_anew(self) -> None:
        """Give up what is the parent's; its other threads do not exist here."""
        super().begin_anew()
        self._pool.begin_anew()

    # --- errors ------------------------------------------------------------------------------

    def _failed(self, exc: Exception, session: Session, *, writing: bool) -> StoreError:
        if session.handle is not None and not session.is_whole():
            return self._pool.moved(writing=writing)
        error = faults.translated(exc, self.path, writing=writing)
        if isinstance(error, ReadOnly):
            session.close()  # else its side files would keep the rights of this moment
        return error


def _write_each(cursor: sqlite3.Cursor, writes: Sequence[tuple[Any, Changes, Expected]]) -> None:
    for store, changes, expected in writes:
        store._write_many(cursor, changes, expected)
