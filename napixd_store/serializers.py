"""Serializers: a value to a record (the bytes that a backend keeps) and back.

What comes back is equal and of the same types, or the value was refused. Plain JSON data is
stored as plain JSON, so any language and any tool can read it. The rest is tagged in the manner
of MongoDB's Extended JSON (https://www.mongodb.com/docs/manual/reference/mongodb-extended-json/):
an object of exactly one member whose name begins with ``$``.

>>> json = JSONSerializer()
>>> json.dumps("key", {"name": "Ann", "tags": ["a", "b"]})
b'{"name":"Ann","tags":["a","b"]}'
>>> json.dumps("key", (1, b"x"))
b'{"$tuple":[1,{"$bytes":"eA=="}]}'
>>> json.loads("key", json.dumps("key", {1: "one", "1": "text"}))
{1: 'one', '1': 'text'}
>>> json.dumps("key", {"a": [print]})
Traceback (most recent call last):
    ...
napixd_store.errors.InvalidValue: value['a'][0]: builtin_function_or_method cannot be stored

The module knows nothing of stores: its errors name the place inside the value, and the caller
adds which store and key.
"""

import base64
import math
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

import msgspec

from napixd_store.errors import ConfigError, CorruptData, InvalidValue

MAX_DEPTH = 500
"""Levels of JSON arrays and objects in a record; a tag counts as the levels it is written in."""

_SMALLEST, _LARGEST = -(2**63), 2**64 - 1  # beyond these, other languages' JSON loses digits
_TOO_LONG = 10**4300  # Python itself refuses to read or write the digits of such an int
_DOLLAR = ord("$")  # bytes find one byte ten times faster than two
_TAG = b'"$'

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Serializer(Protocol):
    """What a store needs of a serializer; ``key`` is there for those that sign the record."""

    def dumps(self, key: str, value: Any) -> bytes:
        """Return the record for *value*, or raise `InvalidValue`."""

    def loads(self, key: str, record: bytes) -> Any:
        """Return the value of *record*, or raise `CorruptData`."""


class JSONSerializer:
    """Plain JSON where the value is plain, tagged JSON where it is not. Executes nothing."""

    def dumps(self, key: str, value: Any) -> bytes:
        """Return *value* as JSON; plain values take a path without any copy."""
        try:
            if _is_plain(value):
                try:
                    return _encode(value)
                except UnicodeEncodeError:  # a lone surrogate, which only a tag can carry
                    pass
            return _encode(_tagged(value, _Path(), 0))
        except RecursionError:
            raise InvalidValue("value is nested too deeply for the stack that is left") from None

    def loads(self, key: str, record: bytes) -> Any:
        """Return the value of a JSON *record*."""
        try:
            tree = _decode(record)
            return _untagged(tree) if _DOLLAR in record and _TAG in record else tree
        except CorruptData:
            raise
        except RecursionError:
            raise CorruptData("the record is nested too deeply") from None
        except (ValueError, TypeError, ArithmeticError, KeyError) as exc:
            raise CorruptData(f"the record is not valid ({type(exc).__name__})") from exc


class TypedSerializer:
    """Values of one declared type (dataclass, msgspec.Struct, TypedDict …) as natural JSON.

    Validated on the way in as on the way out, so what is stored is always of the type.
    """

    def __init__(self, declared: Any) -> None:
        """Raise TypeError when *declared* is no type that msgspec can decode."""
        self._loads = msgspec.json.Decoder(declared).decode

    def dumps(self, key: str, value: Any) -> bytes:
        """Return *value* as JSON, having read it back and found it the same."""
        try:
            record = _encode(value)
            back = self._loads(record)
        except msgspec.ValidationError as exc:
            raise InvalidValue(str(exc)) from exc
        except RecursionError:
            raise InvalidValue("value is nested too deeply") from None
        except (TypeError, ValueError, OverflowError) as exc:
            raise InvalidValue(f"value cannot be written as JSON ({exc})") from exc
        if not _same(value, back):
            raise InvalidValue(
                f"a {type(value).__name__} would come back as an unequal {type(back).__name__}: "
                f"some part of it is not of the declared type"
            )
        return record

    def loads(self, key: str, record: bytes) -> Any:
        """Return the object of *record*, every field validated."""
        try:
            return self._loads(record)
        except RecursionError:
            raise CorruptData("the record is nested too deeply") from None
        except (ValueError, TypeError) as exc:
            raise CorruptData(f"the record does not fit the declared type: {exc}") from exc


