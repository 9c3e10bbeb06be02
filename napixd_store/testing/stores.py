"""The contract of a store."""

from collections.abc import Callable, Iterator, Mapping
from itertools import cycle
from typing import Any, ClassVar

import pytest

from napixd_store.base import StoreBackend
from napixd_store.changes import ABSENT, PRESENT
from napixd_store.errors import (
    ConfigError,
    Conflict,
)
from napixd_store.resolve import resolve_store
from napixd_store.testing.atomic import AtomicContract
from napixd_store.testing.cases import NAMES, Clock, Open, listed_or_skip
from napixd_store.testing.interrupted import InterruptedContract
from napixd_store.testing.keys_and_values import KeysAndValuesContract
from napixd_store.testing.mapping import MappingContract
from napixd_store.testing.once import OnceContract
from napixd_store.testing.order import OrderContract
from napixd_store.testing.several import SeveralContract
from napixd_store.testing.sweeping import SweepingContract
from napixd_store.testing.time import TimeContract
from napixd_store.testing.transaction_guards import TransactionGuardContract
from napixd_store.testing.transactions import TransactionContract
from napixd_store.testing.versions import VersionsContract
from napixd_store.testing.write_back import WriteBackContract

LEAVING: list[Callable[[StoreBackend[Any]], object]] = [
    lambda store: store.drop(),
    lambda store: store.clear(),
    lambda store: store.pop("a"),  # which leaves one
]
"""Ways to leave a collection of two records."""


class StoreContract(
    MappingContract,
    KeysAndValuesContract,
    AtomicContract,
    TimeContract,
    SweepingContract,
    OnceContract,
    VersionsContract,
    TransactionContract,
    TransactionGuardContract,
    SeveralContract,
    OrderContract,
    InterruptedContract,
    WriteBackContract,
):
    """What every store does, whatever keeps it; each test runs write-through and write-back."""

    backend: ClassVar[type | str]
    """The class under test, or its name."""

    ordered: ClassVar[bool] = False
    """Whether it iterates in the order of insertion."""

    @pytest.fixture
    def options(self) -> Mapping[str, Any]:
        """Return the options to open the backend with; equal ones reach the same data."""
        return {}

    @pytest.fixture(params=[False, True], ids=["write-through", "write-back"])
    def open(self, request: pytest.FixtureRequest, options: Mapping[str, Any]) -> Iterator[Open]:
        """Open collections of the backend; those opened are dropped in the end."""
        opened: dict[str, StoreBackend[Any]] = {}

        def open(collection: str = "contract", **more: Any) -> StoreBackend[Any]:
            cls = resolve_store(self.backend)
            given = {**options, "writeback": request.param, **more}
            store: StoreBackend[Any] = cls(collection, given)
            opened.setdefault(collection, store)
            return store

        yield open
        for store in opened.values():
            store.drop()

    @pytest.fixture
    def store(self, open: Open) -> StoreBackend[Any]:
        """Return an empty store."""
        return open()

    @pytest.fixture
    def clock(self, store: StoreBackend[Any], monkeypatch: pytest.MonkeyPatch) -> Clock:
        """Return the clock of all stores of the backend under test."""
        # A day ahead: a medium that has a clock of its own is not to remove anything in earnest.
        clock = Clock(store._connection.now() + 86_400_000)
        monkeypatch.setattr(type(store._connection), "now", lambda _connection: clock.now)
        monkeypatch.setattr(type(store._connection), "latest", lambda _connection: clock.now)
        return clock

    # --- collections and policies ------------------------------------------------------------

    def test_another_handle_sees_what_was_saved(self, open: Open, store: StoreBackend[Any]) -> None:
        store.update(a=1, b={"x": [1]})
        store.save()
        assert open() == {"a": 1, "b": {"x": [1]}}

    def test_drop_empties_this_handle_and_the_next(
        self, open: Open, store: StoreBackend[Any]
    ) -> None:
        store["a"] = 1
        store.save()
        store.drop()
        assert len(store) == 0
        assert len(open()) == 0
        store.drop()
        store["b"] = 2
        store.save()
        assert open() == {"b": 2}

    def test_a_collection_is_listed_as_long_as_something_lives_in_it(
        self, open: Open, options: Mapping[str, Any]
    ) -> None:
        cls: type[StoreBackend[Any]] = resolve_store(self.backend)

        def listed() -> set[str]:
            return set(listed_or_skip(cls.collections, {**options, "writeback": True}))

        before = listed()
        for name in NAMES:
            with open(name) as store:
                store.update(a=1, b=2)
        assert listed() - before == set(NAMES)
        for name, leave in zip(NAMES, cycle(LEAVING), strict=False):
            with open(name) as store:
                leave(store)
        assert listed() - before == set(NAMES[2::3])

    def test_options_are_not_changed(self, options: Mapping[str, Any]) -> None:
        given = {**options, "writeback": True}
        before = dict(given)
        resolve_store(self.backend)("contract", given)
        assert given == before

    def test_an_unknown_option_is_refused(self, open: Open) -> None:
        with pytest.raises(ConfigError, match=r"unknown option 'writback' \(did you mean"):
            open(writback=True)

    def test_repr_names_the_collection_and_no_value(self, store: StoreBackend[Any]) -> None:
        store["k"] = "value"
        assert "contract" in repr(store)
        assert "value" not in repr(store)

    # --- the verbs themselves ----------------------------------------------------------------

    def test_a_write_applies_all_or_nothing(self, open: Open) -> None:
        store = open(writeback=False)
        store._write({"a": b"1", "b": b"2"}, {"a": ABSENT, "b": ABSENT})
        for expected in ({"a": b"0"}, {"a": ABSENT}, {"c": PRESENT}, {"a": b"1", "c": b"3"}):
            with pytest.raises(Conflict):
                store._write({"a": b"9", "b": None, "c": b"9"}, expected)
        for text, record, wanted in (
            ("a", None, ABSENT),
            ("a", b"9", ABSENT),
            ("c", None, PRESENT),
        ):
            with pytest.raises(Conflict):
                store._write({text: record}, {text: wanted})
        store._write({"c": None}, {"c": ABSENT})
        store._write({}, {"a": PRESENT})
        assert dict(store._load()) == {"a": b"1", "b": b"2"}
        store._write({"a": None, "c": b"3"}, {"a": b"1", "b": PRESENT, "c": ABSENT})
        assert dict(store._load()) == {"b": b"2", "c": b"3"}
        assert dict(store._load(["a", "c", "d"])) == {"c": b"3"}
        assert dict(store._load([])) == {}
