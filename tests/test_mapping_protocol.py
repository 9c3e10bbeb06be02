"""CPython's own tests of the mapping protocol, through an adapter.

The tests want a class that is called like ``dict``. A store needs a name, so the adapter makes
one up: it supplies what constructs, the call itself, `fromkeys` and (as a plain dict, which is
what a store offers) `copy`. Nothing else is adapted.
"""

import importlib
import itertools
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napixd_store.backends.memory import MemoryStore
from napixd_store.backends.sqlite import SQLiteStore
from tests.labs import need

mapping_tests: Any
try:
    mapping_tests = importlib.import_module("test.mapping_tests")
except ImportError:  # a distribution's Python may come without it
    mapping_tests = None

DECLINED = {
    "test_copy": "it wants a copy of the same class, but a second store needs a second name",
}
DECLINED_WRITING_THROUGH = {
    **DECLINED,
    "test_setdefault": "it appends to what setdefault() returned, but reads are copies",
}
BASIC, WHOLE = 14, 18
"""How many tests there are in each class, in all supported Pythons."""

_names = itertools.count(1)


def adapter(cls: type, writeback: bool, options: dict[str, Any]) -> type:
    """Return *cls* as a class that is called like dict."""

    class Adapter(cls):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            name = f"mapping {next(_names)}"
            super().__init__(name, {**options, "writeback": writeback})
            self.update(*args, **kwargs)

        @classmethod
        def fromkeys(cls, keys: Any, value: Any = None) -> Any:
            made = cls()
            for key in keys:
                made[key] = value
            return made

        def copy(self) -> dict[Any, Any]:
            return dict(self.snapshot())

    return Adapter


def run(tests: type, mapping: type) -> tuple[int, set[str]]:
    """Run the class *tests* on *mapping*; return how many ran, and which failed."""
    case = type(tests.__name__, (tests,), {"type2test": mapping})
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
    assert not result.skipped
    return result.testsRun, {
        test.id().rpartition(".")[2] for test, _ in result.failures + result.errors
    }


@pytest.fixture(params=["Memory", "SQLite"])
def mapping(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[bool], type]:
    need(mapping_tests is not None, "this Python has no `test` package")
    cls, options = {
        "Memory": (MemoryStore, {}),
        "SQLite": (SQLiteStore, {"path": tmp_path / "doc.sqlite", "durability": "process"}),
    }[request.param]
    return lambda writeback: adapter(cls, writeback, options)


@pytest.mark.parametrize("writeback", [False, True], ids=["write-through", "write-back"])
def test_the_basic_protocol_whole(mapping: Callable[[bool], type], writeback: bool):
    assert run(mapping_tests.BasicTestMappingProtocol, mapping(writeback)) == (BASIC, set())


@pytest.mark.parametrize(
    ("writeback", "declined"),
    [(False, DECLINED_WRITING_THROUGH), (True, DECLINED)],
    ids=["write-through", "write-back"],
)
def test_the_mapping_protocol_but_for_what_is_declined(
    mapping: Callable[[bool], type], writeback: bool, declined: dict[str, str]
):
    ran, failed = run(mapping_tests.TestMappingProtocol, mapping(writeback))
    assert ran == WHOLE
    assert failed == set(declined)


@pytest.mark.parametrize("test", sorted(DECLINED_WRITING_THROUGH))
def test_the_docs_name_what_is_declined(test: str):
    page = Path(__file__).parents[1] / "docs/explanation/mapping-protocol.md"
    assert test.removeprefix("test_") in page.read_text()
