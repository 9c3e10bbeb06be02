"""How many new tickets may come from one address, before the next has to wait."""

from math import ceil

from bottle import HTTPError, request

from napixd_store import ConfigError, LimitReached, StoreBackend

Arrivals = StoreBackend[int]
"""Address -> how many tickets came from there lately; the settings say when such a number ends."""


class TooMany(HTTPError):  # type: ignore[misc]  # Bottle has no types
    """So many came from there that the next has to wait."""

    def __init__(self, seconds: float | None) -> None:
        rest = "no more are taken" if seconds is None else f"send the next in {spoken(seconds)}"
        super().__init__(429, f"too many tickets came from your address lately: {rest}")
        if seconds is not None:
            self.set_header("Retry-After", str(ceil(seconds)))


def limit_in(text: str) -> int | None:
    """Return the limit that the settings say, None for no limit."""
    if not text.strip():
        return None
    if not text.strip().isdecimal() or not int(text):
        raise ConfigError("the setting 'desk.limit' must be a whole number above 0, or nothing")
    return int(text)


def admit(limit: int | None, arrivals: Arrivals) -> None:
    """Count one more ticket from where the request comes.

    Raises:
        TooMany: that would be more than *limit*.
    """
    if limit is not None:
        # Not Bottle's remote_addr: that believes what any client says in X-Forwarded-For.
        address = request.environ.get("REMOTE_ADDR") or "a socket of this machine"
        try:
            arrivals.incr(address, at_most=limit)
        except LimitReached as exc:
            raise TooMany(exc.retry_after) from exc


def spoken(seconds: float) -> str:
    """Return how long that is at most, as people say it."""
    for unit, size in [("hour", 3600), ("minute", 60)]:
        if seconds > 2 * size:
            return f"{ceil(seconds / size)} {unit}s"
    return f"{ceil(seconds)} second{'' if seconds <= 1 else 's'}"
