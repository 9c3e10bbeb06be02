"""What the memory holds is gone between tests: it is the one place that all of them share."""

from collections.abc import Iterator

import pytest

from napixd_store.operations import Place
from tests.operations.places import empty


@pytest.fixture(autouse=True)
def _empty_memory() -> Iterator[None]:
    empty(Place("Memory"))
    yield
    empty(Place("Memory"))
