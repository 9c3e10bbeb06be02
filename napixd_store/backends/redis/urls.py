"""URLs: each of their parts is an option; what is special in a password must be quoted."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from napixd_store.backends.redis.errors import wrong_option
from napixd_store.options import bind

_SCHEMES = {
    "redis": False,
    "valkey": False,
    "rediss": True,
    "valkeys": True,
    "unix": False,
}
"""Scheme -> whether it says TLS."""

_QUOTE = "write %23 for '#', %3F for '?', %2F for '/' and %40 for '@' in a user or password"


def without_url(given: dict[str, Any], opener: Callable[..., Any]) -> dict[str, Any]:
    """Return *given* with the parts of its URL for options of their own, which *opener* declares.

    Raises:
        ConfigError: it is no URL, or says what *given* says too. Shows nothing of a password.
    """
    url = given["url"].reveal
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise wrong_option(f"the option 'url' is no URL: {_QUOTE}") from None
    if parts.scheme not in _SCHEMES:
        begin = ", ".join(f"{scheme}://" for scheme in _SCHEMES)
        raise wrong_option(f"the option 'url' must begin with {begin}")
    # A password that is not quoted ends too early, and the rest would be shown as something else.
    if "#" in url or "@" in parts.query or (parts.scheme != "unix" and "@" in parts.path):
        raise wrong_option(f"the option 'url' cannot be taken apart: {_QUOTE}")
    said: dict[str, Any] = {"port": port, "username": unquote(parts.username or "") or None}
    said["ssl"] = _SCHEMES[parts.scheme] or None
    if parts.password:
        said["password"] = unquote(parts.password)
    if parts.scheme == "unix":
        said["unix_socket_path"] = unquote(parts.path)
    else:
        said["host"] = unquote(parts.hostname or "") or None
        said["db"] = parts.path.strip("/") or None
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if said.get(name) is not None or name == "url":
            raise wrong_option(f"the option {name!r} is given twice in the URL")
        said[name] = value
    said = {name: value for name, value in said.items() if value is not None}
    (bound,) = bind("the URL of Redis", said, opener)
    defaults = opener.__kwdefaults__ or {}
    for name in bound:
        if given[name] != defaults[name]:
            raise wrong_option(f"the option {name!r} is given twice: in the URL and beside it")
    return {**given, **bound, "url": None}
