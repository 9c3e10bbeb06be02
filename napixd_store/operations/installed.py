"""Which backends there are, and what each can promise."""

from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any, NamedTuple, get_args

from napixd_store.base import StoreBackend
from napixd_store.errors import NoSuchStoreBackend
from napixd_store.options import declared_options
from napixd_store.resolve import DRIVERS, ENTRY_POINTS, STANDARD, resolve_store


class Installed(NamedTuple):
    """A backend that a name leads to."""

    name: str
    missing: str | None
    """What it lacks to be used here, or how to install that; None: nothing."""

    durability: list[str]
    """What an acknowledged write may survive there, the strongest last."""

    writeback: bool
    """The policy where the option ``writeback`` does not say."""

    about: str


def installed() -> Iterator[Installed]:
    """Yield the standard backends, then those of other packages by their entry points.

    >>> [each.name for each in installed()][:4]
    ['Memory', 'File', 'Directory', 'SQLite']
    >>> [each.durability for each in installed()][:4]
    [['memory'], ['power'], ['power'], ['process', 'power']]
    """
    others = {point.name for point in entry_points(group=ENTRY_POINTS)} - STANDARD.keys()
    for name in (*STANDARD, *sorted(others)):
        try:
            yield _described(name, resolve_store(name))
        except NoSuchStoreBackend as exc:
            yield Installed(name, _instead(exc), [], False, "")
        except Exception as exc:  # noqa: BLE001 - the code of another package, which others need not
            yield Installed(name, f"it raises {type(exc).__name__}", [], False, "")


def _described(name: str, cls: type) -> Installed:
    about = (cls.__doc__ or "").partition("\n")[0]
    if not issubclass(cls, StoreBackend):
        return Installed(name, None, [], False, about)
    return Installed(name, None, _durabilities(cls), cls.writes_back, about)


def _durabilities(cls: type[StoreBackend[Any]]) -> list[str]:
    hint = declared_options(cls.opener).get("durability")
    choices = {each for part in (hint, *get_args(hint)) for each in get_args(part)}
    return [each for each in _FROM_WEAKEST if each in choices] or ["memory"]


_FROM_WEAKEST = ("memory", "process", "power", "replicated")


def _instead(exc: NoSuchStoreBackend) -> str:
    cause = exc.__cause__
    driver = DRIVERS.get(cause.name or "") if isinstance(cause, ModuleNotFoundError) else None
    return f"pip install '{driver}'" if driver else str(exc)
