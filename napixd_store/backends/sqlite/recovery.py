"""Before SQLite recovers a file from the log beside it: is the log that file's? See `log`."""

import struct
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from napixd_store import disk
from napixd_store.backends.sqlite import layout, note
from napixd_store.backends.sqlite.log import FRAME, HEADER, STEP
from napixd_store.errors import CorruptData

_STATEMENTS = 2**9
"""So many times another program may change the layout in one transaction."""

_MAGIC = {b"\x37\x7f\x06\x82": "<", b"\x37\x7f\x06\x83": ">"}
"""What a log begins with -> the order of bytes in which its checksums are computed."""


def check(path: Path, cookie: int | None) -> None:
    """Make sure that the log beside *path* is that of the file, before SQLite plays it in.

    *cookie* is that of the file alone, if it could be read. Silent when there is no log, or one
    without a mark: another program began it.

    Raises:
        CorruptData: it is the log of another file, or of another state of this one; or there is
            none, and the file needs it.
    """
    note.check(path)
    log = note.beside(path)
    header: bytes | None = None
    while not _belongs(log, cookie):
        before, header = header, _header(log)
        if before == header:  # else others write here: it may have begun anew since
            raise CorruptData(
                f"{log} holds writes to another file than {path}, or to another state of it; "
                f"both were left untouched: put back the file that stood there, or move the log "
                f"away to go on without what is in it"
            )
        cookie = layout.cookie_of(path)


def _header(log: str) -> bytes:
    with disk.Lenient(), open(log, "rb", buffering=0) as stream:
        return stream.read(HEADER)
    return b""


def _belongs(log: str, file: int | None) -> bool:
    with disk.Lenient(), open(log, "rb", buffering=0) as stream:
        first = next(_cookies(stream), None)
        if file is None or first is None or _fits(first, file):
            return True
        first = _first_that_counts(stream)
        return first is None or _fits(first, file) or file in _cookies(stream)
    return True


def _fits(first: int, file: int) -> bool:
    """Whether a log whose *first* cookie this is can have begun at a file that has that one."""
    raised = (first - file) % layout.COOKIES
    return raised == STEP or raised < _STATEMENTS


# --- the format of a log: https://www.sqlite.org/fileformat2.html, section 4 ----------------------


def _frames(stream: FileIO) -> Iterator[bytes]:
    """Yield the pages of the log, with what stands before each."""
    stream.seek(0)
    header = stream.read(HEADER)
    size = FRAME + int.from_bytes(header[8:12], "big")
    if header[:4] in _MAGIC and size <= FRAME + 2**16:
        while len(frame := stream.read(size)) == size and frame[8:16] == header[16:24]:
            yield frame  # what comes later is left from the log before


def _cookies(stream: FileIO) -> Iterator[int]:
    """Yield the cookie of each version of the file's first page in the log."""
    return (_cookie(frame) for frame in _frames(stream) if _is_first_page(frame))


def _is_first_page(frame: bytes) -> bool:
    return frame[:4] == b"\0\0\0\1"


def _cookie(frame: bytes) -> int:
    return int.from_bytes(frame[FRAME + 40 : FRAME + 44], "big") % layout.COOKIES


def _first_that_counts(stream: FileIO) -> int | None:
    """Return the first cookie; None if it is in no transaction that SQLite would play in."""
    stream.seek(0)
    header = stream.read(HEADER)
    order, first = _MAGIC.get(header[:4], "<"), None
    sums = _sums(order, header[:24], (0, 0))
    for frame in _frames(stream) if sums == _read_sums(header[24:]) else ():
        sums = _sums(order, frame[:8] + frame[FRAME:], sums)
        if sums != _read_sums(frame[16:FRAME]):
            break
        if first is None and _is_first_page(frame):
            first = _cookie(frame)
        if first is not None and frame[4:8] != bytes(4):  # the last of a transaction
            return first
    return None


def _read_sums(data: bytes) -> tuple[int, ...]:
    return struct.unpack(">2I", data)


def _sums(order: str, data: bytes, sums: tuple[int, int]) -> tuple[int, int]:
    one, two = sums
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        one = (one + even + two) % 2**32
        two = (two + odd + one) % 2**32
    return one, two
