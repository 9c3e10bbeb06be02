"""Commands that take over what other stores hold."""

import functools
from collections.abc import Callable, Iterable
from typing import Any, get_args

import click

import napixd_store.importing as sources
from napixd_store.cli import output
from napixd_store.cli.bar import Bar
from napixd_store.cli.errors import NAME, Failed, say
from napixd_store.cli.options import FILE, first_line
from napixd_store.cli.places import Where, named, of_process, refuse_in_argument
from napixd_store.errors import StoreError
from napixd_store.importing import Collection, FoundCounter, Report, Source
from napixd_store.importing.napix_redis import Layout
from napixd_store.urls import backend_of


@click.group("import", invoke_without_command=True, no_args_is_help=False)
@click.pass_context
def import_(context: click.Context) -> None:
    """Take over what another store holds.

    All of it is looked at first: where something cannot be taken, nothing is. No code in it is
    run, and its library need not be installed. Stop its program before.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def _source(command: Callable[..., Any]) -> Callable[..., Any]:
    """Have *command* return a source, which is then taken into COLLECTION."""

    @click.argument("collection")
    @_target
    @functools.wraps(command)
    def taking(*arguments: Any, collection: str, take: Any, **others: Any) -> None:
        take([Collection(collection, command(*arguments, **others))])

    return taking


def _target(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give *command* the options of the target, and how to take collections into it."""

    @click.option("--to", metavar="PLACE", help="An INI file or a URL; else $NAPIXD_STORE_URL.")
    @click.option("--overwrite", is_flag=True, help="Replace what has the same keys.")
    @click.option("--dry-run", is_flag=True, help="Look at all of it, and write nothing.")
    @output.as_json
    @functools.wraps(command)
    def with_target(
        *arguments: Any,
        to: str | None,
        overwrite: bool,
        dry_run: bool,
        as_json: bool,
        **others: Any,
    ) -> Any:
        target = of_process() if to is None else named(to)
        take = functools.partial(_take, target, overwrite, dry_run, as_json)
        return command(*arguments, take=take, **others)

    return with_target


def _take(
    target: Where,
    overwrite: bool,
    dry_run: bool,
    as_json: bool,
    found: Iterable[Collection],
    counters: Iterable[FoundCounter] = (),
) -> None:
    listed = [(each.name, each.read, target.store(each.name)) for each in found]
    numbers = [(target.counter(name), value) for name, value in counters]
    reports: dict[str, Report] = {}
    for name, read, store in listed:
        with Bar(f"look at {output.printable(name)}") as progress:
            reports[name] = sources.take(
                store, read, overwrite=overwrite, dry_run=True, progress=progress
            )
    for counter, value in numbers:
        sources.take_counter(counter, value, overwrite=overwrite, dry_run=True)
    refused = [entry for report in reports.values() for entry in report.refused]
    if not refused and not dry_run:
        for name, read, store in listed:
            with _Begun(name), Bar(f"import {output.printable(name)}") as progress:
                reports[name] = sources.take(store, read, overwrite=overwrite, progress=progress)
        for counter, value in numbers:
            with _Begun(counter.name):
                sources.take_counter(counter, value, overwrite=overwrite)
    _tell(reports, as_json)
    if refused:
        raise Failed(f"{output.many(len(refused), 'refusal')}; nothing was written")


class _Begun:
    """Has whatever breaks the writing of *name* off tell that some may be there by now."""

    def __init__(self, name: str) -> None:
        self._note = f"{name!r} is there in part, or not, and all before it is: see --overwrite"

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, exc: BaseException | None, _where: object) -> None:
        if isinstance(exc, StoreError):
            raise Failed(f"{exc}; {self._note}") from None
        if isinstance(exc, KeyboardInterrupt | SystemExit):
            say(f"{NAME}: broken off: {self._note}")


