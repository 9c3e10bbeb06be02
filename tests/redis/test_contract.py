"""The contract on a real server."""

from collections.abc import Mapping
from typing import Any

import pytest

from napixd_store.testing import CounterContract, StoreContract


class OnServer:
    @pytest.fixture
    def options(self, reach: Mapping[str, Any]) -> Mapping[str, Any]:
        return reach


class TestRedisStore(OnServer, StoreContract):
    backend = "Redis"
    ordered = True


class TestRedisHashStore(OnServer, StoreContract):
    backend = "RedisHash"


class TestRedisKeyStore(OnServer, StoreContract):
    backend = "RedisKey"


class TestRedisCounter(OnServer, CounterContract):
    backend = "Redis"
