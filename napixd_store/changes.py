"""The two arguments of a backend's write: *changes*, and what it *expected* to find.

``expected`` is the only concurrency primitive there is (etcd's compare-then-put). It maps a
key's text to the record that must still stand there, or to one of two words:

``ABSENT``
    there must be no record;
``PRESENT``
    there must be a record, whichever it is.

>>> unmet({"a": b"1", "b": ABSENT, "c": PRESENT}, {"a": b"1", "b": b"2"})
['b', 'c']
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final, Literal, TypeAlias


class Expectation(Enum):
    """What a write may expect of a key without knowing its record."""

    ABSENT = "absent"
    PRESENT = "present"

    def __repr__(self) -> str:
        return self.name


ABSENT: Final = Expectation.ABSENT
PRESENT: Final = Expectation.PRESENT

Changes: TypeAlias = Mapping[str, bytes | None]
"""Key's text -> the record to put there, or ``None`` to delete the key."""

Expected: TypeAlias = Mapping[
    str, bytes | Literal[Expectation.ABSENT] | Literal[Expectation.PRESENT]
]
"""Key's text -> the record, ABSENT or PRESENT that must still be true."""


def unmet(expected: Expected, current: Mapping[str, bytes]) -> list[str]:
    """Return the texts of the keys in *current* records that are not as *expected*."""
    return [text for text, wanted in expected.items() if not _holds(wanted, current.get(text))]


def _holds(wanted: bytes | Expectation, record: bytes | None) -> bool:
    if wanted is ABSENT:
        return record is None
    if wanted is PRESENT:
        return record is not None
    return record == wanted
