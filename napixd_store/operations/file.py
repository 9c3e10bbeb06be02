"""The file of an archive: private, whole or not there, and compressed if its name says so."""

import gzip
import os
import zlib
from collections.abc import Generator, Iterable, Iterator
from functools import partial
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Any

from napixd_store import disk
from napixd_store.disk import attempt
from napixd_store.errors import CorruptData
from napixd_store.operations.format import BEGIN

_NEW = os.O_WRONLY | disk.NEW
_CHUNK = 2**16
_GZIP = 31
"""What zlib takes this number for."""

_DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile)


def is_archive(path: Path) -> bool:
    """Return whether a file stands at *path* that begins as an archive does, or is damaged gzip.

    A file of SQLite that is in use is not opened: to close it would give up the locks that this
    process has on it.
    """
    if not path.is_file() or any(os.path.lexists(f"{path}{log}") for log in ("-wal", "-journal")):
        return False
    with BufferedReader(attempt(str(path), FileIO, str(path))) as raw:
        try:
            return bool(_unzipped(raw).read(len(BEGIN)) == BEGIN)
        except _DAMAGE:
            return True


def lines_of(path: Path, max_line_bytes: int) -> Generator[bytes, None, None]:
    """Yield the lines of the file at *path*; of one that is longer, a byte more than that.

    Raises:
        CorruptData: what is compressed is damaged, or a part is missing.
        ConfigError, ReadOnly, Unavailable: it cannot be read.
    """
    with BufferedReader(attempt(str(path), FileIO, str(path))) as raw:
        stream = _unzipped(raw)
        try:
            yield from iter(partial(stream.readline, max_line_bytes + 1), b"")
        except _DAMAGE as exc:
            raise CorruptData(
                f"{path}: it is damaged, or a part is missing (gzip: {exc}); nothing was changed"
            ) from exc


def _unzipped(raw: Any) -> Any:
    """Return what reads an archive's text from *raw*, a `BufferedReader`: compressed or not."""
    return gzip.GzipFile(fileobj=raw) if raw.peek(2)[:2] == b"\x1f\x8b" else raw


def write_aside(path: Path, lines: Iterable[bytes]) -> None:
    """Write *lines* to a private file, which then stands at *path*, whole and synced.

    Raises:
        StoreFull, ReadOnly, ConfigError, Unavailable: what stood at *path* does so still.
    """
    chunks = _chunks(lines)
    if path.suffix == ".gz":
        chunks = _zipped(chunks)
    aside = disk.aside(path)
    try:
        attempt(str(path), disk.opened, str(aside), _NEW, _fill, path, chunks)
        attempt(str(path), os.rename, aside, path)
    except BaseException:
        with disk.Lenient():
            os.unlink(aside)
        raise
    disk.sync_folder(str(path.parent))


def _fill(descriptor: int, path: Path, chunks: Iterable[bytes]) -> None:
    attempt(str(path), disk.give_to_owner_of, str(path.parent), descriptor)
    for chunk in chunks:
        attempt(str(path), disk.append, descriptor, chunk)
    attempt(str(path), os.fsync, descriptor)


def _chunks(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield *lines* in pieces that are worth a call of the system each."""
    some: list[bytes] = []
    size = 0
    for line in lines:
        some.append(line)
        size += len(line)
        if size >= _CHUNK:
            yield b"".join(some)
            some, size = [], 0
    yield b"".join(some)


def _zipped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(wbits=_GZIP)
    for chunk in chunks:
        yield packer.compress(chunk)
    yield packer.flush()
