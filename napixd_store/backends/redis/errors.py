"""What the driver's and the server's errors mean to a caller: what happened, and what to do next.

A reply, even an error, means that nothing was applied.
"""

from napixd_store.backends.redis.failures import Failure
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

_TOO_MANY = "as many connections as max_connections= allows ({said}) are in use"

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
    "TOOMANY": (Unavailable, _TOO_MANY, "try again, or raise it"),
    "MAXCLIENTS": (Unavailable, "the server takes no more clients ({said})", "raise maxclients"),
}


def wrong_option(what: str) -> ConfigError:
    """Return the error for an option that cannot be followed."""
    return ConfigError(f"Redis: {what}")
