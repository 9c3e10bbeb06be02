"""Who keeps a dict in files of a process, as contestants: their notes are in `suites.sqlite`.

Each is given *durability*, and sets itself up for that, or for the next it has.
"""

import shelve
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.contestants.kinds import AsADict, OnKeyValue
from benchmarks.measure import Contestant
from benchmarks.rounds import Value

ROOM = 1 << 32
"""Bytes that LMDB may map; the file is as long as what is in it."""


class Diskcache(AsADict):
    """`diskcache.Index`, pickling."""

    name = "diskcache"

    def __init__(self, folder: Path, durability: str) -> None:
        diskcache = self.need("diskcache")
        self.durability = durability
        self.cache = diskcache.Cache(
            str(folder),
            eviction_policy="none",
            sqlite_synchronous=2 if durability == "power" else 1,
        )
        self.store = diskcache.Index.fromcache(self.cache)

    def update(self, pairs: Mapping[str, Value]) -> None:
        with self.store.transact():
            self.store.update(pairs)

    def add(self, pairs: Iterable[tuple[str, Value]]) -> None:
        add = self.cache.add
        for key, value in pairs:
            add(key, value)

    def increment(self, times: range) -> None:
        increment = self.cache.incr
        for _ in times:
            increment("=counter")

    def close(self) -> None:
        self.cache.close()


class Sqlitedict(AsADict):
    """`sqlitedict`, committing each write, pickling."""

    name = "sqlitedict"
    durability = "process"  # synchronous=OFF, always

    def __init__(self, folder: Path, durability: str) -> None:
        sqlitedict = self.need("sqlitedict")
        self.store = sqlitedict.SqliteDict(str(folder / "values.sqlite"), journal_mode="WAL")

    def set(self, pairs: Iterable[tuple[str, Value]]) -> None:
        store = self.store
        for key, value in pairs:
            store[key] = value
            store.commit()

    def update(self, pairs: Mapping[str, Value]) -> None:
        self.store.update(pairs)
        self.store.commit()

    def delete(self, keys: Iterable[str]) -> None:
        store = self.store
        for key in keys:
            del store[key]
            store.commit()

    def close(self) -> None:
        self.store.close()


class SqliteShelf(AsADict):
    """`shelve` over `dbm.sqlite3`, which Python has since 3.13."""

    name = "shelve (dbm.sqlite3)"
    durability = "power"  # synchronous=FULL, and a write is a transaction

    def __init__(self, folder: Path, durability: str) -> None:
        database = self.need("dbm.sqlite3").open(str(folder / "values.sqlite"), "c")
        self.store: shelve.Shelf[Any] = shelve.Shelf(database)

    def close(self) -> None:
        self.store.close()


class _Encoding(Contestant):
    """Who keeps bytes only: the values are encoded with msgspec beside it."""

    def __init__(self, durability: str) -> None:
        self.durability = durability
        self.encode = msgspec.json.Encoder().encode
        self.decode = msgspec.json.Decoder().decode


