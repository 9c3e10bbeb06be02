"""From a backend's name to its class. Nothing is ever evaluated.

A bare name is looked up in the table below, then among the entry points of the group
``napixd_store.backends``; a dotted path is imported. Only the chosen module is imported, so an
uninstalled driver hurts nobody who does not name it.
"""

import errno
import importlib
import os
import sys
from typing import Any

from napixd_store.base import StoreBackend
from napixd_store.counter import CounterBackend
from napixd_store.errors import ConfigError, NoSuchStoreBackend, Unavailable
from napixd_store.options import closest, nearest

STANDARD: dict[str, tuple[str, str, str]] = {
    "Memory": ("napixd_store.backends.memory", "MemoryStore", "MemoryCounter"),
    "File": ("napixd_store.backends.files", "FileStore", "FileCounter"),
    "Directory": ("napixd_store.backends.files", "DirectoryStore", "FileCounter"),
    "SQLite": ("napixd_store.backends.sqlite", "SQLiteStore", "SQLiteCounter"),
    "Redis": ("napixd_store.backends.redis", "RedisStore", "RedisCounter"),
    "RedisHash": ("napixd_store.backends.redis", "RedisHashStore", "RedisCounter"),
    "RedisKey": ("napixd_store.backends.redis", "RedisKeyStore", "RedisCounter"),
}
"""Family -> module, store class, counter class; each of the three names will do."""

ALIASES = {"RedisHashKey": "RedisHash"}
"""Other names of families, as the specification has them -> family."""

DRIVERS = {"redis": "redis[hiredis]"}
"""Module of a driver -> what to install for it."""

OLD_NAMES = {
    "napixd.store.backends.file.FileBackend": "File",
    "napixd.store.backends.file.FileStore": "File",
    "napixd.store.backends.file.DirectoryBackend": "Directory",
    "napixd.store.backends.file.DirectoryStore": "Directory",
    "napixd.store.backends.local.LocalBackend": "Memory",
    "napixd.store.backends.local.LocalCounter": "Memory",
    "napixd.store.backends.redis.RedisBackend": "Redis",
    "napixd.store.backends.redis.RedisHashBackend": "RedisHash",
    "napixd.store.backends.redis.RedisKeyBackend": "RedisKey",
    "napixd.store.backends.redis.RedisCounterBackend": "Redis",
    "napixd.store.backends.redis.RedisCounter": "Redis",
}
"""Dotted paths of the Napix server, as people's settings still hold them -> family."""

OLD_MODULES = {"napixd_store.backends.redis": "napixd_store.backends.redis.named"}
"""Module of a family -> the one for its old names, whose classes look for the original's data."""

ENTRY_POINTS = "napixd_store.backends"


def resolve_store(name: str | type) -> type:
    """Return the store class that *name* stands for.

    Raises:
        NoSuchStoreBackend: it leads to no class; the cause is kept.
        Unavailable: its module cannot be read now, for too many files are open.
    """
    return _resolve(name, store=True)


def resolve_counter(name: str | type) -> type:
    """Return the counter class that *name* stands for; a store's name gives its counter.

    Raises:
        NoSuchStoreBackend: it leads to no class; the cause is kept.
        Unavailable: its module cannot be read now, for too many files are open.
    """
    return _resolve(name, store=False)


def resolve_type(path: str) -> Any:
    """Return what the dotted *path* of a store's option ``type`` names.

    Raises:
        ConfigError: there is nothing of that name; the cause is kept.
    """
    try:
        if "." not in path or not _is_dotted(path):
            raise NoSuchStoreBackend("not a dotted path")
        found = _attribute(f"the type {path!r}", *path.rsplit(".", 1))
        if found is None:
            raise NoSuchStoreBackend(f"{path!r} is None")
        return found
    except NoSuchStoreBackend as exc:
        raise ConfigError(f"the option 'type' is not the dotted path of a class: {exc}") from exc


def _resolve(name: str | type, store: bool) -> type:
    found = name if isinstance(name, type) else _find(name, store)
    if not isinstance(found, type):
        raise NoSuchStoreBackend(
            f"the backend {name!r} is not a class: {type(found).__name__} found there"
        )
    if not store and issubclass(found, StoreBackend):
        if found.counter is None:
            raise NoSuchStoreBackend(f"{found.__name__} is a store that names no counter class")
        return found.counter
    if store and issubclass(found, CounterBackend):
        raise NoSuchStoreBackend(f"{found.__name__} is a counter, not a store")
    return found


