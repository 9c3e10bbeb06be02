"""What was measured, as one JSON file: pages and plots are made of it, and need no second run."""

import os
import platform
import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from napixd_store import filesystems

Quartiles = tuple[float, float, float]
"""The lower quartile, the median, the upper one."""


class Row(msgspec.Struct):
    """One operation: µs a call (or pair) by contestant, None for who cannot do it.

    *compared* is the first contestant against the second, within one round.
    """

    operation: str
    limit: float | None
    micros: dict[str, Quartiles | None]
    compared: Quartiles

    @property
    def missed(self) -> bool:
        """Whether this library is slower than it promises."""
        return self.limit is not None and self.compared[1] > self.limit


class Table(msgspec.Struct, tag="table"):
    """A heat: who took how long for what; *durabilities* by contestant, in their order."""

    title: str
    note: str
    comparison: str
    size: int
    durabilities: dict[str, str]
    left_out: list[str]
    rows: list[Row]


class Point(msgspec.Struct):
    """What *count* of them did together.

    *share* is what the slowest of them did for each that the fastest did. *waits* counts the
    calls by how long each took, as `waits.BOUNDS` parts them.
    """

    contestant: str
    count: int
    per_second: float
    share: float
    longest: float
    waits: list[int]


class Crowd(msgspec.Struct, tag="crowd"):
    """What many do at once: *several* are what there is more of from point to point."""

    title: str
    note: str
    several: str
    left_out: list[str]
    points: list[Point]


class Curves(msgspec.Struct, tag="curves"):
    """How long an operation takes over the size of the store: (size, µs) by operation and name."""

    title: str
    note: str
    left_out: list[str]
    operations: dict[str, dict[str, list[tuple[int, float]]]]


class Facts(msgspec.Struct, tag="facts"):
    """What has no contestant: what was measured, its median, the unit."""

    title: str
    rows: list[tuple[str, float, str]]


Section = Table | Crowd | Curves | Facts


class Page(msgspec.Struct):
    """All sections of one suite, and where and when they were measured."""

    title: str
    note: str
    command: str
    rounds: int
    machine: str
    versions: dict[str, str]
    day: date
    sections: list[Section]


def load(path: Path) -> dict[str, Page]:
    """Return the pages in the file *path*; none where there is no file."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Page])
    except FileNotFoundError:
        return {}


def save(path: Path, pages: Mapping[str, Page]) -> None:
    """Write *pages* to the file *path*."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(dict(sorted(pages.items())))) + b"\n")


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Return what runs here, by name; of *packages* those that are installed."""
    found = {"Python": platform.python_version(), "SQLite": sqlite3.sqlite_version}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # who needs it is left out, and says so
            continue
    text = (Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8")
    found["napixd-store"] = text.partition('version = "')[2].partition('"')[0]
    return found


def machine() -> str:
    """Return what this machine is, in words."""
    return f"{_processor()}, {platform.system()}, {_filesystem()}"


def _filesystem() -> str:
    place = os.path.realpath(tempfile.gettempdir())
    try:
        with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
            return filesystems.filesystem(place, mounts)
    except OSError:
        return "a file system unknown"


def _processor() -> str:
    try:
        described = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.machine()
    models = [
        line.partition(":")[2].strip()
        for line in described.splitlines()
        if line.startswith("model name")
    ]
    return f"{len(models)} × {models[0]}" if models else platform.machine()
