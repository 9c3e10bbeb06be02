"""Every way a server fails, for real: the right error, one line that helps, and no secret.

All servers here have a password, and every error is searched for it and for a stored value: in
its text, its causes, its traceback with all local variables, and in what was logged.
"""

import signal
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from napixd_store import (
    ConfigError,
    CorruptData,
    Counter,
    CounterOverflow,
    EvictingWarning,
    NotReplicated,
    OutcomeUnknown,
    ReadOnly,
    Store,
    StoreError,
    StoreFull,
    Unavailable,
    WrongType,
)
from napixd_store.connections import close_all
from tests.harness.netns import Machine
from tests.redis.canaries import PASSWORD, VALUE, fails
from tests.redis.proxy import before
from tests.redis.servers import Running, free_ports, until

pytestmark = pytest.mark.usefixtures("nothing_secret_is_logged")
KINDS = {"Redis": "blob", "RedisHash": "hash", "RedisKey": "index"}
STORES = list(KINDS)
Start = Callable[..., Running]
HASTY: dict[str, Any] = {"connect_timeout": 0.3, "timeout": 0.5}
SLACK = 1.0
"""Seconds for a busy machine besides; without a budget it would be a minute, or for ever."""
"""For a server that does not answer; whoever does is given time, however busy the machine is."""


@pytest.fixture
def guarded(start: Start) -> Running:
    """Return a server with a password, which the test may spoil."""
    return start("--requirepass", PASSWORD)


def opened(server: Running | int, backend: str = "RedisHash", **more: Any) -> Any:
    """Open the collection ``boxes``."""
    port = server if isinstance(server, int) else server.port
    given = {"host": "127.0.0.1", "port": port, "password": PASSWORD, "writeback": False}
    return Store("boxes", backend=backend, **{**given, **more})


def counted(server: Running, **more: Any) -> Any:
    """Open the counter ``boxes``."""
    given = {"host": "127.0.0.1", "port": server.port, "password": PASSWORD}
    return Counter("boxes", backend="Redis", **{**given, **more})


def put(store: Any) -> Callable[[], None]:
    return lambda: store.__setitem__("k", VALUE)


# --- reaching the server -----------------------------------------------------------------------


def test_a_closed_port_is_unavailable_at_once() -> None:
    (port,) = free_ports(1)
    store = opened(port, connect_timeout=60, timeout=60)
    started = time.monotonic()
    fails(Unavailable, put(store), f"127.0.0.1:{port}", "refused", "nothing was changed")
    fails(Unavailable, lambda: store["k"], f"127.0.0.1:{port}")
    assert time.monotonic() - started < 60  # so no budget was waited for


@pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 70, "a..b"])
def test_a_host_that_is_none_is_unavailable(host: str) -> None:
    fails(Unavailable, put(opened(1, host=host)), f"{host}:1", "nothing was changed")


def test_a_socket_that_is_none_is_unavailable(tmp_path: Any) -> None:
    store = opened(1, host=None, port=None, unix_socket_path=tmp_path / "none")
    fails(Unavailable, put(store), str(tmp_path / "none"))


def test_a_frozen_server_is_unavailable_before_anything_is_sent(guarded: Running) -> None:
    guarded.signal(signal.SIGSTOP)
    started = time.monotonic()
    fails(Unavailable, put(opened(guarded, **HASTY)), str(guarded.port), "nothing was changed")
    assert time.monotonic() - started < HASTY["connect_timeout"] + SLACK
    guarded.signal(signal.SIGCONT)
    put(opened(guarded))()


@pytest.mark.parametrize("backend", STORES)
@pytest.mark.parametrize("more", [{}, {"strict": True}, {"durability": "process"}])
def test_a_login_that_is_lacking_is_told(
    guarded: Running, backend: str, more: dict[str, Any]
) -> None:
    """Also by the first question to the server, whose refusal is passed over otherwise."""
    for login in ({"password": None}, {"password": "wrong"}):
        for first in (lambda store: store.get("k"), lambda store: put(store)(), len):
            close_all()
            store = opened(guarded, backend, **{**more, **login})
            with pytest.raises(ConfigError, match=r"refused the login.*nothing was changed"):
                first(store)
    assert len(opened(guarded, backend)) == 0


