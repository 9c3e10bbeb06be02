"""What this process holds open, as the kernel lists it."""

import os
from collections.abc import Iterator
from pathlib import Path


def targets() -> Iterator[str]:
    """Yield where each descriptor of this process leads to: a path, a pipe, a socket."""
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            yield os.readlink(f"/proc/self/fd/{descriptor}")
        except FileNotFoundError:  # the one that listed the folder
            continue


def descriptors(path: Path | str) -> int:
    """Return how many descriptors of this process lead to *path* or to a file beside its name."""
    return sum(target.startswith(str(path)) for target in targets())