class PickleSerializer:
    """Pickles, each signed with a secret over where it stands, for those who ask for them.

    Reading checks the signature (HMAC-SHA256, RFC 2104) before anything is unpickled, so who can
    write to the medium but does not know the secret cannot run code here. The signature covers
    *scope* (backend and collection) and key: a record moved elsewhere is refused. A record is
    JSON here too, ``{"$pickle":"<base64 of signature and pickle>"}``, so that every medium and
    tool may take it for text.
    """

    def __init__(self, secret: bytes, scope: tuple[str, ...]) -> None:
        import hashlib
        import hmac

        def sign(key: str, pickled: bytes) -> bytes:
            signed = hmac.new(secret, digestmod=hashlib.sha256)
            for part in (*scope, key):
                encoded = part.encode()
                signed.update(len(encoded).to_bytes(8, "big") + encoded)
            signed.update(pickled)
            return signed.digest()

        self._sign = sign
        self._equal = hmac.compare_digest

    def dumps(self, key: str, value: Any) -> bytes:
        """Return *value* pickled and signed for *key*."""
        import pickle

        try:
            pickled = pickle.dumps(value, protocol=4)
        except Exception as exc:  # pickling runs the value's own __reduce__, which may raise all
            raise InvalidValue(f"value cannot be pickled ({type(exc).__name__})") from exc
        return _encode({"$pickle": base64.b64encode(self._sign(key, pickled) + pickled).decode()})

    def loads(self, key: str, record: bytes) -> Any:
        """Return the value of *record*, if it was signed with our secret for this very key."""
        import pickle

        try:
            signed = base64.b64decode(_PICKLED.decode(record).pickle, validate=True)
        except ValueError as exc:
            raise CorruptData("the record is not a signed pickle") from exc
        signature, pickled = signed[:32], signed[32:]
        if not self._equal(signature, self._sign(key, pickled)):
            raise CorruptData("the pickle's signature is wrong: another secret, or altered")
        try:
            return pickle.loads(pickled)  # noqa: S301 - signed by us, the only place
        except Exception as exc:  # a class may be gone, and its __setstate__ may raise anything
            raise CorruptData(f"the pickle cannot be read ({type(exc).__name__})") from exc


class _Pickled(msgspec.Struct, rename={"pickle": "$pickle"}, forbid_unknown_fields=True):
    pickle: str


_PICKLED = msgspec.json.Decoder(_Pickled)


def choose(
    backend: str,
    collection: str,
    *,
    type: Any = None,
    serializer: str = "json",
    secret: str | bytes | None = None,
) -> Serializer:
    """Return the serializer that a store's options ask for.

    Raises:
        ConfigError: the options contradict each other, or *type* cannot be decoded.
    """
    if serializer == "pickle":
        if not secret or type is not None:
            raise ConfigError(f"{backend}: serializer='pickle' needs secret= and takes no type=")
        key = secret.encode() if isinstance(secret, str) else secret
        return PickleSerializer(key, (backend, collection))
    if secret is not None:
        raise ConfigError(f"{backend}: secret= is for serializer='pickle'; JSON is not signed")
    if type is None:
        return JSONSerializer()
    try:
        return TypedSerializer(type)
    except TypeError as exc:
        raise ConfigError(f"{backend}: type={type!r} cannot be decoded: {exc}") from exc


# --- plain values: the fast path -------------------------------------------------------------


_AS_THEY_ARE = frozenset({str, bool, type(None)})


def _is_plain(value: Any, depth: int = 0) -> bool:  # noqa: C901 - see below: one loop, no calls
    """Whether JSON keeps *value* as it is; exact types only, since subclasses would be lost.

    Scalars are looked at where they stand: a call for each would cost more than encoding them.
    """
    kind = type(value)
    if kind is dict:
        for name in value:
            if type(name) is not str:
                return False
        if len(value) == 1 and "$" in name[:1]:
            return False
        members = value.values()
    elif kind is list:
        members = value
    else:
        members = (value,)
    for member in members:
        kind = type(member)
        if kind in _AS_THEY_ARE:
            continue
        if kind is int:
            if member < _SMALLEST or member > _LARGEST:
                return False
        elif kind is float:
            if not math.isfinite(member):
                return False
        elif member is value or depth + 1 == MAX_DEPTH or not _is_plain(member, depth + 1):
            return False
    return True


