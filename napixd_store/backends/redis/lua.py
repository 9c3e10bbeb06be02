"""The Lua scripts beside this module: each runs in the server as one atomic command."""

import hashlib
from importlib.resources import files
from typing import Final, NamedTuple

from napixd_store.changes import ABSENT, PRESENT, Changes, Expectation, Expected

_TOKENS = {ABSENT: b"a", PRESENT: b"p"}


class Script(NamedTuple):
    """A script, and the digest by which a server knows it once it has seen it."""

    name: str
    text: bytes
    digest: str
    names_all: bool
    """Whether it is told all names it works on; else a cluster must not be moving any of them."""


def _load(name: str, *, names_all: bool = True, before: str = "") -> Script:
    folder = files(__package__).joinpath("scripts")
    text = b"".join(folder.joinpath(f"{each}.lua").read_bytes() for each in (before, name) if each)
    digest = hashlib.sha1(text, usedforsecurity=False).hexdigest()
    return Script(name, text, digest, names_all)


BLOB_SWAP: Final = _load("blob_swap")
COUNTER_RESET: Final = _load("counter_reset")
HASH_WRITE: Final = _load("hash_write")
KEY_DROP: Final = _load("key_drop", names_all=False)
KEY_GET: Final = _load("key_get")
KEY_INCR: Final = _load("key_incr")
KEY_LOAD: Final = _load("key_load", names_all=False, before="key_records")
KEY_SCAN: Final = _load("key_scan", names_all=False, before="key_records")
KEY_WRITE: Final = _load("key_write")


def expectation(wanted: bytes | Expectation) -> bytes:
    """Return what is *wanted* as scripts read it.

    ``a`` for absent, ``p`` for present, ``=`` and the record for that one.
    """
    return b"=" + wanted if isinstance(wanted, bytes) else _TOKENS[wanted]


def packed(changes: Changes, expected: Expected) -> list[str | bytes | int]:
    """Return a write as the script of hashes reads it.

    The number of expectations, each as key and token; the number of puts, each as key and record;
    then the keys to delete.
    """
    arguments: list[str | bytes | int] = [len(expected)]
    for text, wanted in expected.items():
        arguments += (text, expectation(wanted))
    puts = {text: record for text, record in changes.items() if record is not None}
    arguments.append(len(puts))
    for text, record in puts.items():
        arguments += (text, record)
    arguments += (text for text, record in changes.items() if record is None)
    return arguments
