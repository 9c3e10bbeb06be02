"""Who keeps a dict in a process, as contestants: their notes are in `suites.memory`."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from benchmarks.contestants.kinds import OnCachelib, OnKeyValue, Ours
from benchmarks.measure import Contestant
from benchmarks.rounds import Value


class InMemory(Ours):
    """This library on Memory, which is that of the whole process."""

    def __init__(self, folder: Path) -> None:
        super().__init__("Memory")

    def close(self) -> None:
        self.store.drop()
        self.counter.drop()
        super().close()


class Records(Contestant):
    """A dict of msgspec's bytes, so that nobody changes what is kept."""

    name = "dict of msgspec's bytes"
    durability = "memory"

    def __init__(self, folder: Path) -> None:
        self.records: dict[str, bytes] = {}
        self.count = 0
        self.encode = msgspec.json.Encoder().encode
        self.decode = msgspec.json.Decoder().decode

    def get(self, keys: Iterable[str]) -> None:
        records, decode = self.records, self.decode
        for key in keys:
            decode(records[key])

    def contains(self, keys: Iterable[str]) -> None:
        records = self.records
        for key in keys:
            key in records  # noqa: B015 - asking is what is measured

    def set(self, pairs: Iterable[tuple[str, Value]]) -> None:
        records, encode = self.records, self.encode
        for key, value in pairs:
            records[key] = encode(value)

    def update(self, pairs: Mapping[str, Value]) -> None:
        encode = self.encode
        self.records.update({key: encode(value) for key, value in pairs.items()})

    def iterate(self, places: range) -> None:
        decode = self.decode
        for value in self.records.values():
            decode(value)

    def length(self, times: range) -> None:
        for _ in times:
            len(self.records)

    def delete(self, keys: Iterable[str]) -> None:
        records = self.records
        for key in keys:
            del records[key]

    def increment(self, times: range) -> None:
        for _ in times:
            self.count += 1


class CachelibSimple(OnCachelib):
    """`cachelib.SimpleCache`, pickling."""

    durability = "memory"

    def __init__(self, folder: Path) -> None:
        self.cache = self.need("cachelib").SimpleCache(threshold=1_000_000, default_timeout=0)


class KeyValueMemory(OnKeyValue):
    """`py-key-value` in memory."""

    name = "py-key-value"
    durability = "memory"

    def __init__(self, folder: Path) -> None:
        stores = self.need("key_value.aio.stores.memory")
        super().__init__()
        self.store = stores.MemoryStore()
