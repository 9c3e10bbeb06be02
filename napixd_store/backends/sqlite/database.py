"""The connection to one SQLite file: its operations."""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, Literal, TypeVar

from napixd_store import filesystems
from napixd_store.backends.sqlite import erasing, faults, file, note, online
from napixd_store.backends.sqlite.session import Session
from napixd_store.backends.sqlite.shared import Shared
from napixd_store.changes import Changes, Expected
from napixd_store.errors import ConfigError
from napixd_store.places import home

T = TypeVar("T")

_FREE = "SELECT freelist_count * page_size FROM pragma_freelist_count(), pragma_page_size()"

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


class Database(Shared):
    """One SQLite file, used by all stores and counters of its path and options.

    Guarantees: a signal handler or a finaliser that runs in the middle of an operation gets
    `Unavailable` here, so that it neither sees nor joins what is half done. A file that was
    removed, renamed or replaced is noticed: by a write before it is acknowledged, by a read
    within 5 milliseconds. After that the operations work on the file that stands at the path.
    """

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

    def transaction(self, work: Callable[..., T], *arguments: Any) -> T:
        """Return ``work(cursor, *arguments)``, run as one transaction: all of it or nothing.

        An exception of *work* undoes what it did.
        """
        try:
            done: T = self._in_turn(self._transact, work, arguments, monotonic() + self.timeout)
        except sqlite3.IntegrityError as exc:  # of a trigger that is none of ours
            raise faults.translated(exc, self.path, writing=False) from exc
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
            self._in_turn(self._vacuum, "VACUUM", (), monotonic() + self.timeout)
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


def _write_each(cursor: sqlite3.Cursor, writes: Sequence[tuple[Any, Changes, Expected]]) -> None:
    for store, changes, expected in writes:
        store._write_many(cursor, changes, expected)
