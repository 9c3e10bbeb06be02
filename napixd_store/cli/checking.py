"""Commands that look after a place: what is wrong in it, and how much it takes."""

from typing import Any

import click

from napixd_store.cli import output
from napixd_store.cli.errors import Failed
from napixd_store.cli.options import where
from napixd_store.cli.places import Where
from napixd_store.operations import Finding, Place, Sizes
from napixd_store.operations import check as find
from napixd_store.operations import repair as set_aside
from napixd_store.operations import stat as measure
from napixd_store.operations import vacuum as compact


@click.command()
@where
@click.option("--repair", is_flag=True, help="Set what cannot be read aside.")
@click.option("--aside", metavar="FILE", type=click.Path(), help="The archive it is put into.")
@output.as_json
def check(where: Where, repair: bool, aside: str | None, as_json: bool) -> None:
    """Read all there is, and list what is wrong.

    It looks at the medium (integrity, layout, rights, whether Redis evicts), and reads each record
    and counter. With --repair, records that cannot be read go into the archive that --aside names,
    as they stand, and leave the place: load puts them back.
    """
    if repair != (aside is not None):
        raise click.UsageError("--repair and --aside FILE go together")
    places = where.standing().places
    if aside is not None:
        moved = set_aside(where.place, aside)
        _list(moved, as_json)
        if not as_json:
            click.echo(f"{output.many(len(moved), 'record')} set aside")
    found = [each for place in places for each in find(place)]
    _list(found, as_json)
    if found:
        raise Failed(f"{output.many(len(found), 'thing')} wrong{_hint(found)}")
    if not as_json:
        click.echo("nothing is wrong")


def _list(found: list[Finding], as_json: bool) -> None:
    for each in found:
        if as_json:
            output.document(each._asdict())
        else:
            click.echo(output.printable(each.what))


def _hint(found: list[Finding]) -> str:
    if all(each.text is None for each in found):
        return ""
    return ": napixd-store check --repair --aside FILE sets records that cannot be read aside"


@click.command()
@where
@output.as_json
def stat(where: Where, as_json: bool) -> None:
    """Tell how many records and bytes there are, ended ones too."""
    for place in where.standing().places:
        _show(place, measure(place), as_json)


@click.command()
@where
@output.as_json
def vacuum(where: Where, as_json: bool) -> None:
    """Give what is free in a SQLite file back to the system.

    Who writes meanwhile waits. Other media do so by themselves.
    """
    for place in where.standing().places:
        _show(place, compact(place), as_json)


def _show(place: Place, sizes: Sizes, as_json: bool) -> None:
    if as_json:
        collections = {name: size._asdict() for name, size in sizes.collections.items()}
        output.document({"place": str(place), "collections": collections, "medium": sizes.medium})
        return
    taken = ", ".join(f"{what} {size:,} bytes" for what, size in sizes.medium.items())
    output.title(f"{place}{': ' if taken else ''}{taken}")
    rows = ((name, *size) for name, size in sizes.collections.items())
    output.table(("collection", "records", "ended", "bytes"), rows, empty="  nothing yet")


COMMANDS: list[Any] = [check, stat, vacuum]
