"""The pool: a session for each thread of this process, all of them closed before a fork.

SQLite's handles must not be shared by threads in the middle of a transaction, and must not
cross a fork. So each thread has a session of its own, closed when the thread ends; before a fork
that Python tells of all sessions are closed, once what they do is done, and each is opened again
when it is next used. After any other fork the child closes those that it finds.
"""

import threading
from pathlib import Path
from time import monotonic

from napixd_store import filesystems
from napixd_store.backends.sqlite import create, faults, file, forked, leases
from napixd_store.backends.sqlite.log import Log
from napixd_store.backends.sqlite.queue import Queue
from napixd_store.backends.sqlite.session import Session, identity
from napixd_store.connections import hold
from napixd_store.errors import OutcomeUnknown, StoreError, Unavailable
from napixd_store.exclusive import owned
from napixd_store.processes import notice

_TRUSTED = 0.005  # seconds; to look whether the file still stands takes a quarter of a read's time


class Pool:
    """The sessions of this process's threads on the file at *path*; none is open before its use.

    Guarantees: a session is given to one thread alone, and its handle is the file's that stands
    at the path, as of 5 milliseconds ago.
    """

    def __init__(self, path: Path, durability: str | None, timeout: float) -> None:
        self.log = Log(path)
        self._path, self._place, self._timeout = path, str(path), timeout
        self._asked = durability
        self.syncs = False
        """Whether a commit waits for the disk, as of the last opening."""
        self.queue = Queue(path)
        self._local = threading.local()
        self._sessions: set[Session] = set()
        self._gate, self._forking = threading.RLock(), False

    @property
    def durability(self) -> str:
        """What is asked for, or else what the file system has."""
        return filesystems.durability(self._path, self._asked)

    def session(self) -> Session:
        """Return this thread's session; once its lock is taken, `check` it if it is not trusted."""
        notice()
        if leases.returned:
            leases.close_returned()
        if self._forking:
            with self._gate:  # so the fork is made
                self._forking = False
        try:
            session: Session = self._local.session
        except AttributeError:
            with self._gate:  # a fork must know all sessions
                session = Session(self._place, self.queue)
                self._local.lease = leases.lease(session, self._sessions)
                self._local.session = session
        return session

    def check(self, session: Session) -> None:
        """Make sure of the session's handle: no transaction in it, and the file at the path.

        Raises:
            Unavailable: another file stands there now; from now on that is worked with.
        """
        if session.handle is None or session.handle.in_transaction or session.passing:
            self.open(session)  # in one: a second interrupt broke off the rolling back
        elif not session.is_whole():
            raise self.moved(writing=False)
        if not session.passing:
            session.trusted_until = monotonic() + _TRUSTED

    def open(self, session: Session) -> None:
        """Open a new handle for the session, on the file that stands at the path now."""
        forked.check_usable(self._place)
        session.close()
        durability = self.durability
        self.syncs = durability == "power"
        create.ensure(self._path)
        standing = identity(self._place)
        if standing not in {other.file for other in list(self._sessions)}:
            file.check(self._path, self._timeout)
        session.passing = file.is_unchanging(self._path)
        session.writable = faults.may_write(self._path)
        session.open(standing, file.connecting(self._path, self._timeout), durability)
        self.log.due = 0

    def moved(self, *, writing: bool) -> StoreError:
        """Close what is open on a file that is no longer at the path; return the error to raise."""
        for session in list(self._sessions):
            session.close_if_idle()
        what = f"{self._place}: the file was removed, renamed or replaced while it was open"
        if writing:
            return OutcomeUnknown(
                f"{what}; if the change was stored, then in the old file: read it back"
            )
        return Unavailable(f"{what}; nothing was changed: repeat it on the file that is there now")

    def close(self) -> None:
        """Close the sessions of all threads, each when what it does is done.

        Not one that this very thread is using: it is called from a signal handler then.
        """
        for session in list(self._sessions):
            if not owned(session.lock):
                with session.lock:
                    session.close()

    # --- forks -------------------------------------------------------------------------------

    def shut_gate(self) -> None:
        """Let no thread begin an operation until after the fork; busy ones would keep us out."""
        hold(self._gate)
        self._forking = True

    def is_forking(self) -> bool:
        """Whether the gate is shut, so that nobody should wait in here for other processes."""
        return self._forking

    def close_until_forked(self) -> None:
        """Wait for every session to finish, close it, and hold it until after the fork."""
        for session in list(self._sessions):
            hold(session.lock)
            session.close()

    def is_in_use_here(self) -> bool:
        """Whether this very thread is in the middle of something here, were it only a read."""
        return any(
            owned(lock) for lock in (self._gate, *(each.lock for each in list(self._sessions)))
        )

    def begin_anew(self) -> None:
        """Give up what is the parent's; its other threads do not exist here."""
        for session in list(self._sessions):
            forked.begin_anew(session)
        self._sessions.intersection_update([getattr(self._local, "session", None)])
        self._gate, self._forking = threading.RLock(), False
