"""What a type checker refuses; checked by mypy and pyright, never run.

An ignored line without an error is an error to both.
"""

from pathlib import Path

from napixd_store import Counter, Store, collections, counters


def refused(backend: str) -> None:
    Store("x", pth="x")  # type: ignore[call-overload]  # pyright: ignore
    Store("x", "SQLite", pth="x")  # type: ignore[call-overload]  # pyright: ignore
    Store("x", "SQLite", root="x")  # type: ignore[call-overload]  # pyright: ignore
    Store("x", "SQLite", type=int, pth="x")  # type: ignore[call-overload]  # pyright: ignore
    Store("x", "SQLite", durability="memory")  # type: ignore[call-overload]  # pyright: ignore
    Store("x", "Memory", path="x")  # type: ignore[call-overload]  # pyright: ignore
    Store("x", "File", path=Path("x"))  # type: ignore[call-overload]  # pyright: ignore
    Store("x", "Redis", hots="x")  # type: ignore[call-overload]  # pyright: ignore
    Store("x", "RedisHash", port="6379")  # type: ignore[call-overload]  # pyright: ignore
    Store("x", backend, path="x")  # type: ignore[call-overload]  # pyright: ignore
    Store("x", backned="Memory")  # type: ignore[call-overload]  # pyright: ignore
    Store("x", writeback="yes")  # type: ignore[call-overload]  # pyright: ignore
    Store("x", lease=100)  # type: ignore[call-overload]  # pyright: ignore
    Store("x", expires_in="3600")  # type: ignore[call-overload]  # pyright: ignore
    Counter("x", expires_in=60)  # type: ignore[call-overload]  # pyright: ignore
    Counter("x", "SQLite", writeback=True)  # type: ignore[call-overload]  # pyright: ignore
    Counter("x", lease="100")  # type: ignore[call-overload]  # pyright: ignore
    Counter("x", backend, path="x")  # type: ignore[call-overload]  # pyright: ignore
    Counter("x", pth="x")  # type: ignore[call-overload]  # pyright: ignore
    collections("SQLite", pth="x")  # type: ignore[call-overload]  # pyright: ignore
    collections("SQLite", writeback=True)  # type: ignore[call-overload]  # pyright: ignore
    collections(backend, path="x")  # type: ignore[call-overload]  # pyright: ignore
    counters("Redis", hots="x")  # type: ignore[call-overload]  # pyright: ignore
    counters(root="x")  # type: ignore[call-overload]  # pyright: ignore
