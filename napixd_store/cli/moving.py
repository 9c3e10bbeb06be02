"""Commands that bring whole places elsewhere."""

import shutil
import sys
import tempfile
from contextlib import ExitStack
from functools import partial
from typing import IO, Any

import click

from napixd_store import archive
from napixd_store.cli import output
from napixd_store.cli.bar import Bar
from napixd_store.cli.options import ask, only, sure, where
from napixd_store.cli.output import as_json
from napixd_store.cli.places import Where, check_standing, named
from napixd_store.cli.process import undisturbed
from napixd_store.operations import Moved, copy, move
from napixd_store.operations import backup as back_up
from napixd_store.operations import restore as put_back

_overwrite = click.option(
    "--overwrite", is_flag=True, help="Where a key holds another value at DST, take that of SRC."
)


@click.command()
@where
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@only
@as_json
def dump(where: Where, file: str, chosen: Any, as_json: bool) -> None:
    """Write an archive of all to FILE.

    It is compressed if its name ends in .gz; - is stdout.
    """
    place = where.standing().place
    _warn_of_missing(where, chosen)
    with Bar("dump") as progress:
        if file == "-":
            for line in archive.lines(place, progress=progress, **chosen):
                sys.stdout.buffer.write(line)
            return
        written = archive.dump(place, file, progress=progress, **chosen)
    _tell(written, as_json, "written")


@click.command()
@where
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--reset", is_flag=True, help="The place holds what the archive does, nothing else.")
@click.option("--dry-run", is_flag=True, help="Check all of it, and write nothing.")
@as_json
def load(where: Where, file: str, reset: bool, dry_run: bool, as_json: bool) -> None:
    """Put the archive FILE back.

    All of it is read and checked before anything is written; - is stdin.
    """
    with ExitStack() as stack, Bar("load") as progress:
        if file == "-":
            spool = undisturbed(partial(_spool, stack))
            shutil.copyfileobj(sys.stdin.buffer, spool)
            spool.flush()
            file = spool.name
        loaded = archive.load(file, where.place, reset=reset, dry_run=dry_run, progress=progress)
    _tell(loaded, as_json, "would be loaded" if dry_run else "loaded")


def _spool(stack: ExitStack) -> IO[bytes]:
    return stack.enter_context(tempfile.NamedTemporaryFile(prefix="napixd-store-"))


def _tell(found: archive.Archived, as_json: bool, done: str) -> None:
    if as_json:
        output.document({"collections": found.collections, "counters": found.counters})
    else:
        records = sum(found.collections.values())
        _say(len(found.collections), records, len(found.counters), done)


@click.command("copy")
@click.argument("src")
@click.argument("dst")
@only
@_overwrite
@as_json
def copy_(src: str, dst: str, chosen: Any, overwrite: bool, as_json: bool) -> None:
    """Copy SRC to DST, each an INI file or a URL.

    What has arrived is compared. Broken off, repeat it.
    """
    _bring(copy, "copy", src, dst, overwrite, as_json, chosen)


@click.command("move")
@click.argument("src")
@click.argument("dst")
@only
@_overwrite
@as_json
def move_(src: str, dst: str, chosen: Any, overwrite: bool, as_json: bool) -> None:
    """Move SRC to DST, each an INI file or a URL.

    All of it is compared before anything is dropped. Broken off, repeat it.
    """
    _bring(move, "move", src, dst, overwrite, as_json, chosen)


def _warn_of_missing(where: Where, chosen: Any) -> None:
    where.warn_of_missing("collection", *chosen["collections"] or ())
    where.warn_of_missing("counter", *chosen["counters"] or ())


def _bring(
    how: Any, what: str, src: str, dst: str, overwrite: bool, as_json: bool, chosen: Any
) -> None:
    found, target = named(src), named(dst).place
    source = found.place
    check_standing(source)
    _warn_of_missing(found, chosen)
    with Bar(what) as progress:
        moved: Moved = how(source, target, overwrite=overwrite, progress=progress, **chosen)
    if as_json:
        output.document(moved._asdict())
    else:
        _say(*moved, "moved" if what == "move" else "copied")


@click.command()
@where
@click.argument("target", type=click.Path())
def backup(where: Where, target: str) -> None:
    """Back up all to TARGET, beside whoever writes.

    SQLite becomes a file, File and Directory a folder, each of one moment; all else an archive.
    """
    with Bar("backup") as progress:
        back_up(where.standing().place, target, progress=progress)


@click.command()
@where
@click.argument("source", type=click.Path())
@sure
@as_json
def restore(where: Where, source: str, yes: bool, as_json: bool) -> None:
    """Have the place hold what the backup SOURCE holds.

    What was written since, counters included, is lost. Stop who uses the place: it is refused
    while they have it open, where that can be known, as for SQLite.
    """
    if not yes:
        ask(f"Replace all that {where.place} holds?")
    with Bar("restore") as progress:
        restored = put_back(source, where.place, progress=progress)
    _tell(restored, as_json, "restored")


def _say(collections: int, records: int, counters: int, done: str) -> None:
    click.echo(
        f"{output.many(records, 'record')} in {output.many(collections, 'collection')} and "
        f"{output.many(counters, 'counter')} {done}"
    )


KEEP = [backup, restore, dump, load]

COMMANDS = [copy_, move_]
