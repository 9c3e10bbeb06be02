"""An app's stores and counters, outside of any request."""

from collections.abc import Iterator, Mapping
from typing import Any

from napixd_store.declarations import Declaration, chosen, declarations, in_section
from napixd_store.errors import ConfigError
from napixd_store.options import nearest
from napixd_store.settings import Settings, of_the_process, read
from napixd_store.unit_of_work import UnitOfWork


class AppStores(Mapping[str, Any]):
    """The stores and counters that an app's settings declare, by the handlers' argument.

    Each is opened when it is first asked for, and is the same object from then on.
    """

    def __init__(self, pairs: Mapping[str, Any]) -> None:
        with in_section():
            self.settings: Settings = read(pairs, of_the_process())
            """The defaults."""

            self.declared: Mapping[str, Declaration] = declarations(pairs)
            """What they declare, by argument."""
        self._keys = [*pairs]
        self._unit = UnitOfWork()
        self._opened: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._opened:
            declaration = self.declared.get(name.lower())
            if declaration is None:
                raise ConfigError(
                    f"the settings declare nothing of the name {name!r}"
                    f"{nearest(name, self.declared.keys())}"
                )
            self._opened[name] = self._built(declaration)
        return self._opened[name]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self.declared

    def __iter__(self) -> Iterator[str]:
        return iter(self.declared)

    def __len__(self) -> int:
        return len(self.declared)

    def store(self, collection: str) -> Any:
        """Return what ``Store(collection)`` is in the app: a store in its default backend."""
        return self._built(Declaration("store", "", collection, None, {}))

    def counter(self, name: str) -> Any:
        """Return what ``Counter(name)`` is in the app: a counter in its default backend."""
        return self._built(Declaration("counter", "", name, None, {}))

    def save(self) -> None:
        """Save the stores that write back; the end of the block does so, too."""
        self._unit.save()

    def __enter__(self) -> "AppStores":
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        self._opened.clear()
        if kind is None:
            self._unit.save()
        self._unit.drop()

    def __repr__(self) -> str:
        return f"<stores_of: {', '.join(self.declared) or 'nothing declared'}>"

    def _built(self, declaration: Declaration) -> Any:
        with in_section(declaration.section, self._keys):
            return self._unit.opened(chosen(declaration, self.settings))