@pytest.mark.parametrize("backend", STORES)
def test_a_server_that_freezes_leaves_a_write_unknown(guarded: Running, backend: str) -> None:
    store, counter = opened(guarded, backend, **HASTY), counted(guarded, **HASTY)
    store["n"] = 1
    number = counter.increment()
    for call in (put(store), lambda: counter.increment()):
        store.get("n"), counter.value
        guarded.signal(signal.SIGSTOP)
        started = time.monotonic()
        fails(OutcomeUnknown, call, str(guarded.port), "may or may not be applied")
        assert time.monotonic() - started < sum(HASTY.values()) + SLACK
        guarded.signal(signal.SIGCONT)
    assert counter.value in (number, number + 1)
    store.get("n")
    guarded.signal(signal.SIGSTOP)
    fails(Unavailable, lambda: store["n"], "read")
    guarded.signal(signal.SIGCONT)
    assert store["n"] == 1


def test_a_reply_that_drips_ends_with_the_budget(guarded: Running) -> None:
    with before(guarded.port) as proxy:
        hasty = {**HASTY, "port": proxy.port}
        store, counter = opened(guarded, **hasty), counted(guarded, **hasty)
        store["k"] = VALUE
        for kind, call in (
            (Unavailable, lambda: store["k"]),
            (OutcomeUnknown, lambda: counter.increment()),
            (Unavailable, put(opened(guarded, **hasty, prefix="fresh"))),  # it logs in
        ):
            assert counter.value in (0, 1)
            proxy.drip = 0.2
            started = time.monotonic()
            fails(kind, call, str(proxy.port))
            assert time.monotonic() - started < sum(HASTY.values()) + SLACK
            proxy.drip = 0.0


def test_a_connection_killed_while_idle_goes_unnoticed(guarded: Running) -> None:
    store, counter = opened(guarded), counted(guarded)
    for number in range(1, 5):
        guarded.ask("CLIENT", "KILL", "TYPE", "normal")
        assert counter.increment() == number
        guarded.ask("CLIENT", "KILL", "TYPE", "normal")
        store["k"] = number
        assert store["k"] == number


def test_a_restarted_server_is_found_again(guarded: Running) -> None:
    store = opened(guarded)
    store["k"] = 1
    guarded.stop()
    fails(Unavailable, put(store), "refused")
    guarded.start()
    store["k"] = 2
    assert store["k"] == 2
    assert type(store).collections(reaching(guarded)) == ["boxes"]  # though the registry was lost


def reaching(server: Running) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": server.port, "password": PASSWORD}


def test_a_loading_server_is_waited_for_within_the_budget(start: Start) -> None:
    guarded = start("--requirepass", PASSWORD, "--key-load-delay", "40")
    guarded.ask("CONFIG", "SET", "key-load-delay", "0")
    guarded.ask("DEBUG", "POPULATE", "20000")
    guarded.ask("SAVE")
    guarded.stop()
    guarded.settings += ("--loading-process-events-interval-bytes", "1024")
    guarded.start(wait=False)
    while not (guarded.folder / "s").exists():
        time.sleep(0.01)
    store = opened(guarded, timeout=0.2)
    deadline = time.monotonic() + 5
    while True:  # until it listens, it refuses
        with pytest.raises(Unavailable) as caught:
            store["k"] = 1
        if "loading" in str(caught.value) or time.monotonic() > deadline:
            break
    fails(Unavailable, put(store), "loading", "nothing was changed")
    opened(guarded, timeout=20)["k"] = 1


# --- a cable is pulled ---------------------------------------------------------------------------


def timed(*failure: Any) -> float:
    """Return how long a call takes that `fails`."""
    started = time.monotonic()
    fails(*failure)
    return time.monotonic() - started


