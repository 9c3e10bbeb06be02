"""Where things lie on this machine."""

import os
from typing import TYPE_CHECKING

from napixd_store.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def home() -> "Path":
    """Return the folder in which the defaults live; nothing is created.

    ``$NAPIXD_HOME``, else ``$NAPIXHOME`` (the name that the Napix server used), else
    ``~/.napixd``.

    Raises:
        ConfigError: there is no such place, as `located` says.
    """
    for name in ("NAPIXD_HOME", "NAPIXHOME"):
        if os.environ.get(name):
            return located(f"${name}", os.environ[name])
    return located("the default folder ~/.napixd ($NAPIXD_HOME names another)", "~/.napixd")


def located(what: str, named: "str | os.PathLike[str]") -> "Path":
    """Return *named* as an absolute path, for the working folder may change later.

    *what* opens the message. ``~`` and ``~user`` are home folders; variables are not filled in.

    Raises:
        ConfigError: no file can have such a name, or nobody knows where the path begins.
    """
    from pathlib import Path  # what lies nowhere on this machine pays nothing for loading it

    try:
        if b"\0" in os.fsencode(named):
            raise ConfigError(f"{what} must not hold a NUL character")
    except UnicodeEncodeError:
        raise ConfigError(f"{what} holds a character that file names cannot have") from None
    path = Path(named)
    first = path.parts[0] if path.parts else ""
    if first.startswith("$"):
        raise ConfigError(f"{what} begins with '$', but variables are not filled in: write '~/…'")
    try:
        return path.expanduser().absolute()
    except RuntimeError:
        lacks = (
            "this user has no home folder" if first == "~" else f"there is no user {first[1:]!r}"
        )
        raise ConfigError(f"{what} begins with '~', but {lacks}: write an absolute path") from None
    except OSError as exc:
        raise ConfigError(
            f"{what} is relative, but the working folder cannot be found ({exc.strerror}): write "
            f"an absolute path"
        ) from exc
