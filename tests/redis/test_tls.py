"""TLS: only with the right server, for the right client, and with no secret in any error.

The server is Debian's in any case: the one from the wheel is built without TLS.
"""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from napixd_store import ConfigError, Counter, Store, Unavailable
from napixd_store.connections import close_all
from tests.labs import need
from tests.redis.canaries import PASSWORD, VALUE, fails
from tests.redis.servers import free_ports, programs, running

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


@pytest.fixture(scope="module")
def ports(papers: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """Return the ports of servers that take any client, only certified ones, and any in clear."""
    program = programs()["redis"]
    need(program is not None, "there is no redis server")
    assert program is not None
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
