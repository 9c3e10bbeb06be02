"""Small file systems of our own, mounted for the length of a test."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.labs import need


@contextmanager
def tmpfs(folder: Path, size: str) -> Iterator[Path]:
    """Mount an empty tmpfs of *size* at *folder*."""
    need(os.geteuid() == 0, "only root may mount a file system")
    folder.mkdir()
    with _mounted(folder, "mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)):
        yield folder


@contextmanager
def fuse(source: Path, folder: Path) -> Iterator[Path]:
    """Show *source* at *folder* too, by way of FUSE."""
    need(shutil.which("bindfs") is not None, "bindfs is not installed")
    need(os.access("/dev/fuse", os.R_OK | os.W_OK), "/dev/fuse cannot be used")
    source.mkdir()
    folder.mkdir()
    with _mounted(folder, "bindfs", str(source), str(folder)):
        yield folder


def remount(folder: Path, *, read_only: bool) -> None:
    """Make what is mounted at *folder* read-only, or writable again."""
    how = "ro" if read_only else "rw"
    subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], check=True)


@contextmanager
def _mounted(folder: Path, *command: str) -> Iterator[None]:
    done = subprocess.run(command, capture_output=True, text=True)
    need(done.returncode == 0, f"{command[0]} failed: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)
