"""Scalars: how a value of each type stands in JSON, in a tag where JSON cannot express it.

What writes a type stands beside what reads it; the two tables at the end list them all.
"""

import base64
import math
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any
from uuid import UUID

from napixd_store.errors import CorruptData, InvalidValue
from napixd_store.serializers.path import Path

SMALLEST, LARGEST = -(2**63), 2**64 - 1
"""Beyond these, other languages' JSON loses digits of an int."""

_ESCAPED = re.compile(
    r"([ -\[\]-~]|\\([\\tnr]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}))*"
)  # what Python's codec unicode_escape writes; it reads more than that
_TOO_LONG = 10**4300  # Python itself refuses to read or write the digits of such an int


def _write_int(value: int, path: Path) -> Any:
    if SMALLEST <= value <= LARGEST:
        return value
    if not -_TOO_LONG < value < _TOO_LONG:
        raise InvalidValue(f"{path}: an int of more than 4300 digits cannot be stored")
    try:
        return {"$int": str(value)}
    except ValueError as exc:  # sys.set_int_max_str_digits() was set lower than usual
        raise InvalidValue(f"{path}: {exc}") from exc


def _write_float(value: float, path: Path) -> Any:
    return value if math.isfinite(value) else {"$float": repr(value)}


def _write_str(value: str, path: Path) -> Any:
    if value.isascii() or not has_surrogate(value):
        return value
    return {"$str": value.encode("unicode_escape").decode("ascii")}


def _read_str(body: Any) -> str:
    if not _ESCAPED.fullmatch(expect(str, body)):
        raise CorruptData("a tag in the record does not hold escaped text")
    return str(body.encode("ascii").decode("unicode_escape"))


def _write_datetime(value: datetime, path: Path) -> Any:
    text, zone = value.replace(fold=0).isoformat(), None
    if type(value.tzinfo) is timezone:
        zone = _own_name(value.tzinfo, path)
    elif value.tzinfo is not None:
        text = value.replace(tzinfo=None, fold=0).isoformat()
        zone = _zone_key(value.tzinfo, path)
    return {"$datetime": [text, value.fold, zone] if value.fold or zone is not None else text}


def _read_datetime(body: Any) -> datetime:
    if type(body) is str:
        return datetime.fromisoformat(body)
    text, fold, zone = body
    value = datetime.fromisoformat(text).replace(fold=fold)
    if zone is None:
        return value
    offset = value.utcoffset()
    if offset is not None:
        return value.replace(tzinfo=timezone(offset, zone))
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return value.replace(tzinfo=ZoneInfo(zone))
    except (OSError, ZoneInfoNotFoundError):
        raise CorruptData("no zone of that name is on this machine: pip install tzdata") from None


def _write_time(value: time, path: Path) -> Any:
    text, name = value.replace(fold=0).isoformat(), None
    if type(value.tzinfo) is timezone:
        name = _own_name(value.tzinfo, path)
    elif value.tzinfo is not None:
        raise InvalidValue(f"{path}: a time in a named zone cannot be stored: use a datetime")
    if name is not None:
        return {"$time": [text, value.fold, name]}
    return {"$time": [text, value.fold] if value.fold else text}


def _read_time(body: Any) -> time:
    if type(body) is str:
        return time.fromisoformat(body)
    text, fold, *named = body
    value = time.fromisoformat(text).replace(fold=fold)
    offset: Any = value.utcoffset()
    return value.replace(tzinfo=timezone(offset, *named)) if named else value


def _own_name(zone: timezone, path: Path) -> str | None:
    """Return the name that a fixed offset was given, as ``datetime.now().astimezone()`` does."""
    offset, name = zone.utcoffset(None), zone.tzname(None)
    if offset.microseconds:  # fromisoformat() would drop them
        raise InvalidValue(f"{path}: an offset with fractions of a second cannot be stored")
    if name == timezone(offset).tzname(None):
        return None
    if type(name) is not str or has_surrogate(name):
        raise InvalidValue(f"{path}: the name of this fixed offset cannot be stored as text")
    return name


def _zone_key(zone: tzinfo, path: Path) -> str:
    key = getattr(zone, "key", None)
    if type(zone).__module__.startswith("zoneinfo") and isinstance(key, str):
        with suppress(Exception):  # a zone that was read from a file has any key, and says so here
            zone.__reduce__()
            return key
    raise InvalidValue(
        f"{path}: a datetime in this {type(zone).__name__} cannot be stored: use timezone.utc, a "
        f"fixed offset or zoneinfo.ZoneInfo(key)"
    )


def has_surrogate(text: str) -> bool:
    """Whether *text* holds half of a pair of UTF-16, which no UTF-8 can express."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def expect(kind: type, body: Any) -> Any:
    """Return *body*, what is in a tag; raise `CorruptData` if it is not a *kind*."""
    if type(body) is not kind:
        raise CorruptData(f"a tag in the record does not hold a {kind.__name__}")
    return body


WRITERS: dict[type, Callable[[Any, Path], Any]] = {
    type(None): lambda value, path: None,
    bool: lambda value, path: value,
    int: _write_int,
    float: _write_float,
    str: _write_str,
    bytes: lambda value, path: {"$bytes": base64.b64encode(value).decode("ascii")},
    datetime: _write_datetime,
    date: lambda value, path: {"$date": value.isoformat()},
    time: _write_time,
    timedelta: lambda value, path: {"$timedelta": [value.days, value.seconds, value.microseconds]},
    Decimal: lambda value, path: {"$decimal": str(value)},
    UUID: lambda value, path: {"$uuid": str(value)},
}
"""Type -> what returns a value of it as JSON data; the place of the value is for messages."""

READERS: dict[str, Callable[[Any], Any]] = {
    "$int": lambda body: int(expect(str, body)),
    "$float": lambda body: float(expect(str, body)),
    "$str": _read_str,
    "$bytes": lambda body: base64.b64decode(expect(str, body), validate=True),
    "$datetime": _read_datetime,
    "$date": lambda body: date.fromisoformat(expect(str, body)),
    "$time": _read_time,
    "$timedelta": lambda body: timedelta(*expect(list, body)),
    "$decimal": lambda body: Decimal(expect(str, body)),
    "$uuid": lambda body: UUID(expect(str, body)),
}
"""Tag -> what returns the value that is in it."""
