"""The results, as a table for the terminal and as a page for the docs."""

import platform
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.beside import Fact
from benchmarks.contestants import SYNCHRONOUS
from benchmarks.measure import Row

Results = Mapping[str, Sequence[Row]]
"""Durability -> the rows measured with it."""

_SURVIVES = {"power": "a power cut", "process": "`kill -9`, but not a power cut"}


def show(durability: str, rows: Sequence[Row]) -> None:
    """Print the results on the terminal; what misses its limit is red."""
    table = Table(title=f"durability {durability!r}: synchronous={SYNCHRONOUS[durability]}")
    table.add_column("operation")
    for name in rows[0].micros:
        table.add_column(f"{name}, µs", justify="right")
    for heading in ("ratio", "quartiles", "limit"):
        table.add_column(heading, justify="right")
    for row in rows:
        missed = row.operation.limit is not None and row.ratio > row.operation.limit
        table.add_row(*map(escape, _cells(row)), style="red" if missed else "")
    Console().print(table)


def show_beside(facts: Sequence[Fact]) -> None:
    """Print the facts without a contestant."""
    table = Table("for information", "median")
    for fact in facts:
        table.add_row(*map(escape, fact))
    Console().print(table)


def missed(results: Results) -> list[str]:
    """Return what is slower than promised, in words."""
    return [
        f"{row.operation.name} ({durability}): {row.ratio:.2f}, over {row.operation.limit}"
        for durability, rows in results.items()
        for row in rows
        if row.operation.limit is not None and row.ratio > row.operation.limit
    ]


def page(results: Results, facts: Sequence[Fact], rounds: int, command: str) -> str:
    """Return the Markdown page."""
    lines = [
        "# Benchmarks",
        "",
        f"Written by `{command}`; no figure is typed by hand. Read the **ratios**: absolute "
        "figures are those of one machine on one day.",
        "",
        "- To repeat it, in a clone: `pip install '.[cli]'`, then that command.",
        f"- Machine: {_processor()}, {platform.system()}",
        f"- Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"msgspec {version('msgspec')}, napixd-store {version_of_ours()}; {date.today()}",
        f"- {rounds} rounds. In each, both do the same work on the same keys and values, in random "
        "order. µs are medians. The ratio is the median of the ratios within one round; its "
        "quartiles tell how steady it was. A ratio above the limit is a fault of this library.",
        "- Values are dicts of about 120 bytes of JSON, all different.",
        "",
        "The other contestant is `sqlite3` of the standard library with msgspec, by hand: one "
        "table `kv (key TEXT PRIMARY KEY, value BLOB)`, WAL, the same `synchronous`, one prepared "
        "statement an operation. It checks no key and no value, and keeps no second collection, no "
        "order and no count. So it is the price list of SQLite itself, and what is above 1 is the "
        "price of what this library adds.",
    ]
    for durability, rows in results.items():
        first, second = rows[0].micros
        lines += [
            "",
            f"## Durability `{durability}`: an acknowledged write survives {_SURVIVES[durability]}",
            "",
            f"Both contestants: WAL, `synchronous={SYNCHRONOUS[durability]}`.",
            "",
            f"| operation | {first} ({durability}), µs | {second} ({durability}), µs "
            "| ratio | quartiles | limit |",
            "|---|--:|--:|--:|--:|--:|",
            *("| " + " | ".join(_cells(row)) + " |" for row in rows),
        ]
    lines += [
        "",
        "## Beside it",
        "",
        "| | median |",
        "|---|--:|",
        *(f"| {fact.what} | {fact.figure} |" for fact in facts),
    ]
    return "\n".join(lines) + "\n"


def version_of_ours() -> str:
    """Return the version of the work tree, installed or not."""
    text = (Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8")
    return text.partition('version = "')[2].partition('"')[0]


def _cells(row: Row) -> list[str]:
    low, high = row.quartiles
    return [
        row.operation.name,
        *(f"{micros:.1f}" for micros in row.micros.values()),
        f"{row.ratio:.2f}",
        f"{low:.2f}–{high:.2f}",
        "" if row.operation.limit is None else f"{row.operation.limit:.2f}",
    ]


def _processor() -> str:
    try:
        described = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.machine()
    models = [
        line.partition(":")[2].strip()
        for line in described.splitlines()
        if line.startswith("model name")
    ]
    return f"{len(models)} × {models[0]}" if models else platform.machine()
