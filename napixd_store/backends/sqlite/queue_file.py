"""The file beside a SQLite file whose bytes the processes that write to it lock, see `queue`.

It is empty, and what stands in its place and is not is left alone; then nobody queues.
"""

import os
import stat
import sys
from pathlib import Path

from napixd_store import disk
from napixd_store.backends.sqlite import note

_SUFFIX = "-queue"
_FLAGS = os.O_RDWR | os.O_CREAT | disk.PLAIN


class QueueFile:
    """The file of the queue of the database at *path*, open until all who joined have left."""

    def __init__(self, path: Path) -> None:
        self._path, self._place = path, ""
        self._users: set[object] = set()
        self._held: list[int] = []

    def descriptor(self) -> int | None:
        """Return the descriptor of the file, if it is open."""
        # In one step, for a handler may fork; in the child there is none then.
        return (*self._held, None)[0]

    def look(self) -> None:
        """Open the file, unless the one that is open stands there still."""
        with disk.Lenient():
            if self._held and os.path.samestat(os.stat(self._place), os.fstat(self._held[0])):
                return
        self._close()
        if sys.platform != "linux":  # its locks are laid out otherwise
            return
        with disk.Lenient():
            self._place = note.beside(self._path, _SUFFIX)
            # In one call, so that no interrupt loses the descriptor.
            self._held.extend(map(os.open, (self._place,), (_FLAGS,), (0o600,)))
            if _is_ours(os.fstat(self._held[0])):
                disk.give_to_owner_of(os.path.dirname(self._place), self._held[0])
            else:
                self._close()

    def join(self, user: object) -> None:
        """Keep the file open, once it is opened, until *user* leaves."""
        self._users.add(user)

    def leave(self, user: object) -> None:
        """Close the file if *user* is the last."""
        self._users.discard(user)
        if not self._users:
            self._close()

    def drop(self) -> None:
        """Remove the file if the log is gone; call it when a handle was closed.

        Who has the database open and wrote nothing finds out with his next slice.
        """
        with disk.Lenient():
            place = note.beside(self._path, _SUFFIX)
            if not note.has_content(note.beside(self._path)) and _is_ours(os.lstat(place)):
                os.unlink(place)

    def _close(self) -> None:
        # In one call: an interrupt between the two would close another's descriptor later.
        list(map(os.close, map(self._held.pop, [0] * len(self._held))))


def _is_ours(facts: os.stat_result) -> bool:
    return stat.S_ISREG(facts.st_mode) and facts.st_size == 0
