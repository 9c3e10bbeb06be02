"""What the driver's and the server's errors mean to a caller.

redis-py's classes do not say whether a command was applied, and differ from version to version:
so an error is taken for the *code* with which the server began it, and for the *stage* at which
the exchange broke off. A reply, even an error, means that nothing was applied.
"""

from enum import IntEnum
from typing import NamedTuple

from redis import exceptions as driver

from napixd_store.errors import (
    ConfigError,
    NotReplicated,
    OutcomeUnknown,
    ReadOnly,
    StoreError,
    StoreFull,
    Unavailable,
    WrongType,
)
from napixd_store.integers import overflow

RAISED = (driver.RedisError, OSError, UnicodeError)
"""What an exchange with a server may raise; UnicodeError comes from an impossible host name."""


class Stage(IntEnum):
    """How far an exchange got."""

    CONNECTING = 0
    SENDING = 1
    WAITING = 2
    REPLIED = 3


class Failure(NamedTuple):
    """An exchange that failed, with the driver's error and the code the server gave."""

    stage: Stage
    cause: BaseException
    code: str

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


_ARGUMENTS = ", with args beginning with"  # of a command the server does not know: may be AUTH


def failure(stage: Stage, exc: BaseException) -> Failure:
    """Return what *exc* at *stage* amounts to.

    Tracebacks and contexts are cut off: the driver's frames hold credentials and records.
    """
    cause = exc.with_traceback(None)
    cause.__cause__ = cause.__context__ = None
    code = _code(exc)
    if stage is Stage.WAITING and (isinstance(exc, driver.ResponseError) or code != "ERR"):
        stage = Stage.REPLIED
    return Failure(stage, cause, code)


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
_WORDS = {"WRONGTYPE", "NOREPLICAS", "MISCONF", "BUSY", "UNKILLABLE", *_CODES.values()}
_PHRASES = {
    "not an integer": "NOINT",
    "increment or decrement would overflow": "OVERFLOW",
    "max number of clients": "MAXCLIENTS",
    "ACL failure": "NOPERM",
    "The user executing the script can't": "NOPERM",
    "unknown command": "UNKNOWN",
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


def refused(where: str, failed: Failure, asked: str) -> StoreError:
    """Return the error for a *failed* exchange that the server answered; *asked* is what it was."""
    if failed.code == "OVERFLOW":
        return overflow(where)
    kind, what, todo = _REPLIES.get(
        failed.code, (Unavailable, "the server refused the command ({said})", "see its log")
    )
    if failed.code == "MISCONF" and "No space left" in failed.text:
        kind = StoreFull
    said = what.replace("{said}", failed.text).replace("{asked}", asked)
    return kind(f"{where}: {said}; nothing was changed: {todo}")


def unreachable(where: str, failed: Failure, asked: str) -> StoreError:
    """Return the error for a *failed* exchange of which the server got nothing whole."""
    if failed.code in _REPLIES:  # while logging in
        return refused(where, failed, asked)
    return Unavailable(
        f"{where}: cannot be reached ({failed.text}); nothing was changed: try again when it is up"
    )


def broken_off(where: str, failed: Failure, *, writing: bool) -> StoreError:
    """Return the error for a *failed* exchange that was sent whole but got no reply."""
    if not writing:
        return Unavailable(f"{where}: no reply to a read ({failed.text}): try again")
    return OutcomeUnknown(
        f"{where}: no reply to a write ({failed.text}); it may or may not be applied, and was not "
        f"sent again: read it back"
    )


_READ_IT = "the server is a read-only replica ({said})"
_RIGHTS = "the user has not the rights for {asked} ({said})"

_REPLIES: dict[str, tuple[type[StoreError], str, str]] = {
    "READONLY": (ReadOnly, _READ_IT, "connect to the master, or give sentinel= and service="),
    "OOM": (StoreFull, "the server has reached its maxmemory", "delete something, or raise it"),
    "MISCONF": (Unavailable, "the server cannot persist ({said})", "mend its disk or settings"),
    "TOOLARGE": (StoreFull, "larger than the server takes ({said})", "store smaller values"),
    "NOREPLICAS": (NotReplicated, "too few replicas ({said})", "wait until they are back"),
    "NOAUTH": (ConfigError, "the server refused the login ({said})", "check username, password"),
    "NOPERM": (ConfigError, _RIGHTS, "give the user the rights of the backend's ACL line"),
    "WRONGTYPE": (WrongType, "something else stands under its name ({said})", "name another one"),
    "NOINT": (WrongType, "what stands there is no integer", "it cannot be added to"),
    "MOVED": (ConfigError, "this is a cluster", "set cluster=true"),
    "ASK": (ConfigError, "this is a cluster", "set cluster=true"),
    "NOCLUSTER": (ConfigError, "this is no cluster ({said})", "leave out cluster="),
    "NODB": (ConfigError, "the server has no such database ({said})", "check db"),
    "UNKNOWN": (ConfigError, "the server does not know the command ({said})", "use a newer one"),
    "CERTIFICATE": (ConfigError, "the server's certificate is refused ({said})", "check ssl_*"),
    "PEM": (ConfigError, "a file of ssl_* cannot be used ({said})", "check certificate and key"),
    "LOADING": (Unavailable, "the server is still loading its data", "try again"),
    "MASTERDOWN": (Unavailable, "a replica without its master ({said})", "try again"),
    "CLUSTERDOWN": (Unavailable, "the cluster is down ({said})", "try again when it is up"),
    "TRYAGAIN": (Unavailable, "the cluster moves the data ({said})", "try again"),
    "BUSY": (Unavailable, "the server is busy with a script ({said})", "try again"),
    "MAXCLIENTS": (Unavailable, "the server takes no more clients ({said})", "raise maxclients"),
}
