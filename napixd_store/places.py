"""Where things lie on this machine: the home folder, and folders nobody else may read."""

import os
from pathlib import Path

_PRIVATE_FOLDER = 0o700


def home() -> Path:
    """Return the folder in which the defaults live; nothing is created.

    ``$NAPIXD_HOME``, else ``$NAPIXHOME`` (the name that the Napix server used), else
    ``~/.napixd``.
    """
    named = os.environ.get("NAPIXD_HOME") or os.environ.get("NAPIXHOME") or "~/.napixd"
    return Path(named).expanduser()


def make_private_folder(folder: Path) -> None:
    """Create *folder* and its missing parents, each readable by its owner only.

    Folders that exist keep their rights. ``Path.mkdir(mode=…)`` would give the mode to the last
    one alone.
    """
    if folder.is_dir():
        return
    make_private_folder(folder.parent)
    folder.mkdir(mode=_PRIVATE_FOLDER, exist_ok=True)
