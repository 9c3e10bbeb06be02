"""What a store needs of a serializer."""

from collections.abc import Mapping
from typing import Any, Protocol


class Serializer(Protocol):
    """Turns values into records and back; a key is there for those that sign the record."""

    def dumps(self, key: str, value: Any) -> bytes:
        """Return the record for *value*, `marked`, or raise `InvalidValue`."""

    def dumps_many(self, values: Mapping[str, Any]) -> dict[str, bytes]:
        """Return the records for *values* by key: what `dumps` returns for each."""
        return {key: self.dumps(key, value) for key, value in values.items()}

    def loads(self, key: str, record: bytes) -> Any:
        """Return the value of *record*, or raise `CorruptData`."""
