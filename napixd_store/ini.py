"""An app's settings from an INI file, read as Bottle's ``load_config`` reads it.

Bottle ignores a file that is not there, and a section without keys. Here both are errors. In a
section of ours ``${NAME}`` may also be a variable of the environment, see
`napixd_store.options.Template`; a key of the file goes first.
"""

import configparser
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from napixd_store.declarations import meant, named_by
from napixd_store.errors import ConfigError
from napixd_store.options import Template, closest

_ROOTS = ("bottle", "ROOT")
"""Sections whose keys stand alone, as Bottle has it."""


def load(path: str | os.PathLike[str]) -> dict[str, str | None]:
    """Return the settings in the INI file *path*, flat: ``{'store.tickets.path': …}``.

    Raises:
        ConfigError: there is no such file, it cannot be read or is no INI file, a section that
            would declare something has no key, or one is nearly one of ours. The message shows no
            line of the file.
    """
    place = os.path.abspath(path)
    parser = configparser.ConfigParser(allow_no_value=True, interpolation=_Interpolation())
    try:
        with open(place) as file:  # in the encoding that Bottle reads it in
            parser.read_file(file)
        found = dict(_pairs(parser))
    except OSError as exc:
        hint = _beside(place) if isinstance(exc, FileNotFoundError) else ""
        raise ConfigError(f"the settings' file {place}: {exc.strerror}{hint}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"the settings' file {place} is not text in UTF-8") from None
    except configparser.InterpolationError as exc:
        raise ConfigError(
            f"the settings' file {place}: [{exc.section}] {exc.option}: a '$' that begins no "
            f"'${{…}}': write '$$' for a dollar"
        ) from None
    except (configparser.Error, AttributeError) as exc:  # the latter: a key without value goes on
        raise ConfigError(
            f"the settings' file {place} is not an INI file: {_warned(exc)}"
        ) from None
    for section in parser.sections():
        if right := meant(section):
            raise ConfigError(
                f"the settings' file {place}: [{section}] declares nothing (did you mean "
                f"[{right}]?): give it another name if it is another program's"
            )
        kind, _, parameter = section.lower().partition(".")
        if parameter and (option := named_by(kind)) and not parser.options(section):
            raise ConfigError(
                f"the settings' file {place}: [{section}] has no key, so Bottle forgets it: write "
                f"'{option} = {parameter}' there, if you have nothing else to say"
            )
    return found


class _Interpolation(configparser.ExtendedInterpolation):
    """Bottle's, which leaves what names no key of the file to the environment."""

    def before_get(self, parser: Any, section: str, option: str, value: Any, defaults: Any) -> str:
        try:
            return super().before_get(parser, section, option, value, defaults)
        except (
            configparser.InterpolationMissingOptionError,
            configparser.InterpolationDepthError,  # `password = ${PASSWORD}` names itself
        ):
            if named_by(section.lower().partition(".")[0]) is None or ":" in value:
                raise
            return Template(value)


def _pairs(parser: configparser.ConfigParser) -> Iterator[tuple[str, str | None]]:
    for section in parser.sections():
        for key in parser.options(section):
            name = key if section in _ROOTS else f"{section}.{key}"
            yield name.lower(), parser.get(section, key)


def _beside(place: str) -> str:
    """Return ``" (did you mean …?)"`` for a file that lies where the misspelt one should."""
    folder = Path(place).parent
    if not folder.is_dir():
        return ""
    close = closest(Path(place).name, [each.name for each in folder.iterdir() if each.is_file()])
    return f" (did you mean {str(folder / close)!r}?)" if close else ""


_FAULTS: dict[type, str] = {
    configparser.MissingSectionHeaderError: "the first [section] comes too late",
    configparser.DuplicateOptionError: "a key that already exists in its section",
    configparser.DuplicateSectionError: "a section that already exists",
}


def _warned(exc: Exception) -> str:
    """Return what is wrong, and in which line; the line itself may hold a secret."""
    lines = [number for number, _line in getattr(exc, "errors", ())]
    line = lines[0] if lines else getattr(exc, "lineno", None)
    fault = _FAULTS.get(type(exc), "neither 'key = value' nor a [section]")
    return f"line {line}: {fault}" if line else fault
