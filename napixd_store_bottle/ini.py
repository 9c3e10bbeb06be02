"""The settings' file of ``StorePlugin(config='desk.ini')``, read as Bottle's ``load_config`` does.

Bottle passes over a file that is not there, and over a section without keys. Here both are told.
"""

import configparser
import os
from pathlib import Path
from typing import Any

from napixd_store.errors import ConfigError
from napixd_store.options import closest
from napixd_store_bottle.config import named_by


def load(config: Any, path: str | os.PathLike[str]) -> None:
    """Load the INI file *path* into *config*, the settings of an app; what it says wins.

    Raises:
        ConfigError: there is no such file, it cannot be read or is no INI file, or a section
            that would declare something has no key. The message shows no line of the file.
    """
    place = os.path.abspath(path)
    try:
        sections = _sections(place)
        config.load_config(place)
    except OSError as exc:
        hint = _beside(place) if isinstance(exc, FileNotFoundError) else ""
        raise ConfigError(f"the settings' file {place}: {exc.strerror}{hint}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"the settings' file {place} is no text in UTF-8") from None
    except configparser.InterpolationError as exc:
        raise ConfigError(
            f"the settings' file {place}: [{exc.section}] {exc.option}: a '$' that begins no "
            f"'${{…}}': write '$$' for a dollar"
        ) from None
    except (configparser.Error, AttributeError) as exc:  # the latter: a key without value goes on
        raise ConfigError(f"the settings' file {place} is no INI file: {_told(exc)}") from None
    for section, empty in sections.items():
        kind, _, parameter = section.lower().partition(".")
        if empty and parameter and (option := named_by(kind)):
            raise ConfigError(
                f"the settings' file {place}: [{section}] has no key, so Bottle forgets it: write "
                f"'{option} = {parameter}' there, if you have nothing else to say"
            )


def _sections(place: str) -> dict[str, bool]:
    """Return the sections of the file *place*, each with whether it is empty."""
    parser = configparser.RawConfigParser(allow_no_value=True)
    with open(place) as file:  # in the encoding that Bottle reads it in
        parser.read_file(file)
    return {section: not parser.options(section) for section in parser.sections()}


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


def _told(exc: Exception) -> str:
    """Return what is wrong, and in which line; the line itself may hold a secret."""
    lines = [number for number, _line in getattr(exc, "errors", ())]
    line = lines[0] if lines else getattr(exc, "lineno", None)
    fault = _FAULTS.get(type(exc), "neither 'key = value' nor a [section]")
    return f"line {line}: {fault}" if line else fault
