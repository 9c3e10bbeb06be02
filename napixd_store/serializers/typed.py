"""Values of one declared type, as natural JSON."""

from typing import Any

import msgspec

from napixd_store.errors import CorruptData, InvalidValue


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
            record = msgspec.json.encode(value)
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
