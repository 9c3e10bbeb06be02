"""Values of one declared type, as natural JSON."""

import dataclasses
import itertools
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, time
from typing import Any

import msgspec

from napixd_store.deadline import marked
from napixd_store.errors import CorruptData, InvalidValue
from napixd_store.serializers.path import Path
from napixd_store.serializers.serializer import Serializer
from napixd_store.serializers.tags import MAX_DEPTH
from napixd_store.stack import elsewhere

_MOMENTS = (datetime, time)
_PLAIN = frozenset({str, int, float, bool, type(None)})  # most there is, and holds nothing


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
            lost = "" if _same(value, back) else _lost(value, back)
        except msgspec.ValidationError as exc:
            raise InvalidValue(_told(exc)) from None
        except RecursionError:
            too_deep = InvalidValue("value is nested too deeply")
            return elsewhere(too_deep, self.dumps, key, value)
        except Exception as exc:  # the type's own __post_init__, __eq__ or hooks may raise anything
            why = exc if type(exc) is TypeError else type(exc).__name__
            raise InvalidValue(f"{_unwritable(value)} cannot be written as JSON ({why})") from exc
        if lost:
            raise InvalidValue(lost)
        return marked(record)

    def loads(self, key: str, record: bytes) -> Any:
        """Return the object of *record*, every field validated."""
        try:
            return self._loads(record)
        except msgspec.MsgspecError as exc:
            raise CorruptData(f"the record does not fit its type: {_told(exc)}") from None
        except RecursionError:
            too_deep = CorruptData("the record is nested too deeply")
            return elsewhere(too_deep, self.loads, key, record)
        except Exception as exc:  # as above
            raise CorruptData(f"the record is not valid ({type(exc).__name__})") from exc


def _told(exc: Exception) -> str:
    """Return what msgspec says, its place first, and no value of an Enum or a tag."""
    said = re.sub(r" value '.*'(?= - at |$)", " value", str(exc), flags=re.DOTALL)
    said, _, place = said.partition(" - at ")
    return f"{place.replace('`', '').replace('$', 'value')}: {said}" if place else f"value: {said}"


# --- what would come back otherwise --------------------------------------------------------------


def _same(value: Any, other: Any) -> bool:
    """Whether both are equal, of the same types and in the same zones, all the way down."""
    if type(value) is not type(other):
        return False
    members = None if type(value) in _PLAIN else _members(value, other)
    if members is None:
        return bool(value == other) and (
            not isinstance(value, _MOMENTS) or _zone(value) == _zone(other)
        )
    for _place, one, two in members:  # noqa: SIM110 - all() would take two frames a level
        if not _same(one, two):
            return False
    return True


def _members(value: Any, other: Any) -> Iterable[tuple[Any, Any, Any]] | None:
    """Return index or field, and what both have there; None where that is nothing, or differs."""
    if isinstance(value, (list, tuple)):
        return _numbered(value, other) if len(value) == len(other) else None
    if isinstance(value, dict):
        keys = {key: key for key in other}
        if value.keys() != keys.keys():
            return None
        return [
            *((key, key, keys[key]) for key in value),
            *((key, value[key], other[key]) for key in value),
        ]
    if isinstance(value, (set, frozenset)):
        items = {item: item for item in other}
        return _numbered(value, map(items.get, value)) if value == other else None
    names = _fields(value)
    if names is None:
        return None
    return [(name, getattr(value, name), getattr(other, name)) for name in names]


def _numbered(value: Iterable[Any], other: Iterable[Any]) -> Iterable[tuple[int, Any, Any]]:
    return zip(itertools.count(), value, other, strict=False)  # as count() has no end


def _fields(value: Any) -> Sequence[str] | None:
    if hasattr(value, "__struct_fields__"):
        return value.__struct_fields__  # type: ignore[no-any-return]  # of a msgspec.Struct
    if dataclasses.is_dataclass(value):
        return [field.name for field in dataclasses.fields(value)]
    if hasattr(value, "__attrs_attrs__"):
        return [field.name for field in value.__attrs_attrs__]
    return None


def _zone(moment: Any) -> tuple[Any, str | None, int]:
    return moment.tzinfo, moment.tzname(), moment.fold


def _lost(value: Any, back: Any) -> str:
    """Return which part of *value* would come back otherwise, and how."""
    path, part, instead = _innermost(value, back, _same)
    kind, other = type(part), type(instead)
    if kind is other and isinstance(part, _MOMENTS):
        return (
            f"{path}: natural JSON keeps the offset of a {kind.__name__}, and would lose its zone "
            f"or fold: write it in timezone.utc, and the zone's key in a field of its own"
        )
    return (
        f"{path}: {kind.__name__} would come back as {'an unequal ' if kind is other else ''}"
        f"{other.__name__}: it is not of the declared type"
    )


def _unwritable(value: Any) -> Path:
    """Return the way to the innermost part of *value* that no JSON can be made of."""
    try:
        return _innermost(value, value, _is_written)[0]
    except Exception:  # noqa: BLE001 - of the type's own properties; the first one is to be told
        return Path()


def _is_written(value: Any, _other: Any) -> bool:
    try:
        msgspec.json.encode(value)
    except Exception:  # noqa: BLE001 - of the type's own hooks
        return False
    return True


def _innermost(
    value: Any, other: Any, is_fine: Callable[[Any, Any], bool]
) -> tuple[Path, Any, Any]:
    """Return the way to the innermost parts of both that are not fine, and these."""
    path = Path()
    for _level in range(MAX_DEPTH):  # the value may contain itself
        for place, one, two in (_members(value, other) or ()) if type(value) is type(other) else ():
            if not is_fine(one, two):
                path, value, other = path.into(value, place), one, two
                break
        else:
            break
    return path, value, other
