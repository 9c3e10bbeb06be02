"""The command line: a thin skin over the library, on click, and rich where there is a terminal.

`errors.py` says how a command ends, `places.py` which place it is about, `output.py` how it speaks.
The other modules are the commands, by theme; each does one call of the library, and shows it.
"""

from napixd_store.cli.commands import commands
from napixd_store.cli.errors import ended

__all__ = ["run"]


def run(arguments: list[str]) -> int:
    """Run the command that *arguments* say, and return its exit code.

    0: done. 1: failed, or not what was expected. 2: the command is wrong, nothing was tried.
    130: interrupted. One line on stderr says why.
    """
    return ended(commands, arguments)
