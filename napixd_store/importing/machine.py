"""The stack machine that a pickle is a program for: what it holds, and what it may do."""

import io
import struct
from typing import Any

from napixd_store.importing.entries import Malformed
from napixd_store.importing.globals import (
    Arguments,
    Maker,
    Refused,
    Undecodable,
    Unfinished,
    check_hashable,
)


class Machine:
    """The state of one run; *encoding* is that of Python 2's ``str``, or ``bytes`` for them."""

    def __init__(self, data: bytes, encoding: str) -> None:
        self._in, self._encoding = io.BytesIO(data), encoding
        self._stack: list[Any] = []
        self._below: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    # --- what the program holds --------------------------------------------------------------

    def read(self, size: int) -> bytes:
        """Return the next *size* bytes."""
        data = self._in.read(size) if size >= 0 else b""
        if len(data) != size:
            raise Malformed("the pickle is cut off, or says a wrong size")
        return data

    def line(self) -> bytes:
        """Return the bytes up to the next line feed."""
        data = self._in.readline()
        if data[-1:] != b"\n":
            raise Malformed("the pickle is cut off")
        return data[:-1].removesuffix(b"\r")

    def number(self, form: str) -> Any:
        """Return the next number, of this form of `struct`."""
        return struct.unpack(form, self.read(struct.calcsize(form)))[0]

    def old_text(self, raw: bytes) -> Any:
        """Return a ``str`` of Python 2."""
        if self._encoding == "bytes":
            return raw
        try:
            return raw.decode(self._encoding)
        except UnicodeDecodeError:
            return Undecodable(raw, self._encoding)

    def is_done(self) -> bool:
        """Return whether nothing is left, neither of the program nor on the stack."""
        return not (self._stack or self._below or self._in.read(1))

    # --- the stack ---------------------------------------------------------------------------

    def push(self, value: Any) -> None:
        """Put *value* on top."""
        self._stack.append(value)

    def pop(self) -> Any:
        """Take the top."""
        return self._stack.pop()

    @property
    def top(self) -> Any:
        """What is on top."""
        return self._stack[-1]

    def mark(self) -> None:
        """Begin a stack on top of this one."""
        self._below.append(self._stack)
        self._stack = []

    def marked(self) -> list[Any]:
        """End it, and return what is on it."""
        found, self._stack = self._stack, self._below.pop()
        return found

    def discard(self) -> None:
        """Take the top, were it a mark."""
        if self._stack:
            self._stack.pop()
        else:
            self.marked()

    def keep(self, place: int | None = None) -> None:
        """Remember the top."""
        index = len(self._memo) if place is None else place
        if isinstance(self.top, Unfinished):
            self.top.kept.append(index)
        self._memo[index] = self.top

    def recall(self, place: int) -> None:
        """Put on top what was remembered."""
        self.push(self._memo[place])

    # --- containers --------------------------------------------------------------------------

    def append(self, members: list[Any]) -> None:
        """Add *members* to the list on top."""
        if not isinstance(self.top, Refused):
            if type(self.top) is not list:
                raise Malformed("it appends to what is no list")
            self.top.extend(members)

    def add(self, members: list[Any]) -> None:
        """Add *members* to the set on top."""
        if not isinstance(self.top, Refused):
            if type(self.top) is not set:
                raise Malformed("it adds to what is no set")
            for each in members:
                check_hashable(each)
            self.top.update(members)

    def set_items(self, flat: list[Any]) -> None:
        """Put into the dict on top what is in *flat*, in which each key stands before its value."""
        if not isinstance(self.top, Refused):
            if type(self.top) is not dict:
                raise Malformed("it sets items of what is no dict")
            pairs = iter(flat)
            for key, value in zip(pairs, pairs, strict=True):
                check_hashable(key)
                self.top[key] = value

    # --- what is named -----------------------------------------------------------------------

    def call(self, made: Any, arguments: Any) -> None:
        """Put on top what *made*, a global, would give for *arguments*."""
        if type(arguments) is not tuple or not isinstance(made, Refused):
            raise Malformed("it calls what is no global")
        if not isinstance(made, Maker):
            self.push(Refused(made.what))
            return
        given = Arguments(arguments)
        given.encoding = self._encoding
        try:
            self.push(made.make(given))
        except (TypeError, ValueError, ArithmeticError) as exc:
            self.push(Refused(f"{made.what} that cannot be made ({exc})"))

    def build(self) -> None:
        """Give a state to what is on top."""
        state = self.pop()
        if isinstance(self.top, Unfinished):
            unfinished = self.pop()
            self.push(unfinished.finished(state))
            for place in unfinished.kept:
                self._memo[place] = self.top
        elif not isinstance(self.top, Refused):
            raise Malformed("it gives a state to what takes none")
