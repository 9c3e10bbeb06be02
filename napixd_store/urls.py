"""URLs of places: backend, place and options in one line.

======================================  ==========================================================
``sqlite:///var/desk.sqlite``           SQLite, in that file
``file:///var/stores``                  File, in that folder
``directory:///var/stores``             Directory, in that folder
``memory:``                             Memory
``redis://host:6379/0``                 RedisHash; so do ``rediss unix valkey valkeys``
``redis+blob://``, ``redis+key://``     Redis, RedisKey; ``redis+hash`` says what holds anyway
======================================  ==========================================================

What follows a ``?`` are options of the backend.

>>> backend_of("sqlite:///var/desk.sqlite?durability=process")
('SQLite', {'durability': 'process', 'path': '/var/desk.sqlite'})
>>> backend_of("redis+key://redis.example.com/0")
('RedisKey', {'url': 'redis://redis.example.com/0'})
"""

from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from napixd_store.errors import ConfigError
from napixd_store.options import closest

_PLACES: Final = {
    "sqlite": ("SQLite", "path"),
    "file": ("File", "root"),
    "directory": ("Directory", "root"),
    "memory": ("Memory", ""),
}
"""Scheme -> backend, and the option that the URL's path gives."""

_SERVERS: Final = ("redis", "rediss", "unix", "valkey", "valkeys")
_SHAPES: Final = {
    "": "RedisHash",
    "+hash": "RedisHash",
    "+blob": "Redis",
    "+key": "RedisKey",
}
"""What follows a server's scheme -> backend; its option ``url`` is all before the ``?``."""

SCHEMES: Final = (*_PLACES, *(f"{server}{shape}" for shape in _SHAPES for server in _SERVERS))
"""What a URL may begin with."""


def backend_of(url: str, what: str = "the URL") -> tuple[str, dict[str, Any]]:
    """Return the backend and the options that *url* says; *what* opens each message.

    Raises:
        ConfigError: it is no URL, or of no scheme of ours. Shows nothing of a password.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ConfigError(f"{what} is not a URL: {_BEGIN}") from None
    if parts.scheme not in SCHEMES:
        close = closest(parts.scheme, SCHEMES)
        hint = f" (did you mean {close!r}?)" if close else ""
        raise ConfigError(f"{what}: the scheme {parts.scheme!r} is not known{hint}: {_BEGIN}")
    if "@" in parts.query:  # a password with a '?' in it, of which nothing may be shown
        raise ConfigError(f"{what}: write %3F for '?' in a password, and %40 for '@'")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if parts.scheme in _PLACES:
        backend, option = _PLACES[parts.scheme]
        place = unquote(parts.path)
        if parts.netloc:
            raise ConfigError(
                f"{what}: {parts.scheme}: has no host: write {parts.scheme}:///absolute/path"
            )
        if place.startswith("/~"):
            raise ConfigError(f"{what}: write {parts.scheme}:~/… for a place in the home folder")
    else:
        server, plus, shape = parts.scheme.partition("+")
        backend, option = _SHAPES[plus + shape], "url"
        place = server + url.partition("?")[0][len(parts.scheme) :]
    if parts.fragment or (place and not option):
        raise ConfigError(f"{what}: nothing may follow {parts.scheme}: or '#' (write %23)")
    if place:
        if option in options:
            raise ConfigError(f"{what}: the option {option!r} is given twice")
        options[option] = place
    return backend, options


def refuse_password(url: str) -> None:
    """Raise if *url*, an argument of a command, holds a password.

    All users of the machine see the arguments of its processes, and shells keep them.

    >>> refuse_password("redis://redis.example.com/0")
    >>> refuse_password("redis://:s3cret@redis.example.com/0")
    Traceback (most recent call last):
        ...
    napixd_store.errors.ConfigError: a URL on the command line must hold no password...
    """
    login, at, _ = url.rpartition("@")
    options = parse_qsl(url.partition("?")[2], keep_blank_values=True)
    named = any("password" in name.lower() or "secret" in name.lower() for name, _ in options)
    if named or (at and ":" in login.partition("//")[2]):
        raise ConfigError(
            "a URL on the command line must hold no password: others see it among the processes. "
            "Put the URL into $NAPIXD_STORE_URL, or into an INI file that only you can read"
        )


_BEGIN = "begin with " + ", ".join(f"{scheme}:" for scheme in (*_PLACES, *_SERVERS))
