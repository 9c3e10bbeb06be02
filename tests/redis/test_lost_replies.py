"""A reply is lost, at each step of each operation: nothing is done twice, and nobody is lied to."""

import random
import time
from collections.abc import Mapping
from typing import Any

import pytest
import redis

from napixd_store import Counter, OutcomeUnknown, Store, Unavailable
from tests.redis.calls import KINDS, Call, prepared
from tests.redis.proxy import Proxy, before
from tests.redis.servers import Record, Running, until
from tests.sizes import size

FAULTS = size(quick=150, full=500)
CONNECT, REPLY = 0.1, 0.06
SLACK = 0.2


class Faults:
    """What came of the calls during which a reply was lost."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy, self.random = proxy, random.Random(5)
        self.calls = self.hit = self.doubles = self.contradicted = self.unknown = 0
        self.slowest = 0.0

    def __str__(self) -> str:
        return (
            f"{self.calls} calls, {self.hit} with a fault, {self.doubles} silent doubles, "
            f"{self.contradicted} contradicted, {self.unknown} unknown; "
            f"slowest {self.slowest:.2f} s"
        )

    def inject(self, call: Call, errors: tuple[type[Exception], ...]) -> None:
        """Make *call* while some reply is lost, and compare what it said with what is so."""
        self.proxy.arm(
            b"",
            self.random.choice((1, 1, 2)),
            skip=self.random.choice((0, 0, 1)),
            keep=self.random.choice((0, 1, 3, None)),
        )
        started = time.monotonic()
        raised, result = None, None
        try:
            result = call.run()
        except errors as exc:
            raised = exc
        self.slowest = max(self.slowest, time.monotonic() - started)
        self.calls += 1
        self.hit += bool(self.proxy.lost)
        self.proxy.arm(b"", 0)
        state = call.state()
        if state not in (call.before, call.after):
            self.doubles += 1
        elif isinstance(raised, OutcomeUnknown | redis.RedisError):
            self.unknown += 1
        elif raised is not None:
            self.contradicted += state != call.before
        else:
            self.contradicted += state != call.after or result != call.returns


@pytest.mark.parametrize("expires_in", [None, 3600])
@pytest.mark.parametrize("backend", ["Redis", "RedisHash", "RedisKey"])
def test_a_lost_reply_is_never_a_silent_double(
    server: Running, reach: Mapping[str, Any], backend: str, expires_in: int | None, record: Record
) -> None:
    with before(server.port) as proxy:
        direct = {"backend": backend, **reach}
        through = {"backend": backend, "host": "127.0.0.1", "port": proxy.port}
        through |= {"prefix": reach["prefix"], "connect_timeout": CONNECT, "timeout": REPLY}
        store, truth = (
            Store("c", writeback=False, expires_in=expires_in, **each) for each in (through, direct)
        )
        counter, true = (Counter("c", **each) for each in (through, direct))
        faults = Faults(proxy)
        for number in range(10**6):
            kind = KINDS[number % len(KINDS)]
            call = prepared(kind, number, store, counter, truth, true)
            until(lambda: _agree(counter, true))  # from now on a connection is there, and idle
            store._connection.now()  # and the time is known: else a fault would hit the asking
            faults.inject(call, (OutcomeUnknown, Unavailable))
            if faults.hit >= FAULTS // 3 + 1:
                break
        record(f"{backend}, expires_in={expires_in}", faults)
        assert (faults.doubles, faults.contradicted) == (0, 0)
        assert faults.unknown > FAULTS // 10
        assert faults.slowest <= CONNECT + REPLY + SLACK


def test_a_lease_whose_reply_is_lost_is_a_gap(server: Running, reach: Mapping[str, Any]) -> None:
    with before(server.port) as proxy:
        through = {"host": "127.0.0.1", "port": proxy.port, "prefix": reach["prefix"]}
        leased = Counter("c", "Redis", lease=10, timeout=REPLY, connect_timeout=1, **through)
        true = Counter("c", "Redis", **reach)
        numbers = []
        for turn in range(1, 6):
            until(lambda: _agree(leased, true))
            proxy.arm(b"INCRBY", 1)
            with pytest.raises(OutcomeUnknown):
                leased.increment()
            assert true.value == 20 * turn - 10
            numbers += [leased.increment() for _ in range(10)]
        assert numbers == [20 * turn - 10 + n for turn in range(1, 6) for n in range(1, 11)]


@pytest.mark.skipif(
    int(redis.__version__.split(".")[0]) < 6, reason="redis-py repeats nothing before version 6"
)
def test_the_same_faults_make_a_plain_client_lie(
    server: Running, prefix: str, record: Record
) -> None:
    with before(server.port) as proxy:
        plain = redis.Redis(port=proxy.port, socket_timeout=REPLY)
        true = server.client()
        faults = Faults(proxy)
        for number in range(24):
            name = f"{prefix}:plain"
            true.set(name, number)
            call = _plain_call(plain, true, name, number)
            plain.ping()
            faults.inject(call, (redis.RedisError,))
        record(f"plain redis-py {redis.__version__}", faults)
        plain.close()
        true.close()
        assert faults.doubles > 0
        assert faults.contradicted > 0


def _agree(counter: Any, true: Any) -> bool:
    try:
        return bool(counter.value == true.value)
    except Unavailable:  # no fault of ours: a busy machine takes longer than the test's budget
        return False


def _plain_call(plain: Any, true: Any, name: str, number: int) -> Call:
    def now() -> Any:
        return true.get(name)

    before, next_, reset = (b"%d" % each for each in (number, number + 1, -1))
    return (
        Call(lambda: plain.incr(name), now, before, next_, number + 1),
        Call(lambda: plain.getset(name, -1), now, before, reset, before),
        Call(lambda: plain.getdel(name), now, before, None, before),
        Call(lambda: plain.delete(name), now, before, None, 1),
    )[number % 4]
