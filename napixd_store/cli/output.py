"""What people and programs see: tables and colours in a terminal, plain text and JSON elsewhere.

Nothing that is stored reaches a terminal as it is: what a terminal would obey is shown escaped.
"""

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from typing import Any

import click
import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from napixd_store.engine.verbs import Key

as_json = click.option("--json", "as_json", is_flag=True, help="One JSON document a line.")


def in_terminal() -> bool:
    """Whether people read what is written to stdout."""
    return sys.stdout.isatty()


def console() -> Console:
    """Return the terminal, which shows texts as they are."""
    return Console(highlight=False, markup=False, emoji=False)


# --- texts that are safe to show -----------------------------------------------------------------


def printable(text: str) -> str:
    r"""Return *text* with escapes for what a terminal would obey or hide: ``\x1b``, ``\u202e``."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def printable_json(json: str) -> str:
    """Return *json* with the escapes of JSON instead, so that it says the same."""
    if json.isprintable():
        return json
    return "".join(each if each.isprintable() or each == "\n" else _units(each) for each in json)


def _units(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))


def key_as_typed(key: Key) -> str:
    """Return *key* as it is written on the command line: a number behind ``--int``."""
    return f"--int {key}" if isinstance(key, int) else printable(key)


def set_out(json: str) -> str:
    """Return *json* on as many lines as people like."""
    try:
        return msgspec.json.format(json, indent=2)
    except RecursionError:
        return json


def many(number: int, thing: str) -> str:
    """Return how many of a *thing* there are, in words."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


# --- documents -----------------------------------------------------------------------------------


def document(value: Any) -> None:
    """Write *value* as one line of JSON."""
    click.echo(printable_json(msgspec.json.encode(value).decode()))


def key_json(key: Key) -> str:
    """Return *key* as JSON, however long a number is."""
    return str(key) if isinstance(key, int) else msgspec.json.encode(key).decode()


def moment(until: int | None) -> str | None:
    """Return a deadline in ISO 8601; None: there is none."""
    if until is None:
        return None
    seconds, thousandths = divmod(until, 1000)
    try:
        at = datetime.fromtimestamp(seconds, timezone.utc)
    except (OverflowError, ValueError, OSError):
        return f"@{until}"  # behind the year 9999, where damaged records end
    return f"{at:%Y-%m-%dT%H:%M:%S}.{thousandths:03}Z"


# --- tables --------------------------------------------------------------------------------------


def title(text: str) -> None:
    """Write what stands above a table."""
    if in_terminal():
        console().print(Text(printable(text), "bold"), soft_wrap=True)
    else:
        click.echo(printable(text))


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    as_json: bool = False,
    empty: str = "",
) -> None:
    """Write *rows*, whose members are texts, numbers or None; or *empty*, where there is none.

    With *as_json* each is an object, whose members are named by the columns.
    """
    listed = [list(row) for row in rows]
    if as_json:
        for row in listed:
            document(dict(zip(columns, row, strict=True)))
    elif not listed:
        click.echo(empty)
    elif in_terminal():
        console().print(_rich_table(columns, listed))
    else:
        _plain_table(columns, listed)


def _rich_table(columns: Sequence[str], rows: list[list[Any]]) -> Table:
    shown = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for i, name in enumerate(columns):
        right = any(isinstance(row[i], int) for row in rows)
        style = "cyan" if i == 0 else ""
        shown.add_column(name, justify="right" if right else "left", overflow="fold", style=style)
    for row in rows:
        shown.add_row(*(Text(_cell(each)) for each in row))
    return shown


def _plain_table(columns: Sequence[str], rows: list[list[Any]]) -> None:
    lines = [list(columns), *([_cell(each) for each in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else printable(str(value))
