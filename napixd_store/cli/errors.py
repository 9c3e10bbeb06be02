"""How a command ends: its exit code, and one line on stderr that says why."""

import os
import re
import signal
import sys
import warnings
from contextlib import suppress
from typing import Any

import click

from napixd_store.cli.output import printable
from napixd_store.errors import InvalidKey, InvalidName, InvalidValue, StoreError

NAME = "napixd-store"

DONE, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 128 + signal.SIGINT


class Failed(click.ClickException):
    """A command did not do what was asked of it, and says why."""


def ended(command: click.Command, arguments: list[str]) -> int:
    """Run *command* with *arguments*, and return its exit code; raise nothing."""
    with warnings.catch_warnings():
        warnings.showwarning = _warn
        try:
            command.main(arguments, prog_name=NAME, standalone_mode=False)
            sys.stdout.flush()
        except SystemExit as exc:  # a closed pipe, a signal, and what completes commands in shells
            code = exc.code if isinstance(exc.code, int) else FAILED
        except BaseException as exc:  # noqa: BLE001 - whatever it is, people get one line
            code = _told(exc)
        else:
            code = DONE
    _abandon_output()
    return code


def _told(exc: BaseException) -> int:
    """Say on stderr why a command ended early; return its exit code."""
    if isinstance(exc, click.Abort | KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(exc, BrokenPipeError):
        return FAILED
    if isinstance(exc, click.exceptions.Exit):
        return exc.exit_code
    if isinstance(exc, click.UsageError):
        context = exc.ctx
        path = context.command_path if context else NAME
        said = exc.format_message().rstrip(".")
        if isinstance(exc, click.NoSuchOption) and _NUMBER.match(exc.option_name):
            said += ": write -- before what begins with a dash and is no option"
        say(f"{path}: {said} (see {path} --help)")
        return MISUSED
    if isinstance(exc, click.ClickException):
        say(f"{NAME}: {exc.format_message()}")
        return FAILED
    if isinstance(exc, InvalidName | InvalidKey | InvalidValue):  # which come from the command
        say(f"{NAME}: {exc}")
        return MISUSED
    if isinstance(exc, StoreError | NotImplementedError):
        say(f"{NAME}: {exc}")
        return FAILED
    if isinstance(exc, OSError):
        say(f"{NAME}: {exc.strerror or exc}{f': {exc.filename}' if exc.filename else ''}")
        return FAILED
    if sys.flags.dev_mode:
        raise exc
    say(
        f"{NAME}: unexpected error, {type(exc).__name__}: {exc} "
        f"(python -X dev -m napixd_store shows where)"
    )
    return FAILED


_NUMBER = re.compile("-[0-9]")


def say(text: str) -> None:
    """Write *text* to stderr, on one line that no terminal obeys."""
    with suppress(OSError):  # nobody can be told, but for the exit code
        click.echo(printable(" ".join(text.split("\n"))), err=True)


def _warn(message: Warning | str, *_where: Any, **_options: Any) -> None:
    say(f"{NAME}: warning: {message}")


def _abandon_output() -> None:
    """Write nothing more: what is left cannot be, or need not, and Python would say so at exit."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), stream.fileno())  # as Python's page on SIGPIPE has it
