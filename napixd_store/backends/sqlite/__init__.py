"""SQLite: the default backend. One file, no server, safe for many processes.

WAL mode, ``synchronous=FULL`` unless less is asked. Every write takes the write lock when it
begins (``BEGIN IMMEDIATE``, or a single statement), so that a writer waits its turn instead of
failing half way.
"""

from napixd_store.backends.sqlite.counter import SQLiteCounter
from napixd_store.backends.sqlite.store import SQLiteStore

__all__ = ["SQLiteCounter", "SQLiteStore"]
