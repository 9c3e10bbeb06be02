"""A record's deadline, which stands before it, so that `expected` covers it and every tool sees it.

``{"$until":[<milliseconds since 1970>,<record>]}``: past its deadline a record is as good as
absent. A record without a deadline stands bare; one that looks as if it had one gets the deadline
``null``.

Somebody else may have written what only begins like that. All media agree on when such a record
ends: the number in front says it, or else never; whoever reads it is told that it is damaged.

>>> stamped(b'"Ann"', 1767225600000)
b'{"$until":[1767225600000,"Ann"]}'
>>> deadline(stamped(b'"Ann"', 1767225600000)), bare(stamped(b'"Ann"', 1767225600000))
(1767225600000, b'"Ann"')
>>> deadline(marked(b'{"$until":[1,2]}')), bare(marked(b'{"$until":[1,2]}'))
(None, b'{"$until":[1,2]}')
"""

import re
from datetime import timedelta
from enum import Enum
from operator import methodcaller
from typing import Final, TypeAlias

from napixd_store.errors import CorruptData, InvalidValue

MEMBER: Final = "$until"
MARK: Final = b'{"%b":[' % MEMBER.encode()
AFTER: Final = MARK[:-1] + bytes([MARK[-1] + 1])
"""``AFTER > record > MARK`` holds for what begins with the mark, and costs less than a call."""

FRONT: Final = len(MARK) + 20
"""So many of a record's first bytes tell its deadline, as the whole does."""

_END: Final = b"]}"
_NEVER: Final = b"null"
_FRONT: Final = re.compile(re.escape(MARK) + rb"([0-9]{1,20})")
_WHOLE: Final = re.compile(re.escape(MARK) + rb"(?:[1-9][0-9]{,14}|null),(.+)\]\}", re.DOTALL)

LONGEST: Final = 10_000 * 366 * 86_400
"""Seconds that a record may live, more than which is a mistake."""

Duration: TypeAlias = float | timedelta
"""Seconds."""


class Lifetime(Enum):
    """What `expires_in` may be besides a duration, and None: for ever."""

    OF_STORE = "the store's"

    def __repr__(self) -> str:
        return self.value


OF_STORE: Final = Lifetime.OF_STORE

ExpiresIn: TypeAlias = Duration | Lifetime | None
"""What the argument of that name may be."""

has_deadline = methodcaller("startswith", MARK)
"""Whether a record has one, for `map`, which then runs in C alone."""


def stamped(record: bytes, until: int | None) -> bytes:
    """Return *record* with the deadline *until*, milliseconds since 1970; None is for ever.

    It takes the place of the one that *record* has, if any. No bare record is to be given, for it
    may look as if it had one.
    """
    inner = bare(record)
    return marked(inner) if until is None else b"%b%d,%b%b" % (MARK, until, inner, _END)


def ending_as(other: bytes, record: bytes) -> bytes:
    """Return *record*, as a serializer made it, with the deadline of the *other* one."""
    return stamped(record, deadline(other)) if AFTER > other > MARK else record


def marked(record: bytes) -> bytes:
    """Return *record*, as a serializer made it, so that it is not taken for one that ends."""
    return b"%b%b,%b%b" % (MARK, _NEVER, record, _END) if AFTER > record > MARK else record


def deadline(record: bytes) -> int | None:
    """Return the deadline of *record* in milliseconds since 1970; None is for ever."""
    found = _FRONT.match(record)
    return int(found[1]) or None if found else None


def bare(record: bytes) -> bytes:
    """Return *record* without its deadline.

    Raises:
        CorruptData: it begins as one with a deadline does, but somebody else wrote the rest.
    """
    if not AFTER > record > MARK:
        return record
    found = _WHOLE.fullmatch(record)
    if not found:
        raise CorruptData("the record has a deadline that cannot be read")
    return found[1]


def milliseconds(duration: object) -> int:
    """Return *duration*, seconds or a `timedelta`, in whole milliseconds, and 1 at least.

    Raises:
        InvalidValue: it is neither, or not above 0 and below 10,000 years.
    """
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise InvalidValue(
            f"expires_in must be seconds or a timedelta, not {type(duration).__name__}; nothing "
            f"was changed"
        )
    if not 0 < seconds < LONGEST:
        raise InvalidValue("expires_in must be above 0 and below 10,000 years; nothing was changed")
    return max(1, round(seconds * 1000))
