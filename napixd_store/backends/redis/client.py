"""The opener: from options to a `Server`. Nothing is connected before it is used."""

import weakref
from collections.abc import Hashable
from pathlib import Path
from typing import Any, Literal

from redis import Connection as TCPConnection
from redis import SSLConnection, UnixDomainSocketConnection
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider
from redis.retry import Retry
from redis.sentinel import Sentinel

from napixd_store.backends.redis.driver import new_connection
from napixd_store.backends.redis.errors import wrong_option
from napixd_store.backends.redis.ready import through
from napixd_store.backends.redis.server import Server
from napixd_store.backends.redis.topology import Address, Cluster, OneServer, Topology, behind
from napixd_store.backends.redis.urls import without_url
from napixd_store.errors import InvalidName
from napixd_store.names import check_name
from napixd_store.options import Secret

PORT = 6379
SENTINEL_PORT = 26379


def open_server(
    *,
    url: Secret | None = None,
    host: str | None = None,
    port: int | None = None,
    db: int | None = None,
    username: str | None = None,
    password: Secret | None = None,
    unix_socket_path: Path | str | None = None,
    ssl: bool = False,
    ssl_ca_certs: Path | str | None = None,
    ssl_certfile: Path | str | None = None,
    ssl_keyfile: Path | str | None = None,
    ssl_check_hostname: bool = True,
    ssl_cert_reqs: Literal["required", "none"] = "required",
    prefix: str = "napixd",
    client: Any = None,
    sentinel: str | None = None,
    service: str | None = None,
    sentinel_username: str | None = None,
    sentinel_password: Secret | None = None,
    cluster: bool = False,
    connect_timeout: float = 1.0,
    timeout: float = 5.0,
    max_connections: int | None = None,
    durability: Literal["memory", "process", "power", "replicated"] | None = None,
    replicas: int = 1,
    strict: bool = False,
    cache: bool | int = False,
) -> Server:
    """Return the server that the options lead to; nothing is connected before it is used.

    Args:
        url: ``redis://user:password@host:port/db``, ``rediss://…`` (TLS), ``unix:///path``, also
            ``valkey://…`` and ``valkeys://…``; what follows a ``?`` are options of this list.
        host: its name or address; ``localhost`` when nothing else is given.
        port: its port; 6379 when not given.
        db: the number of the database; 0 when not given.
        username: of the server's ACL; the user ``default`` when not given.
        password: shown nowhere.
        unix_socket_path: a socket in the file system instead of host and port.
        ssl: speak TLS.
        ssl_ca_certs: file of the authorities to trust, instead of the system's.
        ssl_certfile: our own certificate, where the server asks for one.
        ssl_keyfile: the key of our own certificate.
        ssl_check_hostname: insist that the certificate is the host's.
        ssl_cert_reqs: ``none`` takes any certificate, and so anybody who is in between; for a
            server whose certificate nobody signed.
        prefix: what all names in the server begin with.
        client: a redis-py client that is there already: its address, credentials and TLS are used.
        sentinel: ``host:port,host:port`` of the Sentinels that know the master of *service*.
        service: the master's name in Sentinel.
        sentinel_username: for the Sentinels themselves.
        sentinel_password: for the Sentinels themselves.
        cluster: the server is a node of a Redis Cluster.
        connect_timeout: seconds for connecting and logging in.
        timeout: seconds for a reply.
        max_connections: so many at a time to one server; who needs another waits for up to
            *timeout*. Any number when not given.
        durability: refuse to work unless the server grants it. When not given, `durability` says
            ``memory``: the least there is, for nobody has asked the server.
        replicas: how many must confirm each write under ``replicated``.
        strict: refuse a server that evicts, instead of warning.
        cache: keep records that were read in this process, in 64 MiB or in so many bytes, until
            the server says that they have changed. Needs Redis 6 or newer, and no cluster.

    Raises:
        ConfigError: options contradict each other, a value is out of range, or a file is missing.
    """
    given = dict(locals())
    if url is not None:
        return open_server(**without_url(given, open_server))
    _check(given)
    login = _Login(username, password)
    settings: dict[str, Any] = {"socket_connect_timeout": connect_timeout}
    settings |= {"socket_timeout": connect_timeout}  # while logging in; then ours
    settings |= {"credential_provider": login if password or username else None, "db": db or 0}
    if ssl:
        files = {"ca_certs": ssl_ca_certs, "certfile": ssl_certfile, "keyfile": ssl_keyfile}
        settings |= {f"ssl_{name}": _file(f"ssl_{name}", file) for name, file in files.items()}
        checks = ssl_check_hostname and ssl_cert_reqs == "required"
        settings |= {"ssl_check_hostname": checks, "ssl_cert_reqs": ssl_cert_reqs}
    kind: type = SSLConnection if ssl else TCPConnection
    at = (host or "localhost", port or PORT)
    if client is not None:
        topology, place = through(client, connect_timeout)
    elif sentinel is not None:
        addresses = _addresses(sentinel)
        topology = behind(
            _sentinels(addresses, _Login(sentinel_username, sentinel_password), connect_timeout),
            str(service),
            lambda host, port: new_connection(kind, **settings, host=host, port=port),
        )
        place = f"redis-sentinel://{sentinel}/{service}"
    elif cluster:
        del settings["db"]
        topology = Cluster(
            [at], lambda host, port: new_connection(kind, **settings, host=host, port=port)
        )
        place = f"redis-cluster://{at[0]}:{at[1]}"
    elif unix_socket_path is not None:
        path = str(Path(unix_socket_path).expanduser())
        topology = OneServer(
            lambda: new_connection(UnixDomainSocketConnection, **settings, path=path), moves=False
        )
        place = f"unix://{path}" + (f" (db {db})" if db else "")
    else:
        topology = OneServer(
            lambda: new_connection(kind, **settings, host=at[0], port=at[1]), moves=False
        )
        place = f"redis{'s' if ssl else ''}://{at[0]}:{at[1]}/{db or 0}"
    try:  # another prefix is no reason for another connection
        told = tuple(sorted((name, given[name]) for name in given.keys() - _OWN))
        topology = _topologies.setdefault((place, *told), topology)
    except TypeError:  # a client that cannot be compared with others
        pass
    options: dict[str, Any] = {"prefix": prefix, "max_connections": max_connections}
    options |= {"connect_timeout": connect_timeout, "timeout": timeout}
    options |= {"durability": durability, "replicas": replicas, "strict": strict}
    if not cache:
        return Server(topology, place, **options)
    if topology.remembers:
        raise wrong_option(
            "the option 'cache' is not for a cluster: its nodes tell of their own keys only, and "
            "hand them over without a word"
        )
    from napixd_store.backends.redis.caching import CachingServer  # few need it

    most = _CACHE if cache is True else cache
    return CachingServer(topology, place, cache=most, **options)


