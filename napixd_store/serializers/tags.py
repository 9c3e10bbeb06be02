"""Tags: what JSON cannot express, in the manner of MongoDB's Extended JSON.

A tag is an object of exactly one member whose name begins with ``$``, see
https://www.mongodb.com/docs/manual/reference/mongodb-extended-json/. A dict that looks like one
is written as pairs, so that no value is taken for another.

>>> tagged((1, b"x"))
{'$tuple': [1, {'$bytes': 'eA=='}]}
>>> untagged(tagged({"$tuple": 1}))
{'$tuple': 1}
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

import msgspec

from napixd_store.errors import CorruptData, InvalidValue
from napixd_store.serializers.path import Path

MAX_DEPTH = 500
"""Levels of JSON arrays and objects in a record; a tag counts as the levels it is written in."""

SMALLEST, LARGEST = -(2**63), 2**64 - 1
"""Beyond these, other languages' JSON loses digits of an int."""

_ESCAPED = re.compile(
    r"([ -\[\]-~]|\\([\\tnr]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}))*"
)  # what Python's codec unicode_escape writes; it reads more than that
_TOO_LONG = 10**4300  # Python itself refuses to read or write the digits of such an int


def tagged(value: Any, path: Path | None = None, depth: int = 0) -> Any:
    """Return *value* as plain JSON data, whatever JSON cannot express put into tags.

    One frame a level, for Python's stack holds about a thousand: hence loops, no helpers.

    Raises:
        InvalidValue: some part cannot be stored; the message names its place.
    """
    path = path or Path()
    kind = type(value)
    writer = _SCALARS.get(kind)
    if writer is not None:
        return writer(value, path)
    if kind not in _LEVELS:
        raise InvalidValue(f"{path}: {kind.__name__} cannot be stored{_hint(kind)}")
    named = kind is dict and _is_object(value)
    inner = depth + (_LEVELS[kind] if not named else 1)
    if inner > MAX_DEPTH:
        cycle = path.cycle()
        if cycle:
            raise InvalidValue(f"{cycle} contains itself")
        raise InvalidValue(f"{path}: nested deeper than {MAX_DEPTH} levels")
    if named:
        members = {}
        for name, member in value.items():
            members[name] = tagged(member, path.into(value, name), inner)
        return members
    items = []
    if kind is dict:
        for key, member in value.items():
            if type(key) not in _SCALARS:
                raise InvalidValue(f"{path}: a {type(key).__name__} as a dict's key {_KEY_HINT}")
            step = path.into(value, key)
            items.append([tagged(key, step, inner), tagged(member, step, inner)])
    else:
        for index, member in enumerate(value):
            items.append(tagged(member, path.into(value, index), inner))
    if kind is set or kind is frozenset:
        items.sort(
            key=msgspec.json.encode
        )  # equal sets iterate differently; equal values want equal records
    return items if kind is list else {f"${kind.__name__}": items}


def _is_object(value: dict[Any, Any]) -> bool:
    """Whether *value* is written as a JSON object: valid names only, and no look of a tag."""
    for name in value:
        if type(name) is not str or not (name.isascii() or not _has_surrogate(name)):
            return False
    return len(value) != 1 or not name.startswith("$")


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
    if value.isascii() or not _has_surrogate(value):
        return value
    return {"$str": value.encode("unicode_escape").decode("ascii")}


def _write_bytes(value: bytes, path: Path) -> Any:
    return {"$bytes": base64.b64encode(value).decode("ascii")}


def _write_datetime(value: datetime, path: Path) -> Any:
    text, zone = value.replace(fold=0).isoformat(), None
    if type(value.tzinfo) is timezone:
        zone = _own_name(value.tzinfo, path)
    elif value.tzinfo is not None:
        text = value.replace(tzinfo=None, fold=0).isoformat()
        zone = _key(value.tzinfo, path)
    return {"$datetime": [text, value.fold, zone] if value.fold or zone is not None else text}


def _write_time(value: time, path: Path) -> Any:
    text, name = value.replace(fold=0).isoformat(), None
    if type(value.tzinfo) is timezone:
        name = _own_name(value.tzinfo, path)
    elif value.tzinfo is not None:
        raise InvalidValue(f"{path}: a time in a named zone cannot be stored: use a datetime")
    if name is not None:
        return {"$time": [text, value.fold, name]}
    return {"$time": [text, value.fold] if value.fold else text}


