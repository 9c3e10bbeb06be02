"""Several servers that know of each other: a cluster of masters, a master under Sentinel."""

from collections.abc import Callable, Sequence

import redis

from tests.harness.netns import Machine
from tests.redis.servers import Running, free_ports, until

Start = Callable[..., Running]


def start_cluster(
    start: Start,
    *settings: str,
    masters: int = 3,
    replicas: int = 0,
    meeting: Callable[[Running], int] = lambda node: node.port,
) -> list[Running]:
    """Start *masters* that share the slots among them, and *replicas* of the first of them.

    They meet at the port that *meeting* tells.
    """
    buses = free_ports(masters + replicas)
    settings += ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
    settings += ("--repl-diskless-sync-delay", "0")
    nodes = [start(*settings, "--cluster-port", str(bus)) for bus in buses]
    share = 16384 // masters
    for number, node in enumerate(nodes[:masters]):
        node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        last = 16383 if number == masters - 1 else (number + 1) * share - 1
        node.ask("CLUSTER", "ADDSLOTSRANGE", number * share, last)
    for other, bus in zip(nodes[1:], buses[1:], strict=True):
        nodes[0].ask("CLUSTER", "MEET", "127.0.0.1", meeting(other), bus)
    until(lambda: all(_knows_all(node, nodes) for node in nodes), 20)
    for replica, master in zip(nodes[masters:], nodes[:replicas], strict=True):
        replica.ask("CLUSTER", "REPLICATE", master.ask("CLUSTER", "MYID"))
    until(lambda: all(has_replica(master) for master in nodes[:replicas]), 20)
    return nodes


def has_replica(master: Running) -> bool:
    """Whether a replica of *master* has all that it has."""
    return bool(master.info("replication").get("slave0", {}).get("state") == "online")


def _knows_all(node: Running, nodes: Sequence[Running]) -> bool:
    told = node.ask("CLUSTER INFO")
    return told["cluster_state"] == "ok" and int(told["cluster_known_nodes"]) == len(nodes)


def start_sentinels(
    start: Start, *settings: str, machines: Sequence[Machine | None] = (None, None, None)
) -> tuple[list[Running], list[Running]]:
    """Start a master, two replicas and three Sentinels; return the servers and the Sentinels."""
    given = ("--repl-diskless-sync-delay", "0", "--min-replicas-to-write", "0", *settings)
    master = start(*given, machine=machines[0])
    given += ("--replicaof", f"{master.host} {master.port}")
    replicas = [start(*given, machine=machine) for machine in machines[1:]]
    until(lambda: master.info("replication")["connected_slaves"] == 2)
    sentinels = [start(sentinel_of=master, machine=machine) for machine in machines]
    until(lambda: all(_has_quorum(each) for each in sentinels), 20)
    return [master, *replicas], sentinels


def _has_quorum(sentinel: Running) -> bool:
    told = sentinel.info("sentinel")["master0"]
    return bool(told["status"] == "ok" and told["slaves"] == 2 and told["sentinels"] == 3)


def role(server: Running) -> str:
    """Return what a server under Sentinel is: ``master``, ``slave``, or ``changing``."""
    try:
        return str(server.info("replication")["role"])
    except redis.ConnectionError:  # Sentinel ends all connections to whom it gives a new role
        return "changing"
