"""Handlers whose annotations are text, as ``from __future__ import annotations`` makes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napixd_store import CounterBackend, StoreBackend

if TYPE_CHECKING:
    from decimal import Decimal


@dataclass
class Ticket:
    """A class of the app's."""

    title: str


def count(words: StoreBackend[Any], total: CounterBackend) -> dict[str, int]:
    """Ask for both by their types."""
    return {"words": len(words), "total": total.increment()}


def create(tickets: StoreBackend[Ticket], unknown: Decimal | None = None) -> str:
    """Ask for a store of a type; the other annotation exists for the type checker only."""
    tickets["1"] = Ticket("No coffee")
    return repr(tickets["1"])
