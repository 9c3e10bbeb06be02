"""Several servers that know of each other: a cluster of masters, a master under Sentinel."""

from collections.abc import Callable

from tests.redis.servers import Running, free_ports, until

Start = Callable[..., Running]


def start_cluster(start: Start, masters: int = 3) -> list[Running]:
    """Start *masters* that share the slots among them; return when each knows it."""
    buses = free_ports(masters)
    nodes = [
        start(
            "--cluster-enabled", "yes", "--cluster-port", str(bus), "--cluster-node-timeout", "2000"
        )
        for bus in buses
    ]
    share = 16384 // masters
    for number, node in enumerate(nodes):
        node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        last = 16383 if number == masters - 1 else (number + 1) * share - 1
        node.ask("CLUSTER", "ADDSLOTSRANGE", number * share, last)
    for other, bus in zip(nodes[1:], buses[1:], strict=True):
        nodes[0].ask("CLUSTER", "MEET", "127.0.0.1", other.port, bus)
    until(lambda: all(_is_ready(node, masters) for node in nodes), 20)
    return nodes


def _is_ready(node: Running, masters: int) -> bool:
    told = node.ask("CLUSTER INFO")
    return told["cluster_state"] == "ok" and int(told["cluster_known_nodes"]) == masters


def start_sentinels(start: Start) -> tuple[list[Running], list[Running]]:
    """Start a master, two replicas and three Sentinels; return the servers and the Sentinels."""
    given = ("--repl-diskless-sync-delay", "0", "--min-replicas-to-write", "0")
    master = start(*given)
    replicas = [start(*given, "--replicaof", f"127.0.0.1 {master.port}") for _ in range(2)]
    until(lambda: master.info("replication")["connected_slaves"] == 2)
    sentinels = [start(sentinel_of=master.port) for _ in range(3)]
    until(lambda: all(_has_quorum(each) for each in sentinels), 20)
    return [master, *replicas], sentinels


def _has_quorum(sentinel: Running) -> bool:
    told = sentinel.info("sentinel")["master0"]
    return bool(told["status"] == "ok" and told["slaves"] == 2 and told["sentinels"] == 3)
