"""Where things lie on this machine when nobody says."""

import os
from pathlib import Path


def home() -> Path:
    """Return the folder in which the defaults live; nothing is created.

    ``$NAPIXD_HOME``, else ``$NAPIXHOME`` (the name that the Napix server used), else
    ``~/.napixd``.
    """
    named = os.environ.get("NAPIXD_HOME") or os.environ.get("NAPIXHOME") or "~/.napixd"
    return Path(named).expanduser()
