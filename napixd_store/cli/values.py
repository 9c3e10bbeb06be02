"""Values on the way to people: set out, coloured, and page by page in a terminal."""

import os
from collections.abc import Iterable, Iterator
from io import StringIO

import click
import msgspec
from rich.console import Console
from rich.highlighter import JSONHighlighter
from rich.text import Text

from napixd_store.cli.output import (
    console,
    in_terminal,
    key_as_typed,
    key_json,
    moment,
    printable_json,
    set_out,
)
from napixd_store.operations.texts import Kept


def value(json: str) -> None:
    """Write a value: set out and coloured in a terminal, on one line elsewhere."""
    if in_terminal():
        console().print(_coloured(set_out(json)), soft_wrap=True)
    else:
        click.echo(printable_json(json))


def pairs(found: Iterable[Kept], as_json: bool) -> None:
    """Write keys and values: paged in a terminal, a line each elsewhere."""
    if as_json:
        for each in found:
            ends = msgspec.json.encode(moment(each.until)).decode()
            json = f'{{"key":{key_json(each.key)},"value":{each.json or "null"},"ends":{ends}}}'
            click.echo(printable_json(json))
    elif in_terminal():
        os.environ.setdefault("LESS", "-FRX")  # as git has it: what fits needs no pager
        click.echo_via_pager(_pages(found), color=True)
    else:
        for each in found:
            json = UNREADABLE if each.json is None else printable_json(each.json)
            click.echo(f"{key_as_typed(each.key)}\t{json}")


UNREADABLE = "(cannot be read)"


def _pages(found: Iterable[Kept]) -> Iterator[str]:
    width = console().width
    for each in found:
        key = Text(key_as_typed(each.key), "bold")
        if each.until is not None:
            key.append(f"  until {moment(each.until)}", "dim")
        if each.json is None:
            shown = Text.assemble(key, "  ", (UNREADABLE, "red"))
        elif key.cell_len + 2 + len(each.json) <= width:
            shown = Text.assemble(key, "  ", _coloured(each.json))
        else:
            below = "\n".join(f"  {line}" for line in set_out(each.json).split("\n"))
            shown = Text.assemble(key, "\n", _coloured(below))
        yield _ansi(shown)


def _coloured(json: str) -> Text:
    text = Text(printable_json(json))
    if len(text) < 100_000:  # what looks for colours is slow
        JSONHighlighter().highlight(text)
    return text


def _ansi(text: Text) -> str:
    terminal = console()
    drawn = Console(
        file=StringIO(),
        force_terminal=True,
        width=terminal.width,
        color_system=terminal.color_system,  # type: ignore[arg-type]  # rich has a Literal there
        no_color=terminal.no_color,
    )
    drawn.print(text, soft_wrap=True)
    assert isinstance(drawn.file, StringIO)
    return drawn.file.getvalue()
