"""Every example of the documents and docstrings is run, and none finds what another one left.

The Python blocks of a document run from top to bottom, as a reader would run them, and share
their names; settings in an INI block are the `desk.ini` that they read. A document and a
docstring each get an empty folder to stand in, which is their `NAPIXD_HOME` too.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from doctest import ELLIPSIS
from pathlib import Path
from typing import Any

import pytest
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser

from napixd_store.filesystems import durability

if durability(Path(tempfile.gettempdir()), None) != "power":
    tempfile.tempdir = "/var/tmp"  # noqa: S108 - in memory no test could ask for ``power``

pytest_plugins = ["tests.sizes"]
collect_ignore = ["docs/conf.py"]  # belongs to Sphinx, which is not there


@contextmanager
def _own_folder() -> Iterator[None]:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("NAPIXD_HOME", folder)
        yield


@pytest.fixture(autouse=True)
def _docstring(request: pytest.FixtureRequest) -> Iterator[None]:
    with ExitStack() as stack:
        if isinstance(request.node, pytest.DoctestItem):
            stack.enter_context(_own_folder())
        yield


def _open_document(names: dict[str, Any]) -> None:
    names["_folder"] = ExitStack()
    names["_folder"].enter_context(_own_folder())


def _close_document(names: dict[str, Any]) -> None:
    names["_folder"].close()


def _write_settings(example: Example) -> None:
    Path("desk.ini").write_text(example.parsed)


pytest_collect_file = Sybil(
    parsers=[
        PythonCodeBlockParser(doctest_optionflags=ELLIPSIS),
        CodeBlockParser(language="ini", evaluator=_write_settings),
        SkipParser(),
    ],
    patterns=["*.md"],
    setup=_open_document,
    teardown=_close_document,
).pytest()
