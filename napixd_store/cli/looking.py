"""Commands that look, and change nothing."""

from collections.abc import Iterator
from inspect import getdoc
from typing import Any

import click
import msgspec

from napixd_store.base import StoreBackend
from napixd_store.cli import output, values
from napixd_store.cli.errors import Failed
from napixd_store.cli.keys import a_key, bounds
from napixd_store.cli.options import collection, where
from napixd_store.cli.output import as_json
from napixd_store.cli.places import Where, where_is
from napixd_store.engine.verbs import Key
from napixd_store.operations import Place, texts
from napixd_store.operations.installed import Installed, installed
from napixd_store.operations.texts import Kept
from napixd_store.options import declared_options
from napixd_store.resolve import resolve_store


@click.command()
@where
@as_json
def ls(where: Where, as_json: bool) -> None:
    """List collections and counters, with sizes and where they are."""
    declared = {repr(each): name for name, each in where.declared()}
    for place in where.standing().places:
        found = list(_in_place(place))  # before the title: who fails shows nothing
        if as_json:
            for each, size in found:
                output.document(_described(each, size, declared, place))
        else:
            output.title(f"{place}, durability {place.records('any').durability}")
            columns = ("name", "kind", "size", *(["declared as"] if declared else []))
            rows = (list(_described(each, size, declared, place).values()) for each, size in found)
            output.table(columns, (row[: len(columns)] for row in rows), empty="  nothing yet")


def _in_place(place: Place) -> Iterator[tuple[Any, int]]:
    """Yield each store of *place* with its number of records, each counter with its value."""
    for name in place.collections():
        store = place.records(name)
        yield store, len(store)
    for name in place.counters():
        counter = place.counter(name)
        yield counter, counter.value


def _described(each: Any, size: int, declared: Any, place: Place) -> dict[str, Any]:
    is_store = isinstance(each, StoreBackend)
    return {
        "name": each.collection if is_store else each.name,
        "kind": "store" if is_store else "counter",
        "size": size,
        "declared as": declared.get(repr(each)),
        "durability": each.durability,
        "place": str(place),
    }


@click.command()
@where
@collection
@bounds
@as_json
def keys(where: Where, collection: str, chosen: Any, as_json: bool) -> None:
    """List the keys of COLLECTION.

    They come in the order of the medium, and with any option that chooses some in that of the keys;
    each as other commands take it: a number behind --int.
    """
    unreadable: list[Key] = []
    for each in _noted(where.standing(), collection, chosen, unreadable):
        if as_json:
            click.echo(output.printable_json(output.key_json(each.key)))
        else:
            click.echo(output.key_as_typed(each.key))
    _fail_for(unreadable)


@click.command()
@where
@collection
@bounds
@as_json
def show(where: Where, collection: str, chosen: Any, as_json: bool) -> None:
    """Show keys and values of COLLECTION, page by page.

    They come in the order that `keys` has.
    """
    unreadable: list[Key] = []
    values.pairs(_noted(where.standing(), collection, chosen, unreadable), as_json)
    _fail_for(unreadable)


def _noted(where: Where, name: str, chosen: Any, unreadable: list[Key]) -> Iterator[Kept]:
    store, each = where.records(name), None
    for each in chosen(store):
        if each.json is None:
            unreadable.append(each.key)
        yield each
    if each is None:
        where.warn_of_missing("collection", store.collection)


def _fail_for(unreadable: list[Key]) -> None:
    if unreadable:
        raise Failed(
            f"{len(unreadable):,} of them cannot be read: napixd-store check lists them, and "
            f"check --repair --aside FILE sets them aside"
        )


@click.command()
@where
@collection
@a_key
@click.option("--text", is_flag=True, help="The value is a text: write it as it stands.")
def get(where: Where, collection: str, key: Key, text: bool) -> None:
    """Write the value of KEY in COLLECTION, as JSON."""
    store = where.standing().records(collection)
    try:
        found = texts.kept(store, key).json or ""
    except KeyError:
        missing = where.missing("collection", store.collection)
        said = f": {missing}" if missing else ""
        raise Failed(f"{where_is(store, key)}: it is not there{said}") from None
    if not text:
        values.value(found)
        return
    try:
        value = msgspec.json.decode(found, type=str)
    except msgspec.ValidationError:
        raise Failed(f"{where_is(store, key)}: the value is no text: leave --text out") from None
    click.echo(output.printable(value) if output.in_terminal() else value)


@click.command()
@click.argument("name", required=False)
@as_json
def backends(name: str | None, as_json: bool) -> None:
    """List what is installed, and what it promises. With NAME, tell more."""
    if name is None:
        columns = ("name", "may survive", "policy", "about")
        output.table(columns, map(_promised, installed()), as_json=as_json)
        return
    cls = resolve_store(name)
    click.echo(getdoc(cls))
    if issubclass(cls, StoreBackend):
        click.echo(f"\nOptions: {', '.join(declared_options(cls.opener)) or 'none'}.")


def _promised(each: Installed) -> tuple[Any, ...]:
    policy = "write-back" if each.writeback else "write-through"
    if each.missing:
        return each.name, None, None, f"cannot be used: {each.missing}"
    return each.name, ", ".join(each.durability), policy, each.about.partition(";")[0].rstrip(".")


COMMANDS = [ls, keys, show, get, backends]
