"""Options, declared by the keyword-only arguments of a function.

A backend says which options it takes by the signature of its opener, and nowhere else. Here
given options are held against such signatures: an unknown or mistyped one is an error that
names the nearest known option, and a text (from an INI file, a URL or the environment) is
turned into the declared type, never into a guessed one. A ``Path`` becomes an absolute one.

>>> def opener(*, host: str = "localhost", port: int = 6379, ssl: bool = False): ...
>>> bind("RedisStore", {"port": "6380", "ssl": "yes"}, opener)
[{'port': 6380, 'ssl': True}]
>>> bind("RedisStore", {"prot": 6380}, opener)
Traceback (most recent call last):
    ...
napixd_store.errors.ConfigError: RedisStore: unknown option 'prot' (did you mean 'port'?)
"""

import functools
import os
import re
import types
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from napixd_store.errors import ConfigError
from napixd_store.places import located


class Secret:
    """A text that no repr, log or traceback may show: ``str()`` and ``repr()`` give ``***``."""

    __slots__ = ("reveal",)

    def __init__(self, reveal: str) -> None:
        self.reveal = reveal

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.reveal == self.reveal

    def __hash__(self) -> int:
        return hash(self.reveal)

    def __repr__(self) -> str:
        return "***"


class Template(str):
    """A text of an INI file with ``${NAME}``, which is a variable of the environment there.

    Only a secret may be such a text: what else a program does, its settings say themselves.
    """

    __slots__ = ()

    def filled(self, what: str) -> Secret:
        """Return the secret; *what* opens the message.

        Raises:
            ConfigError: there is no such variable.
        """

        def variable(found: re.Match[str]) -> str:
            name = found[1]
            if name is None:
                return "$"
            if name not in os.environ:
                raise ConfigError(f"{what}: there is no variable ${name} in the environment")
            return os.environ[name]

        return Secret(_VARIABLE.sub(variable, self))


_VARIABLE = re.compile(r"\$(?:\$|\{([^}]*)\})")

_WORDS = {"true": True, "yes": True, "on": True, "1": True}
_WORDS |= {"false": False, "no": False, "off": False, "0": False}


def bind(
    what: str,
    options: Mapping[str, Any],
    *functions: Callable[..., Any],
    beside: Iterable[str] = (),
) -> list[dict[str, Any]]:
    """Divide *options* among *functions*: for each, the keyword arguments to call it with.

    *what* (``'SQLiteStore'``) opens each message, which may also offer what is given *beside*
    the options (``'backend'``). The caller's mapping is not changed.

    Raises:
        ConfigError: an option is unknown, missing, or of another type than declared.
    """
    declared = [declared_options(function) for function in functions]
    known = {name for names in declared for name in names}
    for name in options:
        if name not in known:
            hint = nearest(name, known.union(beside) - {name})
            raise ConfigError(f"{what}: unknown option {name!r}{hint}")
    for function in functions:
        for name in _required(function):
            if name not in options:
                raise ConfigError(f"{what}: the option {name!r} is missing")
    return [
        {
            name: _coerced(f"{what}: the option {name!r}", value, names[name])
            for name, value in options.items()
            if name in names
        }
        for names in declared
    ]


@functools.cache
def declared_options(function: Callable[..., Any]) -> Mapping[str, Any]:
    """Return the options that *function* declares, each with its type."""
    # Python 3.10 says Optional[Any] of what is Any and None when not given.
    hints = {
        name: Any if Any in get_args(hint) else hint
        for name, hint in get_type_hints(function).items()
    }
    return types.MappingProxyType({name: hints.get(name, Any) for name in _keywords(function)})


def nearest(name: object, known: Collection[str]) -> str:
    """Return ``" (did you mean 'port'?)"`` for a misspelt *name*, or the list of known names."""
    close = closest(name, known)
    if close:
        return f" (did you mean {close!r}?)"
    return f" (known: {', '.join(sorted(known))})" if known else ""


def closest(name: object, known: Iterable[str]) -> str | None:
    """Return which of the *known* names is likely meant, whatever its case."""
    import difflib  # for a message only: no program that is right pays for loading it

    folded = {each.casefold(): each for each in known}
    said = str(name).casefold()
    close = difflib.get_close_matches(said, folded, n=1, cutoff=0.75)
    close = close or [each for each in folded if len(said) > 2 and each.startswith(said)]
    close = close or difflib.get_close_matches(said, folded, n=1)
    return folded[close[0]] if close else None


def _keywords(function: Callable[..., Any]) -> tuple[str, ...]:
    code = getattr(function, "__code__", None)
    if code is None:  # a class without an __init__ of its own, such as Connection
        return ()
    names: tuple[str, ...] = code.co_varnames
    return names[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]


def _required(function: Callable[..., Any]) -> list[str]:
    defaults = getattr(function, "__kwdefaults__", None) or {}
    return [name for name in _keywords(function) if name not in defaults]


def _coerced(what: str, value: Any, hint: Any) -> Any:
    alternatives = _alternatives(hint)
    if isinstance(value, Template):
        if Secret not in alternatives:
            raise ConfigError(
                f"{what}: its '${{…}}' names no key of the settings' file, and only a secret is "
                f"read from the environment: write '$$' for a dollar"
            )
        value = value.filled(what)
    found = _taken(what, value, alternatives)
    is_path = isinstance(found, os.PathLike) and isinstance(found, _path())
    return located(what, found) if is_path else found


def _taken(what: str, value: Any, alternatives: tuple[Any, ...]) -> Any:
    for kind in alternatives:
        if _fits(value, kind):
            with suppress(OverflowError):
                return float(value) if kind is float else value
    if isinstance(value, str):
        for kind in alternatives:
            try:
                return _from_text(value, kind)
            except (KeyError, ValueError):
                continue
    wanted = " or ".join(_described(kind) for kind in alternatives)
    raise ConfigError(f"{what} must be {wanted}, not {_given(value)}")


def _given(value: Any) -> str:
    if not isinstance(value, str):
        return type(value).__name__
    if not value.strip():
        return "an empty text"
    if ";" in value or "#" in value:
        return "the text given (';' and '#' begin no comment behind an INI value)"
    return "the text given"


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _fits(value: Any, kind: Any) -> bool:
    if kind is Any:
        return True
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if kind is float:
        return type(value) in (int, float)
    if kind is int:
        return type(value) is int
    return isinstance(value, get_origin(kind) or kind)


def _from_text(text: str, kind: Any) -> Any:
    if kind is bool:
        return _WORDS[text.strip().lower()]
    if kind in (int, float):
        return kind(text)
    if kind is Secret or (kind is _path() and text.strip()):
        return kind(text)
    raise ValueError


def _path() -> type:
    from pathlib import Path  # only who names one pays for loading it

    return Path


def _described(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(repr(choice) for choice in get_args(kind))
    known = {bool: "yes or no", type(None): "None", _path(): "a path", Secret: "a text"}
    return known.get(kind) or str(getattr(kind, "__name__", kind))