def _find(name: object, store: bool) -> Any:
    if not isinstance(name, str) or not _is_dotted(name):
        raise NoSuchStoreBackend(
            f"a backend is named by a class name or a dotted path, not by {name!r}"
        )
    what = f"the backend {name!r}"
    is_old = name in OLD_NAMES
    name = OLD_NAMES.get(name, ALIASES.get(name, name))
    for family, (module, store_class, counter_class) in STANDARD.items():
        if name in (family, store_class, counter_class):
            module = OLD_MODULES.get(module, module) if is_old else module
            return _attribute(what, module, store_class if store else counter_class)
    if "." in name:
        return _attribute(what, *name.rsplit(".", 1))
    return _entry_point(name)


def _is_dotted(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def _attribute(what: str, module: str, attribute: str) -> Any:
    try:
        found = _running(module) or _imported(module)
    except ImportError as exc:
        raise NoSuchStoreBackend(f"{what}: {_why_not(module, exc)}") from exc
    except OSError as exc:
        if exc.errno not in (errno.EMFILE, errno.ENFILE):
            raise  # out of the module's own code
        raise Unavailable(f"{what}: {module} cannot be read: {exc.strerror}; try again") from exc
    try:
        return getattr(found, attribute)
    except AttributeError as exc:
        yet = " yet, for it is the program that runs" if found is _running(module) else ""
        raise NoSuchStoreBackend(
            f"{what}: {module} has no {attribute!r}{yet}"
            f"{nearest(attribute, {each for each in vars(found) if each[0] != '_'})}"
        ) from exc


def _imported(module: str) -> Any:
    """Return the module, without a lock if it is there and whole.

    Before Python 3.11 `import_module` takes the lock of all imports even then, and what a signal's
    handler raises in there leaves it taken: no other thread would ever open a store again.
    """
    found = sys.modules.get(module)
    if found is None or getattr(getattr(found, "__spec__", None), "_initializing", False):
        found = importlib.import_module(module)
    return found


def _running(module: str) -> Any:
    """Return the program that runs, if *module* is its file: an import would run it once more.

    Its classes would be others then than those that its code uses.
    """
    program = sys.modules.get("__main__")
    file = getattr(program, "__file__", None)
    if file is None or module in sys.modules:
        return None
    spec = getattr(program, "__spec__", None)
    if spec is not None:  # of `python -m`; that of a package is its __main__
        return program if spec.name == module else None
    # A script: its folder is where imports look first.
    name = os.path.splitext(os.path.basename(file))[0]
    return program if module == name else None


def _why_not(module: str, exc: ImportError) -> str:
    if not isinstance(exc, ModuleNotFoundError) or not exc.name:
        return f"{module} was found, but could not be imported: {exc}"
    if f"{module}.".startswith(f"{exc.name}."):
        return f"there is no module {exc.name!r}{_sibling(exc.name)}"
    driver = DRIVERS.get(exc.name.partition(".")[0])
    how = f": pip install '{driver}'" if driver else ""
    return f"{module} was found, but it needs {exc.name!r}, which is not installed{how}"


def _sibling(module: str) -> str:
    """Return ``" (did you mean …?)"`` for a module that lies beside where this one should."""
    import pkgutil  # for a message only

    package, _, last = module.rpartition(".")
    folders = getattr(sys.modules[package], "__path__", []) if package else None
    close = closest(last, [found.name for found in pkgutil.iter_modules(folders)])
    return f" (did you mean {f'{module[: -len(last)]}{close}'!r}?)" if close else ""


def _entry_point(name: str) -> Any:
    from importlib.metadata import entry_points  # slow to import, and rarely needed

    found = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if name not in found:
        classes = (name for row in STANDARD.values() for name in row[1:])
        known = {*STANDARD, *ALIASES, *found, *classes}
        hint = ": leave it out" if name.lower() == "default" else nearest(name, known)
        raise NoSuchStoreBackend(f"there is no backend {name!r}{hint}")
    point = found[name]
    return _attribute(f"the backend {name!r}", point.module, point.attr)