# --- tagged values ---------------------------------------------------------------------------


class _Path:
    """Where inside the value we are; written out only when an error needs it."""

    __slots__ = ("_holder", "_index", "_outer")

    def __init__(self, outer: "_Path | None" = None, holder: Any = None, index: Any = None):
        self._outer, self._holder, self._index = outer, holder, index

    def into(self, holder: Any, index: Any) -> "_Path":
        return _Path(self, holder, index)

    def cycle(self) -> "_Path | None":
        """Return the first place on this path where a container stands inside itself."""
        seen: list[Any] = []
        for path in self._from_root():
            if any(path._holder is holder for holder in seen):
                return path._outer
            seen.append(path._holder)
        return None

    def __str__(self) -> str:
        steps = [path._step() for path in self._from_root()]
        return "".join(steps if len(steps) < 12 else [*steps[:5], "[…]", *steps[-5:]])

    def _step(self) -> str:
        if self._outer is None:
            return "value"
        try:
            shown = repr(self._index)
        except ValueError:  # an int of more digits than Python writes out
            return "[…]"
        return f"[{shown if len(shown) <= 40 else shown[:40] + '…'}]"

    def _from_root(self) -> "list[_Path]":
        route: list[_Path] = []
        path: _Path | None = self
        while path is not None:
            route.append(path)
            path = path._outer
        return route[::-1]


def _tagged(value: Any, path: _Path, depth: int) -> Any:
    """Return *value* as plain JSON data, whatever JSON cannot express put into tags.

    One frame a level, for Python's stack holds about a thousand: hence loops, no helpers.
    """
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
            members[name] = _tagged(member, path.into(value, name), inner)
        return members
    items = []
    if kind is dict:
        for key, member in value.items():
            if type(key) not in _SCALARS:
                raise InvalidValue(f"{path}: a {type(key).__name__} as a dict's key {_KEY_HINT}")
            step = path.into(value, key)
            items.append([_tagged(key, step, inner), _tagged(member, step, inner)])
    else:
        for index, member in enumerate(value):
            items.append(_tagged(member, path.into(value, index), inner))
    if kind is set or kind is frozenset:
        items.sort(key=_encode)  # equal sets iterate differently; equal values want equal records
    return items if kind is list else {f"${kind.__name__}": items}


def _is_object(value: dict[Any, Any]) -> bool:
    """Whether *value* is written as a JSON object: valid names only, and no look of a tag."""
    for name in value:
        if type(name) is not str or not (name.isascii() or not _has_surrogate(name)):
            return False
    return len(value) != 1 or not name.startswith("$")


def _write_int(value: int, path: _Path) -> Any:
    if _SMALLEST <= value <= _LARGEST:
        return value
    if not -_TOO_LONG < value < _TOO_LONG:
        raise InvalidValue(f"{path}: an int of more than 4300 digits cannot be stored")
    try:
        return {"$int": str(value)}
    except ValueError as exc:  # sys.set_int_max_str_digits() was set lower than usual
        raise InvalidValue(f"{path}: {exc}") from exc


def _write_float(value: float, path: _Path) -> Any:
    return value if math.isfinite(value) else {"$float": repr(value)}


def _write_str(value: str, path: _Path) -> Any:
    if value.isascii() or not _has_surrogate(value):
        return value
    return {"$str": value.encode("unicode_escape").decode("ascii")}


def _write_bytes(value: bytes, path: _Path) -> Any:
    return {"$bytes": base64.b64encode(value).decode("ascii")}


def _write_datetime(value: datetime, path: _Path) -> Any:
    zone = _zone(value, path)
    _check_offset(value, path)
    if zone is None and not value.fold:
        return {"$datetime": value.isoformat()}
    return {"$datetime": [value.replace(tzinfo=None, fold=0).isoformat(), value.fold, zone]}


