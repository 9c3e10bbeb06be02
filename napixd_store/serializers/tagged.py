"""Any plain or nested value as JSON: plain where it is plain, tagged where it is not.

Plain JSON data is stored as plain JSON, so any language and any tool can read it; what JSON
cannot express is put into `tags`.

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
"""

import math
from typing import Any

import msgspec

from napixd_store.errors import CorruptData, InvalidValue
from napixd_store.serializers.tags import LARGEST, MAX_DEPTH, SMALLEST, tagged, untagged

_DOLLAR = ord("$")  # bytes find one byte ten times faster than two
_TAG = b'"$'

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


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
            return _encode(tagged(value))
        except RecursionError:
            raise InvalidValue("value is nested too deeply for the stack that is left") from None

    def loads(self, key: str, record: bytes) -> Any:
        """Return the value of a JSON *record*."""
        try:
            tree = _decode(record)
            return untagged(tree) if _DOLLAR in record and _TAG in record else tree
        except CorruptData:
            raise
        except RecursionError:
            raise CorruptData("the record is nested too deeply") from None
        except (ValueError, TypeError, ArithmeticError, KeyError) as exc:
            # Its text would show what is stored.
            raise CorruptData(f"the record is not valid ({type(exc).__name__})") from None


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
            if member < SMALLEST or member > LARGEST:
                return False
        elif kind is float:
            if not math.isfinite(member):
                return False
        elif member is value or depth + 1 == MAX_DEPTH or not _is_plain(member, depth + 1):
            return False
    return True
