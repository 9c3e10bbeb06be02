"""The values of a pickle: read as `opcodes` says, then looked through before anybody uses them.

A few bytes can say that a list holds the same list ten times, and that one another, and so on:
small in memory, endless when written out. What would be so, or holds itself, or holds what could
not be made, is refused with its place.
"""

import codecs
from collections.abc import Iterator
from typing import Any, Final

from napixd_store.errors import ConfigError
from napixd_store.importing.entries import Malformed, shown
from napixd_store.importing.globals import Refused
from napixd_store.importing.opcodes import run

LARGEST: Final = 64 * 2**20
"""Parts and characters that a value may have when it is written out: as many as a record bytes."""

_CONTAINERS = (dict, list, tuple, set, frozenset)


def check_encoding(encoding: str) -> str:
    """Return *encoding* if Python 2's strings may be told to be of it, or ``bytes``.

    Raises:
        ConfigError: Python knows no such encoding of text.
    """
    try:
        if encoding != "bytes":
            "".encode(encoding)
            codecs.lookup(encoding)
    except LookupError:
        raise ConfigError(
            f"there is no encoding {encoding!r}: say 'utf-8', 'latin-1', or 'bytes' to keep the "
            f"strings of Python 2 as bytes"
        ) from None
    return encoding


def loads(data: bytes, encoding: str = "utf-8") -> Any:
    """Return the value that *data* holds, made of built-in types; nothing in it is ever called.

    An ``OrderedDict`` comes as a ``dict``, a ``bytearray`` as ``bytes``. *encoding* is that of
    the ``str`` of Python 2.

    Raises:
        Malformed: it is no pickle, or asks for something else.
    """
    value = run(data, encoding)
    check(value)
    return value


def loads_members(data: bytes, encoding: str) -> Iterator[tuple[Any, Any, Malformed | None]]:
    """Yield each key and value of the dict that *data* holds, and what is wrong with them.

    Raises:
        Malformed: it is no pickle of a dict.
    """
    found = run(data, encoding)
    if type(found) is not dict:
        what = found.what if isinstance(found, Refused) else f"a {type(found).__name__}"
        raise Malformed(f"the pickle is not a dict but {what}")
    for key, value in found.items():
        try:
            check(key, "the key")
            check(value)
            yield key, value, None
        except Malformed as exc:
            yield key, value, exc


def check(value: Any, path: str = "value") -> None:
    """Raise `Malformed` if *value* is not made of built-in types, holds itself, or is endless."""
    _Review(path).look(value)


class _Review:
    """Adds up how large each container is when it is written out, from the innermost outwards."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._sizes: dict[int, int] = {}
        self._open: set[int] = set()
        self._trail: list[tuple[Any, Iterator[tuple[str, Any]]]] = []
        self._steps: list[str] = []

    def look(self, value: Any) -> None:
        self._enter(value)
        while self._trail:  # no recursion: it may be nested more deeply than the stack is
            container, parts = self._trail[-1]
            step = next(parts, None)
            if step is None:
                self._leave(container)
            else:
                self._steps[-1] = step[0]
                self._enter(step[1])

    def _enter(self, value: Any) -> None:
        if isinstance(value, Refused):
            raise Malformed(f"{self._where()} is {value.what}")
        if not isinstance(value, _CONTAINERS):
            self._grow(1 + (len(value) if isinstance(value, (str, bytes)) else 0))
        elif id(value) in self._open:
            raise Malformed(f"{self._where()} holds itself")
        elif id(value) in self._sizes:
            self._grow(self._sizes[id(value)])
        else:
            self._sizes[id(value)] = 1
            self._open.add(id(value))
            self._trail.append((value, _parts(value)))
            self._steps.append("")

    def _leave(self, container: Any) -> None:
        self._trail.pop()
        self._steps.pop()
        self._open.remove(id(container))
        self._grow(self._sizes[id(container)])

    def _grow(self, size: int) -> None:
        if self._trail:
            container = id(self._trail[-1][0])
            size = self._sizes[container] = self._sizes[container] + size
        if size > LARGEST:
            raise Malformed(f"{self._path} would take more than {LARGEST} bytes")

    def _where(self) -> str:
        told = "".join(self._steps[:_DEPTH])
        return f"{self._path}{told}" + ("…" if len(self._steps) > _DEPTH else "")


_DEPTH = 20


def _parts(container: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(container, dict):
        for key, value in container.items():
            yield ": a key", key
            yield f"[{key!r:.60}]" if isinstance(key, (str, int)) else f"[{shown(key)}]", value
    elif isinstance(container, (set, frozenset)):
        yield from (("{…}", each) for each in container)
    else:
        yield from ((f"[{index}]", each) for index, each in enumerate(container))


def _told(steps: list[str]) -> str:
    told = "".join(steps[:20])
    return told if len(steps) <= 20 else f"{told}…"
