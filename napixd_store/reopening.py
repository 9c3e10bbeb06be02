"""Copies and pickles of stores and counters: what is open stays here, and is opened again there."""

from collections.abc import Mapping
from typing import Any, ClassVar

from napixd_store.errors import InvalidValue
from napixd_store.options import Secret, declared_options


class Reopenable:
    """Something that a class, a name and options open; so that is what a copy of it takes.

    ``copy.copy()`` and ``copy.deepcopy()`` return another one for the same data. A pickle does
    so in another process, and holds neither data nor secrets: where it could not lead to the
    same data, or would need a secret, there is none.

    Raises:
        InvalidValue: it has changes that are not saved; or a pickle is asked of what has a
            secret or a live object among its options, or its data in this process.
    """

    opener: ClassVar[Any]
    _connection: Any
    _opened: tuple[str, Mapping[str, Any]]
    """Name, and options as the opener takes them: paths are absolute."""

    def __copy__(self) -> Any:
        if self._has_unsaved():
            raise InvalidValue(f"{self!r} has changes that a copy would lack: save() them first")
        return type(self)(*self._opened)  # type: ignore[call-arg]  # as both bases are built

    def __deepcopy__(self, memo: Mapping[int, Any]) -> Any:
        return self.__copy__()

    def __reduce__(self) -> tuple[Any, ...]:
        why = self._why_not_elsewhere()
        if why:
            raise InvalidValue(f"{self!r} cannot be pickled, for {why}: open one there instead")
        return type(self), self._opened

    def _has_unsaved(self) -> bool:
        return False

    def _why_not_elsewhere(self) -> str | None:
        if self._has_unsaved():
            return "its changes are not saved"
        if self._connection.holds_data:
            return "its data is in this process"
        declared = declared_options(type(self).opener)
        for name, value in self._opened[1].items():
            if isinstance(value, (Secret, bytes)):
                return f"its option {name!r} is a secret"
            if declared.get(name) is Any and value is not None:
                return f"its option {name!r} is a live object"
        return None
