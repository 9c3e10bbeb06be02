"""A redis-py client that is there already: where it leads to, and how it connects.

The client itself sends nothing for us. Its connections' class says whether TLS is spoken: its
other settings may be empty, whatever the class.
"""

from typing import Any

from redis import Connection as TCPConnection
from redis import SSLConnection, UnixDomainSocketConnection
from redis.sentinel import (
    SentinelConnectionPool,
    SentinelManagedConnection,
    SentinelManagedSSLConnection,
)

from napixd_store.backends.redis.errors import wrong_option
from napixd_store.backends.redis.routes import Cluster, OneServer, Route, behind
from napixd_store.backends.redis.wires import Wire, new_wire

_KINDS: dict[type, type] = {
    TCPConnection: TCPConnection,
    SSLConnection: SSLConnection,
    UnixDomainSocketConnection: UnixDomainSocketConnection,
    SentinelManagedConnection: TCPConnection,
    SentinelManagedSSLConnection: SSLConnection,
}
"""What a client connects with -> what we do."""

_KEPT = {"host", "port", "path", "db", "username", "password", "credential_provider"}
_KEPT |= {"client_name", "socket_keepalive", "socket_keepalive_options", "socket_type"}


def through(client: Any, connect_timeout: float) -> tuple[Route, str]:
    """Return the route that *client* takes, to its server, its Sentinel, its cluster; and a place.

    Raises:
        ConfigError: it is no client of redis-py, or connects in a way of its own.
    """
    if hasattr(client, "nodes_manager"):
        nodes = client.get_nodes()
        kind, settings = _way(client.get_redis_connection(nodes[0]).connection_pool)
    elif hasattr(client, "connection_pool"):
        nodes = []
        kind, settings = _way(client.connection_pool)
    else:
        raise wrong_option(
            f"the option 'client' must be a redis-py client, not {type(client).__name__}"
        )
    settings |= {"socket_connect_timeout": connect_timeout, "socket_timeout": connect_timeout}

    def make(host: str, port: int) -> Wire:
        return new_wire(kind, **{**settings, "host": host, "port": port})

    secure = "s" if kind is SSLConnection else ""
    if nodes:
        seeds = [(node.host, node.port) for node in nodes]
        return Cluster(seeds, make), f"redis{secure}-cluster://{seeds[0][0]}:{seeds[0][1]}"
    pool = client.connection_pool
    if isinstance(pool, SentinelConnectionPool):
        route = behind(pool.sentinel_manager, pool.service_name, make)
        return route, f"redis{secure}-sentinel:///{pool.service_name}"
    route = OneServer(lambda: new_wire(kind, **settings), moves=False)
    if kind is UnixDomainSocketConnection:
        return route, f"unix://{settings['path']}"
    at = f"{settings.get('host', 'localhost')}:{settings.get('port', 6379)}"
    return route, f"redis{secure}://{at}/{settings.get('db') or 0}"


def _way(pool: Any) -> tuple[type, dict[str, Any]]:
    """Return the class and the settings with which the connections of *pool* are made."""
    kind = _KINDS.get(pool.connection_class)
    if kind is None:
        raise wrong_option(
            f"the option 'client' connects in a way of its own ({pool.connection_class.__name__}): "
            f"give one that connects with a class of redis-py"
        )
    return kind, {
        name: value
        for name, value in pool.connection_kwargs.items()
        if name in _KEPT or (kind is SSLConnection and name.startswith("ssl_"))
    }
