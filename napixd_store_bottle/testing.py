"""For the tests of an app: run it on memory, whatever its settings say."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from napixd_store.backends.memory import Memory, MemoryCounter, MemoryStore
from napixd_store.base import store_options
from napixd_store.counter import counter_options
from napixd_store.declarations import Declaration, chosen
from napixd_store.options import declared_options
from napixd_store.settings import Default, Settings
from napixd_store_bottle.app_settings import declared_by, overrides, settings_of
from napixd_store_bottle.checking import apps_of

__all__ = ["on_memory"]


@contextmanager
def on_memory(app: Any) -> Iterator[dict[str, Any]]:
    """Keep all that *app* stores in a memory of its own, which is empty and goes when this ends.

    Names, policies, types, serializers and leases are those of the settings; where things are
    kept is not. Gives the declared stores and counters by argument, for a test to fill and to
    look at; these stores write through. Apps that are merged into *app* or mounted in it are
    kept there with it. A backend that a handler names itself, ``Store('x', backend='SQLite')``,
    is not replaced.

    Raises:
        PluginError: the app has no plugin, so all would go where it always goes.

    >>> from napixd_store_bottle import StorePlugin
    >>> from webtest import TestApp
    >>> from bottle import Bottle
    >>> app = Bottle()
    >>> _ = app.config.load_dict({"store.backend": "SQLite", "store.hits.collection": "hits"})
    >>> _ = app.install(StorePlugin())
    >>> _ = app.get("/<page>")(lambda page, hits: str(hits.incr(page)))
    >>> with on_memory(app) as given:
    ...     given["hits"]["home"] = 41
    ...     TestApp(app).get("/home").text
    ...     given["hits"].snapshot()
    '42'
    {'home': 42}
    """
    apps = apps_of(app)
    before = {each: overrides.get(each) for each in apps}
    memory = _InMemory()
    try:
        for each in apps:
            overrides[each] = memory
            each.reset()
        yield {name: _written_through(each, app) for name, each in declared_by(app).items()}
    finally:
        for each in apps:
            if (other := before[each]) is None:
                del overrides[each]
            else:
                overrides[each] = other
            each.reset()


class _InMemory:
    """Backends that share one memory, which no other shares, to stand in for an app's."""

    def __init__(self) -> None:
        memory = Memory()

        class OwnCounter(MemoryCounter):
            def __init__(self, name: str, options: Mapping[str, Any]) -> None:
                super().__init__(name, options)
                self._connection = memory

        class OwnStore(MemoryStore[Any]):
            counter = OwnCounter

            def __init__(self, collection: str, options: Mapping[str, Any]) -> None:
                super().__init__(collection, options)
                self._connection = memory

        class Declared(OwnStore):
            """Has a backend and options of its own, so the default's are not for it."""

        self._classes = {"counter": OwnCounter, "store": Declared}
        self._default = OwnStore, OwnCounter

    def settings(self, settings: Settings) -> Settings:
        """Return the defaults that take the place of *settings*."""
        store, counter = self._default
        cls, _name, options = chosen(Declaration("store", "", "", None, {}), settings)
        leases = _taken(settings.counter.options, counter_options)
        return Settings(Default(store, _kept(cls, options)), Default(counter, leases))

    def declaration(self, declaration: Declaration, settings: Settings) -> Declaration:
        """Return what takes the place of *declaration* under *settings*."""
        cls, _name, options = chosen(declaration, settings)
        return declaration._replace(
            backend=self._classes[declaration.kind],
            options=(
                _kept(cls, options)
                if declaration.kind == "store"
                else _taken(options, counter_options)
            ),
        )


def _kept(cls: type, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return those *options* of a store of *cls* that do not say where it is."""
    policy = getattr(cls, "writes_back", hasattr(cls, "save"))
    return {"writeback": policy, **_taken(options, store_options)}


def _taken(options: Mapping[str, Any], declaring: Callable[..., None]) -> dict[str, Any]:
    declared = declared_options(declaring)
    return {name: options[name] for name in options if name in declared}


def _written_through(declaration: Declaration, app: Any) -> Any:
    cls, name, options = chosen(declaration, settings_of(app))
    return cls(name, {**options, "writeback": False} if declaration.kind == "store" else options)
