"""Real power cuts: a file system in a file, which stops from one moment to the next.

ext4 has an ioctl for that: from then on nothing more reaches the disk. After the next mount,
which replays the journal, there is what a power cut would have left. This shows the order in
which the file system writes, not what a drive's own cache may do.
"""

import fcntl
import os
import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.labs import need

_SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN
_FLUSH_JOURNAL, _FLUSH_NOTHING = 1, 2


class Disk:
    """An ext4 file system in the file *image*, mounted at *folder*.

    It is mounted with ``noauto_da_alloc``: the kernel then does no favours to programs that
    rename without having synced.
    """

    def __init__(self, image: Path, folder: Path) -> None:
        self._image, self.folder = image, folder
        folder.mkdir()
        with image.open("wb") as stream:
            stream.truncate(16 * 2**20)
        _run("mkfs.ext4", "-q", "-F", str(image))

    def mount(self) -> None:
        _run("mount", "-o", "loop,noauto_da_alloc", str(self._image), str(self.folder))

    def unmount(self) -> None:
        """Unmount it everywhere: a mount namespace that another test made has it, too.

        Until that is gone, a new mount would be the old one, which is shut down.
        """
        _run("umount", str(self.folder))
        deadline = time.monotonic() + 60
        while self._is_attached():
            assert time.monotonic() < deadline, "the disk is still mounted somewhere"
            time.sleep(0.01)

    def _is_attached(self) -> bool:
        loops = Path("/sys/block").glob("loop*/loop/backing_file")
        with suppress(FileNotFoundError):  # one was released meanwhile
            return str(self._image) in (loop.read_text().strip() for loop in loops)
        return True

    def cut(self, writer: int, *, flush_journal: bool) -> None:
        """Cut the power while the process *writer* is at work, and end it."""
        # The ioctl is no instant: a running writer might see a write succeed that it undoes.
        _stop(writer)
        self._shut_down(_FLUSH_JOURNAL if flush_journal else _FLUSH_NOTHING)
        os.kill(writer, signal.SIGKILL)

    def _shut_down(self, how: int) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, _SHUTDOWN, struct.pack("I", how))
        finally:
            os.close(descriptor)


@contextmanager
def disk(folder: Path) -> Iterator[Disk]:
    """Make a disk below *folder*, mounted; it is unmounted whatever happens, its loop released."""
    need(os.geteuid() == 0, "only root may mount a disk")
    need(shutil.which("mkfs.ext4") is not None, "mkfs.ext4 is not installed")
    need(os.path.exists("/dev/loop-control"), "the kernel has no loop devices")
    made = Disk(folder / "image", folder / "disk")
    try:
        made.mount()
    except subprocess.CalledProcessError as exc:
        need(False, f"a loop device cannot be mounted: {exc.stderr.decode().strip()}")
    try:
        yield made
    finally:
        if os.path.ismount(made.folder):
            made.unmount()


def need_power_cuts(folder: Path) -> None:
    """Skip the test where the power cannot be cut."""
    with disk(folder) as probe:
        try:
            probe._shut_down(_FLUSH_NOTHING)
        except OSError as exc:
            need(False, f"the kernel's ext4 cannot be shut down: {exc}")


def _stop(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + 10
    with suppress(FileNotFoundError):
        while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            assert time.monotonic() < deadline, "the writer does not stop"


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
