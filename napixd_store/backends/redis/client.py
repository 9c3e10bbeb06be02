"""The opener: from options to a `Server`. Nothing is connected before it is used."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from redis import Connection as TCPConnection
from redis import SSLConnection, UnixDomainSocketConnection
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelConnectionPool

from napixd_store.backends.redis.exchanges import Packer
from napixd_store.backends.redis.links import Wire
from napixd_store.backends.redis.routes import Address, Cluster, OneServer, Route
from napixd_store.backends.redis.server import Server
from napixd_store.errors import ConfigError, InvalidName
from napixd_store.names import check_name
from napixd_store.options import Secret, bind

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
    prefix: str = "napixd",
    client: Any = None,
    sentinel: str | None = None,
    service: str | None = None,
    sentinel_username: str | None = None,
    sentinel_password: Secret | None = None,
    cluster: bool = False,
    connect_timeout: float = 1.0,
    timeout: float = 5.0,
    durability: Literal["memory", "process", "power", "replicated"] | None = None,
    replicas: int = 1,
    strict: bool = False,
) -> Server:
    """Return the server that the options lead to; nothing is connected before it is used.

    Args:
        url: ``redis://user:password@host:port/db``, ``rediss://…`` (TLS), ``unix:///path``; what
            follows a ``?`` are options of this list.
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
        prefix: what all names in the server begin with.
        client: a redis-py client that is there already: its address and credentials are used.
        sentinel: ``host:port,host:port`` of the Sentinels that know the master of *service*.
        service: the master's name in Sentinel.
        sentinel_username: for the Sentinels themselves.
        sentinel_password: for the Sentinels themselves.
        cluster: the server is a node of a Redis Cluster.
        connect_timeout: seconds for connecting and logging in.
        timeout: seconds for a reply.
        durability: refuse to work unless the server grants it. When not given, `durability` says
            ``memory``: the least there is, for nobody has asked the server.
        replicas: how many must confirm each write under ``replicated``.
        strict: refuse a server that evicts, instead of warning.

    Raises:
        ConfigError: options contradict each other, a value is out of range, or a file is missing.
    """
    given = dict(locals())
    if url is not None:
        return open_server(**_with_url(given))
    _check(given)
    login = _Login(username, password)
    settings: dict[str, Any] = {"socket_connect_timeout": connect_timeout}
    settings |= {"socket_timeout": connect_timeout}  # while logging in; then ours
    settings |= {"credential_provider": login if password or username else None, "db": db or 0}
    if ssl:
        files = {"ca_certs": ssl_ca_certs, "certfile": ssl_certfile, "keyfile": ssl_keyfile}
        settings |= {f"ssl_{name}": _file(f"ssl_{name}", file) for name, file in files.items()}
        settings |= {"ssl_check_hostname": ssl_check_hostname, "ssl_cert_reqs": "required"}
    kind: type = SSLConnection if ssl else TCPConnection
    at = (host or "localhost", port or PORT)
    if client is not None:
        route, place = _through(client, connect_timeout)
    elif sentinel is not None:
        guards = _addresses(sentinel)
        route = _behind(
            _guards(guards, _Login(sentinel_username, sentinel_password), connect_timeout),
            str(service),
            lambda host, port: _wire(kind, settings, host=host, port=port),
        )
        place = f"redis-sentinel://{sentinel}/{service}"
    elif cluster:
        del settings["db"]
        route = Cluster([at], lambda host, port: _wire(kind, settings, host=host, port=port))
        place = f"redis-cluster://{at[0]}:{at[1]}"
    elif unix_socket_path is not None:
        path = str(Path(unix_socket_path).expanduser())
        route = OneServer(
            lambda: _wire(UnixDomainSocketConnection, settings, path=path), moves=False
        )
        place = f"unix://{path}" + (f" (db {db})" if db else "")
    else:
        route = OneServer(lambda: _wire(kind, settings, host=at[0], port=at[1]), moves=False)
        place = f"redis{'s' if ssl else ''}://{at[0]}:{at[1]}/{db or 0}"
    return Server(
        route,
        place,
        prefix=prefix,
        connect_timeout=connect_timeout,
        timeout=timeout,
        durability=durability,
        replicas=replicas,
        strict=strict,
    )


class _Login(CredentialProvider):
    """Hands the password to redis-py when it logs in, so that none of its objects holds it."""

    def __init__(self, username: str | None, password: Secret | None) -> None:
        self._username, self._password = username, password

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        password = self._password.reveal if self._password else ""
        return (self._username, password) if self._username else (password,)


def _wire(kind: type, settings: dict[str, Any], **more: Any) -> Wire:
    return kind(
        **settings,
        **more,
        retry=Retry(NoBackoff(), 0),
        retry_on_error=[],
        protocol=2,
        command_packer=Packer(),
    )


# --- options -----------------------------------------------------------------------------------

_ADDRESS = ("host", "port", "unix_socket_path", "client", "sentinel", "cluster")
_RANGES: dict[str, tuple[float, float, str]] = {
    "port": (1, 65535, "1 to 65535"),
    "db": (0, 2**31, "0 or more"),
    "connect_timeout": (0.001, 86400, "a number of seconds above 0"),
    "timeout": (0.001, 86400, "a number of seconds above 0"),
    "replicas": (1, 1000, "1 or more"),
}


def _check(given: dict[str, Any]) -> None:
    for name, (least, most, words) in _RANGES.items():
        if given[name] is not None and not least <= given[name] <= most:
            raise _wrong(f"the option {name!r} must be {words}")
    try:
        check_name(given["prefix"], "prefix")
    except InvalidName as exc:
        raise _wrong(f"the option 'prefix': {exc}") from None
    ways = [name for name in _ADDRESS[2:] if given[name]]
    ways += [name for name in _ADDRESS[:2] if given[name] and not given["cluster"]]
    if len(ways) > 1 and set(ways) != {"host", "port"}:
        raise _wrong(f"the options {' and '.join(map(repr, ways))} exclude each other")
    if bool(given["sentinel"]) != bool(given["service"]):
        raise _wrong("the options 'sentinel' and 'service' need each other")
    if given["cluster"] and given["db"]:
        raise _wrong("a cluster has no databases but 0: leave out 'db'")
    if given["client"] is not None:
        own = [name for name in ("db", "username", "password", "ssl") if given[name]]
        if own:
            raise _wrong(f"the option {own[0]!r} is the client's own: give one of them")


def _file(option: str, path: Path | str | None) -> str | None:
    """Return where *path* leads to: the driver's own error would not say which one is missing."""
    if not path:
        return None
    file = Path(path).expanduser()
    if not file.is_file():
        raise _wrong(f"the option {option!r}: there is no file {file}")
    return str(file)


