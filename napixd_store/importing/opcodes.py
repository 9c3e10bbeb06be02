"""Pickles, read by a machine that knows built-in types alone and calls nothing that they name.

A pickle is a program for a stack machine (`pickletools` of Python documents its opcodes). This one
runs all of them, of protocols 0 to 5 and of Python 2 and 3, but where a program asks for a class,
a function, an extension or a persistent object that is not in the table of `globals`, it puts a
`Refused` in its place and goes on: so a reader learns of every such place at once.
"""

import re
import struct
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeAlias

from napixd_store.importing.entries import Malformed
from napixd_store.importing.globals import Maker, Refused, check_hashable, find
from napixd_store.importing.machine import Machine

MOST_STEPS: Final = 50_000_000
"""So long may a program be: each step takes a byte of it, and makes up to 64 of memory."""


def run(data: bytes, encoding: str) -> Any:
    """Return the value; it holds `Refused` where something could not be made.

    Raises:
        Malformed: it is no pickle, or damaged.
    """
    machine = Machine(data, encoding)
    left = MOST_STEPS
    try:
        for code in iter(partial(machine.read, 1), b"."):
            left -= 1
            if not left:
                raise Malformed("the pickle is too long")
            step = _STEPS.get(code)
            if step is None:
                raise Malformed(f"it is no pickle: no opcode is {code!r}")
            step(machine)
        value = machine.pop()
    except (IndexError, KeyError, TypeError, ValueError, struct.error, ArithmeticError) as exc:
        raise exc if isinstance(exc, Malformed) else Malformed("the pickle is damaged") from exc
    if not machine.is_done():
        raise Malformed("the pickle is damaged: something is left behind its end")
    return value


Step: TypeAlias = Callable[[Machine], None]


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogatepass")


def _quoted(raw: bytes) -> bytes:
    """Return what a ``repr`` of Python 2 says."""
    if len(raw) < 2 or raw[:1] not in b"'\"" or raw[:1] != raw[-1:]:
        raise Malformed("a text has no quotes")
    return _ESCAPE.sub(_unescaped, raw[1:-1])


_ESCAPE = re.compile(rb"\\(x[0-9a-f]{2}|.|$)", re.DOTALL)
_ESCAPED = {b"\\": b"\\", b"'": b"'", b'"': b'"', b"n": b"\n", b"r": b"\r", b"t": b"\t"}


def _unescaped(found: re.Match[bytes]) -> bytes:
    said = found[1]
    return bytes.fromhex(said[1:].decode()) if len(said) == 3 else _ESCAPED[said]


def _int(raw: bytes) -> int | bool:
    return {b"00": False, b"01": True}[raw] if raw in (b"00", b"01") else int(raw, 0)


def _signed(raw: bytes) -> int:
    return int.from_bytes(raw, "little", signed=True)


def _sized(form: str, made: Callable[[bytes], Any] = bytes) -> Step:
    """Return the step that reads a size of this form, and so many bytes, and pushes *made*."""
    return lambda machine: machine.push(made(machine.read(machine.number(form))))


def _old(form: str) -> Step:
    return lambda machine: machine.push(machine.old_text(machine.read(machine.number(form))))


def _tuple(size: int) -> Step:
    def step(machine: Machine) -> None:
        machine.push(tuple(reversed([machine.pop() for _ in range(size)])))

    return step


def _pair(machine: Machine) -> list[Any]:
    value = machine.pop()
    return [machine.pop(), value]


def _unmark(machine: Machine) -> None:
    machine.marked()


def _frozen(machine: Machine) -> None:
    members = machine.marked()
    for each in members:
        check_hashable(each)
    machine.push(frozenset(members))


def _dict(machine: Machine) -> None:
    flat = machine.marked()
    machine.push({})
    machine.set_items(flat)


def _protocol(machine: Machine) -> None:
    version = machine.number("B")
    if version > 5:
        raise Malformed(f"it is a pickle of protocol {version}, and 5 is the newest known")


def _refusing(what: str, *taken: Callable[[Machine], Any]) -> Step:
    """Return the step for what is never had, after what it has *taken* from the machine."""

    def step(machine: Machine) -> None:
        for take in taken:
            take(machine)
        machine.push(Refused(what))

    return step


def _read_only(machine: Machine) -> None:
    if not isinstance(machine.top, (bytes, Refused)):
        raise Malformed("what is no buffer becomes read-only")


def _global(machine: Machine) -> None:
    module = _text(machine.line())
    machine.push(find(module, _text(machine.line())))