@pytest.mark.lab
@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("increment", OutcomeUnknown),
        ("update", OutcomeUnknown),
        ("value", Unavailable),
        ("pop", Unavailable),  # whose first command is a read
    ],
)
def test_a_cable_pulled_while_a_call_waits_ends_it_within_its_budget(
    start: Start, machines: list[Machine], kind: str, error: type[StoreError]
) -> None:
    there, here, _ = machines
    server = start("--requirepass", PASSWORD, machine=there)
    given: dict[str, Any] = {"host": server.host, **HASTY}
    store, counter = opened(server, **given), counted(server, **given)
    call: Callable[[], object] = {
        "increment": counter.increment,
        "update": lambda: store.update(a=VALUE, b=2),
        "value": lambda: counter.value,
        "pop": lambda: store.pop("k"),
    }[kind]
    place = f"{server.host}:{server.port}"
    with here.inside(), ThreadPoolExecutor(1) as pool:
        store["k"] = counter.increment()
        server.signal(signal.SIGSTOP)
        waiting = pool.submit(timed, error, call, place, "no reply")
        until(lambda: _holds_a_request(there))
        there.cut()
        server.signal(signal.SIGCONT)  # it does what it was asked, and its reply arrives nowhere
        assert waiting.result() <= HASTY["timeout"] + SLACK
        took = timed(Unavailable, call, place, "nothing was changed")
        assert took <= HASTY["connect_timeout"] + SLACK
        there.heal()
        until(lambda: _works(counter))
        assert counter.increment() == (3 if kind == "increment" else 2)
        assert ("a" in store) == (kind == "update")


@pytest.mark.parametrize(("size", "count"), [(4_000, 6_000), (100, 150_000)])
def test_a_server_that_reads_slowly_gives_a_long_write_no_longer(
    guarded: Running, size: int, count: int
) -> None:
    """It is sent in parts, and each of them leaves in time, be it large or small."""
    with before(guarded.port) as proxy:
        store = opened(proxy.port, timeout=1)
        store["k"] = VALUE
        proxy.pause = 0.02
        many = {f"k{n}": "x" * size for n in range(count)}  # more than the system buffers
        started = time.monotonic()
        with pytest.raises(Unavailable, match="nothing was changed"):
            store.update(many)
        assert time.monotonic() - started < 5  # at this pace it would take seven
    assert list(opened(guarded)) == ["k"]


@pytest.mark.lab
def test_a_write_into_a_dead_cable_is_not_delivered_later(
    start: Start, machines: list[Machine]
) -> None:
    """Else it would come as a surprise to who has read back, and decided to write again."""
    there, here, _ = machines
    server = start("--requirepass", PASSWORD, machine=there)
    counter = counted(server, host=server.host, **HASTY)
    with here.inside():
        assert counter.increment() == 1
        there.cut()
        assert timed(OutcomeUnknown, counter.increment, "read it back") <= HASTY["timeout"] + SLACK
        assert not any(sending for _, sending, _ in _connections(here))
        there.heal()
        until(lambda: _works(counter))
        assert counter.increment() == 2


def _works(counter: Any) -> bool:
    try:
        return bool(counter.value)
    except Unavailable:
        return False


def _holds_a_request(machine: Machine) -> bool:
    established = "01"  # in other states the column means something else
    return any(unread for state, _, unread in _connections(machine) if state == established)


def _connections(machine: Machine) -> list[tuple[str, int, int]]:
    """Return the state of each TCP connection, and what it has yet to send and to be read."""
    with machine.inside():
        lines = Path("/proc/thread-self/net/tcp").read_text().splitlines()[1:]
    connections = []
    for line in lines:
        _, _, _, state, queues, *_ = line.split()
        sending, unread = (int(each, 16) for each in queues.split(":"))
        connections.append((state, sending, unread))
    return connections


# --- what the server refuses -------------------------------------------------------------------


def test_a_replica_is_read_only(guarded: Running) -> None:
    store, counter = opened(guarded), counted(guarded)
    store["n"] = 1
    guarded.ask("REPLICAOF", "127.0.0.1", "1")
    assert store["n"] == 1
    fails(ReadOnly, put(store), str(guarded.port), "replica", "nothing was changed")
    fails(ReadOnly, lambda: store.pop("n"))
    fails(ReadOnly, counter.increment)
    fails(ReadOnly, counter.reset)
    guarded.ask("CONFIG", "SET", "replica-serve-stale-data", "no")
    fails(Unavailable, lambda: store["n"], "master")
    guarded.ask("REPLICAOF", "NO", "ONE")
    assert store.pop("n") == 1
    assert counter.increment() == 1


