"""TLS: only with the right server, for the right client, and with no secret in any error.

The server is Debian's in any case: the one from the wheel is built without TLS.
"""

import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.sentinel import Sentinel

from napixd_store import ConfigError, Counter, Store, Unavailable
from napixd_store.connections import close_all
from tests.labs import need
from tests.redis.canaries import PASSWORD, VALUE, fails
from tests.redis.fleets import start_cluster
from tests.redis.servers import Running, free_ports, programs, running, until

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("nothing_secret_is_logged")]


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two authorities, and what the first certified: server and client."""
    need(shutil.which("openssl") is not None, "openssl is not installed")
    folder = tmp_path_factory.mktemp("papers")

    def issue(name: str, *more: str) -> None:
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"]
        command += ["ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}"]
        command += ["-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", "2", *more]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)

    by_ca = ("-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE")
    certifies = ("-addext", "keyUsage=critical,keyCertSign")  # Python 3.13 asks for it
    issue("ca", *certifies)
    issue("another-ca", *certifies)
    issue("server", *by_ca, "-addext", "subjectAltName=DNS:localhost")
    issue("client", *by_ca)
    return folder


def speaks_tls() -> str:
    """Return the server that can."""
    program = programs()["redis"]
    need(program is not None, "there is no redis server")
    return str(program)


@pytest.fixture(scope="module")
def ports(papers: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """Return the ports of servers that take any client, only certified ones, and any in clear."""
    program = speaks_tls()
    settings = ["--tls-cert-file", str(papers / "server.pem"), "--requirepass", PASSWORD]
    settings += ["--tls-key-file", str(papers / "server.key")]
    settings += ["--tls-ca-cert-file", str(papers / "ca.pem")]
    ports = dict(zip(("any", "certified"), free_ports(2), strict=True))
    with ExitStack() as stack:
        for clients, port in ports.items():
            asks = "yes" if clients == "certified" else "no"
            more = ("--tls-port", str(port), "--tls-auth-clients", asks)
            folder = tmp_path_factory.mktemp("s")
            started = stack.enter_context(running(program, folder, *settings, *more))
            ports = {**ports, "in clear": started.port}
        yield ports
        close_all()


@pytest.fixture
def opened(papers: Path, ports: dict[str, int]) -> Iterator[Callable[..., Any]]:
    """Return what opens ``boxes`` over TLS, trusting the authority of the server."""

    def opened(clients: str = "any", **more: Any) -> Any:
        given: dict[str, Any] = {"host": "localhost", "port": ports[clients], "password": PASSWORD}
        given |= {"ssl": True, "ssl_ca_certs": papers / "ca.pem"}
        given |= {"connect_timeout": 0.5, "timeout": 0.5}
        return Store("boxes", backend="RedisHash", **{**given, **more})

    yield opened
    close_all()


def put(store: Any) -> Callable[[], None]:
    return lambda: store.__setitem__("k", VALUE)


@pytest.mark.parametrize("backend", ["Redis", "RedisHash", "RedisKey"])
def test_a_url_is_enough(papers: Path, ports: dict[str, int], backend: str) -> None:
    url = f"rediss://:{PASSWORD}@localhost:{ports['any']}/1?ssl_ca_certs={papers / 'ca.pem'}"
    with Store("boxes", backend=backend, url=url) as store:
        store.update(a=1, b=[2])
        assert store.pop("b") == [2]
        assert store.incr("a") == 2
    assert Store("boxes", backend=backend, url=url) == {"a": 2}
    counter = Counter(f"boxes of {backend}", backend=backend, url=url)
    assert (counter.increment(), counter.reset(), counter.value) == (1, 1, 0)


def test_records_that_are_kept_in_the_process(opened: Callable[..., Any]) -> None:
    store, other = opened(cache=True), opened()
    other["k"], other["long"] = 0, "x" * 200_000
    tracked = store._connection.cache
    for number in range(100):
        other["k"] = number
        until(partial(lambda number: store["k"] == number, number))
        assert store["long"] == "x" * 200_000
    assert tracked.get(store._name, f"{store._begins}long") == b'"%b"' % (b"x" * 200_000)


def clients(port: int, **more: Any) -> dict[str, Any]:
    """Return redis-py clients that speak TLS to a *port*, each made in another way."""
    given: dict[str, Any] = {"password": PASSWORD, **more}
    node: dict[str, Any] = {"host": "localhost", "port": port}
    pool = redis.ConnectionPool(connection_class=redis.SSLConnection, **node, **given)
    guards = Sentinel([("localhost", 1)])
    guards.discover_master = lambda service: ("localhost", port)  # type: ignore[method-assign]
    return {
        "Redis": redis.Redis(ssl=True, **node, **given),
        "from_url": redis.from_url(f"rediss://localhost:{port}", **given),
        "pool": redis.Redis(connection_pool=pool),
        "sentinel": guards.master_for("m", ssl=True, **given),
    }


FORMS = list(clients(1))


@pytest.mark.parametrize("form", FORMS)
def test_a_client_that_speaks_tls_is_used_as_it_is(
    papers: Path, ports: dict[str, int], form: str
) -> None:
    client = clients(ports["any"], ssl_ca_certs=str(papers / "ca.pem"))[form]
    store = Store("boxes", "RedisHash", client=client, connect_timeout=10)
    store["k"] = VALUE
    assert store["k"] == VALUE


@pytest.mark.parametrize("form", [*FORMS, "options", "url", "valkeys"])
def test_whoever_listens_in_clear_gets_a_greeting_of_tls_and_nothing_else(form: str) -> None:
    heard: list[bytes] = []

    def listen() -> None:
        with listening, listening.accept()[0] as caller:
            heard.append(caller.recv(4096))

    listening = socket.create_server(("localhost", 0))
    port = listening.getsockname()[1]
    options = {
        "options": {"host": "localhost", "port": port, "password": PASSWORD, "ssl": True},
        "url": {"url": f"rediss://:{PASSWORD}@localhost:{port}"},
        "valkeys": {"url": f"valkeys://:{PASSWORD}@localhost:{port}"},
    }
    thread = threading.Thread(target=listen)
    thread.start()
    store = Store("boxes", "RedisHash", **options.get(form) or {"client": clients(port)[form]})
    fails(Unavailable, put(store), "nothing was changed")
    thread.join()
    assert heard[0].startswith(b"\x16\x03")  # a handshake's record
    assert PASSWORD.encode() not in heard[0]


def test_a_cluster_that_speaks_tls_is_used_through_its_client(
    papers: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    program = speaks_tls()
    with ExitStack() as stack:

        def start(*settings: str) -> Running:
            (port,) = free_ports(1)
            more: tuple[str, ...] = ("--tls-port", str(port), "--tls-auth-clients", "no")
            more += ("--tls-cluster", "yes")
            folder = tmp_path_factory.mktemp("s")
            names = {"cert": "server.pem", "key": "server.key", "ca-cert": "ca.pem"}
            for what, name in names.items():
                more += (f"--tls-{what}-file", str(papers / name))
            started = running(program, folder, *settings, *more)
            secure[server := stack.enter_context(started)] = port
            return server

        secure: dict[Running, int] = {}
        start_cluster(start, meeting=lambda node: secure[node])
        tls: dict[str, Any] = {
            "ssl": True,
            "ssl_ca_certs": str(papers / "ca.pem"),
            "ssl_check_hostname": False,
        }
        client = redis.RedisCluster(host="127.0.0.1", port=min(secure.values()), **tls)
        for options in ({"client": client}, {"host": "127.0.0.1", "cluster": True, **tls}):
            port = {} if "client" in options else {"port": min(secure.values())}
            for name in "abcdef":
                Store(name, "RedisHash", **options, **port).incr("k")
                Store(name, "RedisKey", **options, **port).incr("k")
        assert Store("f", "RedisKey", client=client)["k"] == 2
        client.close()
        close_all()


def test_no_certificate_is_asked_for_only_where_nobody_insists(
    opened: Callable[..., Any],
) -> None:
    put(opened(host="127.0.0.1", ssl_ca_certs=None, ssl_cert_reqs="none"))()


@pytest.mark.parametrize("authority", ["another-ca", None])
def test_a_server_of_another_authority_is_refused(
    papers: Path, opened: Callable[..., Any], authority: str | None
) -> None:
    store = opened(ssl_ca_certs=authority and papers / f"{authority}.pem")
    fails(ConfigError, put(store), "localhost", "certificate is refused", "check ssl_")


def test_a_server_of_another_name_is_refused(opened: Callable[..., Any]) -> None:
    fails(ConfigError, put(opened(host="127.0.0.1")), "not valid for '127.0.0.1'", "check ssl_")
    put(opened(host="127.0.0.1", ssl_check_hostname=False))()


def test_a_client_shows_its_certificate(papers: Path, opened: Callable[..., Any]) -> None:
    fails(Unavailable, put(opened("certified")), "localhost", "nothing was changed")
    own = {"ssl_certfile": papers / "client.pem", "ssl_keyfile": papers / "client.key"}
    put(opened("certified", **own))()
    own["ssl_keyfile"] = papers / "server.key"
    fails(ConfigError, put(opened("certified", **own)), "check certificate and key")


@pytest.mark.parametrize("option", ["ssl_ca_certs", "ssl_certfile", "ssl_keyfile"])
def test_a_file_that_is_none_is_named_at_once(
    papers: Path, opened: Callable[..., Any], option: str
) -> None:
    with pytest.raises(ConfigError, match=f"'{option}': there is no file {papers / 'none.pem'}"):
        opened(**{option: papers / "none.pem"})


def test_whoever_speaks_no_tls_is_not_understood(opened: Callable[..., Any]) -> None:
    plain = opened("any", ssl=False)
    fails(Unavailable, put(plain), "redis://localhost", "nothing was changed")
    fails(Unavailable, put(opened("in clear")), "rediss://localhost", "nothing was changed")
    put(opened("in clear", ssl=False))()
