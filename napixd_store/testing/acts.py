"""What is done to a store in a block of `transaction`, and what others do to it meanwhile."""

from collections.abc import Callable
from typing import Any

from napixd_store.base import StoreBackend
from napixd_store.engine.change import DELETE

BEFORE: dict[Any, Any] = {"a": [1], "b": 2, "c": {"x": 1}, 17: "int"}


def _edited(store: StoreBackend[Any]) -> None:
    for key in "az":
        with store.edit(key, []) as value:
            value.append(2)


def _by_parts(store: StoreBackend[Any]) -> list[Any]:
    store["b"] = 3
    store.update(d=4, e=5)
    del store["d"]
    store["a"] = [0]
    del store["a"]
    store["a"] = [1, 2]
    return [store.pop("e"), store.pop("e", None), store.setdefault("f", 6), len(store)]


def _emptied(store: StoreBackend[Any]) -> list[Any]:
    popped = sorted((store.popitem() for _ in BEFORE), key=repr)
    store["z"] = 1
    return [popped, store.get("a"), len(store)]


def _cleared(store: StoreBackend[Any]) -> list[Any]:
    store["z"] = 1
    store.clear()
    return [len(store), list(store), store.get("z")]


def _dropped(store: StoreBackend[Any]) -> list[Any]:
    store.drop()
    store["z"] = 1
    return [list(store), len(store), bool(store)]


def _of_versions(store: StoreBackend[Any]) -> list[Any]:
    before = store.etag("c")
    store.put("c", 1, if_match=before)
    return [before, store.etag("c"), store.etag("z")]


def _forgotten(store: StoreBackend[Any]) -> Any:
    store.save()
    store.reload()
    store.reload("b")
    return store["b"]


ACTS: dict[str, Callable[[StoreBackend[Any]], Any]] = {
    "set": lambda s: s.__setitem__("a", 5),
    "set a new one": lambda s: s.__setitem__("z", 5),
    "read": lambda s: [s["a"], s.get("z"), "b" in s, "z" in s, s.get_many(["a", 17, "z"])],
    "delete": lambda s: s.__delitem__(17),
    "delete many": lambda s: s.delete_many(["a", "z", 17]),
    "pop": lambda s: [s.pop("a"), s.pop("z", 0)],
    "setdefault": lambda s: [s.setdefault("a", 0), s.setdefault("z", 0)],
    "add": lambda s: [s.add("a", 0), s.add("z", 0), s.add("z", 1)],
    "incr": lambda s: [s.incr("b"), s.incr("n", 5), s.incr("n", at_most=6)],
    "compute": lambda s: s.compute("b", lambda n: n + 1),
    "compute to delete": lambda s: s.compute("b", lambda _n: DELETE),
    "edit": _edited,
    "iterate": lambda s: [
        sorted(s, key=repr),
        sorted(map(repr, s.items())),
        len(s),
        len(s.values()),
    ],
    "snapshot": lambda s: [s.snapshot(), s == BEFORE, s | {"z": 1}],
    "clear": _cleared,
    "in parts": _by_parts,
    "emptied": _emptied,
    "dropped": _dropped,
    "versions": _of_versions,
    "forgotten": _forgotten,
}
"""Name -> what is done to `BEFORE`, and what it tells."""

READS: dict[str, Callable[[StoreBackend[Any]], object]] = {
    "[]": lambda s: s["a"],
    "get": lambda s: s.get("a"),
    "in": lambda s: "a" in s,
    "get_many": lambda s: s.get_many(["b", "a"]),
    "iterate": list,
    "items": lambda s: list(s.items()),
    "len": len,
    "snapshot": lambda s: s.snapshot(),
    "etag": lambda s: s.etag("a"),
    "expires_in": lambda s: s.expires_in("a"),
    "setdefault": lambda s: s.setdefault("a", 0),
    "add": lambda s: s.add("a", 0),
}
"""Name -> what reads ``a``."""

MEANWHILE: dict[str, Callable[[StoreBackend[Any]], object]] = {
    "changed": lambda s: s.__setitem__("a", [9]),
    "deleted": lambda s: s.__delitem__("a"),
    "replaced by what will end": lambda s: s.put("a", [1], expires_in=60),
}
