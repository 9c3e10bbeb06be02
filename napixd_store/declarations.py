"""From an app's settings to declarations: which argument of a handler receives what.

Settings are flat, as Bottle keeps them: ``store.<argument>.<option>`` declares a store and
``counter.<argument>.<option>`` a counter. Keys compare case-insensitively and are read in lower
case, as Bottle's INI files have them. Nested mappings say the same. All other keys are
somebody else's: ``store.<option>`` and ``counter.<option>`` are the defaults that
`napixd_store.settings.read` finds.

>>> declarations({"store.users.path": "desk.sqlite", "COUNTER": {"ids": {"name": "user-id"}}})
{'users': <store.users: 'users', options=['path']>, 'ids': <counter.ids: 'user-id', options=[]>}
"""

import keyword
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from napixd_store.errors import ConfigError, StoreError
from napixd_store.opening import choose_counter, choose_store
from napixd_store.settings import Settings, flattened
from napixd_store.unit_of_work import Opening

Kind = Literal["store", "counter"]

_NAMED_BY: dict[Kind, str] = {"store": "collection", "counter": "name"}
"""Kind -> the option that names the collection or the counter."""

KINDS: tuple[Kind, ...] = ("store", "counter")
"""The namespaces of settings that are ours."""


class Declaration(NamedTuple):
    """A store or counter that the settings give to the handlers' argument *parameter*."""

    kind: Kind
    parameter: str
    name: str
    """The collection's or the counter's; the parameter unless the settings say another."""
    backend: str | type | None
    options: Mapping[str, Any]

    @property
    def section(self) -> str:
        """The keys of the settings that declare it begin so."""
        return f"{self.kind}.{self.parameter}" if self.parameter else self.kind

    def __repr__(self) -> str:
        return f"<{self.section}: {self.name!r}, options={sorted(self.options)}>"  # values: secret


def declarations(settings: Mapping[str, Any]) -> dict[str, Declaration]:
    """Return the declarations in *settings* by parameter; of two equal keys the later one holds.

    Raises:
        ConfigError: a key has no value or is too deep, its second part is no argument's name,
            or one argument is declared as a store and as a counter.
    """
    keys: dict[str, str] = {}
    found: dict[str, tuple[Kind, dict[str, Any]]] = {}
    for key, value in flattened(settings):
        namespace, *rest = key.lower().split(".")
        kind = _kind(namespace)
        if kind is None or len(rest) < 2:
            continue
        parameter, option = rest[0], rest[-1]
        _check(key, parameter, len(rest), value)
        seen, options = found.setdefault(parameter, (kind, {}))
        if seen != kind:
            raise ConfigError(
                f"the argument {parameter!r} is declared twice, as a store and as a counter: by "
                f"{keys[parameter]!r} and by {key!r}"
            )
        keys.setdefault(parameter, key)
        options[option] = value
    return {parameter: _declared(parameter, *said) for parameter, said in found.items()}


def chosen(declaration: Declaration, settings: Settings) -> Opening:
    """Return what it takes to build what *declaration* declares."""
    kind, _parameter, name, backend, options = declaration
    if kind == "store":
        cls, options = choose_store(backend, options, settings.store)
    else:
        cls, options = choose_counter(backend, options, settings.counter)
    return Opening(cls, name, options)


class in_section:  # noqa: N801 - reads as the function that it is used as
    """Have our errors name the *section* of the settings they come from; *config* is all keys.

    The error is raised anew, without its traceback: a debugger shows the variables of every frame
    in it, and here they are settings, some of them secret.
    """

    def __init__(self, section: str = "", config: Iterable[str] = ()) -> None:
        self._section, self._keys = section, config

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, exc: BaseException | None, *where: object) -> None:
        if isinstance(exc, StoreError):
            text = f"{self._section}: {exc}" if self._section else str(exc)
            if any(f"unknown option {root!r}" in text for root in self._keys):
                text += " (it stands in the root too: [DEFAULT] adds to every section)"
            exc.args = (text, *exc.args[1:])
            raise exc.with_traceback(None)


def _declared(parameter: str, kind: Kind, options: dict[str, Any]) -> Declaration:
    name = options.pop(_NAMED_BY[kind], parameter)
    return Declaration(kind, parameter, name, options.pop("backend", None), options)


def named_by(namespace: str) -> str | None:
    """Return the option that names what the sections of *namespace* declare, if it is ours."""
    kind = _kind(namespace)
    return _NAMED_BY[kind] if kind else None


def _kind(namespace: str) -> Kind | None:
    return next((kind for kind in KINDS if kind == namespace), None)


def _check(key: str, parameter: str, depth: int, value: object) -> None:
    if depth > 2:
        raise ConfigError(
            f"the setting {key!r} is too deep: declarations are store.<argument>.<option> and "
            f"counter.<argument>.<option>"
        )
    if not parameter.isidentifier() or keyword.iskeyword(parameter):
        raise ConfigError(
            f"the setting {key!r}: {parameter!r} cannot be the name of a handler's argument"
        )
    if value is None:
        raise ConfigError(f"the setting {key!r} has no value")


# --- misspelt sections ----------------------------------------------------------------------------


def meant(section: str) -> str | None:
    """Return which section of ours *section* is a misspelling of, or its plural; None if of none.

    >>> meant("stroe"), meant("stores.tickets"), meant("store.tickets"), meant("mail")
    ('store', 'store.tickets', None, None)
    """
    namespace, dot, rest = section.partition(".")
    for kind in KINDS if _kind(namespace.lower()) is None else ():
        for name in (kind, f"{kind}s"):
            near = abs(len(name) - len(namespace)) < 2
            if near and _distance(name, namespace.lower()) <= 2:
                return kind + dot + rest
    return None


def _distance(one: str, other: str) -> int:
    """Return how many letters to add, drop, replace or swap with the next, to get the *other*."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        last, before, row = before, row, [i]
        for j, b in enumerate(other, 1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                best = min(best, last[j - 2] + 1)
            row.append(best)
    return row[-1]
