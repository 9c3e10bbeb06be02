"""A session's handle in a process that was forked off: closed, or given up for ever.

A handle must not cross a fork (https://www.sqlite.org/howtocorrupt.html, section 2.6). Before one
that Python tells of all are closed. Any other, or one that is made in the middle of an operation,
is found out about afterwards, in the child.
"""

import fcntl
import os
import sqlite3
import struct
import threading
from contextlib import ExitStack, suppress

from napixd_store.backends.sqlite.session import Identity, Session, identity, sessions
from napixd_store.errors import Unavailable
from napixd_store.exclusive import owned

_torn: dict[int, bool] = {}
"""Process id -> whether it, or one before it, was forked off beside a thread that used SQLite.

That thread may have held a lock of SQLite's own, such as that of its memory, which nobody gives
back here: whoever calls SQLite at all may wait for ever.
"""

_spoilt: set[Identity] = set()
"""Files that a handle from before a fork has open here for ever, so that no other handle is safe.

SQLite asks the kernel for the locks of a file once per process, and would take the old handle's
for its own. They are the parent's; when that ends, another process removes the log as nobody's.
"""


def check_usable(path: str) -> None:
    """Make sure that this process may work with the file at *path*, before SQLite is called.

    Raises:
        Unavailable: it was forked in the middle of an operation.
    """
    if True in _torn.values() or identity(path) in _spoilt:
        raise Unavailable(
            f"{path}: this process was forked in the middle of an operation, after which SQLite "
            f"cannot open the file in it; nothing was changed: fork while no operation is under "
            f"way"
        )


def begin_anew(session: Session) -> None:
    """Give up the parent's handle, in a process that was forked off.

    It is closed, or SQLite would take the parent's locks on the file for ours. But one in
    use, by the very thread that forks in a signal handler, is left open: to close it would
    undo what the parent is writing. So are all, if another thread was using one of them.
    """
    if session.file is not None and (owned(session.lock) or _is_torn()):
        _spoilt.add(session.file)
        if session.handle is not None:
            _give_up(session.handle, session.cursor, fails=owned(session.lock))
        session.handle = session.file = None
    with ExitStack() as stack:
        if session.handle is not None:
            _keep_the_log(session.path, session.file, stack)
        session.close()
    session.lock = threading.RLock()


_LOCK = "hhqqi0q"  # the kernel's struct flock: kind, whence, first byte, how many, nobody
_SQLITES, _MANY = 2**30, 512  # https://www.sqlite.org/src/file/src/os.h, PENDING_BYTE


def _keep_the_log(path: str, file: Identity, stack: ExitStack) -> None:
    """Let SQLite find the *file* in use for as long as *stack* is open.

    Else, where nobody else has it open, it would remove the log when it closes the handle. The log
    that this handle knows is that from before the fork; the one at the path may be a later one, of
    a process that died. Such a lock is that of a descriptor, so it counts against our own process.
    Closed, the descriptor takes with it the locks that this process has on the file, and none are.
    """
    with suppress(OSError, AttributeError):  # not on every system
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        stack.callback(os.close, descriptor)
        facts = os.fstat(descriptor)
        if (facts.st_dev, facts.st_ino) == file:  # else SQLite finds it moved, and removes nothing
            asked = struct.pack(_LOCK, fcntl.F_RDLCK, os.SEEK_SET, _SQLITES, _MANY, 0)
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, asked)


def _is_torn() -> bool:
    """Return whether a thread that is not here was using SQLite; found out before all else."""
    pid = os.getpid()
    if pid not in _torn:
        _torn[pid] = True in _torn.values() or any(
            session.is_in_use_elsewhere() for session in list(sessions)
        )
    return _torn[pid]


def _give_up(handle: sqlite3.Connection, cursor: sqlite3.Cursor, *, fails: bool) -> None:
    """Leave both open for ever; an operation that is under way *fails* here."""
    import ctypes  # takes 5 ms, and is hardly ever needed

    if fails:
        handle.set_authorizer(lambda *_asked: sqlite3.SQLITE_DENY)
    for each in (handle, cursor):  # to finalise either is to call SQLite
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(each))