_OWN = {"url", "prefix", "timeout", "cache"}
"""What is not a connection's own, but the server's that uses it."""

_topologies: weakref.WeakValueDictionary[Hashable, Topology] = weakref.WeakValueDictionary()


class _Login(CredentialProvider):
    """Hands the password to redis-py when it logs in, so that none of its objects holds it."""

    def __init__(self, username: str | None, password: Secret | None) -> None:
        self._username, self._password = username, password

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        password = self._password.reveal if self._password else ""
        return (self._username, password) if self._username else (password,)


# --- options -----------------------------------------------------------------------------------

_ADDRESS = ("host", "port", "unix_socket_path", "client", "sentinel", "cluster")
_RANGES: dict[str, tuple[float, float, str]] = {
    "port": (1, 65535, "1 to 65535"),
    "db": (0, 2**31, "0 or more"),
    "connect_timeout": (0.001, 86400, "a number of seconds above 0"),
    "timeout": (0.001, 86400, "a number of seconds above 0"),
    "replicas": (1, 1000, "1 or more"),
    "max_connections": (1, 2**31, "1 or more"),
}
_LEAST_CACHE, _CACHE = 2**16, 64 * 2**20


def _check(given: dict[str, Any]) -> None:
    for name, (least, most, words) in _RANGES.items():
        if given[name] is not None and not least <= given[name] <= most:
            raise wrong_option(f"the option {name!r} must be {words}")
    cache = given["cache"]
    if not (isinstance(cache, bool) or cache == 0 or cache >= _LEAST_CACHE):
        raise wrong_option(f"the option 'cache' must be yes, no, or {_LEAST_CACHE} bytes or more")
    try:
        check_name(given["prefix"], "prefix")
    except InvalidName as exc:
        raise wrong_option(f"the option 'prefix': {exc}") from None
    ways = [name for name in _ADDRESS[2:] if given[name]]
    ways += [name for name in _ADDRESS[:2] if given[name] and not given["cluster"]]
    if len(ways) > 1 and set(ways) != {"host", "port"}:
        raise wrong_option(f"the options {' and '.join(map(repr, ways))} exclude each other")
    if bool(given["sentinel"]) != bool(given["service"]):
        raise wrong_option("the options 'sentinel' and 'service' need each other")
    if given["unix_socket_path"] and given["ssl"]:
        raise wrong_option("a socket in the file system speaks no TLS: leave out 'ssl'")
    if given["cluster"] and given["db"]:
        raise wrong_option("a cluster has no databases but 0: leave out 'db'")
    if given["client"] is not None:
        own = [name for name in ("db", "username", "password", "ssl") if given[name]]
        if own:
            raise wrong_option(f"the option {own[0]!r} is the client's own: give one of them")


def _file(option: str, path: Path | str | None) -> str | None:
    """Return where *path* leads to: the driver's own error would not say which one is missing."""
    if not path:
        return None
    file = Path(path).expanduser()
    if not file.is_file():
        raise wrong_option(f"the option {option!r}: there is no file {file}")
    return str(file)


def _addresses(text: str) -> list[Address]:
    addresses = []
    for part in text.split(","):
        host, colon, port = part.strip().rpartition(":")
        if not colon:
            host, port = part.strip(), str(SENTINEL_PORT)
        if not host or not port.isdigit():
            raise wrong_option("the option 'sentinel' must be host:port, or several with commas")
        addresses.append((host.strip("[]"), int(port)))
    return addresses


def _sentinels(addresses: list[Address], login: _Login, connect_timeout: float) -> Sentinel:
    each = connect_timeout / len(addresses)  # together they may take no longer than one
    return Sentinel(  # type: ignore[no-untyped-call]
        addresses,
        sentinel_kwargs={
            "socket_timeout": each,
            "socket_connect_timeout": each,
            "retry": Retry(NoBackoff(), 0),
            "credential_provider": login if any(login.get_credentials()) else None,
        },
    )
