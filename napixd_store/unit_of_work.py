"""The unit of work: write-back stores that are saved, or dropped, with the work that opened them.

Whoever runs work that succeeds or fails as a whole, as a web framework's plugin runs a request,
runs it in a `UnitOfWork`. What `Store()` opens meanwhile belongs to it. Nobody else needs to know.
"""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, NamedTuple, TypeVar

from napixd_store.engine.saving import SavingMethods, save_together

T = TypeVar("T")


class Opening(NamedTuple):
    """A class, and what it takes to build a store or counter of it. Its repr tells no option."""

    cls: type
    name: str
    options: Mapping[str, Any]

    def built(self) -> Any:
        """Return a new one."""
        return self.cls(self.name, self.options)

    def __repr__(self) -> str:
        return f"Opening({self.cls.__name__}, {self.name!r}, options={sorted(self.options)})"


class UnitOfWork:
    """One piece of work, and the write-back stores that were opened in it.

    Whoever opens the same one twice gets one object: the parts of a work see each other's
    changes, and do not conflict with each other. It leaves write-through stores and counters
    alone.

    Guarantees: its stores may be opened and used by any thread that the work's context is
    copied to.

    >>> from napixd_store import Store
    >>> unit = UnitOfWork()
    >>> unit.run(Store("hits", "Memory", writeback=True).get, "home", 0)
    0
    >>> hits = unit.run(Store, "hits", "Memory", writeback=True)
    >>> hits is unit.run(Store, "hits", "Memory", writeback=True)
    True
    >>> hits["home"] = 1
    >>> unit.save()
    >>> Store("hits", "Memory")["home"]
    1
    >>> hits.drop()
    """

    _over = False

    def __init__(self) -> None:
        self._stores: list[tuple[Opening, Any]] = []

    def __len__(self) -> int:
        return len(self._stores)

    def run(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Return ``work(*args, **kwargs)``, with this as the current unit meanwhile."""
        before = _holds.get()
        try:
            _holds.set(self)
            return work(*args, **kwargs)
        finally:
            _holds.set(before)

    def opened(self, opening: Opening) -> Any:
        """Return the store or counter of *opening*: the one that is there, or a new one."""
        for known, store in self._stores:
            if known == opening:
                return store
        it = opening.built()
        if writes_back(it) and not self._over:
            self._stores.append((opening, it))
        return it

    def save(self) -> None:
        """Save the stores that are there: those that can be written in one step, in one step.

        These share a connection which can do it (SQLite, Memory, Redis but for a cluster, and
        `FileStore`). What is in several steps is no transaction: an error in one leaves the
        steps that were made before it.
        """
        save_together(store for _, store in self._stores if isinstance(store, SavingMethods))
        for known in [each for each in self._stores if not isinstance(each[1], SavingMethods)]:
            known[1].save()
            if not hasattr(known[1], "writeback"):  # nor does it know whether it has more to save
                self._stores.remove(known)

    def drop(self) -> None:
        """Forget the stores, with their changes; what is opened later on is here again."""
        self._stores.clear()

    def end(self) -> None:
        """Take no more stores: what is opened from now on belongs to no unit."""
        self._over = True
        self._stores.clear()


_holds: "ContextVar[UnitOfWork | None]" = ContextVar("napixd_store_unit", default=None)


def current() -> UnitOfWork | None:
    """Return the unit of work that this code runs in, if there is one."""
    return _holds.get()


def opened(opening: Opening) -> Any:
    """Return the store or counter of *opening*: the current unit's, or a new one."""
    unit = _holds.get()
    return opening.built() if unit is None else unit.opened(opening)


def writes_back(it: Any) -> bool:
    """Whether *it* keeps changes until ``save()``.

    A class that is not derived from ours may do so, as the original's did, and does not say.
    """
    return bool(getattr(it, "writeback", hasattr(it, "save")))
