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

import operator
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final, Literal, TypeAlias


class Expectation(Enum):
    """What a write may expect of a key without knowing its record."""

    ABSENT = "absent"
    PRESENT = "present"

    def __repr__(self) -> str:
        return self.name


Absent: TypeAlias = Literal[Expectation.ABSENT]
Present: TypeAlias = Literal[Expectation.PRESENT]

ABSENT: Final = Expectation.ABSENT
PRESENT: Final = Expectation.PRESENT

Changes: TypeAlias = Mapping[str, bytes | None]
"""Key's text -> the record to put there, or ``None`` to delete the key."""

Expected: TypeAlias = Mapping[str, bytes | Absent | Present]
"""Key's text -> the record, ABSENT or PRESENT that must still be true."""


def unmet(
    expected: Expected, current: Mapping[str, bytes], same: Callable[[Any, Any], bool] = operator.eq
) -> list[str]:
    """Return the texts of the keys in *current* records that are not as *expected*.

    *same* says whether a record is the expected one.
    """
    return [
        text for text, wanted in expected.items() if not _holds(wanted, current.get(text), same)
    ]


def _holds(
    wanted: bytes | Expectation, record: bytes | None, same: Callable[[Any, Any], bool]
) -> bool:
    if wanted is ABSENT:
        return record is None
    if wanted is PRESENT:
        return record is not None
    return same(record, wanted)
