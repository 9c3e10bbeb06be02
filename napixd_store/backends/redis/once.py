"""Each key once, of an iteration that may tell some twice, in little memory besides the keys."""

from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

T = TypeVar("T")

_FEW: Final = 2**18
"""So many texts are remembered in a set: the fastest, but it takes 50 bytes for each and more."""

_SHELVES: Final = 2**15

_BEGIN: Final = b"\xff"
_END: Final = b"\xfe"
"""No bytes of UTF-8: between them a text stands on its shelf."""


def once(pairs: Iterator[tuple[str, T]]) -> Iterator[tuple[str, T]]:
    """Yield *pairs*, but none whose text was yielded before."""
    seen: set[str] = set()
    for text, record in pairs:
        if text not in seen:
            seen.add(text)
            yield text, record
            if len(seen) == _FEW:
                break
    else:
        return
    shelves = _shelved(seen)
    del seen
    for text, record in pairs:
        at, standing = hash(text) % _SHELVES, _BEGIN + text.encode() + _END
        if standing not in shelves[at]:
            shelves[at] += standing
            yield text, record


def _shelved(texts: Iterable[str]) -> list[bytes]:
    """Return the *texts* one behind the other on shelves, each of which is soon searched."""
    shelves = [b""] * _SHELVES
    for text in texts:
        shelves[hash(text) % _SHELVES] += _BEGIN + text.encode() + _END
    return shelves
