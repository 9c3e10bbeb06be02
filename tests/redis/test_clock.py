"""What is known of the server's clock, however late its replies come."""

import time
from collections.abc import Callable

import pytest

from napixd_store import ConfigError, OutcomeUnknown, Unavailable
from napixd_store.backends.redis.clock import Clock

AHEAD = 1_000.0
"""Seconds by which the server's clock is ahead of the machine's."""


def asking(*delays: tuple[float, float]) -> Callable[[], list[bytes]]:
    """Return what asks a server: so many seconds there, and back, the last ones ever again."""
    left = list(delays)

    def ask() -> list[bytes]:
        there, back = left.pop(0) if len(left) > 1 else left[0]
        time.sleep(there)
        seconds, fraction = divmod(time.time() + AHEAD, 1)
        time.sleep(back)
        return [b"%d" % seconds, b"%d" % (fraction * 1e6)]

    return ask


@pytest.mark.parametrize("delay", [(0.0, 0.0), (0.06, 0.0), (0.0, 0.06), (0.03, 0.03)])
def test_the_true_time_is_never_before_the_earliest_nor_after_the_latest(
    delay: tuple[float, float],
):
    clock, ask = Clock(), asking(delay)
    for _ in range(5):
        before = (time.time() + AHEAD) * 1000
        earliest, latest = clock.earliest(ask), clock.latest(ask)
        after = (time.time() + AHEAD) * 1000
        assert earliest <= after + 1  # the reply tells whole microseconds
        assert before <= latest + 1
        assert sum(delay) * 1000 <= latest - earliest <= sum(delay) * 1000 + 100


def test_one_late_reply_is_not_relied_on():
    clock = Clock()
    ask = asking((0.0, 0.3), (0.0, 0.0))
    now = clock.earliest(ask)
    assert clock.latest(ask) - now < 100
    assert now == pytest.approx((time.time() + AHEAD) * 1000, abs=100)


@pytest.mark.parametrize("kind", [Unavailable, OutcomeUnknown])
def test_what_was_known_counts_while_the_server_is_away(kind: type[Exception]):
    asked = []

    def away() -> list[bytes]:
        asked.append(1)
        raise kind("nobody answers")

    clock = Clock()
    with pytest.raises(kind):
        clock.earliest(away)
    clock.earliest(asking((0.0, 0.0)))
    clock.distrust()
    for _ in range(1_000):
        assert clock.earliest(away) == pytest.approx((time.time() + AHEAD) * 1000, abs=1000)
    assert len(asked) == 2  # not for each record that is looked at
    clock.distrust()
    with pytest.raises(ConfigError):
        clock.earliest(refusing)


def refusing() -> list[bytes]:
    raise ConfigError("no right to ask")
