"""The contract: tests that every backend passes, ours and yours, under both write policies.

Subclass them in a pytest module, name the backend, and give its options in a fixture::

    class TestMyStore(StoreContract):
        backend = MyStore

        @pytest.fixture
        def options(self, tmp_path):
            return {"path": tmp_path / "data"}

A backend's own tests then hold only what is peculiar to it.
"""

from napixd_store.testing.counters import CounterContract
from napixd_store.testing.stores import StoreContract

__all__ = ["CounterContract", "StoreContract"]