def _own_name(zone: timezone, path: Path) -> str | None:
    """Return the name that a fixed offset was given, as ``datetime.now().astimezone()`` does."""
    offset, name = zone.utcoffset(None), zone.tzname(None)
    if offset.microseconds:  # fromisoformat() would drop them
        raise InvalidValue(f"{path}: an offset with fractions of a second cannot be stored")
    if name == timezone(offset).tzname(None):
        return None
    if type(name) is not str or _has_surrogate(name):
        raise InvalidValue(f"{path}: the name of this fixed offset is no text that can be stored")
    return name


def _key(zone: tzinfo, path: Path) -> str:
    key = getattr(zone, "key", None)
    if type(zone).__module__.startswith("zoneinfo") and isinstance(key, str):
        with suppress(Exception):  # a zone that was read from a file has any key, and says so here
            zone.__reduce__()
            return key
    raise InvalidValue(
        f"{path}: a datetime in this {type(zone).__name__} cannot be stored: use timezone.utc, a "
        f"fixed offset or zoneinfo.ZoneInfo(key)"
    )


def _has_surrogate(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _hint(kind: type) -> str:
    for base in (dict, list, tuple, set, str, int, float):
        if issubclass(kind, base):
            return f": it is a kind of {base.__name__}, so write {base.__name__}(…)"
    if kind is bytearray or kind is memoryview:
        return ": write bytes(…)"
    if hasattr(kind, "__dataclass_fields__") or issubclass(kind, msgspec.Struct):
        return f": open the store with type={kind.__name__}"
    return ""


_SCALARS: dict[type, Callable[[Any, Path], Any]] = {
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
_LEVELS: dict[type, int] = {list: 1, tuple: 2, set: 2, frozenset: 2, dict: 3}
_KEY_HINT = "cannot be stored: the key of a dict is one of " + ", ".join(
    sorted(kind.__name__ for kind in _SCALARS)
)


# --- reading tags ----------------------------------------------------------------------------


def untagged(tree: Any) -> Any:
    """Return the value of decoded JSON *tree*, or raise for what no value is written as.

    One frame a level, like its counterpart.
    """
    if type(tree) is list:
        items = []
        for item in tree:
            items.append(untagged(item))  # noqa: PERF401 - a comprehension is one more frame
        return items
    if type(tree) is not dict:
        return tree
    if len(tree) == 1:
        ((name, body),) = tree.items()
        if name[:1] == "$":
            if name in CONTAINERS:
                return _contained(name, untagged(_expect(list, body)))
            if name not in READERS:
                raise CorruptData(f"the record holds an unknown tag {name[:20]!r}")
            value = READERS[name](body)
            if msgspec.json.encode(tagged(value)) != msgspec.json.encode(tree):
                raise CorruptData("a tag in the record is not written as we write it")
            return value
    members = {}
    for name, member in tree.items():
        members[name] = untagged(member)
    return members


def _contained(name: str, items: list[Any]) -> Any:
    if name == "$dict" and not all(type(pair) is list and len(pair) == 2 for pair in items):
        raise CorruptData("a $dict in the record does not hold pairs")
    value = CONTAINERS[name](items)
    if len(value) != len(items):
        raise CorruptData(f"a {name} in the record holds an item twice")
    return value


def _expect(kind: type, body: Any) -> Any:
    if type(body) is not kind:
        raise CorruptData(f"a tag in the record holds no {kind.__name__}")
    return body


def _read_str(body: Any) -> str:
    if not _ESCAPED.fullmatch(_expect(str, body)):
        raise CorruptData("a tag in the record holds no escaped text")
    return str(body.encode("ascii").decode("unicode_escape"))


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


def _read_time(body: Any) -> time:
    if type(body) is str:
        return time.fromisoformat(body)
    text, fold, *named = body
    value = time.fromisoformat(text).replace(fold=fold)
    offset: Any = value.utcoffset()
    return value.replace(tzinfo=timezone(offset, *named)) if named else value


CONTAINERS: dict[str, Callable[[Any], Any]] = {
    "$tuple": tuple,
    "$set": set,
    "$frozenset": frozenset,
    "$dict": dict,
}
READERS: dict[str, Callable[[Any], Any]] = {
    "$int": lambda body: int(_expect(str, body)),
    "$float": lambda body: float(_expect(str, body)),
    "$str": _read_str,
    "$bytes": lambda body: base64.b64decode(_expect(str, body), validate=True),
    "$datetime": _read_datetime,
    "$date": lambda body: date.fromisoformat(_expect(str, body)),
    "$time": _read_time,
    "$timedelta": lambda body: timedelta(*_expect(list, body)),
    "$decimal": lambda body: Decimal(_expect(str, body)),
    "$uuid": lambda body: UUID(_expect(str, body)),
}
