"""A call: one command on its way to the server, and what became of it so far."""

from collections.abc import Callable
from dataclasses import dataclass

from napixd_store.backends.redis.driver import Command
from napixd_store.backends.redis.footing import Footing
from napixd_store.backends.redis.pool import Pool

Where = Callable[[], str]
"""Gives the place for a message, when there is one to write."""


@dataclass
class Call:
    """What is asked for, and where the next attempt goes."""

    where: Where
    name: str
    command: Command
    deadline: float
    """When the last attempt begins, by the monotonic clock."""

    writing: bool
    unknown: Command | None = None
    """What to send instead to a server that does not know the script."""

    follows: bool = True
    """Whether an ASK leads to where all that the command works on can be reached."""

    footing: Footing | None = None

    pool: Pool | None = None
    """Where it goes next, if anybody has said so."""

    asking: bool = False
    """Whether that is a node to which the slot is being moved."""

    redirections: int = 0
    repeated: bool = False
