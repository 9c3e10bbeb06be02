"""What a store does as a whole, and several do: save, reload, drop."""

from collections.abc import Iterable
from typing import Any, TypeVar

from napixd_store.engine.commit import commit, why_apart
from napixd_store.engine.values import ValueMethods
from napixd_store.engine.verbs import Key
from napixd_store.names import encode_key

V = TypeVar("V")
Self = TypeVar("Self", bound="SavingMethods[Any]")  # typing.Self is of Python 3.11


class SavingMethods(ValueMethods[V]):
    """Under write-through only `drop` does anything."""

    def save(self) -> None:
        """Write-back: write the differences to what was loaded. Write-through: nothing to do.

        Changes of other keys by other processes are kept (merged).

        Raises:
            Conflict: a key changed here was changed elsewhere too; nothing is written and the
                working copy is kept. `reload` the keys that it names, and save the rest.

        A save that was interrupted, or whose outcome is unknown, may be repeated: what it wrote
        conflicts with nothing.
        """
        if self._copy is not None:
            commit([self._copy])

    def reload(self, *keys: Key) -> None:
        """Write-back: forget the working copy, unsaved changes included. Else nothing to do.

        With *keys*, forget those alone, unsaved changes included, and read them afresh; all
        other changes are kept.
        """
        if self._copy is not None:
            self._copy.forget([encode_key(key) for key in keys])

    def drop(self) -> None:
        """Empty the store and remove the collection from the medium; silent when absent.

        Write-back: if it was interrupted, `save` writes what is still seen here, were it dropped.
        """
        self._connection.sweeps.pop(self._swept, None)  # first: others may write to it meanwhile
        if self._copy is None:
            self._drop()
        else:
            self._copy.drop()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        if kind is None:
            self.save()
        else:
            self.reload()

    def _has_unsaved(self) -> bool:
        return self._copy is not None and self._copy.unsaved()


def save_together(stores: Iterable[SavingMethods[Any]]) -> None:
    """Save *stores*: as one step those of one connection, where it can write them as one.

    Raises:
        Conflict: as `SavingMethods.save`; nothing of its step is written. Steps that were made
            before it stay.
    """
    left = list(stores)
    while left:
        step: list[SavingMethods[Any]] = []
        others: list[SavingMethods[Any]] = []
        for store in left:
            is_apart = any(why_apart(other, store) for other in step)
            (others if is_apart else step).append(store)
        commit([store._copy for store in step if store._copy is not None])
        left = others
