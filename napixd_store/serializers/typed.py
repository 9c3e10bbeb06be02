"""Values of one declared type, as natural JSON."""

import dataclasses
import re
from typing import Any

import msgspec

from napixd_store.errors import CorruptData, InvalidValue
from napixd_store.serializers.serializer import Serializer


class TypedSerializer(Serializer):
    """Values of one declared type (dataclass, msgspec.Struct, TypedDict …) as natural JSON.

    Validated on the way in as on the way out, so what is stored is always of the type.
    """

    def __init__(self, declared: Any) -> None:
        """Raise TypeError when *declared* is no type that msgspec can decode."""
        self._loads = msgspec.json.Decoder(declared).decode

    def dumps(self, key: str, value: Any) -> bytes:
        """Return *value* as JSON, having read it back and found it the same."""
        try:
            record = msgspec.json.encode(value)
            back = self._loads(record)
            kept = _same(value, back)
        except msgspec.ValidationError as exc:
            raise InvalidValue(_told(exc)) from None
        except RecursionError:
            raise InvalidValue("value is nested too deeply") from None
        except Exception as exc:  # the type's own __post_init__, __eq__ or hooks may raise anything
            why = exc if type(exc) is TypeError else type(exc).__name__
            raise InvalidValue(f"value cannot be written as JSON ({why})") from exc
        if not kept:
            raise InvalidValue(
                f"a {type(value).__name__} would come back as an unequal {type(back).__name__}: "
                f"some part of it is not of the declared type"
            )
        return record

    def loads(self, key: str, record: bytes) -> Any:
        """Return the object of *record*, every field validated."""
        try:
            return self._loads(record)
        except msgspec.MsgspecError as exc:
            raise CorruptData(f"the record does not fit its type: {_told(exc)}") from None
        except RecursionError:
            raise CorruptData("the record is nested too deeply") from None
        except Exception as exc:  # as above
            raise CorruptData(f"the record is not valid ({type(exc).__name__})") from exc


def _told(exc: Exception) -> str:
    """Return what msgspec says, without the value that it shows of an Enum or a tag."""
    return re.sub(r" value '.*'(?= - at |$)", " value", str(exc), flags=re.DOTALL)


def _same(value: Any, other: Any) -> bool:
    """Whether both are equal and of the same types all the way down."""
    if type(value) is not type(other):
        return False
    if isinstance(value, (list, tuple)):
        return len(value) == len(other) and all(map(_same, value, other))
    if isinstance(value, (set, frozenset)):
        theirs = {item: item for item in other}
        return value == other and all(_same(item, theirs[item]) for item in value)
    if isinstance(value, dict):
        keys = {key: key for key in other}
        return value.keys() == keys.keys() and all(
            _same(key, keys[key]) and _same(value[key], other[key]) for key in value
        )
    fields = getattr(value, "__struct_fields__", None)
    if fields is None and dataclasses.is_dataclass(value):
        fields = [field.name for field in dataclasses.fields(value)]
    if fields is not None:
        return all(_same(getattr(value, name), getattr(other, name)) for name in fields)
    return bool(value == other)
