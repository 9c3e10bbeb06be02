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


def _load(*names: str, names_all: bool = True) -> Script:
    """Return the script of the last of *names*, with the others before it."""
    return _script(names[-1], b"".join(map(_text, names)), names_all=names_all)


def _several(**parts: str) -> Script:
    """Return the script that does what those of *parts* do, by kind of collection, in one step."""
    texts = [*map(_text, ("deadline", "rights", "conditions")), b"local writes = {}\n"]
    for kind, name in parts.items():
        begin = b"writes.%b = function(KEYS, ARGV, checking)\n" % kind.encode()
        texts += [begin, _text(name), b"\nend\n"]
    return _script("several", b"".join([*texts, _text("several")]))


def _text(name: str) -> bytes:
    return files(__package__).joinpath("scripts").joinpath(f"{name}.lua").read_bytes()


def _script(name: str, text: bytes, *, names_all: bool = True) -> Script:
    digest = hashlib.sha1(text, usedforsecurity=False).hexdigest()
    return Script(name, text, digest, names_all)


BLOB_SWAP: Final = _load("once", "rights", "blob_swap")
COUNTER_RESET: Final = _load("counter_reset")
HASH_COUNT: Final = _load("deadline", "over", "hash_dead", "hash_count")
HASH_DELETE: Final = _load("deadline", "over", "rights", "hash_delete")
HASH_FRONT: Final = _load("hash_begins", "hash_front")
HASH_FRONTS: Final = _load("hash_begins", "hash_fronts")
HASH_SWEEP: Final = _load("deadline", "over", "hash_dead", "hash_sweep")
HASH_WRITE: Final = _load("once", "deadline", "rights", "conditions", "hash_write")
KEY_COUNT: Final = _load("key_count")
KEY_DELETE: Final = _load("deadline", "over", "rights", "key_delete")
KEY_DROP: Final = _load("key_drop", names_all=False)
KEY_GET: Final = _load("key_get")
KEY_INCR: Final = _load("rights", "key_incr")
KEY_LOAD: Final = _load("key_records", "key_load", names_all=False)
KEY_PAGE: Final = _load("key_records", "key_page", names_all=False)
KEY_SWEEP: Final = _load("deadline", "over", "key_sweep", names_all=False)
KEY_WRITE: Final = _load("once", "deadline", "rights", "conditions", "key_write")
SEVERAL: Final = _several(blob="blob_swap", hash="hash_write", index="key_write")


def token(wanted: bytes | Expectation) -> bytes:
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
        arguments += (text, token(wanted))
    puts = {text: record for text, record in changes.items() if record is not None}
    arguments.append(len(puts))
    for text, record in puts.items():
        arguments += (text, record)
    arguments += (text for text, record in changes.items() if record is None)
    return arguments