@pytest.mark.parametrize("backend", STORES)
def test_a_full_server_takes_nothing_more_and_keeps_what_it_has(
    guarded: Running, backend: str
) -> None:
    store, counter = opened(guarded, backend), counted(guarded)
    store.update(a=1, b=2)
    counter.increment()
    guarded.ask("CONFIG", "SET", "maxmemory", "1")
    for call in (
        put(store),
        lambda: store.incr("a"),
        lambda: store.setdefault("new", 1),
        lambda: store.update(b=5, c=6),
        counter.increment,
        counter.reset,
    ):
        fails(StoreFull, call, "maxmemory", "nothing was changed")
    assert (store.snapshot(), counter.value) == ({"a": 1, "b": 2}, 1)
    guarded.ask("CONFIG", "SET", "maxmemory", "0")
    assert (store.incr("a"), counter.increment()) == (2, 2)


def test_a_server_that_cannot_save_says_why(guarded: Running) -> None:
    guarded.ask("CONFIG", "SET", "save", "3600 1")
    (guarded.folder / "dump.rdb").mkdir()
    store = opened(guarded)
    store["n"] = 1
    guarded.ask("BGSAVE")
    until(lambda: guarded.info("persistence")["rdb_last_bgsave_status"] == "err")
    fails(Unavailable, put(store), "cannot persist", "MISCONF")
    assert store["n"] == 1


def test_too_few_replicas_are_told_apart_from_a_lost_reply(guarded: Running) -> None:
    guarded.ask("CONFIG", "SET", "min-replicas-to-write", "1")
    fails(NotReplicated, counted(guarded).increment, "replicas", "nothing was changed")
    fails(NotReplicated, lambda: opened(guarded, "RedisKey").update(a=1), "nothing was changed")


@pytest.mark.parametrize("password", [None, "wrong-" + PASSWORD[::-1]])
@pytest.mark.parametrize("username", [None, "nobody"])
def test_a_refused_login_is_a_mistake_in_the_options(
    guarded: Running, username: str | None, password: str | None
) -> None:
    store = opened(guarded, password=password, username=username)
    fails(ConfigError, put(store), "login", str(guarded.port))


def test_a_server_that_repeats_the_password_is_not_quoted(start: Start) -> None:
    server = start("--rename-command", "AUTH", "")
    fails(ConfigError, put(opened(server)), "does not know the command")


def test_a_server_that_repeats_the_value_is_not_quoted(start: Start) -> None:
    server = start("--rename-command", "HSET", "")
    store = opened(server, password=None)
    fails(ConfigError, put(store), "does not know the command")
    with pytest.raises(ConfigError) as caught:
        put(store)()
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("backend", "command"), [("RedisHash", "hset"), ("Redis", "set"), ("RedisKey", "mset")]
)
def test_missing_rights_are_named(guarded: Running, backend: str, command: str) -> None:
    name = f"napixd:{KINDS[backend]}:{{boxes}}"
    guarded.ask("ACL", "SETUSER", "low", "on", f">{PASSWORD}", "~napixd:*", "+@all", f"-{command}")
    store = opened(guarded, backend, username="low")
    fails(ConfigError, put(store), "has not the rights", name)
    guarded.ask("ACL", "SETUSER", "low", "+@all")
    put(store)()
    guarded.ask("ACL", "SETUSER", "low", "resetkeys", "~else:*")
    fails(ConfigError, put(store), "has not the rights", name)


def test_a_database_that_is_none_is_a_mistake_in_the_options(guarded: Running) -> None:
    fails(ConfigError, put(opened(guarded, db=99)), "database", "/99")


def test_a_server_without_room_for_clients_is_unavailable(guarded: Running) -> None:
    held = guarded.client()
    held.ping()
    guarded.ask("CONFIG", "SET", "maxclients", "1")
    fails(Unavailable, put(opened(guarded)), "clients")
    held.config_set("maxclients", "100")
    held.close()
    put(opened(guarded))()


def test_a_node_without_its_cluster_is_unavailable(start: Start) -> None:
    node = start("--cluster-enabled", "yes")
    fails(Unavailable, put(opened(node, password=None)), "cluster", "nothing was changed")
    fails(Unavailable, put(opened(node, password=None, cluster=True)), "slot")


def test_a_server_that_is_no_cluster_says_so(guarded: Running) -> None:
    fails(ConfigError, put(opened(guarded, cluster=True)), "no cluster", "cluster=")


# --- what stands under our names ---------------------------------------------------------------


