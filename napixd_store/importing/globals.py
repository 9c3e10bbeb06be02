"""The globals that a pickle may name, each with a function of ours that makes its value.

Nothing that a pickle names is looked up, imported or called: the name is a key of this table, or
it is refused. What it is called with is checked before any type sees it, for ``bytearray(10**12)``
would take all memory.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from napixd_store.importing.entries import Malformed


class Refused:
    """Stands for what a pickle asks to be made and is not; *what* says what that is."""

    __slots__ = ("what",)

    def __init__(self, what: str) -> None:
        self.what = what


class Undecodable(Refused):
    """A ``str`` of Python 2 whose bytes *raw* are not of the encoding that was told."""

    __slots__ = ("raw",)

    def __init__(self, raw: bytes, encoding: str) -> None:
        super().__init__(f"a str of Python 2 that is not {encoding}")
        self.raw = raw


class Maker(Refused):
    """Stands for a global of the table, which is no value itself."""

    __slots__ = ("make",)

    def __init__(self, what: str, make: Callable[["Arguments"], Any]) -> None:
        super().__init__(what)
        self.make = make


class Arguments(tuple[Any, ...]):
    """What a global is called with, and the encoding of Python 2's strings among it."""

    encoding: str

    def only(self, *kinds: type | tuple[type, ...], least: int | None = None) -> "Arguments":
        """Return these if they are as many as *kinds*, or *least* or more, and of those types."""
        fewest = len(kinds) if least is None else least
        if not fewest <= len(self) <= len(kinds):
            raise Malformed("it calls a type with too many or too few arguments")
        if not all(isinstance(each, kind) for each, kind in zip(self, kinds, strict=False)):
            raise Malformed("it calls a type with arguments of other types")
        return self


class Unfinished(Refused):
    """A UUID before its number is known; *kept* are the places of the memo that hold it."""

    __slots__ = ("kept",)

    def __init__(self) -> None:
        super().__init__("a UUID without its number")
        self.kept: list[int] = []

    def finished(self, state: object) -> "UUID | Refused":
        """Return the UUID of this *state*."""
        number = state.get("int", state.get(b"int")) if isinstance(state, dict) else None
        if type(number) is not int or not 0 <= number < 1 << 128:
            return Refused("a UUID whose number is not of 128 bits")
        return UUID(int=number)


def find(module: str, name: str) -> Maker | Refused:
    """Return what stands for the global *name* of *module*."""
    full = f"{_RENAMED.get(module, module)}.{name}"
    return _MAKERS.get(full) or Refused(f"{full[:_LONGEST]!r}, which is never called")


# --- how each is made -----------------------------------------------------------------------------


def _raw(given: Any, arguments: Any) -> bytes:
    """Return the bytes behind *given*, in which Python 2 kept a state."""
    if isinstance(given, Undecodable):
        return given.raw
    if isinstance(given, str):
        encoding = arguments.encoding
        return given.encode("latin-1" if encoding == "bytes" else encoding, "surrogateescape")
    if isinstance(given, bytes):
        return given
    raise Malformed("it calls a type with arguments of other types")


def _latin(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError as exc:
        raise Malformed("it encodes a text as latin-1 that is not") from exc


def _bytes(arguments: Arguments) -> bytes:
    """Return those of ``bytes()``, ``bytearray(b'…')`` or ``bytearray('…', 'latin-1')``."""
    if not arguments:
        return b""
    first, *rest = arguments
    if isinstance(first, str) and rest:
        return _encoded(arguments)
    arguments.only((bytes, str, Undecodable))
    return _raw(first, arguments)


def _encoded(arguments: Arguments) -> bytes:
    """Return those of ``_codecs.encode(text, 'latin1')``, as bytes stand in old protocols."""
    text, encoding = arguments.only(str, (str, bytes))
    said = encoding.decode("ascii", "replace") if isinstance(encoding, bytes) else encoding
    if said.lower() not in ("latin1", "latin-1"):
        raise Malformed("it encodes a text in another way than latin-1")
    return _latin(text)


def _members(arguments: Arguments) -> Sequence[Any]:
    if not arguments:
        return ()
    (members,) = arguments.only((list, tuple))
    for each in members:
        check_hashable(each)
    return list(members)


def _dict(arguments: Arguments) -> dict[Any, Any]:
    if not arguments:
        return {}
    (pairs,) = arguments.only((list, tuple))
    made = {}
    for pair in pairs:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise Malformed("an OrderedDict is not made of pairs")
        check_hashable(pair[0])
        made[pair[0]] = pair[1]
    return made


def _state(make: Callable[..., Any], size: int) -> Callable[[Arguments], Any]:
    """Return what makes a *make* from its *size* bytes of state and maybe a time zone."""

    def made(arguments: Arguments) -> Any:
        arguments.only((bytes, str, Undecodable), tzinfo, least=1)
        state = _raw(arguments[0], arguments)
        if len(state) != size:
            raise Malformed(f"a {make.__name__} is not of {size} bytes")
        return make(state, *arguments[1:])

    return made


def _timezone(arguments: Arguments) -> timezone:
    arguments.only(timedelta, str, least=1)
    return timezone(*arguments)


def _decimal(arguments: Arguments) -> Decimal:
    (text,) = arguments.only((str, bytes))
    return Decimal(text if isinstance(text, str) else text.decode("ascii", "replace"))


def _frozenset(arguments: Arguments) -> frozenset[Any]:
    return frozenset(_members(arguments))


def _set(arguments: Arguments) -> set[Any]:
    return set(_members(arguments))


def _uuid(_arguments: Arguments) -> Unfinished:
    return Unfinished()


def _reconstructed(arguments: Arguments) -> Refused:
    """Return what the protocols 0 and 1 make of a class that is written in Python."""
    cls = arguments[0]
    if isinstance(cls, Maker) and cls.make is _uuid:
        return Unfinished()
    return Refused(cls.what if isinstance(cls, Refused) else "an object of no class")


_LONGEST = 200

_RENAMED = {"__builtin__": "builtins", "copy_reg": "copyreg"}
"""Module of Python 2 -> where it is now."""

_MAKERS: Final = {
    name: Maker(repr(name), make)
    for name, make in {
        "builtins.set": _set,
        "builtins.frozenset": _frozenset,
        "builtins.bytes": _bytes,
        "builtins.bytearray": _bytes,
        "_codecs.encode": _encoded,
        "collections.OrderedDict": _dict,
        "datetime.date": _state(date, 4),
        "datetime.time": _state(time, 6),
        "datetime.datetime": _state(datetime, 10),
        "datetime.timedelta": lambda those: timedelta(*those.only(int, int, int)),
        "datetime.timezone": _timezone,
        "decimal.Decimal": _decimal,
        "uuid.UUID": _uuid,
        "copyreg._reconstructor": _reconstructed,
    }.items()
}


# --- keys -----------------------------------------------------------------------------------------

_MOST = 1_000


def check_hashable(key: object) -> None:
    """Raise `Malformed` if *key* cannot be one, or is so nested that to hash it takes for ever.

    Python computes the hash of a tuple anew each time, from all that is in it, and has no stack
    for a hundred thousand of them.
    """
    waiting, seen = [key], 0
    while waiting:
        seen += 1
        if seen > _MOST:
            raise Malformed("a key is made of too many parts")
        each = waiting.pop()
        if type(each) in (tuple, frozenset):
            waiting += each  # type: ignore[arg-type]
        elif isinstance(each, (list, dict, set)):
            raise Malformed(f"a {type(each).__name__} is a key")
