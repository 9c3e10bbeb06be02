"""What the original Napix store kept in Redis: pickles, hashes, keys and counters.

Its names are ``<prefix>:<collection>``, and for a key of its own ``<prefix>:<collection>:<key>``;
the prefix is the option of that name, else the class of the backend.
"""

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from napixd_store.errors import ConfigError, CorruptData
from napixd_store.importing.entries import Collection, Entry, Pair, Unreadable, shown
from napixd_store.importing.napix import members
from napixd_store.importing.pickles import check_encoding

if TYPE_CHECKING:
    from napixd_store.backends.redis.server import Server

Layout = Literal["RedisBackend", "RedisHashBackend", "RedisKeyBackend", "RedisCounterBackend"]

_TYPES: Final = {
    "RedisBackend": b"string",
    "RedisHashBackend": b"hash",
    "RedisKeyBackend": b"string",
    "RedisCounterBackend": b"string",
}
_AT_ONCE = 1_000
_OURS = re.compile(r"(blob|hash|hash-until|index|key|key-until|counter):\{|collections:")
"""How our own names go on behind a prefix, which may be the same."""

_GLOB = re.compile(rb"([*?\[\]^\\-])")


class FoundCounter(NamedTuple):
    """The name of a counter of the original, and its value."""

    name: str
    value: int


def napix_redis(
    layout: Layout,
    options: Mapping[str, Any],
    *,
    prefix: str | None = None,
    collection: str | None = None,
    encoding: str = "utf-8",
) -> list[Collection]:
    """Return the collections that a backend of the original kept in Redis, sorted by their names.

    *layout* is the class of that backend. *options* reach the server, as for our Redis backends;
    *prefix* is that of the original. The names are searched for, unless *collection* says one.
    Names with a colon cannot be told from keys under ``RedisKeyBackend``: there *collection* must
    be said where that may be. Values of hashes and keys were kept as text, numbers too, and come
    as ``str``.

    Raises:
        ConfigError: the options are wrong, or are those of a cluster, which the original had none.
        Unavailable: the server does not answer.
    """
    check_encoding(encoding)
    start = _start(layout, prefix)
    server = _server(options)
    if collection is not None:
        names = [collection]
    elif layout == "RedisKeyBackend":
        rests = [rest.partition(":") for rest in _rests(server, layout, start, encoding)]
        unclear = sorted(":".join((name, key)) for name, _, key in rests if ":" in key)
        if unclear:
            raise ConfigError(
                f"{server.place}: in {unclear[0]!r} nobody can tell the collection from the key: "
                f"say which collection"
            )
        names = sorted({name for name, colon, _ in rests if colon})
    else:
        names = _rests(server, layout, start, encoding)
    read = {"RedisHashBackend": _hash, "RedisKeyBackend": _keys}.get(layout, _blob)
    return [Collection(name, partial(read, server, f"{start}{name}", encoding)) for name in names]


def napix_counters(
    options: Mapping[str, Any], *, prefix: str | None = None, name: str | None = None
) -> list[FoundCounter]:
    """Return the counters that ``RedisCounterBackend`` kept in Redis, sorted by their names.

    *options* and *prefix* as for `napix_redis`. The names are searched for, unless *name* says
    one: needed where the same *prefix* served for stores.

    Raises:
        CorruptData: one holds no integer.
        ConfigError, Unavailable: as `napix_redis` does.
    """
    layout: Layout = "RedisCounterBackend"
    start, server = _start(layout, prefix), _server(options)
    found = []
    for each in _rests(server, layout, start, "utf-8") if name is None else [name]:
        said = _ask(server, f"{start}{each}", "GET")
        if not re.fullmatch(rb"-?[0-9]{1,19}", said or b"0"):
            raise CorruptData(f"{server.place}: {start}{each} holds no integer; say which name")
        if said is not None:
            found.append(FoundCounter(each, int(said)))
    return found


def _start(layout: Layout, prefix: str | None) -> str:
    if layout not in _TYPES:
        raise ConfigError(f"the original had no {layout!r}: it had {', '.join(_TYPES)}")
    return f"{layout if prefix is None else prefix}:"


def _server(options: Mapping[str, Any]) -> "Server":
    from napixd_store.backends.redis import RedisHashStore  # whose driver may not be installed

    server: Server = RedisHashStore._reached(options)
    if options.get("cluster"):
        raise ConfigError("the original kept nothing in a cluster: give the server it used")
    return server


def _ask(server: "Server", name: str, *command: Any) -> Any:
    verb, *rest = command
    return server.read(lambda: f"{name} in {server.place}", name, verb, name, *rest)


def _rests(server: "Server", layout: Layout, start: str, encoding: str) -> list[str]:
    """Return, sorted, what stands behind *start* in the names of what the layout may have made."""
    found: set[bytes] = set()
    pattern, cursor = _GLOB.sub(rb"\\\1", start.encode()) + b"*", b"0"
    while True:
        cursor, names = server.read(
            lambda: server.place, start, "SCAN", cursor, "MATCH", pattern, "COUNT", _AT_ONCE
        )
        found.update(names)
        if cursor == b"0":
            break
    told = [_decoded(name, encoding) for name in found]
    kind = _TYPES[layout]
    return sorted(
        name[len(start) :]
        for name in told
        if not _OURS.match(name, len(start)) and _ask(server, name, "TYPE") == kind
    )


def _decoded(raw: bytes, encoding: str) -> str:
    return raw.decode("utf-8" if encoding == "bytes" else encoding, "surrogateescape")


def _blob(server: "Server", name: str, encoding: str) -> Iterator[Entry]:
    """Yield the pairs of a ``RedisStore``: a pickle of its dict."""
    data = _ask(server, name, "GET")
    if data:  # the original took an empty one for no pairs, too
        yield from members(f"{server.place}, {name}", data, encoding)


def _hash(server: "Server", name: str, encoding: str) -> Iterator[Entry]:
    """Yield the pairs of a ``RedisHashStore``: fields of a hash."""
    cursor = b"0"
    seen: set[bytes] = set()
    while True:
        cursor, flat = _ask(server, name, "HSCAN", cursor, "COUNT", _AT_ONCE)
        fields = iter(flat)
        for key, value in zip(fields, fields, strict=True):
            if key not in seen:  # the server may tell one twice
                seen.add(key)
                yield _texts(f"{server.place}, {name}", key, value, encoding)
        if cursor == b"0":
            return


def _keys(server: "Server", name: str, encoding: str) -> Iterator[Entry]:
    """Yield the pairs of a ``RedisKeyStore``: a key of the server each."""
    for rest in _rests(server, "RedisKeyBackend", f"{name}:", encoding):
        value = _ask(server, f"{name}:{rest}", "GET")
        if value is not None:
            key = rest.encode("utf-8" if encoding == "bytes" else encoding, "surrogateescape")
            yield _texts(f"{server.place}, {name}", key, value, encoding)


def _texts(place: str, key: bytes, value: bytes, encoding: str) -> Entry:
    if encoding == "bytes":
        return Pair(f"{place}, {shown(key)}", key, value)
    try:
        return Pair(f"{place}, {shown(key)}", key.decode(encoding), value.decode(encoding))
    except UnicodeDecodeError:
        return Unreadable(f"{place}, {shown(key)}", f"the key or its value is not {encoding}")