@pytest.mark.parametrize("backend", STORES)
def test_a_foreign_key_is_refused_and_left_untouched(guarded: Running, backend: str) -> None:
    name = f"napixd:{KINDS[backend]}:{{boxes}}"
    guarded.ask("RPUSH", name, "1", "2")
    before = guarded.ask("DUMP", name)
    store = opened(guarded, backend)
    calls: list[Callable[[], object]] = [put(store), lambda: store.incr("n"), lambda: len(store)]
    calls += [lambda: list(store.items()), lambda: store.update(a=1, b=2)]
    if backend != "RedisKey":  # whose values stand elsewhere
        calls += [lambda: store["k"], lambda: store.pop("k", None)]
    for call in calls:
        fails(WrongType, call, "something else stands")
    assert guarded.ask("DUMP", name) == before


def test_a_foreign_value_of_a_key_store_is_left_untouched(guarded: Running) -> None:
    guarded.ask("RPUSH", "napixd:key:{boxes}:k", "1")
    store = opened(guarded, "RedisKey")
    for call in (put(store), lambda: store["k"], lambda: store.pop("k"), lambda: store.incr("k")):
        fails(WrongType, call)
    fails(WrongType, lambda: store.update(a=1, k=2))
    assert guarded.ask("LRANGE", "napixd:key:{boxes}:k", 0, -1) == [b"1"]
    assert "a" not in store


def test_a_foreign_string_is_no_blob(guarded: Running) -> None:
    store = opened(guarded, "Redis")
    for text in (VALUE, "[1]", '{"k":1', '{"k":1}x', ""):
        guarded.ask("SET", "napixd:blob:{boxes}", text)
        fails(CorruptData, put(store), "left as it is")
        fails(CorruptData, lambda: store["k"])
        assert guarded.ask("GET", "napixd:blob:{boxes}") == text.encode()


@pytest.mark.parametrize("text", [VALUE, "1.5", "", " 1", str(2**63)])
def test_a_foreign_string_is_no_counter(guarded: Running, text: str) -> None:
    guarded.ask("SET", "napixd:counter:{boxes}", text)
    counter = counted(guarded)
    expected = CounterOverflow if text == str(2**63) else WrongType
    fails(expected, lambda: counter.value)
    for call in (counter.increment, counter.reset):
        fails(WrongType, call, "no integer")
    assert guarded.ask("GET", "napixd:counter:{boxes}") == text.encode()


# --- what the server promises ------------------------------------------------------------------


def test_a_server_that_evicts_draws_one_warning(guarded: Running) -> None:
    guarded.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    store = opened(guarded)
    with pytest.warns(EvictingWarning, match="allkeys-lru.*noeviction"):
        store["k"] = 1
    store["k"] = 2
    counted(guarded).increment()
    with pytest.raises(ConfigError, match="noeviction"):
        opened(guarded, strict=True)["k"] = 1


def test_strict_refuses_every_operation_from_every_thread(guarded: Running) -> None:
    guarded.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    store, counter = opened(guarded, strict=True), counted(guarded, strict=True)

    def refused(_number: int) -> None:
        for call in (put(store), lambda: store.get("k"), counter.increment):
            with pytest.raises(ConfigError, match=r"noeviction.*nothing was changed"):
                call()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(refused, range(8)))
    guarded.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
    put(store)()
    assert counter.increment() == 1


def test_a_server_that_will_not_tell_its_settings_is_used_all_the_same(guarded: Running) -> None:
    guarded.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    guarded.ask("ACL", "SETUSER", "low", "on", f">{PASSWORD}", "~*", "+@all", "-info")
    store = opened(guarded, username="low", strict=True)
    store["k"] = 1
    assert store["k"] == 1