def _wrong(what: str) -> ConfigError:
    return ConfigError(f"Redis: {what}")


def _with_url(given: dict[str, Any]) -> dict[str, Any]:
    """Return *given* with the parts of its URL for options of their own."""
    try:
        parts = urlsplit(given["url"].reveal)
        port = parts.port
    except ValueError:
        raise _wrong("the option 'url' is no URL") from None
    if parts.scheme not in ("redis", "rediss", "unix"):
        raise _wrong("the option 'url' must begin with redis://, rediss:// or unix://")
    said: dict[str, Any] = {"port": port, "username": unquote(parts.username or "") or None}
    if parts.password:
        said["password"] = unquote(parts.password)
    if parts.scheme == "unix":
        said["unix_socket_path"] = unquote(parts.path)
    else:
        said["ssl"] = True if parts.scheme == "rediss" else None
        said["host"] = unquote(parts.hostname or "") or None
        said["db"] = parts.path.strip("/") or None
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if said.get(name) is not None or name == "url":
            raise _wrong(f"the option {name!r} is given twice in the URL")
        said[name] = value
    said = {name: value for name, value in said.items() if value is not None}
    (bound,) = bind("the URL of Redis", said, open_server)
    defaults = open_server.__kwdefaults__ or {}
    for name in bound:
        if given[name] != defaults[name]:
            raise _wrong(f"the option {name!r} is given twice: in the URL and beside it")
    return {**given, **bound, "url": None}


def _addresses(text: str) -> list[Address]:
    addresses = []
    for part in text.split(","):
        host, colon, port = part.strip().rpartition(":")
        if not colon:
            host, port = part.strip(), str(SENTINEL_PORT)
        if not host or not port.isdigit():
            raise _wrong("the option 'sentinel' must be host:port, or several with commas")
        addresses.append((host.strip("[]"), int(port)))
    return addresses


# --- Sentinel, and clients that are there already ------------------------------------------------


def _guards(addresses: list[Address], login: _Login, connect_timeout: float) -> Sentinel:
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


def _behind(guards: Any, service: str, make: Callable[[str, int], Wire]) -> Route:
    return OneServer(lambda: make(*guards.discover_master(service)), moves=True)


_KEPT = {"host", "port", "path", "db", "username", "password", "credential_provider"}
_KEPT |= {"client_name", "socket_keepalive", "socket_keepalive_options", "socket_type"}


def _through(client: Any, connect_timeout: float) -> tuple[Route, str]:
    """Return the route that a redis-py *client* takes: to its server, its Sentinel, its cluster."""
    nodes: Any = getattr(client, "nodes_manager", None)
    pool: Any = getattr(client, "connection_pool", None)
    if nodes is None and pool is None:
        raise _wrong(f"the option 'client' must be a redis-py client, not {type(client).__name__}")
    theirs = nodes.connection_kwargs if nodes is not None else pool.connection_kwargs
    settings = {
        name: value for name, value in theirs.items() if name in _KEPT or name.startswith("ssl_")
    }
    settings |= {"socket_connect_timeout": connect_timeout, "socket_timeout": connect_timeout}
    kind: type = (
        SSLConnection if any(name.startswith("ssl_") for name in settings) else TCPConnection
    )

    def make(host: str, port: int) -> Wire:
        return _wire(kind, {**settings, "host": host, "port": port})

    if nodes is not None:
        seeds = [(node.host, node.port) for node in client.get_nodes()]
        return Cluster(seeds, make), f"redis-cluster://{seeds[0][0]}:{seeds[0][1]}"
    if isinstance(pool, SentinelConnectionPool):
        guards = pool.sentinel_manager
        return _behind(guards, pool.service_name, make), f"redis-sentinel:///{pool.service_name}"
    if "path" in settings:
        path = settings["path"]
        return OneServer(
            lambda: _wire(UnixDomainSocketConnection, settings), moves=False
        ), f"unix://{path}"
    at = (settings.get("host", "localhost"), settings.get("port", PORT))
    return OneServer(
        lambda: make(*at), moves=False
    ), f"redis://{at[0]}:{at[1]}/{settings.get('db') or 0}"
