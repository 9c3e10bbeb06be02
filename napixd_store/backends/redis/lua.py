"""The Lua scripts beside this module: each runs in the server as one atomic command."""

import hashlib
from importlib.resources import files
from typing import Final, NamedTuple

from napixd_store.changes import ABSENT, PRESENT, Changes, Expected


class Script(NamedTuple):
    """A script, and the digest by which a server knows it once it has seen it."""

    name: str
    text: bytes
    digest: str


def _load(name: str) -> Script:
    text = files(__package__).joinpath("scripts").joinpath(f"{name}.lua").read_bytes()
    return Script(name, text, hashlib.sha1(text, usedforsecurity=False).hexdigest())


BLOB_SWAP: Final = _load("blob_swap")
COUNTER_RESET: Final = _load("counter_reset")
HASH_WRITE: Final = _load("hash_write")
KEY_DROP: Final = _load("key_drop")
KEY_INCR: Final = _load("key_incr")
KEY_LOAD: Final = _load("key_load")
KEY_SCAN: Final = _load("key_scan")
KEY_WRITE: Final = _load("key_write")


def packed(changes: Changes, expected: Expected) -> list[str | bytes | int]:
    """Return a write as a script reads it.

    The number of expectations, each as key and token (``a`` absent, ``p`` present, ``=`` and the
    record); the number of puts, each as key and record; then the keys to delete.
    """
    arguments: list[str | bytes | int] = [len(expected)]
    for text, wanted in expected.items():
        arguments.append(text)
        if isinstance(wanted, bytes):
            arguments.append(b"=" + wanted)
        else:
            arguments.append({ABSENT: b"a", PRESENT: b"p"}[wanted])
    puts = {text: record for text, record in changes.items() if record is not None}
    arguments.append(len(puts))
    for text, record in puts.items():
        arguments += (text, record)
    arguments += (text for text, record in changes.items() if record is None)
    return arguments
