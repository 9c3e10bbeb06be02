"""A replica of the original Napix store's backends: where they wrote, and what.

Written after its source; `bytes` here are the ``str`` of Python 2, see `python2`.
"""

from pathlib import Path
from typing import Any

import redis

from tests.importing.python2 import dumps


def save_file(root: Path, collection: str, data: dict[Any, Any], protocol: int = 0) -> Path:
    """Do as ``FileStore.save``."""
    root.mkdir(parents=True, exist_ok=True)
    path = root / collection
    path.write_bytes(dumps(data, protocol))
    return path


def set_in_directory(root: Path, collection: str, key: str, value: Any, protocol: int = 0) -> Path:
    """Do as ``DirectoryStore.__setitem__``."""
    (root / collection).mkdir(0o700, parents=True, exist_ok=True)
    path = root / collection / key
    path.write_bytes(dumps(value, protocol))
    return path


class Redis:
    """The backends in a server, with the *prefix* that was their option."""

    def __init__(self, socket: str, prefix: str | None = None) -> None:
        self.client, self._prefix = redis.Redis(unix_socket_path=socket), prefix

    def _name(self, backend: str, *parts: str) -> str:
        return ":".join([self._prefix or backend, *parts])

    def save_blob(self, collection: str, data: dict[Any, Any]) -> None:
        """Do as ``RedisStore.save``."""
        self.client.set(self._name("RedisBackend", collection), dumps(data))

    def set_in_hash(self, collection: str, key: str, value: Any) -> None:
        """Do as ``RedisHashStore.__setitem__``."""
        self.client.hset(self._name("RedisHashBackend", collection), key, value)

    def set_key(self, collection: str, key: str, value: Any) -> None:
        """Do as ``RedisKeyStore.__setitem__``."""
        self.client.set(self._name("RedisKeyBackend", collection, key), value)

    def increment(self, name: str, by: int = 1) -> None:
        """Do as ``RedisCounter.increment``."""
        self.client.incr(self._name("RedisCounterBackend", name), by)

    def all(self) -> dict[Any, Any]:
        """Return all that is in the server, as it is kept there."""
        return {name: self.client.dump(name) for name in self.client.keys("*")}
