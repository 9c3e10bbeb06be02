"""What the original Napix store kept in a server is looked for where its names are used.

Its names are not ours, so its data would be missed. Who calls a backend by its dotted path there
has settings of the original, and so maybe its data: before anything of a collection is read or
written that is not there, it is looked for. Who calls ours by their names pays nothing for it.
"""

import re
from collections.abc import Callable
from typing import Any, ClassVar

from napixd_store import original
from napixd_store.backends.redis.server import Server
from napixd_store.errors import CorruptData

_KEYS = "RedisKeyBackend"
"""Its backend that made a key for each value, and no list of them."""

_GLOB = re.compile(r"([*?\[\]^\\-])")


class Looking:
    """A store or counter that looks for what *former*, a backend of the original, kept."""

    former: ClassVar[str | None] = None
    _connection: Any
    _where: Any
    _looked = False

    @property
    def _server(self) -> Server:
        """The connection, for whatever reads or writes."""
        server: Server = self._connection
        if self.former is not None and not self._looked and not original.is_importing():
            _refuse(server, self._where, self.former, *self._standing())
            self._looked = True
        return server

    def _standing(self) -> tuple[str, str]:
        """Return its name, and what our data stands under."""
        raise NotImplementedError


def _refuse(server: Server, where: Callable[[], str], backend: str, name: str, ours: str) -> None:
    """Raise `CorruptData` if *backend* of the original kept *name*, and nothing is in *ours*."""
    if server.existing(where, [ours]):
        return
    # Its prefix was the name of the class, where the option did not say.
    names = [f"{prefix}:{name}" for prefix in dict.fromkeys((backend, server.prefix))]
    if backend == _KEYS:
        found = next((each for each in names if _begins_a_name(server, where, f"{each}:")), None)
    else:
        found = next(iter(sorted(server.existing(where, names))), None)
    if found is not None:
        raise CorruptData(f"{where()}: {original.told(f'what stands under {found}', server.place)}")


def _begins_a_name(server: Server, where: Callable[[], str], start: str) -> bool:
    pattern, cursor = _GLOB.sub(r"\\\1", start) + "*", b"0"
    while True:
        cursor, names = server.read(where, start, "SCAN", cursor, "MATCH", pattern, "COUNT", 1_000)
        if names or cursor == b"0":
            return bool(names)
