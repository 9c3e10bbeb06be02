"""Where inside a value a fault is."""

from typing import Any

CONTAINERS = (list, tuple, dict, set, frozenset)


class Path:
    """A way into a value: ``value['a'][3].title``; written out only when an error needs it."""

    __slots__ = ("_holder", "_index", "_outer")

    def __init__(self, outer: "Path | None" = None, holder: Any = None, index: Any = None):
        self._outer, self._holder, self._index = outer, holder, index

    def into(self, holder: Any, index: Any) -> "Path":
        """Return the way on to what *holder* has at *index*, or in its field of that name."""
        return Path(self, holder, index)

    def cycle(self) -> "Path | None":
        """Return the first place on this path where a container stands inside itself."""
        seen: list[Any] = []
        for path in self._from_root():
            if any(path._holder is holder for holder in seen):
                return path._outer
            seen.append(path._holder)
        return None

    def __str__(self) -> str:
        steps = [path._step() for path in self._from_root()]
        return "".join(steps if len(steps) < 12 else [*steps[:5], "[…]", *steps[-5:]])

    def _step(self) -> str:
        if self._outer is None:
            return "value"
        if not isinstance(self._holder, CONTAINERS):
            return f".{self._index}"
        try:
            shown = repr(self._index)
        except ValueError:  # an int of more digits than Python writes out
            return "[…]"
        return f"[{shown if len(shown) <= 40 else shown[:40] + '…'}]"

    def _from_root(self) -> "list[Path]":
        route: list[Path] = []
        path: Path | None = self
        while path is not None:
            route.append(path)
            path = path._outer
        return route[::-1]
