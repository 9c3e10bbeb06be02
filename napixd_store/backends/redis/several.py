"""The writes of several stores in Redis, of whichever kinds, by one script."""

from collections.abc import Callable, Sequence
from typing import Any

from napixd_store.backends.redis.lua import SEVERAL
from napixd_store.changes import Changes, Expected


def write_all(run: Callable[..., Any], writes: Sequence[tuple[Any, Changes, Expected]]) -> None:
    """Make the *writes* in one step; *run* runs a script, see `Server.run`.

    Raises:
        Conflict: of the first store that is not as expected; nothing was written.
    """
    stores = [store for store, _changes, _expected in writes]
    for store, changes, _expected in writes:
        if any(changes.values()):
            store._register()
    until: float | None = None
    while True:
        all_names: list[str] = []
        all_arguments: list[Any] = []
        for store, changes, expected in writes:
            names, arguments = store._part(changes, expected)
            all_names += names
            all_arguments += (store.kind, len(names), len(arguments), *arguments)
        answer = run(
            lambda: " and ".join(store._where() for store in stores),
            all_names,
            SEVERAL,
            *all_arguments,
            writing=True,
        )
        if not answer:
            return
        store = stores[answer[0]]
        store._refuse(answer[1])
        until = store._patience(until)
