"""The options and arguments that commands have in common."""

import functools
import sys
from collections.abc import Callable
from typing import Any

import click
from click.shell_completion import CompletionItem

from napixd_store.cli.errors import Failed
from napixd_store.cli.output import printable
from napixd_store.cli.places import Where, of_backend, of_config, of_process, of_url
from napixd_store.errors import ConfigError, StoreError

FILE = click.Path(dir_okay=False)


def where(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give *command* the options that say where; its first argument is the `Where`."""

    @click.option(
        "--config", metavar="FILE", type=FILE, help="The INI file of an app: its own settings."
    )
    @click.option("--url", metavar="URL", help="A place, such as sqlite:///var/desk.sqlite.")
    @click.option("--backend", metavar="NAME", help="A backend; its options follow.")
    @click.option(
        "--option", "given", metavar="KEY=VALUE", multiple=True, help="An option of --backend."
    )
    @click.option(
        "--password-file", metavar="FILE", type=FILE, help="Its first line is the password."
    )
    @functools.wraps(command)
    def with_where(
        *arguments: Any,
        config: str | None,
        url: str | None,
        backend: str | None,
        given: tuple[str, ...],
        password_file: str | None,
        **others: Any,
    ) -> Any:
        found = _where(config, url, backend, given, password_file)
        return command(found, *arguments, **others)

    return with_where


def _where(
    config: str | None,
    url: str | None,
    backend: str | None,
    given: tuple[str, ...],
    password_file: str | None,
) -> Where:
    if sum(each is not None for each in (config, url, backend)) > 1:
        raise click.UsageError("--config, --url and --backend say where: give one of them")
    if given and backend is None:
        raise click.UsageError("--option is for --backend: a URL has its options behind a '?'")
    if config is not None and password_file is not None:
        raise click.UsageError(
            "--password-file is not for --config: write password = ${NAME} into the file, and the "
            "password into that variable of the environment"
        )
    more = {} if password_file is None else {"password": first_line(password_file)}
    if config is not None:
        return of_config(config)
    if url is not None:
        return of_url(url, **more)
    if backend is not None:
        return of_backend(backend, given, **more)
    return of_process(**more)


def first_line(path: str) -> str:
    """Return the first line of the file *path*, in which a password stands."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.readline(100_000).rstrip("\r\n")
    except UnicodeDecodeError:
        raise ConfigError(f"the password in {path} is not UTF-8") from None


def names(kind: str) -> Any:
    """Return what completes the names of collections or counters in a shell."""

    def complete(context: click.Context, _parameter: Any, begun: str) -> list[CompletionItem]:
        said = [context.params.get(name) for name in _SAID]
        try:
            places = _where(*said).standing().places  # type: ignore[arg-type]  # click's parsed ones
            found = {name for place in places for name in getattr(place, kind)()}
        except (StoreError, click.ClickException, OSError):
            return []
        return [CompletionItem(name) for name in sorted(found) if name.startswith(begun)]

    return complete


_SAID = ("config", "url", "backend", "given", "password_file")


def collection(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give *command* the argument COLLECTION."""
    return click.argument("collection", shell_complete=names("collections"))(command)


def only(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give *command* the options that choose some collections and counters of all."""

    @click.option("--collection", "-c", "collections", multiple=True, help="This one; repeatable.")
    @click.option("--counter", "-n", "counters", multiple=True, help="This one; repeatable.")
    @functools.wraps(command)
    def with_some(
        *arguments: Any, collections: tuple[str, ...], counters: tuple[str, ...], **others: Any
    ) -> Any:
        some = collections or counters
        chosen = {
            "collections": list(collections) if some else None,
            "counters": list(counters) if some else None,
        }
        return command(*arguments, chosen=chosen, **others)

    return with_some


sure = click.option("--yes", is_flag=True, help="Do not ask.")


def ask(question: str) -> None:
    """Raise if a person does not say yes."""
    if not sys.stdin.isatty():
        raise click.UsageError("there is nobody to ask: give --yes to do it")
    click.echo(f"{printable(question)} [y/N] ", nl=False, err=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Failed("nothing was changed")