def _tell(reports: dict[str, Report], as_json: bool) -> None:
    columns = ("collection", "read", "written", "replaced", "refused")
    rows = [
        (name, each.read, each.written, each.replaced, len(each.refused))
        for name, each in reports.items()
    ]
    output.table(columns, rows, as_json=as_json)
    for report in reports.values():
        for entry in report.refused:
            if as_json:
                output.document(entry._asdict())
            else:
                click.echo(output.printable(f"{entry.place}: {entry.reason}"))


_encoding = click.option(
    "--encoding", default="utf-8", show_default=True, help="Of the strings of Python 2."
)
_json_values = click.option("--json-values", is_flag=True, help="Its values are JSON.")


@import_.command()
@click.argument("place", required=False)
@click.option("--layout", type=click.Choice(get_args(Layout)), help="In Redis, of this backend.")
@click.option("--prefix", help="In Redis, the prefix that its settings had.")
@click.option("--collection", help="In Redis, this collection.")
@click.option("--password-file", type=FILE, help="In Redis, its first line is the password.")
@_encoding
@_target
def napix(
    place: str | None,
    layout: Layout | None,
    prefix: str | None,
    collection: str | None,
    password_file: str | None,
    encoding: str,
    take: Any,
) -> None:
    """Take over the original Napix store.

    PLACE is its folder, a file of it, or the URL of its Redis; when not given, where it kept
    things by default.
    """
    if place is None or "://" not in place:
        take(sources.napix(place, encoding=encoding))
        return
    if prefix is not None and layout is None:
        raise click.UsageError("--prefix is that of one --layout: say which")
    refuse_in_argument(place)
    _backend, options = backend_of(place)
    if password_file is not None:
        options["password"] = first_line(password_file)
    layouts = [layout] if layout else get_args(Layout)
    found = [
        each
        for one in layouts
        if one != _COUNTERS
        for each in sources.napix_redis(
            one, options, prefix=prefix, collection=collection, encoding=encoding
        )
    ]
    counters = sources.napix_counters(options, prefix=prefix) if _COUNTERS in layouts else []
    take(found, counters)


_COUNTERS = "RedisCounterBackend"


@import_.command()
@click.argument("file")
@_encoding
@_source
def shelve(file: str, encoding: str) -> Source:
    """Take over the shelf FILE, named as for shelve.open."""
    return sources.shelve(file, encoding=encoding)


@import_.command()
@click.argument("file")
@click.option("--table", help="Of several tables, this one.")
@_json_values
@_encoding
@_source
def sqlitedict(file: str, table: str | None, json_values: bool, encoding: str) -> Source:
    """Take over a SqliteDict."""
    return sources.sqlitedict(file, table, json=json_values, encoding=encoding)


@import_.command()
@click.argument("folder")
@_json_values
@_encoding
@_source
def diskcache(folder: str, json_values: bool, encoding: str) -> Source:
    """Take over a Cache, Index or FanoutCache."""
    return sources.diskcache(folder, json=json_values, encoding=encoding)


@import_.command()
@click.argument("file")
@click.option("--table", default="kv", show_default=True, help="Of a PickleDBSQLite.")
@_source
def pickledb(file: str, table: str) -> Source:
    """Take over a PickleDB, or a PickleDBSQLite."""
    return sources.pickledb(file, table)


@import_.command()
@click.argument("file")
@_source
def json(file: str) -> Source:
    """Take over the members of a JSON object."""
    return sources.json_object(file)


@import_.command()
@click.argument("file")
@click.option("--table", required=True, help="The table, or view.")
@click.option("--key", required=True, help="The column of the keys.")
@click.option("--value", "values", multiple=True, help="A column; repeatable. Else all others.")
@_source
def sqlite(file: str, table: str, key: str, values: tuple[str, ...]) -> Source:
    """Take over the rows of a table.

    One column is a value that stands by itself; several make an object.
    """
    only = values[0] if len(values) == 1 else values or None
    return sources.sqlite_table(file, table, key, only)


COMMANDS: list[Any] = [import_]
