"""What can be known of an app before its first request, without asking a medium."""

import inspect
import weakref
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import bottle

from napixd_store.declarations import KINDS, Declaration, meant
from napixd_store.errors import ConfigError
from napixd_store.options import closest
from napixd_store_bottle.answers import logger, where
from napixd_store_bottle.app_settings import declared_by
from napixd_store_bottle.running import Giver, serves
from napixd_store_bottle.signature import annotated, arguments

_BOTTLES_OWN = (bottle.JSONPlugin, bottle.TemplatePlugin)


def apps_of(app: Any) -> list[Any]:
    """Return *app* and those merged into it or mounted in it, as far as they have the plugin.

    Raises:
        PluginError: none has it, not even for one of its routes.
    """
    found = [app] if serves(app.plugins) else []
    found += [each.app for each in app.routes if serves([*each.app.plugins, *each.plugins])]
    if not found:
        raise bottle.PluginError("this app has no StorePlugin: install one first")
    return list(dict.fromkeys(found))


def refuse_namesakes(app: Any, name: str) -> None:
    """Refuse what was installed later under our *name*: Bottle applies the last one alone."""
    names = [type(each).__name__ for each in app.plugins if getattr(each, "name", None) == name]
    if len(names) > 1:
        raise bottle.PluginError(
            f"{' and '.join(names)} are installed under the name {name!r}, and Bottle applies "
            f"only the last one of a name: give the others another"
        )


def refuse_misspelt_sections(app: Any) -> None:
    """Refuse sections whose name is nearly one of ours, and tell if there is none at all.

    Raises:
        ConfigError: there is a ``[stroe]`` or a ``[stores.tickets]``.
    """
    namespaces = {key.partition(".")[0]: key for key in reversed([*app.config])}
    for key in namespaces.values():
        section = key.rpartition(".")[0] or key
        right = meant(section)
        if right:
            raise ConfigError(
                f"the setting {key!r}: [{section}] declares nothing (did you mean [{right}]?)"
            )
    if not {namespace.lower() for namespace in namespaces} & {*KINDS} and app not in _warned:
        _warned.add(app)
        logger.warning(_NO_SETTINGS)


def wanted(route: Any) -> Mapping[str, Declaration]:
    """Return what the handler of *route* asks for, by argument.

    Raises:
        PluginError: an argument is a wildcard of the rule as well.
        ConfigError: it is annotated as a store, and declared as a counter, or the other way round.
    """
    wildcards = _wildcards(route.rule)
    declared = declared_by(route)
    found: dict[str, Declaration] = {}
    for name, parameter in arguments(route.callback).items():
        said = annotated(route.callback, parameter)
        declaration = declared.get(name.lower()) or said
        if said is not None and declaration is not None and said.kind != declaration.kind:
            raise ConfigError(
                f"{where(route)}: the argument {name!r} is annotated as a {said.kind}, and "
                f"[{declaration.section}] of the settings declares a {declaration.kind}: correct "
                f"one of them"
            )
        if declaration is not None and name in wildcards:
            raise bottle.PluginError(
                f"{where(route)}: the argument {name!r} is a wildcard of the rule "
                f"{route.rule!r} and a {declaration.kind} too: rename one of them, or give "
                f"the route a path if it has none"
            )
        if declaration is not None:
            found[name] = declaration
    return found


def unprovided(route: Any) -> Iterable[str]:
    """Yield what is to be said of each argument that *route* requires and nobody gives."""
    declared = declared_by(route)
    given = {*_wildcards(route.rule), *wanted(route), *_keywords(route)}
    for name, parameter in arguments(route.callback).items():
        if parameter.default is inspect.Parameter.empty and name not in given:
            yield _not_provided(where(route), name, declared)


def others_may_give(route: Any) -> bool:
    """Say whether an argument of *route* may come from where nobody can look.

    From a decorator, or from a plugin that does not tell its ``keyword`` as most do.
    """
    return hasattr(route.callback, "__wrapped__") or any(
        not isinstance(each, (Giver, *_BOTTLES_OWN)) and not hasattr(each, "keyword")
        for each in route.all_plugins()
    )


def _keywords(route: Any) -> set[str]:
    """Return the arguments that other plugins give, for all of the app or for this route."""
    return {
        route.config.get(f"{getattr(each, 'name', None)}.keyword", each.keyword)
        for each in route.all_plugins()
        if hasattr(each, "keyword")
    }


def _not_provided(place: str, name: str, declared: Collection[str]) -> str:
    close = closest(name, declared)
    hint = f" (did you mean {close!r}?)" if close else ""
    return (
        f"{place}: nothing provides the handler's argument {name!r}{hint}: declare it in the app's "
        f"settings, under [store.{name}] or [counter.{name}] with at least one key"
    )


def _wildcards(rule: str) -> set[str]:
    matches = (match.groups() for match in bottle.Router.rule_syntax.finditer(rule))
    # The groups: backslashes, three of the old syntax (:name), three of the new (<name>).
    return {named[4] or named[1] or "" for named in matches if len(named[0]) % 2 == 0}


_warned: "weakref.WeakSet[Any]" = weakref.WeakSet()

_NO_SETTINGS = (
    "the app's settings say nothing of stores and counters, so those of the process hold: if they "
    "are in a file, it was not found, for Bottle's load_config() ignores one that is not there; "
    "StorePlugin(config=...) refuses it"
)
