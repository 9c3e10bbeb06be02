"""The options of the standard backends, as editors and type checkers see them.

Nothing here runs: what an option is and does stands in the openers' signatures, and a test holds
these to them. Of all that may be read from a text, only paths and secrets are given as texts in
code. Where no backend is named the options are those of SQLite, the default of the defaults; a
name that is known at run time only takes those that every store or counter takes.
"""

from datetime import timedelta
from pathlib import Path
from typing import Literal, TypedDict

from napixd_store.options import Secret

MemoryName = Literal["Memory", "MemoryStore"]
FilesName = Literal["File", "FileStore", "Directory", "DirectoryStore"]
SQLiteName = Literal["SQLite", "SQLiteStore"]
RedisName = Literal[
    "Redis", "RedisStore", "RedisHash", "RedisHashKey", "RedisHashStore", "RedisKey",
    "RedisKeyStore",
]  # fmt: skip

MemoryCounterName = Literal[MemoryName, "MemoryCounter"]
FilesCounterName = Literal[FilesName, "FileCounter"]
SQLiteCounterName = Literal[SQLiteName, "SQLiteCounter"]
RedisCounterName = Literal[RedisName, "RedisCounter"]


class MemoryOptions(TypedDict, total=False):
    """Options of `napixd_store.backends.memory.open_memory`."""

    durability: Literal["memory"]


class FilesOptions(TypedDict, total=False):
    """Options of `napixd_store.backends.files.root.open_root`."""

    root: Path | str | None
    durability: Literal["power"] | None
    any_filesystem: bool


class SQLiteOptions(TypedDict, total=False):
    """Options of `napixd_store.backends.sqlite.database.open_database`."""

    path: Path | str | None
    durability: Literal["power", "process"] | None
    timeout: float


class RedisOptions(TypedDict, total=False):
    """Options of `napixd_store.backends.redis.client.open_server`."""

    url: Secret | str | None
    host: str | None
    port: int | None
    db: int | None
    username: str | None
    password: Secret | str | None
    unix_socket_path: Path | str | None
    ssl: bool
    ssl_ca_certs: Path | str | None
    ssl_certfile: Path | str | None
    ssl_keyfile: Path | str | None
    ssl_check_hostname: bool
    ssl_cert_reqs: Literal["required", "none"]
    prefix: str
    client: object
    sentinel: str | None
    service: str | None
    sentinel_username: str | None
    sentinel_password: Secret | str | None
    cluster: bool
    connect_timeout: float
    timeout: float
    durability: Literal["memory", "process", "power", "replicated"] | None
    replicas: int
    max_connections: int | None
    strict: bool
    cache: bool | int


class StoreOptions(TypedDict, total=False):
    """Options of `napixd_store.base.store_options`, but for ``type``."""

    writeback: bool | None
    serializer: Literal["json", "pickle"]
    secret: Secret | str | bytes | None
    max_value_bytes: int
    expires_in: float | timedelta | None


class CounterOptions(TypedDict, total=False):
    """Options of `napixd_store.counter.counter_options`."""

    lease: int


class MemoryStoreOptions(StoreOptions, MemoryOptions, total=False):
    """Options of a store there."""


class FilesStoreOptions(StoreOptions, FilesOptions, total=False):
    """Options of a store there."""


class SQLiteStoreOptions(StoreOptions, SQLiteOptions, total=False):
    """Options of a store there."""


class RedisStoreOptions(StoreOptions, RedisOptions, total=False):
    """Options of a store there."""


class MemoryCounterOptions(CounterOptions, MemoryOptions, total=False):
    """Options of a counter there."""


class FilesCounterOptions(CounterOptions, FilesOptions, total=False):
    """Options of a counter there."""


class SQLiteCounterOptions(CounterOptions, SQLiteOptions, total=False):
    """Options of a counter there."""


class RedisCounterOptions(CounterOptions, RedisOptions, total=False):
    """Options of a counter there."""