def _write_time(value: time, path: _Path) -> Any:
    if value.tzinfo is not None and type(value.tzinfo) is not timezone:
        raise InvalidValue(f"{path}: a time in a named zone cannot be stored: use a datetime")
    _check_offset(value, path)
    if not value.fold:
        return {"$time": value.isoformat()}
    return {"$time": [value.replace(fold=0).isoformat(), value.fold]}


def _check_offset(value: datetime | time, path: _Path) -> None:
    offset = value.utcoffset()
    if offset is not None and offset.microseconds:  # fromisoformat() would drop them
        raise InvalidValue(f"{path}: an offset with fractions of a second cannot be stored")


def _zone(value: datetime, path: _Path) -> str | None:
    """Return the name of the zone, unless the offset in the ISO text says all there is."""
    if value.tzinfo is None or (type(value.tzinfo) is timezone and not value.fold):
        return None
    key = getattr(value.tzinfo, "key", None)
    if type(value.tzinfo).__module__.startswith("zoneinfo") and isinstance(key, str):
        return key
    raise InvalidValue(
        f"{path}: a datetime in a {type(value.tzinfo).__name__} cannot be stored: "
        f"use timezone.utc, a fixed offset or a zoneinfo.ZoneInfo with a key"
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


_SCALARS: dict[type, Callable[[Any, _Path], Any]] = {
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


def _untagged(tree: Any) -> Any:
    """Return the value of decoded JSON *tree*, or raise for what no value is written as.

    One frame a level, like its counterpart.
    """
    if type(tree) is list:
        items = []
        for item in tree:
            items.append(_untagged(item))  # noqa: PERF401 - a comprehension is one more frame
        return items
    if type(tree) is not dict:
        return tree
    if len(tree) == 1:
        ((name, body),) = tree.items()
        if name[:1] == "$":
            if name in _CONTAINERS:
                return _CONTAINERS[name](_untagged(_expect(list, body)))
            if name not in _READERS:
                raise CorruptData(f"the record holds an unknown tag {name[:20]!r}")
            return _READERS[name](body)
    members = {}
    for name, member in tree.items():
        members[name] = _untagged(member)
    return members


def _expect(kind: type, body: Any) -> Any:
    if type(body) is not kind:
        raise CorruptData(f"a tag in the record holds no {kind.__name__}")
    return body


def _read_datetime(body: Any) -> datetime:
    if type(body) is str:
        return datetime.fromisoformat(body)
    text, fold, zone = body
    value = datetime.fromisoformat(text).replace(fold=fold)
    if zone is None:
        return value
    from zoneinfo import ZoneInfo

    return value.replace(tzinfo=ZoneInfo(zone))


def _read_time(body: Any) -> time:
    if type(body) is str:
        return time.fromisoformat(body)
    text, fold = body
    return time.fromisoformat(text).replace(fold=fold)


_CONTAINERS: dict[str, Callable[[Any], Any]] = {
    "$tuple": tuple,
    "$set": set,
    "$frozenset": frozenset,
    "$dict": dict,
}
_READERS: dict[str, Callable[[Any], Any]] = {
    "$int": lambda body: int(_expect(str, body)),
    "$float": lambda body: float(_expect(str, body)),
    "$str": lambda body: _expect(str, body).encode("ascii").decode("unicode_escape"),
    "$bytes": lambda body: base64.b64decode(_expect(str, body), validate=True),
    "$datetime": _read_datetime,
    "$date": lambda body: date.fromisoformat(_expect(str, body)),
    "$time": _read_time,
    "$timedelta": lambda body: timedelta(*_expect(list, body)),
    "$decimal": lambda body: Decimal(_expect(str, body)),
    "$uuid": lambda body: UUID(_expect(str, body)),
}


# --- declared types --------------------------------------------------------------------------


def _same(value: Any, other: Any) -> bool:
    """Whether both are equal and of the same types all the way down."""
    if type(value) is not type(other):
        return False
    if isinstance(value, (list, tuple)):
        return len(value) == len(other) and all(map(_same, value, other))
    if isinstance(value, dict):
        return value.keys() == other.keys() and all(_same(value[k], other[k]) for k in value)
    fields = getattr(value, "__struct_fields__", None) or getattr(
        value, "__dataclass_fields__", None
    )
    if fields is not None:
        return all(_same(getattr(value, name), getattr(other, name)) for name in fields)
    return bool(value == other)
