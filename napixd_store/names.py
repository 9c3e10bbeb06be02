"""Names and keys: one rule for all backends, and the text that stands for a key.

A collection, a counter's name and a ``str`` key are any text of 1 to 1,000 code points without
lone surrogates. An ``int`` key is kept as its decimal digits behind a mark and a letter, and a
text that begins with the mark is marked once more, so that no two keys share a text:

>>> [encode_key(key) for key in ("17", 17, 9, "=b17")]
['17', '=b17', '=a9', '==b17']
>>> decode_key("=b17")
17

The texts of ints sort as the numbers do, and those of strs as the strs. The letter counts the
digits: a longer number has a later one. Below zero all is the other way round: capitals, which
sort before the others, from the longest number on, and 9 less each digit.

>>> [encode_key(number) for number in (-10, -9, -1, 0, 1, 10)]
['=R89', '=S0', '=S8', '=a0', '=a1', '=b10']

An escape for those strs alone that look like an int's text would be shorter, and would put them
before others that are less.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, TypeAlias, TypeVar

from napixd_store.errors import CorruptData, InvalidKey, InvalidName, NoSuchKey
from napixd_store.integers import LARGEST, SMALLEST

V = TypeVar("V")

MAX_LENGTH = 1_000
"""Code points of a name or of a ``str`` key, at most."""

Span: TypeAlias = tuple[str, str]
"""Texts from the first on and before the second, by code points; so UTF-8 sorts them, too."""

_LAST = "\U0010ffff"

ALL: Final[Span] = "", _LAST * (MAX_LENGTH + 1)
"""The span of all texts that keys have."""

_MARK = "="
_BELOW = "SRQPONMLKJIHGFEDCBA"
_BEFORE = [_MARK + letter for letter in "-abcdefghijklmnopqrs"]  # so many digits
_BEFORE_NEGATIVE = [_MARK + letter for letter in "-" + _BELOW]
_NINE_LESS = str.maketrans("0123456789", "9876543210")


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
        InvalidKey: neither a ``str`` nor an ``int``, or empty, too long, not valid Unicode, or
            outside −2**63 … 2**63−1.
    """
    if type(key) is str:
        if key.isascii() and 0 < len(key) <= MAX_LENGTH:
            return key if key[0] != _MARK else _MARK + key
        fault = _fault(key)
        if fault:
            raise InvalidKey(f"a key {fault}", refused=(key,))
        return key if key[0] != _MARK else _MARK + key
    if type(key) is int:
        if 0 <= key <= LARGEST:
            digits = str(key)
            return _BEFORE[len(digits)] + digits
        if SMALLEST <= key < 0:
            digits = str(-key)
            return _BEFORE_NEGATIVE[len(digits)] + digits.translate(_NINE_LESS)
        raise InvalidKey("a key that is an int must be within −2**63 … 2**63−1", refused=(key,))
    raise InvalidKey(
        f"a key must be a str or an int, not {type(key).__name__}: {_HINTS.get(type(key), _HINT)}",
        refused=(key,),
    )


def known_key(key: object) -> str:
    """Return the text that stands for *key*, which is to be there already.

    Raises:
        NoSuchKey: no backend can keep such a key, so it is nowhere.
    """
    try:
        return encode_key(key)
    except InvalidKey as exc:
        raise absent(exc) from None


def absent(refused: InvalidKey) -> NoSuchKey:
    """Return the error for reading the key that was *refused*."""
    return NoSuchKey(f"{refused}; so there is no such key", refused=refused.refused)


def storable(keys: Iterable[Any]) -> dict[str, Any]:
    """Return those of *keys* that a backend can keep, by their texts."""
    texts = {}
    for key in keys:
        with suppress(InvalidKey):
            texts[encode_key(key)] = key
    return texts


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
    digits = text[2:]
    with suppress(ValueError):  # no number, or InvalidKey: none of 64 bits
        key = int(f"-{digits.translate(_NINE_LESS)}" if text[1:2] in _BELOW else digits)
        if encode_key(key) == text:
            return key
    raise CorruptData("a stored key begins with '=' but is neither an int's nor '==…'")


def listed(keys: Sequence[object]) -> str:
    """Return the first few of *keys*, for a message.

    >>> listed(["ann", 17]), listed(range(100))
    ("'ann', 17", '0, 1, 2, 3, 4 …')
    """
    return ", ".join(map(repr, keys[:5])) + (" …" if len(keys) > 5 else "")


def beginning(prefix: object) -> list[Span]:
    """Return in which spans the texts of the ``str`` keys are that begin with *prefix*.

    Raises:
        InvalidKey: no key begins so.
    """
    if type(prefix) is not str:
        raise InvalidKey(f"a prefix must be a str, not {type(prefix).__name__}", refused=(prefix,))
    if not prefix:  # but for ints, whose texts begin with the mark and no other one
        first, end = ALL
        return [(first, _next(_MARK * 2)), (_next(_MARK), end)]
    text = encode_key(prefix)
    return [(text, _next(text))]


def _next(prefix: str) -> str:
    """Return the first text behind all that begin with *prefix*."""
    text = prefix.rstrip(_LAST)
    if not text:
        return ALL[1]
    code = ord(text[-1]) + 1
    return text[:-1] + chr(code if code != 0xD800 else 0xE000)  # between are the surrogates


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
