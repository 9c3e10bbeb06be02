"""Physical names: what our keys are called in the server.

``<prefix>:<kind>:{<collection>}``, and for a key of a `RedisKeyStore` its text behind that. The
braces make all of a collection fall into one slot of a cluster. Only braces and the percent sign
are escaped, in prefix and collection, so that names stay readable and never meet: the first
brace ends the kind, the next one ends the collection.

>>> physical("napixd", "hash", "users")
'napixd:hash:{users}'
>>> physical("napixd", "key", "a{b}%", "user:1")
'napixd:key:{a%7Bb%7D%25}:user:1'
"""

from typing import Literal

from napixd_store.errors import CorruptData

Kind = Literal["blob", "hash", "hash-until", "index", "key", "key-until", "counter"]

_ESCAPES = str.maketrans({"%": "%25", "{": "%7B", "}": "%7D"})


def physical(prefix: str, kind: Kind, collection: str, text: str | None = None) -> str:
    """Return the name of a collection or counter, or of one *text* (a key) in it."""
    name = f"{prefix.translate(_ESCAPES)}:{kind}:{{{collection.translate(_ESCAPES)}}}"
    return name if text is None else f"{name}:{text}"


def registry(prefix: str, kind: Kind) -> str:
    """Return the name of the set of names of all of *kind*, collections or counters."""
    return f"{prefix.translate(_ESCAPES)}:collections:{kind}"


def decoded(raw: bytes, where: str) -> str:
    """Return the text of a key as the server holds it.

    Raises:
        CorruptData: it is no UTF-8, so something else than this library wrote it.
    """
    try:
        return raw.decode()
    except UnicodeDecodeError as exc:
        raise CorruptData(f"{where}: a key is no valid UTF-8; it was left as it is") from exc
