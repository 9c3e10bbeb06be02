"""Writes that share a commit: who makes those of a `group`, and what each is told then."""

from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Any

from napixd_store.backends.sqlite import group
from napixd_store.backends.sqlite.session import Session
from napixd_store.backends.sqlite.turns import RAISED, Turns
from napixd_store.errors import StoreError
from napixd_store.exclusive import owned


class Shared(Turns):
    """Turns in which the writes of several threads may be made."""

    def __init__(self, path: Path, durability: str | None, timeout: float) -> None:
        self._line = group.Line()
        super().__init__(path, durability, timeout)

    def write(self, sql: str, parameters: Sequence[Any]) -> group.Result:
        """Run one statement, and make it durable; return its rows, and how many it changed.

        Writes of threads that wait for one another share a transaction, see `group`.

        Raises:
            sqlite3.IntegrityError: the layout forbids it; the caller alone knows what that means.
        """
        deadline = monotonic() + self.timeout
        if not self._pool.syncs:
            return self._in_turn(self._execute, sql, parameters, deadline)
        session = self._pool.session()  # who was forked off finds out here, and has a new line
        line = self._line
        inside = owned(self._lock) or owned(session.lock)  # in a handler, that is refused at once
        if inside or not (line.waiting or line.passing):
            try:
                line.passing.append(None)
                return self._in_turn(self._execute, sql, parameters, deadline)
            finally:
                del line.passing[:1]
        write = group.Write(sql, parameters)
        try:
            if not line.join(write, self.timeout):
                self._in_turn(self._lead, write, (), deadline)
        except BaseException as exc:
            try:
                # First of all, in one call: a second signal would leave it to be made much later.
                line.waiting.remove(write)
            except ValueError:  # somebody has begun with it
                if not write.led:
                    try:
                        with self.lock:  # of who makes it: until then it is neither done nor not
                            pass
                    except BaseException:  # a second signal, which has ended the waiting
                        with self.lock:
                            pass
                        raise
                    if write.committed and isinstance(exc, StoreError):
                        return write.result()
            raise
        return write.result()

    def _lead(self, session: Session, write: group.Write, _: Any) -> None:
        """Make *write* and those of who waits, unless another thread has made it by now."""
        if write.committed:
            return
        write.led = True
        self._line.leave(write)
        if not self._line.waiting or not self._commit(session, write):
            write.outcome = self._execute(session, write.sql, write.parameters)

    def _commit(self, session: Session, write: group.Write) -> bool:
        """Make *write* and those of who waits in one transaction; return whether they are made."""
        handle = self._prepare(session)
        changed = handle.total_changes
        begun = session.begin("BEGIN IMMEDIATE")
        writes = [write]
        waking = map(group.wake, writes)
        try:
            # Not before: who waits for other processes for too long still stands in the line.
            self._line.move_to(writes)
            group.commit(writes, session.cursor)
        except RAISED:
            session.settle()
            return False
        else:
            session.trusted_until = begun
            self._log.due -= max(1, handle.total_changes - changed)
            if not session.is_found():
                for each in writes:
                    each.outcome = self._pool.moved(writing=True)
            return True
        finally:
            list(waking)  # in one call

    def begin_anew(self) -> None:
        """Give up what is the parent's; its other threads do not exist here."""
        super().begin_anew()
        self._line = group.Line()
