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

from collections.abc import Collection, Mapping
from contextlib import suppress
from math import inf
from typing import Any

import msgspec

from napixd_store.deadline import MEMBER, marked
from napixd_store.errors import CorruptData, InvalidValue
from napixd_store.serializers.scalars import LARGEST, SMALLEST
from napixd_store.serializers.serializer import Serializer
from napixd_store.serializers.tags import MAX_DEPTH, tagged, untagged
from napixd_store.stack import elsewhere

_DOLLAR = ord("$")  # bytes find one byte ten times faster than two
_TAG = b'"$'

_CHUNK = 100  # values at once: their JSON is held twice for that long
_MANY = 500  # containers of a level, among which it pays to look for the same ones
_DEEP = 8  # levels

_encode = msgspec.json.Encoder().encode
_encode_lines = msgspec.json.Encoder().encode_lines
_decode = msgspec.json.Decoder().decode


class JSONSerializer(Serializer):
    """Plain JSON where the value is plain, tagged JSON where it is not. Executes nothing."""

    def dumps(self, key: str, value: Any) -> bytes:
        """Return *value* as JSON; plain values take a path without any copy."""
        try:
            if _are_plain((value,)):
                try:
                    return _encode(value)
                except UnicodeEncodeError:  # a lone surrogate, which only a tag can carry
                    pass
            return marked(_encode(tagged(value)))
        except RecursionError:
            too_deep = InvalidValue("value is nested too deeply for this process's stack")
            return elsewhere(too_deep, self.dumps, key, value)

    def dumps_many(self, values: Mapping[str, Any]) -> dict[str, bytes]:
        """Return *values* as JSON by key; many plain ones are encoded at once."""
        if len(values) == 1:
            ((key, value),) = values.items()
            return {key: self.dumps(key, value)}
        listed = list(values.values())
        records: list[bytes] = []
        for start in range(0, len(listed), _CHUNK):
            records += self._dumps_chunk(listed[start : start + _CHUNK])
        return dict(zip(values, records, strict=True))

    def _dumps_chunk(self, values: list[Any]) -> list[bytes]:
        with suppress(UnicodeEncodeError, RecursionError):
            if _are_plain(values):
                return _encode_lines(values).split(b"\n")[:-1]  # JSON has no other line ends
        return [self.dumps("", value) for value in values]

    def loads(self, key: str, record: bytes) -> Any:
        """Return the value of a JSON *record*."""
        try:
            tree = _decode(record)
            return untagged(tree) if _DOLLAR in record and _TAG in record else tree
        except CorruptData:
            raise
        except RecursionError:
            too_deep = CorruptData("the record is nested too deeply")
            return elsewhere(too_deep, self.loads, key, record)
        except (ValueError, TypeError, ArithmeticError, KeyError) as exc:
            # Its text would show what is stored.
            raise CorruptData(f"the record is not valid ({type(exc).__name__})") from None


def _are_plain(values: Collection[Any]) -> bool:  # noqa: C901 - see below: loops, no calls
    """Whether JSON keeps all *values* as they are; exact types only: subclasses would be lost.

    Goes down level by level, and looks at scalars where they stand: a call for each value, let
    alone for each member, would cost more than encoding it.
    """
    level = 0
    while values:
        containers: list[Any] = []
        for value in values:
            kind = type(value)
            if kind is dict:
                for name in value:
                    if type(name) is not str:
                        return False
                if (len(value) == 1 and "$" in name[:1]) or MEMBER in value:
                    return False
                members = value.values()
            elif kind is list:
                members = value
            else:
                members = (value,)
            for member in members:
                kind = type(member)
                if kind is str:
                    continue
                if kind is int:
                    if not SMALLEST <= member <= LARGEST:
                        return False
                elif kind is float:
                    if not -inf < member < inf:
                        return False
                elif kind is bool or member is None:
                    continue
                elif member is value:  # neither a scalar nor a container, or one in itself
                    return False
                else:
                    containers.append(member)
        level += 1
        if level > MAX_DEPTH:
            return False
        values = containers
        if len(containers) > _MANY or level > _DEEP:
            distinct = {id(container): container for container in containers}
            if len(distinct) < len(containers):
                if level > _DEEP:  # maybe a cycle, and tagged() finds it sooner
                    return False
                values = distinct.values()
    return True
