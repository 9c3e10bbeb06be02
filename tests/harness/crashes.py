"""Operations on files, each with the state it starts from, and what a fresh process finds after."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napixd_store import Counter, Store, transaction

Handle = Any
"""A Store or a Counter."""


@dataclass(frozen=True)
class Case:
    """One operation: `open` a handle and ready it, then `act`; *fresh* starts without a root."""

    name: str
    backend: str
    open: Callable[[Path], Handle]
    act: Callable[[Handle], object]
    fresh: bool = False
    names: tuple[str, ...] = ("c",)
    """The collections that it changes."""

    def __str__(self) -> str:
        return f"{self.backend} {self.name}"

    def prepare(self, root: Path) -> Callable[[], None]:
        """For a victim: return the operation, ready to be made."""
        handle = self.open(root)
        return lambda: self._act(handle)

    def _act(self, handle: Handle) -> None:
        self.act(handle)

    def build(self, root: Path) -> None:
        """Make the state that the operation starts from."""
        if self.fresh:
            return
        if self.backend == "Counter":
            Counter("c", "File", root=root).reset(41)
        else:
            for name in self.names:
                with Store(name, self.backend, root=root, writeback=True) as store:
                    store.update(a=["old", 1], b=["old", 2], n=5)

    def look(self, root: Path) -> Any:
        """Return all that can be seen, having checked that every way to see it agrees."""
        if self.backend == "Counter":
            return Counter("c", "File", root=root).value
        seen = {name: self._snapshot(root, name) for name in self.names}
        store = Store("c", self.backend, root=root, writeback=False)
        assert type(store).collections({"root": root}) == [name for name in seen if seen[name]]
        return seen

    def _snapshot(self, root: Path, name: str) -> dict[Any, Any]:
        store = Store(name, self.backend, root=root, writeback=False)
        seen: dict[Any, Any] = store.snapshot()
        assert list(store) == list(seen)
        assert len(store) == len(seen)
        assert all(store[key] == value for key, value in seen.items())
        return seen

    def write(self, root: Path) -> None:
        """Write something as the next process would, and see that it stands beside the rest."""
        if self.backend == "Counter":
            counter = Counter("c", "File", root=root)
            value = counter.value
            assert counter.increment() == value + 1
            return
        store = Store("c", self.backend, root=root, writeback=False)
        before = store.snapshot()
        store["next"] = 1
        assert store.snapshot() == {**before, "next": 1}


def hidden(root: Path) -> list[str]:
    """Return what lies under *root* that no reader sees, but for what a collection keeps."""
    return sorted(
        os.path.join(folder, name)
        for folder, folders, files in os.walk(root)
        for name in (*folders, *files)
        if name.startswith(".") and name != ".deadlines"
    )


def _through(backend: str, **options: Any) -> Callable[[Path], Handle]:
    def open_(root: Path) -> Handle:
        store = Store("c", backend, root=root, writeback=False, **options)
        len(store)
        return store

    return open_


def _changed(backend: str) -> Callable[[Path], Handle]:
    def open_(root: Path) -> Handle:
        store = Store("c", backend, root=root, writeback=True)
        store.update(a="new", d="new")
        store.pop("b", None)
        return store

    return open_


def _emptied(backend: str) -> Callable[[Path], Handle]:
    def open_(root: Path) -> Handle:
        store = Store("c", backend, root=root, writeback=True)
        store.clear()
        return store

    return open_


def _move(store: Handle) -> None:
    other = Store("d", "File", root=store._connection.place, writeback=False)
    with transaction(store, other) as (here, there):
        there["moved"] = here.pop("b")
        there["n"] += 1


def _counter(root: Path) -> Handle:
    counter = Counter("c", "File", root=root)
    assert counter.value in (0, 41)
    return counter


def _cases() -> Iterator[Case]:
    for backend in ("File", "Directory"):
        through, changed = _through(backend), _changed(backend)
        yield Case("set", backend, through, lambda store: store.__setitem__("a", "new"))
        yield Case("del", backend, through, lambda store: store.__delitem__("a"))
        yield Case("update", backend, through, lambda store: store.update(a="new", b=2, d="new"))
        yield Case("drop", backend, through, lambda store: store.drop())
        yield Case("save", backend, changed, lambda store: store.save())
        yield Case("first-set", backend, through, lambda store: store.__setitem__("a", 1), True)
    through, emptied = _through("Directory"), _emptied("Directory")  # to a file, all writes are one
    yield Case("set-new", "Directory", through, lambda store: store.__setitem__("d", "new"))
    yield Case("save-empty", "Directory", emptied, lambda store: store.save())
    ending = _through("Directory", expires_in=86400)  # two files aside, one behind the other
    yield Case("put-first-to-end", "Directory", ending, lambda store: store.__setitem__("a", 1))
    yield Case(
        "update-first-to-end", "Directory", ending, lambda store: store.update(a=1, b=2, d=3)
    )
    yield Case("first-save", "Directory", _changed("Directory"), lambda store: store.save(), True)
    yield Case("transaction", "File", _through("File"), _move, names=("c", "d"))
    yield Case("increment", "Counter", _counter, lambda counter: counter.increment())
    yield Case("reset", "Counter", _counter, lambda counter: counter.reset(7))
    yield Case("first-increment", "Counter", _counter, lambda counter: counter.increment(), True)


CASES = list(_cases())
