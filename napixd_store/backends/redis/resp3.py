"""RESP3, as far as a server speaks it to who is told of changes: replies, and pushes in between.

redis-py's own parser differs between versions in what it does with pushes.
"""

from typing import Any

_END = b"\r\n"
_DEEPEST = 8  # lists in lists
_BULKS, _LISTS, _MAPS = b"$=!", b"*~>", b"%|"


class Push(list[Any]):
    """What the server says without being asked."""


class ErrorReply:
    """What the server refused, in its words."""

    def __init__(self, text: str) -> None:
        self.text = text


class Incomplete(Exception):
    """The rest has not come yet."""


class Garbled(ConnectionError):
    """This is not what a server says."""


def parse(raw: bytearray, at: int, depth: int = 0) -> tuple[Any, int]:
    """Return what stands in *raw* at this place, and the place behind it.

    Raises:
        Incomplete: it does not stand there whole.
        Garbled: it is no RESP3.
    """
    end = raw.find(_END, at)
    if end < 0:
        raise Incomplete
    kind, said, at = raw[at], bytes(raw[at + 1 : end]), end + len(_END)
    if kind in b"+_#,(":
        return None if kind in b"_" else said, at
    if kind in b"-":
        return ErrorReply(said.decode(errors="replace")), at
    try:
        number = int(said)
    except ValueError:
        raise Garbled("a reply is no RESP3") from None
    if kind in b":":
        return number, at
    if number < 0:  # as RESP2 says that there is none
        return None, at
    if kind in _BULKS:
        return _bulk(raw, at, number, kind)
    if kind not in _LISTS + _MAPS or depth > _DEEPEST:
        raise Garbled("a reply is no RESP3")
    found: list[Any] = Push() if kind in b">" else []
    for _ in range(2 * number if kind in _MAPS else number):
        item, at = parse(raw, at, depth + 1)
        found.append(item)
    return found, at


def _bulk(raw: bytearray, at: int, size: int, kind: int) -> tuple[Any, int]:
    end = at + size
    if len(raw) < end + len(_END):
        raise Incomplete
    said = bytes(raw[at:end])
    return ErrorReply(said.decode(errors="replace")) if kind in b"!" else said, end + len(_END)
