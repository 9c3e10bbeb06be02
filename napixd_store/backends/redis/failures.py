"""What fails between us and a server: how far the exchange got, and what was said.

redis-py's classes do not say whether a command was applied, and differ from version to version:
so an error is taken for the *code* with which the server began it, and for the *stage* at which
the driver was called. Only the driver's own calls are looked at (`driven`): what a signal handler
raises anywhere else is nobody's failure, and goes its way.
"""

import signal
import sys
from collections.abc import Callable
from enum import IntEnum
from traceback import walk_tb
from typing import TypeVar

from redis import exceptions as driver

T = TypeVar("T")


class Stage(IntEnum):
    """How far an exchange had got at most, whatever was raised in the middle of it."""

    CONNECTING = 0
    SENDING = 1
    """Some of the command may have left, but not its last part: it cannot be applied."""
    WAITING = 2
    """All of it may have left: it may be applied."""
    REPLIED = 3


class Failure(Exception):
    """An exchange that failed, with the driver's error and the code the server gave."""

    def __init__(self, stage: Stage, cause: BaseException, code: str = "ERR") -> None:
        super().__init__(stage, code)
        self.stage, self.cause, self.code = stage, cause, code

    def __repr__(self) -> str:
        return f"<{self.code} when {self.stage.name}>"  # a cause may repeat what was sent

    @property
    def text(self) -> str:
        """What was said, in one line, without what the command held."""
        text = " ".join(str(self.cause).split())
        return text.partition(_ARGUMENTS)[0][:300].rstrip(".:, ")

    @property
    def shown(self) -> BaseException | None:
        """The cause, unless the server repeated in it what the command held."""
        return None if _ARGUMENTS in str(self.cause) else self.cause


class Refused(Failure):
    """The server answered with an error: nothing was applied, and the connection is in order."""


_ARGUMENTS = ", with args beginning with"  # of a command the server does not know: may be AUTH

_RAISED = (driver.RedisError, OSError, UnicodeError)
"""What the driver may raise; UnicodeError comes from an impossible host name."""


def driven(stage: Stage, call: Callable[..., T], *arguments: object) -> T:
    """Return what the driver's *call* returns; its errors are `Failure`, got as far as *stage*.

    What a signal handler raises meanwhile is raised as it is, even an OSError: a time limit is no
    fault of the server. One that cannot be told apart is a `Failure`, and what that says of the
    command is true nevertheless.
    """
    before = sys.exc_info()[1]
    try:
        return call(*arguments)
    except _RAISED as exc:
        raised = _of_a_handler(exc, before) or _failure(stage, exc)
    raise raised


def _of_a_handler(exc: BaseException | None, before: BaseException | None) -> BaseException | None:
    """Return what *exc* was made from if a signal handler raised it, and not *before* all this."""
    handlers = {
        getattr(signal.getsignal(number), "__code__", None) for number in signal.valid_signals()
    }
    while exc is not None and exc is not before:
        if any(frame.f_code in handlers for frame, _ in walk_tb(exc.__traceback__)):
            return exc
        exc = exc.__context__
    return None


def _failure(stage: Stage, exc: BaseException) -> Failure:
    """Return what *exc* at *stage* amounts to.

    Tracebacks and contexts are cut off: the driver's frames hold credentials and records.
    """
    cause = exc.with_traceback(None)
    cause.__cause__ = cause.__context__ = None
    if isinstance(exc, _ANSWERS):
        return Refused(Stage.REPLIED if stage is Stage.WAITING else stage, cause, _code(exc))
    return Failure(stage, cause, _code(exc) if stage is Stage.CONNECTING else "ERR")


_CODES = {
    driver.NoScriptError: "NOSCRIPT",
    driver.ReadOnlyError: "READONLY",
    driver.OutOfMemoryError: "OOM",
    driver.NoPermissionError: "NOPERM",
    driver.BusyLoadingError: "LOADING",
    driver.MasterDownError: "MASTERDOWN",
    driver.ClusterDownError: "CLUSTERDOWN",
    driver.MovedError: "MOVED",
    driver.AskError: "ASK",
    driver.TryAgainError: "TRYAGAIN",
    driver.AuthenticationError: "NOAUTH",
    driver.AuthorizationError: "NOAUTH",
}
_ANSWERS = (driver.ResponseError, *_CODES)
_WORDS = {"WRONGTYPE", "NOREPLICAS", "MISCONF", "BUSY", "UNKILLABLE", *_CODES.values()}
_PHRASES = {
    "not an integer": "NOINT",
    "increment or decrement would overflow": "OVERFLOW",
    "max number of clients": "MAXCLIENTS",
    "ACL failure": "NOPERM",
    "The user executing the script can't": "NOPERM",
    "unknown command": "UNKNOWN",
    "non local key": "TRYAGAIN",  # of a script that was not told all names
    "exceeds maximum allowed size": "TOOLARGE",
    "DB index is out of range": "NODB",
    "AUTH <password> called": "NOAUTH",
    "invalid password": "NOAUTH",
    "CERTIFICATE_VERIFY_FAILED": "CERTIFICATE",
    "[X509": "PEM",
    "PEM lib": "PEM",
    "cluster support disabled": "NOCLUSTER",
}


def _code(exc: BaseException) -> str:
    for kind, code in _CODES.items():
        if isinstance(exc, kind):
            return code
    text = str(exc)
    word = text.partition(" ")[0]
    if word in _WORDS:
        return word
    for phrase, code in _PHRASES.items():
        if phrase in text:
            return code
    if "running script" in text:  # servers before 7.0 put their own words first
        return next((word for word in _WORDS if f" {word} " in text), "ERR")
    return "ERR"
