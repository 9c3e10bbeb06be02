"""Names and keys: one rule for all backends, and the text that stands for a key.

A collection, a counter's name and a ``str`` key are any text of 1 to 1,000 code points without
lone surrogates. An ``int`` key is kept as its decimal digits behind a mark, and a text that
begins with the mark is marked once more, so that no two keys share a text:

>>> [encode_key(key) for key in ("17", 17, -1, "=17")]
['17', '=17', '=-1', '==17']
>>> decode_key("=17")
17
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from napixd_store.errors import CorruptData, InvalidKey, InvalidName

V = TypeVar("V")

MAX_LENGTH = 1_000
"""Code points of a name or of a key's text, at most."""

_MARK = "="
_TOO_MANY_BITS = 3_330  # 10**1000 has 3,322 bits: whatever has more need not be written out


def check_name(name: object, kind: str) -> str:
    """Return *name* if every backend can keep it; *kind* (``'collection'``) is for the message.

    Raises:
        InvalidName: it is not a ``str``, is empty, too long, or holds a lone surrogate.
    """
    if type(name) is not str:
        raise InvalidName(f"a {kind} name must be a str, not {type(name).__name__}")
    fault = _fault(name)
    if fault:
        raise InvalidName(f"a {kind} name {fault}")
    return name


def encode_key(key: object) -> str:
    """Return the text that stands for *key*; distinct keys have distinct texts.

    Raises:
        InvalidKey: neither a ``str`` nor an ``int``, or empty, too long, or not valid Unicode.
    """
    if type(key) is str:
        if key.isascii() and 0 < len(key) <= MAX_LENGTH:
            return key if key[0] != _MARK else _MARK + key
        fault = _fault(key)
        if fault:
            raise InvalidKey(f"a key {fault}", refused=(key,))
        return key if key[0] != _MARK else _MARK + key
    if type(key) is int:
        try:
            text = str(key) if key.bit_length() < _TOO_MANY_BITS else ""
        except ValueError:  # sys.set_int_max_str_digits() allows less
            text = ""
        if not 0 < len(text) <= MAX_LENGTH:
            raise InvalidKey(f"a key has at most {MAX_LENGTH} digits", refused=(key,))
        return _MARK + text
    raise InvalidKey(
        f"a key must be a str or an int, not {type(key).__name__}: {_HINTS.get(type(key), _HINT)}",
        refused=(key,),
    )


def merged(pairs: Any, named: Mapping[str, V]) -> Mapping[str, V]:
    """Return what ``dict(pairs, **named)`` would hold, under the texts of its keys.

    Each key is checked before a dict merges them: to a dict, True and 1.0 are the key 1.

    Raises:
        InvalidKey: as `encode_key`.
        TypeError, ValueError: *pairs* is neither a mapping nor made of pairs.
    """
    if type(pairs) is dict:
        return _encoded({**pairs, **named})
    texts: dict[str, V] = {}
    if hasattr(pairs, "keys"):
        for key in pairs.keys():  # noqa: SIM118 - all that dict() asks of a mapping
            texts[encode_key(key)] = pairs[key]
    else:
        for key, value in pairs:
            texts[encode_key(key)] = value
    texts.update(_encoded(named))
    return texts


def decode_key(text: str) -> str | int:
    """Return the key for which *text* stands.

    Raises:
        CorruptData: no key has this text, so something else than this library wrote it.
    """
    if text[:1] != _MARK:
        return text
    if text.startswith(_MARK * 2):
        return text[1:]
    try:
        key = int(text[1:])
    except ValueError:
        key = None
    if key is None or f"{_MARK}{key}" != text:
        raise CorruptData("a stored key begins with '=' but is neither '=<digits>' nor '==…'")
    return key


def _encoded(pairs: Mapping[Any, V]) -> Mapping[str, V]:
    """Return *pairs* under the texts of their keys: themselves where each is its own text."""
    for key in pairs:
        if type(key) is not str or not key.isascii() or not 0 < len(key) <= MAX_LENGTH:
            break
        if key[0] == _MARK:
            break
    else:
        return pairs
    return {encode_key(key): value for key, value in pairs.items()}


def _fault(text: str) -> str | None:
    if not text:
        return "must not be empty"
    if len(text) > MAX_LENGTH:
        return f"has at most {MAX_LENGTH} characters, not {len(text)}"
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        return f"must be valid Unicode: a lone surrogate stands at position {exc.start}"
    return None


_HINT = "write str(key)"
_HINTS: dict[type, str] = {
    bool: "write int(key) or str(key)",
    float: "write str(key), or int(key) for a whole number",
    bytes: "write key.decode()",
    tuple: "join the parts into one str",
    type(None): "None is no key",
}
