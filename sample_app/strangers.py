"""Requests that the page of another site makes a browser send are refused.

A browser says in `Host` which name it was given for the desk, and in `Origin` whose page sends. A
stranger who lets a name of his own lead to the desk's address (DNS rebinding) has a page that the
browser takes for the desk's: only the name gives it away.
"""

import re
from collections.abc import Collection
from ipaddress import ip_address

from bottle import HTTPError, request


def refuse_strangers(names: Collection[str]) -> None:
    """Refuse a request for a host that is none of ours, or from a page that is not."""
    host = request.get_header("Host", "")
    if not ours(host, names):
        said = f"the desk is not known as {host!r}: who runs it can add names to its settings"
        raise HTTPError(421, said)
    origin = request.get_header("Origin")  # programs and old browsers send none
    if origin is not None and origin.partition("://")[2] != request.urlparts.netloc:
        raise HTTPError(403, "this was sent by a page of another site, so nothing was changed")


def ours(host: str, names: Collection[str]) -> bool:
    """Say whether no stranger can have given the desk this name.

    An address is no name. One without a dot, as localhost, is given in one's own network; one
    with a dot by whoever rents it, so it must be among *names*.
    """
    name = re.sub(r":\d*$", "", host).lower()
    return "." not in name or name in names or is_address(name.strip("[]"))


def is_address(text: str) -> bool:
    """Say whether *text* is an IP address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
