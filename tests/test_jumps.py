"""No loop ends in an ``if`` right inside a ``with`` or ``try`` of the library: CPython 3.13 leaks.

The jump back from such an ``if`` stands in no handler's range there (`dis` shows it), and at a
jump back Python runs signal handlers: an interrupt would pass by ``finally`` and ``__exit__``, and
leave a lock taken. Such a loop belongs into a function of its own, or gets no ``if``.
"""

import dis
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(sys.version_info < (3, 13), reason="CPython 3.13 is the first")


def functions(code: CodeType) -> Iterator[CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from functions(each)


def slips(code: CodeType) -> list[str]:
    """Return the loops of *code* from which a jump back slips out of their handler."""
    ranges: list[Any] = dis._parse_exception_table(code)  # type: ignore[attr-defined]
    instructions = {each.offset: each for each in dis.get_instructions(code)}

    def handler(offset: int) -> int | None:
        for each in ranges:
            if each.start <= offset < each.end:
                # What an inlined comprehension puts back is no handler of ours.
                ours = instructions[each.target].opname == "PUSH_EXC_INFO"
                return int(each.target) if ours else handler(each.target)
        return None

    return [
        f"a loop of {code.co_name}, which begins at line {code.co_firstlineno}"
        for each in instructions.values()
        if each.opname == "JUMP_BACKWARD" and handler(each.argval) != handler(each.offset) is None
    ]


def test_no_jump_back_slips_out_of_its_handler():
    found = {
        str(path.relative_to(ROOT)): slip
        for package in ("napixd_store", "napixd_store_bottle")
        for path in (ROOT / package).rglob("*.py")
        for code in functions(compile(path.read_text(), path, "exec"))
        for slip in slips(code)
    }
    assert found == {}


def test_a_jump_that_slips_is_found():
    source = "with lock:\n    for key in keys:\n        if key:\n            found(key)\n"
    assert slips(compile(source, "example", "exec"))
