"""Errors of ours as HTTP: what a client reads, and what the log says."""

import logging
from math import ceil
from typing import Any, NamedTuple

from bottle import HTTPError

from napixd_store import (
    Conflict,
    InvalidKey,
    InvalidValue,
    LimitReached,
    OutcomeUnknown,
    PreconditionFailed,
    StoreError,
    StoreFull,
    Unavailable,
)
from napixd_store.names import listed
from napixd_store_bottle.origin import came_with_the_request

logger = logging.getLogger("napixd_store_bottle")

RETRY_AFTER = "2"
"""Seconds after which a client may ask again, while the medium does not answer."""

HTTP: dict[type[StoreError], tuple[int, str]] = {
    PreconditionFailed: (412, "not in the version that If-Match asks for, so nothing was changed: "
                              "read again and repeat"),
    Conflict: (409, "changed by somebody else meanwhile, so this change was not stored: read "
                    "again and repeat"),
    LimitReached: (429, "this was asked for too often, so nothing was changed: try again later"),
    Unavailable: (503, "the store does not answer: try again later"),
    OutcomeUnknown: (503, "the store broke off: whether the last change was stored is not known"),
    StoreFull: (507, "there is no room left to store this"),
    InvalidKey: (400, "a name that was sent cannot be the key of anything stored here"),
    InvalidValue: (400, "what was sent cannot be stored here as it is"),
}  # fmt: skip
"""Error -> status, and what the client reads; where the data lies is for the log alone."""

_LEVELS: dict[type[StoreError], int] = {
    PreconditionFailed: logging.INFO,
    Conflict: logging.INFO,
    LimitReached: logging.INFO,
    InvalidKey: logging.INFO,
    InvalidValue: logging.INFO,
}
"""Of those in which nothing is wrong here."""


def where(route: Any) -> str:
    """Return what stands for *route* in the log and in errors."""
    return f"{route.method} {route.rule}"


class Answers(NamedTuple):
    """How the errors of one route, or of one app's requests, are answered."""

    where: str
    """Method and rule, for the log."""
    switched_on: bool

    def to(self, exc: StoreError) -> HTTPError | None:
        """Return *exc* as HTTP, with the details in the log; None where it is the app's affair."""
        found = next((error for error in HTTP if isinstance(exc, error)), None)
        if found is None or not self.switched_on:
            return None
        if isinstance(exc, (InvalidKey, InvalidValue)) and not came_with_the_request(exc.refused):
            return None
        status, text = HTTP[found]
        if isinstance(exc, Conflict) and exc.keys:
            text = f"{listed(exc.keys)}: {text}"
        level = _LEVELS.get(found, logging.ERROR)
        logger.log(level, "%s answers %d: %s", self.where, status, exc)
        headers = {"Retry-After": RETRY_AFTER} if status == 503 else {}
        if isinstance(exc, LimitReached) and exc.retry_after is not None:
            headers = {"Retry-After": str(ceil(exc.retry_after))}  # to come too early is in vain
        return HTTPError(status, text, exc, **headers)

    def raise_for(self, exc: StoreError) -> None:
        """Raise *exc* as HTTP, if it is to be that."""
        answer = self.to(exc)
        if answer is not None:
            raise answer from exc
