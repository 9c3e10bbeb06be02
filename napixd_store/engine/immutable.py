"""The types whose values cannot change in place, so that a block could do nothing to them."""

from datetime import date, time, timedelta, tzinfo
from enum import Enum
from numbers import Number
from typing import Final
from uuid import UUID

IMMUTABLE: Final = (
    *(type(None), Number, str, bytes, tuple, frozenset),
    *(date, time, timedelta, tzinfo, UUID, Enum),
)
