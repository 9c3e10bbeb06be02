"""Commands that change values and counters."""

import os
import sys
import tempfile
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any

import click
import msgspec

from napixd_store.cli import output
from napixd_store.cli.errors import Failed
from napixd_store.cli.keys import WholeNumber, a_key, key_and_value, some_keys
from napixd_store.cli.options import ask, collection, names, sure, where
from napixd_store.cli.places import Where, where_is
from napixd_store.cli.process import undisturbed
from napixd_store.deadline import OF_STORE
from napixd_store.engine.verbs import Key
from napixd_store.errors import StoreError
from napixd_store.operations import texts


@click.command("set")
@where
@collection
@key_and_value
@click.option("--text", is_flag=True, help="VALUE is a text as it stands, no JSON.")
@click.option("--expires-in", type=float, metavar="SECONDS", help="It ends after that.")
def set_(
    where: Where, collection: str, key: Key, value: str, text: bool, expires_in: float | None
) -> None:
    """Assign VALUE to KEY in COLLECTION.

    It is JSON, with tags for what JSON has not, such as {"$set": [1, 2]}; - is stdin.
    """
    if value == "-":
        value = _read_all()
    if text:
        value = _as_json(value)
    lives = OF_STORE if expires_in is None else expires_in
    texts.put(where.store(collection), key, value, expires_in=lives)


@click.command("del")
@where
@collection
@some_keys
def del_(where: Where, collection: str, keys: list[Key]) -> None:
    """Delete keys of COLLECTION, all in one step.

    It fails if one was not there, and deletes the others.
    """
    store = where.standing().records(collection)
    deleted = store.delete_many(keys)
    if deleted < len(set(keys)):
        raise Failed(
            f"{where_is(store)}: {deleted:,} of {len(set(keys)):,} keys were there, and are deleted"
        )


@click.command()
@where
@collection
@a_key
def edit(where: Where, collection: str, key: Key) -> None:
    """Change the value of KEY in COLLECTION in $EDITOR.

    What somebody else changed meanwhile is not overwritten.
    """
    store = where.standing().store(collection)
    etag = store.etag(key)
    try:
        before = texts.kept(store, key).json or ""
    except KeyError:
        raise Failed(f"{where_is(store, key)}: it is not there: set makes one") from None
    shown = output.set_out(before) + "\n"
    with ExitStack() as stack:
        path = undisturbed(partial(_written_aside, shown, stack))
        try:
            click.edit(filename=path)
            with open(path, encoding="utf-8") as file:
                after = file.read()
            if after.strip() == shown.strip():
                click.echo("nothing was changed", err=True)
            else:
                texts.replace(store, key, after, etag=etag or "")
        except click.ClickException as exc:  # of an editor that does not work
            raise Failed(f"{exc.format_message()}{_unless_kept(path, shown)}") from None
        except (StoreError, UnicodeDecodeError) as exc:
            raise Failed(f"{exc}{_unless_kept(path, shown)}") from None
        os.unlink(path)


@click.command()
@where
@collection
@a_key
@click.option("--by", type=WholeNumber(), default=1, show_default=True, help="Add so much.")
def incr(where: Where, collection: str, key: Key, by: int) -> None:
    """Add to the number under KEY in COLLECTION; write the sum."""
    click.echo(where.store(collection).incr(key, by))


@click.command()
@where
@collection
@sure
def drop(where: Where, collection: str, yes: bool) -> None:
    """Erase COLLECTION, all of it."""
    store = where.standing().records(collection)
    where.warn_of_missing("collection", store.collection)
    if not yes:
        ask(f"Erase {output.many(len(store), 'record')} of {where_is(store)}?")
    store.drop()


@click.command()
@where
@click.argument("collections", nargs=-1, shell_complete=names("collections"))
@output.as_json
def sweep(where: Where, collections: tuple[str, ...], as_json: bool) -> None:
    """Remove what has ended from the medium, of COLLECTIONS or all."""
    found = where.standing()
    if collections:
        stores = [found.records(each) for each in collections]
    else:
        stores = [place.records(each) for place in found.places for each in place.collections()]
    rows = ((store.collection, store.sweep()) for store in stores)
    output.table(("collection", "removed"), rows, as_json=as_json, empty="there is nothing yet")


@click.group(invoke_without_command=True, no_args_is_help=False)
@click.pass_context
def counter(context: click.Context) -> None:
    """Look at a counter, set it, drop it."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


_name = click.argument("name", shell_complete=names("counters"))


@counter.command("value")
@where
@_name
def value(where: Where, name: str) -> None:
    """Write the value of the counter NAME, 0 if it is new."""
    found = where.standing().counter(name)
    where.warn_of_missing("counter", found.name)
    click.echo(found.value)


@counter.command("set")
@where
@_name
@click.argument("to", type=WholeNumber())
def set_counter(where: Where, name: str, to: int) -> None:
    """Set the counter NAME; write its old value.

    A counter that is set lower gives numbers that it has given before.
    """
    click.echo(where.counter(name).reset(to))


@counter.command("drop")
@where
@_name
@sure
def drop_counter(where: Where, name: str, yes: bool) -> None:
    """Remove the counter NAME. It begins with 1 again."""
    found = where.standing().counter(name)
    where.warn_of_missing("counter", found.name)
    if not yes:
        ask(f"Remove {where_is(found)}, which is at {found.value:,}?")
    found.drop()


def _read_all() -> str:
    given = sys.stdin.buffer.read()
    try:
        return given.decode()
    except UnicodeDecodeError:
        raise Failed("what came by stdin is not UTF-8; nothing was changed") from None


def _as_json(value: str) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:
        raise click.UsageError("the value is not UTF-8") from None


def _written_aside(text: str, stack: ExitStack) -> str:
    """Return the path of a new file, which nobody else can read.

    It is removed with *stack*, unless something else was written to it.
    """
    descriptor, path = tempfile.mkstemp(suffix=".json", prefix="napixd-store-")
    stack.callback(_unless_kept, path, text)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def _unless_kept(path: str, text: str) -> str:
    """Remove the file if it holds this *text* still; else return where what was written is."""
    with suppress(OSError):
        with open(path, "rb") as file:
            kept = file.read() != text.encode()
        if kept:
            return f"; what you wrote is kept in {path}"
        os.unlink(path)
    return ""


COMMANDS: list[Any] = [set_, del_, edit, incr, drop, sweep, counter]