def _stack_global(machine: Machine) -> None:
    name, module = machine.pop(), machine.pop()
    if type(name) is not str or type(module) is not str:
        raise Malformed("the name of a global is no text")
    machine.push(find(module, name))


def _reduce(machine: Machine) -> None:
    arguments = machine.pop()
    machine.call(machine.pop(), arguments)


def _new_ex(machine: Machine) -> None:
    named, arguments = machine.pop(), machine.pop()
    if named and isinstance(machine.top, Maker):
        raise Malformed("it calls a type with names of arguments")
    machine.call(machine.pop(), arguments)


def _inst(machine: Machine) -> None:
    module = _text(machine.line())
    found = find(module, _text(machine.line()))
    machine.call(found, tuple(machine.marked()))


def _obj(machine: Machine) -> None:
    found, *arguments = machine.marked()
    machine.call(found, tuple(arguments))


_PERSISTENT = "a persistent object, which is not in the pickle"
_BUFFER = "a buffer, which is not in the pickle"

_STEPS: Final[dict[bytes, Step]] = {
    b"\x80": _protocol,
    b"\x95": lambda m: m.number("<Q"),  # FRAME: a size that a reader may use
    b"(": Machine.mark,
    b"0": Machine.discard,
    b"1": _unmark,
    b"2": lambda m: m.push(m.top),
    # numbers
    b"N": lambda m: m.push(None),
    b"\x88": lambda m: m.push(True),
    b"\x89": lambda m: m.push(False),
    b"I": lambda m: m.push(_int(m.line())),
    b"L": lambda m: m.push(int(m.line().removesuffix(b"L"), 0)),
    b"J": lambda m: m.push(m.number("<i")),
    b"K": lambda m: m.push(m.number("B")),
    b"M": lambda m: m.push(m.number("<H")),
    b"\x8a": _sized("B", _signed),
    b"\x8b": _sized("<i", _signed),
    b"F": lambda m: m.push(float(m.line())),
    b"G": lambda m: m.push(m.number(">d")),
    # text and bytes
    b"S": lambda m: m.push(m.old_text(_quoted(m.line()))),
    b"T": _old("<i"),
    b"U": _old("B"),
    b"V": lambda m: m.push(m.line().decode("raw-unicode-escape")),
    b"X": _sized("<I", _text),
    b"\x8c": _sized("B", _text),
    b"\x8d": _sized("<Q", _text),
    b"B": _sized("<I"),
    b"C": _sized("B"),
    b"\x8e": _sized("<Q"),
    b"\x96": _sized("<Q"),  # a bytearray
    # containers
    b")": lambda m: m.push(()),
    b"t": lambda m: m.push(tuple(m.marked())),
    b"\x85": _tuple(1),
    b"\x86": _tuple(2),
    b"\x87": _tuple(3),
    b"]": lambda m: m.push([]),
    b"l": lambda m: m.push(m.marked()),
    b"a": lambda m: m.append([m.pop()]),
    b"e": lambda m: m.append(m.marked()),
    b"}": lambda m: m.push({}),
    b"d": _dict,
    b"s": lambda m: m.set_items(_pair(m)),
    b"u": lambda m: m.set_items(m.marked()),
    b"\x8f": lambda m: m.push(set()),
    b"\x90": lambda m: m.add(m.marked()),
    b"\x91": _frozen,
    # the memo
    b"p": lambda m: m.keep(int(m.line())),
    b"q": lambda m: m.keep(m.number("B")),
    b"r": lambda m: m.keep(m.number("<I")),
    b"\x94": Machine.keep,
    b"g": lambda m: m.recall(int(m.line())),
    b"h": lambda m: m.recall(m.number("B")),
    b"j": lambda m: m.recall(m.number("<I")),
    # what is named
    b"c": _global,
    b"\x93": _stack_global,
    b"R": _reduce,
    b"\x81": _reduce,  # NEWOBJ
    b"\x92": _new_ex,
    b"i": _inst,
    b"o": _obj,
    b"b": Machine.build,
    b"P": _refusing(_PERSISTENT, Machine.line),
    b"Q": _refusing(_PERSISTENT, Machine.pop),
    b"\x82": _refusing("an extension of copyreg", lambda m: m.number("B")),
    b"\x83": _refusing("an extension of copyreg", lambda m: m.number("<H")),
    b"\x84": _refusing("an extension of copyreg", lambda m: m.number("<i")),
    b"\x97": _refusing(_BUFFER),
    b"\x98": _read_only,
}
