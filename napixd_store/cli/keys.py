"""Keys on the command line: a text as it stands, or a number behind ``--int``."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import click

from napixd_store.base import StoreBackend
from napixd_store.engine.verbs import Key
from napixd_store.names import encode_key
from napixd_store.operations import texts
from napixd_store.operations.texts import Kept


class WholeNumber(click.ParamType[int]):
    """An int, however long: as `int` reads it, but for blanks and underscores."""

    name = "integer"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """Return the number that the text *value* says."""
        if isinstance(value, int):
            return value
        digits = value[1:] if value[:1] in ("-", "+") else value
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 1_000):
            self.fail(f"{value[:50]!r} is no whole number", param, ctx)
        return int(value)


def a_key(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give *command* one KEY, or the option ``--int``."""

    @click.argument("key", required=False)
    @click.option("--int", "number", type=WholeNumber(), help="The key is this number.")
    @functools.wraps(command)
    def with_key(*arguments: Any, key: str | None, number: int | None, **others: Any) -> Any:
        if (key is None) == (number is None):
            raise click.UsageError("give one key: a text, or --int with a number")
        chosen: Key = key if number is None else number  # type: ignore[assignment]  # one is given
        encode_key(chosen)
        return command(*arguments, key=chosen, **others)

    return with_key


def key_and_value(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give *command* a key as `a_key` does, and the VALUE behind it."""

    @click.argument("words", nargs=-1, metavar="[KEY] VALUE")
    @click.option("--int", "number", type=WholeNumber(), help="The key is this number.")
    @functools.wraps(command)
    def with_both(
        *arguments: Any, words: tuple[str, ...], number: int | None, **others: Any
    ) -> Any:
        if len(words) != (2 if number is None else 1):
            raise click.UsageError(
                "give a key and a value; the key is a text, or --int with a number"
            )
        key: Key = words[0] if number is None else number
        encode_key(key)
        return command(*arguments, key=key, value=words[-1], **others)

    return with_both


def some_keys(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give *command* any number of keys."""

    @click.argument("keys", nargs=-1, metavar="[KEY]...")
    @click.option("--int", "numbers", type=WholeNumber(), multiple=True, help="A key; repeatable.")
    @functools.wraps(command)
    def with_keys(
        *arguments: Any, keys: tuple[str, ...], numbers: tuple[int, ...], **others: Any
    ) -> Any:
        found = [*keys, *numbers]
        if not found:
            raise click.UsageError("give one key at least: a text, or --int with a number")
        for each in found:
            encode_key(each)
        return command(*arguments, keys=found, **others)

    return with_keys


def bounds(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give *command* the options that choose some of a collection, in the order of the keys."""

    @click.option("--prefix", help="Keys that begin so.")
    @click.option("--start", help="Keys from this one on.")
    @click.option("--after", help="Keys behind this one, as it runs.")
    @click.option("--before", help="Keys below this one.")
    @click.option("--reverse", is_flag=True, help="From the last key to the first.")
    @click.option("--limit", type=click.IntRange(min=0), help="So many at most.")
    @functools.wraps(command)
    def with_bounds(*arguments: Any, **options: Any) -> Any:
        bounds = {name: options.pop(name) for name in _BOUNDS}

        def chosen(store: StoreBackend[Any]) -> Iterator[Kept]:
            asked = any(bound is not None and bound is not False for bound in bounds.values())
            return texts.in_order(store, **bounds) if asked else texts.all_kept(store)

        return command(*arguments, chosen=chosen, **options)

    return with_bounds


_BOUNDS = ("prefix", "start", "after", "before", "reverse", "limit")