@pytest.mark.parametrize(
    ("durability", "settings", "missing"),
    [
        ("process", {}, "appendonly"),
        ("process", {"appendonly": "yes", "appendfsync": "no"}, "appendfsync"),
        ("process", {"appendonly": "yes"}, None),
        ("power", {"appendonly": "yes"}, "appendfsync"),
        ("power", {"appendonly": "yes", "appendfsync": "always"}, None),
        (
            "power",
            {"appendonly": "yes", "appendfsync": "always", "no-appendfsync-on-rewrite": "yes"},
            "no-appendfsync-on-rewrite",
        ),
        ("replicated", {}, "min-replicas-to-write"),
        (
            "replicated",
            {"min-replicas-to-write": "1", "min-replicas-max-lag": "0"},
            "min-replicas-max-lag",
        ),
        ("memory", {}, None),
    ],
)
def test_a_durability_is_granted_by_the_servers_settings(
    guarded: Running, durability: Any, settings: Mapping[str, str], missing: str | None
) -> None:
    for name, value in settings.items():
        guarded.ask("CONFIG", "SET", name, value)
    store = opened(guarded, durability=durability)
    assert store.durability == durability
    if missing is None:
        store["k"] = 1
    else:
        with pytest.raises(ConfigError, match=f"{missing} to be") as caught:
            store["k"] = 1
        assert durability in str(caught.value)


def test_a_durability_that_cannot_be_read_is_not_granted(guarded: Running) -> None:
    guarded.ask("ACL", "SETUSER", "low", "on", f">{PASSWORD}", "~*", "+@all", "-config")
    with pytest.raises(ConfigError, match=r"\+config\|get"):
        opened(guarded, durability="process", username="low")["k"] = 1
    assert opened(guarded).durability == "memory"


def test_replicas_confirm_each_write(start: Start) -> None:
    master = start("--requirepass", PASSWORD, "--repl-diskless-sync-delay", "0")
    login = ("--requirepass", PASSWORD, "--masterauth", PASSWORD)
    replica = start(*login, "--replicaof", f"127.0.0.1 {master.port}")
    with master.client(single_connection_client=True) as client:
        until(lambda: client.set("x", 1) and client.wait(1, 100) == 1)
    master.ask("CONFIG", "SET", "min-replicas-to-write", "1")
    asked: dict[str, Any] = {"durability": "replicated"}
    store, counter = opened(master, **asked), counted(master, **asked)
    hasty = asked | HASTY
    store.update(a=1)
    assert (counter.increment(), counter.reset(), store.incr("a")) == (1, 1, 2)
    assert replica.ask("HGET", "napixd:hash:{boxes}", "a") == b"2"
    replica.signal(signal.SIGSTOP)
    fails(NotReplicated, counted(master, **hasty).increment, "0 of 1", "applied on the master")
    fails(NotReplicated, put(opened(master, **hasty)), "0 of 1")
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(fails, NotReplicated, counter.increment, "did not say", "on the master")
        until(lambda: "wait" in [each["cmd"] for each in master.ask("CLIENT LIST")])
        master.ask("CLIENT", "KILL", "TYPE", "normal")
        call.result()
    replica.signal(signal.SIGCONT)
    master.ask("CONFIG", "SET", "min-replicas-to-write", "0")
    close_all()
    with pytest.raises(ConfigError, match="min-replicas-to-write"):
        counter.increment()


def test_replicas_are_waited_for_no_shorter_after_a_new_connection(start: Start) -> None:
    master = start("--repl-diskless-sync-delay", "0")
    start("--replicaof", f"127.0.0.1 {master.port}")
    master.ask("CONFIG", "SET", "min-replicas-to-write", "1")
    until(lambda: master.info("replication")["min_slaves_good_slaves"] == 1)
    given: dict[str, Any] = {"durability": "replicated", "connect_timeout": 5, "timeout": 1}
    counter = Counter("c", backend="Redis", port=master.port, **given)
    with master.monitored() as commands:
        master.ask("CLIENT", "PAUSE", 600)
        assert counter.increment() == 1
    (waited,) = [command for command in commands if command.startswith("WAIT")]
    assert int(waited.split()[2]) > 500, waited


# --- interruptions -----------------------------------------------------------------------------


def test_an_interrupted_call_leaves_no_reply_for_the_next(guarded: Running) -> None:
    """Ctrl-C while waiting: the reply still comes, and nobody must take it for his own."""
    store = opened(guarded, connect_timeout=5, timeout=5)
    store.update(a=1, b=2)
    guarded.ask("CLIENT", "PAUSE", 300, "ALL")
    main = threading.main_thread().ident
    assert main is not None
    # A shell that runs the tests in the background has them ignore it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Timer(0.05, signal.pthread_kill, (main, signal.SIGINT)).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            store["a"]
    finally:
        signal.signal(signal.SIGINT, before)
    assert store["b"] == 2
