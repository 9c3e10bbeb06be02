"""The files of a root, for tests: each kind of them, who holds the lock, and all that is there."""

import fcntl
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from napixd_store import Counter, Store
from napixd_store.backends.files.root import open_root
from napixd_store.connections import connect
from tests.processes import Signal

PROMPT = 10.0
"""Seconds: whoever takes longer hangs."""


def open_kind(kind: str, root: Path) -> tuple[Callable[[int], object], Callable[[], object]]:
    """Return how to write a number to a file of that *kind*, and how to read it."""
    if kind == "Counter":
        counter = Counter("c", "File", root=root)
        return counter.reset, lambda: counter.value
    store = Store("c", kind, root=root, writeback=False)
    return partial(store.__setitem__, "a"), lambda: store["a"]


each_kind = pytest.mark.parametrize("kind", ["File", "Directory", "Counter"])


def hold(root: Path, held: Signal, release: Signal) -> None:
    """Be inside of *root*, as in the middle of a write, from one signal to the other."""

    def inside(_folder: object) -> None:
        held.send()
        release.wait()

    connect(open_root, {"root": root}).alone(inside)  # type: ignore[attr-defined]


def is_locked(root: Path) -> bool:
    """Return whether any process, this one included, holds the lock of *root*."""
    with suppress(FileNotFoundError):
        descriptor = os.open(root, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
    return False


def tree(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return all that is below *folder*: what it is, which one, and what it holds."""
    found = {}
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place, name)
            facts = path.lstat()
            held = path.read_bytes() if stat.S_ISREG(facts.st_mode) else b""
            found[str(path.relative_to(folder))] = (facts.st_mode, facts.st_ino, held)
    return found
