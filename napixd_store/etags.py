"""Entity tags: which version of a value is meant, as HTTP says it (RFC 9110, 8.8.3 and 13.1).

>>> tag = etag(b'{"title":"Printer"}')
>>> tag
'"nckHJZda8HZTHdbM"'
>>> matches(tag, f'"other", {tag}'), matches(tag, "*"), matches(tag, "W/" + tag)
(True, True, False)
"""

from base64 import urlsafe_b64encode

_BYTES = 12
"""A digest of 96 bits: two versions of a value have the same one by no accident."""


def etag(record: bytes) -> str:
    """Return the tag of a bare *record*, quoted and strong: another one for other bytes."""
    from hashlib import blake2b  # loads OpenSSL, which costs a tenth of the whole import

    digest = blake2b(record, digest_size=_BYTES).digest()
    return f'"{urlsafe_b64encode(digest).decode()}"'


def matches(tag: str | None, asked: str, *, weak: bool = False) -> bool:
    """Return whether *tag*, None where nothing is, is among those that a header has *asked* for.

    ``*`` stands for any, a list for each of its own. What is malformed matches nothing, and what
    is weak (``W/"…"``) only where *weak* says so, as for ``If-None-Match``.
    """
    if tag is None:
        return False
    if asked.strip() == "*":
        return True
    # What lies in quotes, and what stands between: linear, for a header may be long and hostile.
    pieces = asked.split('"')
    between, quoted = pieces[::2], pieces[1::2]
    if len(between) == len(quoted) or not all("," in piece for piece in between[1:-1]):
        return False
    fronts = ("", "W/") if weak else ("",)
    return any(
        f'"{opaque}"' == tag
        and before.rpartition(",")[2].strip() in fronts
        and not after.partition(",")[0].strip()
        for before, opaque, after in zip(between, quoted, between[1:], strict=False)
    )
