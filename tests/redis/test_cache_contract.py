"""The contract, with records kept in the process."""

from collections.abc import Mapping
from typing import Any

import pytest

from napixd_store import Store
from napixd_store.testing import StoreContract


class Cached:
    @pytest.fixture
    def options(self, reach: Mapping[str, Any]) -> Mapping[str, Any]:
        options = {**reach, "cache": True}
        other = Store("other", "RedisKey", **options)
        assert other.get("k") is other.get("k") is None  # from now on records are kept
        return options


class TestRedisHashStore(Cached, StoreContract):
    backend = "RedisHash"


class TestRedisKeyStore(Cached, StoreContract):
    backend = "RedisKey"
