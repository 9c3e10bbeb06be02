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

from napixd_store.backends.redis.driver import DriverConnection, new_connection
from napixd_store.backends.redis.errors import wrong_option
from napixd_store.backends.redis.topology import Cluster, OneServer, Topology, behind

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


def through(client: Any, connect_timeout: float) -> tuple[Topology, str]:
    """Return the topology that *client* knows: its server, Sentinel or cluster; and a place.

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

    def make(host: str, port: int) -> DriverConnection:
        return new_connection(kind, **{**settings, "host": host, "port": port})

    secure = "s" if kind is SSLConnection else ""
    if nodes:
        seeds = [(node.host, node.port) for node in nodes]
        return Cluster(seeds, make), f"redis{secure}-cluster://{seeds[0][0]}:{seeds[0][1]}"
    pool = client.connection_pool
    if isinstance(pool, SentinelConnectionPool):
        topology = behind(pool.sentinel_manager, pool.service_name, make)
        return topology, f"redis{secure}-sentinel:///{pool.service_name}"
    topology = OneServer(lambda: new_connection(kind, **settings), moves=False)
    if kind is UnixDomainSocketConnection:
        return topology, f"unix://{settings['path']}"
    at = f"{settings.get('host', 'localhost')}:{settings.get('port', 6379)}"
    return topology, f"redis{secure}://{at}/{settings.get('db') or 0}"


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
