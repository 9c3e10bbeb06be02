"""File names for any text: readable, never outside their folder, never two texts alike.

Lower-case letters, digits and ``- _ = .`` stand for themselves. ``+S`` is a capital S, ``%c3``
a byte of UTF-8. So names differ even where the file system ignores case or normalises Unicode,
and none begins with a dot or is a device of Windows. A long one ends in the text's hash; what
it stands for is written in the file.

>>> [encode("scp-001"), encode("SCP-001"), encode("../x"), encode("é"), encode("con")]
['scp-001', '+S+C+P-001', '%2e.%2fx', '%c3%a9', '%63on']
>>> decode("+S+C+P-001")
'SCP-001'
"""

import hashlib
import re

STORE_FILE = ".store.json"
COUNTER_FILE = ".counter.json"
STORE_FOLDER = ".store"
"""What the names of a root's own files and folders end with."""

_SAFE = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789_=-.")
_TOKEN = re.compile(r"%[0-9a-f]{2}|\+[A-Z]|[a-z0-9_=.-]")
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|\Z)")
_PLAIN = re.compile(rf"(?!{_DEVICE.pattern})[a-z0-9_=-][a-z0-9_=.-]{{0,199}}(?<!\.)\Z")
_LONGEST = 200
_KEPT = 120


def encode(text: str) -> str:
    """Return the file name for *text*: at most 200 bytes of ASCII, to which a suffix is added."""
    if _PLAIN.match(text):
        return text
    tokens = [_token(byte) for byte in text.encode()]
    for place in (0, -1):
        if tokens[place] == "." or (place == 0 and _DEVICE.match(text)):
            tokens[place] = f"%{text.encode()[place]:02x}"
    name = "".join(tokens)
    if len(name) <= _LONGEST:
        return name
    kept = ""
    for token in tokens:
        if len(kept) + len(token) > _KEPT:
            break
        kept += token
    return f"{kept}~{hashlib.sha256(text.encode()).hexdigest()}"


def decode(name: str) -> str | None:
    """Return the text for which *name* stands; None if only the file itself can tell."""
    tokens = _TOKEN.findall(name)
    if not tokens or "".join(tokens) != name:
        return None
    raw = b"".join(
        bytes.fromhex(token[1:]) if token[0] == "%" else token[-1].encode() for token in tokens
    )
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return None
    return text if encode(text) == name else None


def _token(byte: int) -> str:
    if byte in _SAFE:
        return chr(byte)
    return f"+{chr(byte)}" if 65 <= byte <= 90 else f"%{byte:02x}"