class Lmdb(_Encoding):
    """`lmdb`, a transaction an operation."""

    name = "lmdb + msgspec"

    def __init__(self, folder: Path, durability: str) -> None:
        super().__init__(durability)
        lmdb = self.need("lmdb")
        self.database = lmdb.open(str(folder), map_size=ROOM, sync=durability == "power")

    def get(self, keys: Iterable[str]) -> None:
        begin, decode = self.database.begin, self.decode
        for key in keys:
            with begin(buffers=True) as transaction:
                decode(transaction.get(key.encode()))

    def get_many(self, pages: Iterable[list[str]]) -> None:
        decode = self.decode
        for page in pages:
            with self.database.begin(buffers=True) as transaction:
                for key in page:
                    decode(transaction.get(key.encode()))

    def contains(self, keys: Iterable[str]) -> None:
        begin = self.database.begin
        for key in keys:
            with begin(buffers=True) as transaction:
                _found = transaction.get(key.encode()) is not None

    def set(self, pairs: Iterable[tuple[str, Value]]) -> None:
        begin, encode = self.database.begin, self.encode
        for key, value in pairs:
            with begin(write=True) as transaction:
                transaction.put(key.encode(), encode(value))

    def add(self, pairs: Iterable[tuple[str, Value]]) -> None:
        begin, encode = self.database.begin, self.encode
        for key, value in pairs:
            with begin(write=True) as transaction:
                transaction.put(key.encode(), encode(value), overwrite=False)

    def edit(self, keys: Iterable[str]) -> None:
        begin, encode, decode = self.database.begin, self.encode, self.decode
        for key in keys:
            with begin(write=True) as transaction:
                value = decode(transaction.get(key.encode()))
                value["score"] += 1
                transaction.put(key.encode(), encode(value))

    def update(self, pairs: Mapping[str, Value]) -> None:
        encode = self.encode
        with self.database.begin(write=True) as transaction:
            for key, value in pairs.items():
                transaction.put(key.encode(), encode(value))

    def iterate(self, places: range) -> None:
        decode = self.decode
        with self.database.begin(buffers=True) as transaction:
            for key, value in transaction.cursor():
                bytes(key).decode()
                decode(value)

    def length(self, times: range) -> None:
        for _ in times:
            self.database.stat()

    def delete(self, keys: Iterable[str]) -> None:
        begin = self.database.begin
        for key in keys:
            with begin(write=True) as transaction:
                transaction.delete(key.encode())

    def close(self) -> None:
        self.database.close()


class Rocks(_Encoding):
    """`rocksdict`, which only one process can open."""

    name = "rocksdict + msgspec"

    def __init__(self, folder: Path, durability: str) -> None:
        super().__init__(durability)
        self.rocksdict = self.need("rocksdict")
        options = self.rocksdict.Options(raw_mode=True)
        options.create_if_missing(True)
        self.database = self.rocksdict.Rdict(str(folder / "values"), options)
        writing = self.rocksdict.WriteOptions()
        writing.sync = durability == "power"
        self.database.set_write_options(writing)
        self.writing = writing

    def get(self, keys: Iterable[str]) -> None:
        database, decode = self.database, self.decode
        for key in keys:
            decode(database[key.encode()])

    def get_many(self, pages: Iterable[list[str]]) -> None:
        database, decode = self.database, self.decode
        for page in pages:
            for value in database[[key.encode() for key in page]]:
                decode(value)

    def contains(self, keys: Iterable[str]) -> None:
        database = self.database
        for key in keys:
            key.encode() in database  # noqa: B015 - asking is what is measured

    def set(self, pairs: Iterable[tuple[str, Value]]) -> None:
        database, encode = self.database, self.encode
        for key, value in pairs:
            database[key.encode()] = encode(value)

    def update(self, pairs: Mapping[str, Value]) -> None:
        batch = self.rocksdict.WriteBatch(raw_mode=True)
        for key, value in pairs.items():
            batch.put(key.encode(), self.encode(value))
        self.database.write(batch, self.writing)

    def iterate(self, places: range) -> None:
        decode = self.decode
        for key, value in self.database.items():
            key.decode()
            decode(value)

    def delete(self, keys: Iterable[str]) -> None:
        database = self.database
        for key in keys:
            del database[key.encode()]

    def close(self) -> None:
        self.database.close()


class KeyValueDisk(OnKeyValue):
    """`py-key-value` on disk, which is on diskcache."""

    name = "py-key-value (disk)"
    durability = "process"

    def __init__(self, folder: Path, durability: str) -> None:
        disk = self.need("key_value.aio.stores.disk")
        super().__init__()
        self.store = disk.DiskStore(directory=folder)

    def close(self) -> None:
        self.loop.run_until_complete(self.store.close())
        super().close()
