"""Every backend passes the contract; so does one of fifteen lines with only the two verbs."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from napixd_store import CounterBackend, StoreBackend
from napixd_store.changes import Changes, Expected, unmet
from napixd_store.connections import Connection
from napixd_store.integers import in_range
from napixd_store.testing import CounterContract, StoreContract


class TestMemoryStore(StoreContract):
    backend = "Memory"
    ordered = True


class TestMemoryCounter(CounterContract):
    backend = "Memory"


class TestSQLiteStore(StoreContract):
    backend = "SQLite"
    ordered = True

    @pytest.fixture
    def options(self, tmp_path: Path) -> Mapping[str, Any]:
        return {"path": tmp_path / "store.sqlite"}


class TestSQLiteCounter(CounterContract):
    backend = "SQLite"

    @pytest.fixture
    def options(self, tmp_path: Path) -> Mapping[str, Any]:
        return {"path": tmp_path / "store.sqlite"}


class DictStore(StoreBackend[Any]):
    """What a third party writes: two verbs, and nothing else."""

    kept: ClassVar[dict[str, dict[str, bytes]]] = {}

    def _load(self, keys: Collection[str] | None = None) -> Mapping[str, bytes]:
        records = self.kept.get(self.collection, {})
        return {text: records[text] for text in list(records) if keys is None or text in keys}

    def _write(self, changes: Changes, expected: Expected) -> None:
        self._connection.exclusively(self._apply, changes, expected)

    def _apply(self, changes: Changes, expected: Expected) -> None:
        records = self.kept.get(self.collection, {})
        if refused := unmet(expected, records):
            raise self._conflict(refused)
        changed = {**records, **changes}
        self.kept[self.collection] = {k: r for k, r in changed.items() if r is not None}


class TestDictStore(StoreContract):
    backend = DictStore
    ordered = True


class DictCounter(CounterBackend):
    """The four methods of a counter, and nothing else."""

    kept: ClassVar[dict[str, int]] = {}
    _connection: Connection

    def _value(self) -> int:
        return self.kept.get(self.name, 0)

    def _increment(self, by: int) -> int:
        return self._connection.exclusively(self._add, by)

    def _reset(self, to: int) -> int:
        return self._connection.exclusively(self._exchange, to)

    def _drop(self) -> None:
        self._connection.exclusively(self.kept.pop, self.name, None)

    def _add(self, by: int) -> int:
        self.kept[self.name] = total = in_range(self._value() + by, self._where())
        return total

    def _exchange(self, to: int) -> int:
        old, self.kept[self.name] = self._value(), to
        return old


class TestDictCounter(CounterContract):
    backend = DictCounter


class TestFileStore(StoreContract):
    backend = "File"
    ordered = True

    @pytest.fixture
    def options(self, tmp_path: Path) -> Mapping[str, Any]:
        return {"root": tmp_path / "stores"}


class TestDirectoryStore(StoreContract):
    backend = "Directory"

    @pytest.fixture
    def options(self, tmp_path: Path) -> Mapping[str, Any]:
        return {"root": tmp_path / "stores"}


class TestFileCounter(CounterContract):
    backend = "File"

    @pytest.fixture
    def options(self, tmp_path: Path) -> Mapping[str, Any]:
        return {"root": tmp_path / "stores"}
