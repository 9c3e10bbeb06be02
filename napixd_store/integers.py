"""Integers that count: exact ``int`` objects within 64 bits, on every backend alike.

SQLite would turn a larger one into a float and Redis would refuse it, each in its own words.
"""

from typing import Final

from napixd_store.errors import CounterOverflow, InvalidValue

SMALLEST: Final = -(2**63)
LARGEST: Final = 2**63 - 1


def exact(number: object, argument: str) -> int:
    """Return *number*, the *argument* of a call, if it is an ``int`` and nothing like one.

    Raises:
        InvalidValue: it is a bool, float, str or anything else.
    """
    if type(number) is not int:
        raise InvalidValue(
            f"{argument} must be an int, not {type(number).__name__}; nothing was changed"
        )
    return number


def in_range(number: int, where: str) -> int:
    """Return *number* if it fits; *where* opens the message.

    Raises:
        CounterOverflow: it does not; nothing was changed.
    """
    if not SMALLEST <= number <= LARGEST:
        raise overflow(where)
    return number


def overflow(where: str) -> CounterOverflow:
    """Return the error for a number that does not fit."""
    return CounterOverflow(f"{where}: the number would leave −2**63 … 2**63−1; it is unchanged")
