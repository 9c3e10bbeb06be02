"""A few machines on one switch, whose cables can be pulled: network namespaces of this kernel."""

import ctypes
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.labs import need

_CLONE_NEWNET = 0x4000_0000
_NAMESPACES = Path("/run/netns")

_libc = ctypes.CDLL(None, use_errno=True)


class Machine:
    """A network namespace with one cable to a switch."""

    def __init__(self, network: str, number: int) -> None:
        self.name, self.address = f"{network}-{number}", f"10.77.0.{number}"
        self._switch, self._cable = f"{network}-0", f"v{number}"
        _ip("netns", "add", self.name)
        _ip("-n", self._switch, "link", "add", self._cable, "type", "veth",
            "peer", "name", "e0", "netns", self.name)  # fmt: skip
        _ip("-n", self._switch, "link", "set", self._cable, "master", "br0", "up")
        _ip("-n", self.name, "addr", "add", f"{self.address}/24", "dev", "e0")
        for device in ("e0", "lo"):
            _ip("-n", self.name, "link", "set", device, "up")

    def cut(self) -> None:
        """Pull the cable: what is sent arrives nowhere, and nobody is told."""
        _ip("-n", self._switch, "link", "set", self._cable, "down")

    def heal(self) -> None:
        """Plug the cable in again."""
        _ip("-n", self._switch, "link", "set", self._cable, "up")

    def command(self, *words: str) -> list[str]:
        """Return the command that runs *words* on this machine, as the same process."""
        return ["ip", "netns", "exec", self.name, *words]

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Let the sockets that the calling thread makes in a ``with`` block be this machine's."""
        with open("/proc/thread-self/ns/net") as home, open(_NAMESPACES / self.name) as there:
            _enter(there.fileno())
            try:
                yield
            finally:
                _enter(home.fileno())


@contextmanager
def network(machines: int) -> Iterator[list[Machine]]:
    """Make *machines* on one switch; all is gone at the end, however that comes."""
    need(os.geteuid() == 0, "only root may make network namespaces")
    need(shutil.which("ip") is not None, "ip (of iproute2) is not installed")
    name = f"test-{uuid.uuid4().hex[:8]}"
    try:
        try:
            _ip("netns", "add", f"{name}-0")
            _ip("-n", f"{name}-0", "link", "add", "br0", "type", "bridge")
        except subprocess.CalledProcessError as exc:
            need(False, f"no switch can be made: {exc.stderr.strip()}")
        _ip("-n", f"{name}-0", "link", "set", "br0", "up")
        yield [Machine(name, number) for number in range(1, machines + 1)]
    finally:
        for made in _NAMESPACES.glob(f"{name}-*"):
            _ip("netns", "delete", made.name)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


def _enter(namespace: int) -> None:
    if _libc.setns(namespace, _CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
