"""The unit of work of a request, and how it ends: with what the client is to get.

It succeeds if that is a value while ``response.status_code`` is below 400, or an
``HTTPResponse`` below 400, returned or raised. What an iterator or another lazy body runs is part
of it, until it is exhausted.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from bottle import HTTPResponse, response

from napixd_store import StoreBackend, StoreError
from napixd_store.unit_of_work import Opening, UnitOfWork
from napixd_store_bottle.answers import Answers
from napixd_store_bottle.injection import warn_of_another
from napixd_store_bottle.running import running, sends_a_body

_DONE = (str, bytes, bytearray, list, tuple, dict, set, frozenset, StoreBackend)
"""Of the types that can be iterated, those whose items are there already."""

_MOSTLY = frozenset({str, bytes, list, dict, type(None)})
"""What most handlers return, to be known at once."""


class RequestUnit(UnitOfWork):
    """What a request opens where an app with our plugin runs. Elsewhere nothing changes."""

    taken = False
    """Whether a handler works on it: one that it calls through Bottle has a unit of its own."""

    def opened(self, opening: Opening) -> Any:
        """As the base; where no app of ours runs, as outside of any request."""
        owner = running()
        if owner is None:
            return opening.built()
        warn_of_another(owner, opening)
        return super().opened(opening)

    def given(self, opening: Opening) -> Any:
        """Return what *opening* says, to be given to a handler or whoever asks for it."""
        return super().opened(opening)


class Work(NamedTuple):
    """A unit, and whose it is."""

    unit: RequestUnit
    owner: Any
    answers: Answers

    def __repr__(self) -> str:
        return f"Work({self.answers.where})"  # a route's own repr looks for ever, in some closures


def end(value: Any, work: Work) -> Any:
    """Save or drop the stores of *work*, as *value* tells; return what Bottle shall send."""
    status = response.status_code
    if isinstance(value, HTTPResponse):
        status = value.status_code
    if is_yet_to_run(value):
        if not isinstance(value, HTTPResponse):
            return Body(value, work)
        value.body = Body(value.body, work, status)
    elif status < 400:
        work.unit.save()
    else:
        work.unit.drop()
    return value


class Body:
    """A body that is made while it is sent. Its end, or what it raises, ends the unit of work.

    Closed before (a client went away, a HEAD request), the unit is dropped.
    """

    def __init__(self, chunks: Iterable[Any], work: Work, status: int | None = None) -> None:
        self.owner = work.owner
        self._work, self._chunks = work, chunks
        self._status = status  # else it is sent with the first chunk that is not empty
        self._begun = self._closed = False
        self._iterator: Iterator[Any] | None = None

    def __iter__(self) -> "Body":
        return self

    def __next__(self) -> Any:
        return self._work.unit.run(self._next)

    def close(self) -> None:
        """Drop what was not saved, and close what makes the body."""
        self._work.unit.run(self._close)

    def _next(self) -> Any:
        try:
            return self._chunk()
        except StoreError as exc:
            self._close()
            if not self._begun:
                self._work.answers.raise_for(exc)
            raise  # if another answer has begun, the server breaks off
        except BaseException:
            self._close()
            raise

    def _chunk(self) -> Any:
        if self._iterator is None:
            self._iterator = iter(self._chunks)
        try:
            chunk = next(self._iterator)
        except HTTPResponse as answer:
            end(answer, self._work)
            raise
        except StopIteration:
            if (self._status or response.status_code) < 400:
                self._work.unit.save()
            raise
        if chunk and not self._begun:
            self._begun = True
            self._status = self._status or response.status_code
            if isinstance(chunk, HTTPResponse):  # Bottle answers with it, and goes
                end(chunk, self._work)
        return chunk

    def _close(self) -> None:
        if not self._closed:
            self._closed = True
            try:
                close = getattr(self._chunks, "close", None)
                if close is not None:
                    close()
            finally:
                self._work.unit.end()


sends_a_body(Body.__next__.__code__)
sends_a_body(Body.close.__code__)


def is_yet_to_run(value: Any) -> bool:
    """Say whether sending *value* runs code of the app; a file is for the server to read."""
    if type(value) in _MOSTLY:
        return False
    body = value.body if isinstance(value, HTTPResponse) else value
    return hasattr(body, "__iter__") and not isinstance(body, _DONE) and not hasattr(body, "read")
