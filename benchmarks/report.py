"""The results, as tables for the terminal and as a page for the docs."""

import os
import platform
import sqlite3
import tempfile
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.measure import Fact, Result, Row, Suite
from napixd_store import filesystems


def show(result: Result) -> None:
    """Print a heat on the terminal; what misses its limit is red."""
    first, *columns = _headings(result)
    table = Table(title=escape(result.heat.title))
    table.add_column(first)
    for heading in columns:
        table.add_column(heading, justify="right")
    for row in result.rows:
        table.add_row(*map(escape, _cells(row)), style="red" if row.missed else "")
    Console().print(table)


def show_facts(facts: Sequence[Fact]) -> None:
    """Print the facts without a contestant."""
    if facts:
        table = Table("for information", "median")
        for fact in facts:
            table.add_row(*map(escape, fact))
        Console().print(table)


def missed(results: Sequence[Result]) -> list[str]:
    """Return what is slower than promised, in words."""
    return [
        f"{row.operation.name} ({result.heat.title}): "
        f"{row.compared:.2f}, over {row.operation.limit}"
        for result in results
        for row in result.rows
        if row.missed
    ]


def page(
    suite: Suite, results: Sequence[Result], facts: Sequence[Fact], rounds: int, command: str
) -> str:
    """Return the Markdown page."""
    packages = ", ".join(f"{name} {version(name)}" for name in suite.packages)
    comparison = results[0].heat.comparison
    lines = [
        f"# {suite.title}",
        "",
        f"Written by `{command}`; no figure is typed by hand. Read the "
        f"**{comparison.read}**: absolute figures are those of one machine on one day.",
        "",
        f"- To repeat it, in a clone: `pip install '.[{suite.extra}]'`, then that command.",
        f"- Machine: {_processor()}, {platform.system()}, {_filesystem()}",
        f"- Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"{packages}, napixd-store {version_of_ours()}; {date.today()}",
        f"- {rounds} rounds. In each, all do the same work on the same keys and values, in random "
        f"order. µs are medians. {comparison.explained}",
    ]
    if any(result.heat.size for result in results):
        lines += ["- Values are dicts of about 120 bytes of JSON, all different."]
    lines += ["", suite.note]
    for result in results:
        headings = _headings(result)
        lines += [
            "",
            f"## {result.heat.title}",
            "",
            result.heat.note,
            "",
            "| " + " | ".join(headings) + " |",
            "|---" + "|--:" * (len(headings) - 1) + "|",
            *("| " + " | ".join(_cells(row)) + " |" for row in result.rows),
        ]
    if facts:
        lines += [
            "",
            "## Beside it",
            "",
            "| what | median |",
            "|---|--:|",
            *(f"| {fact.what} | {fact.figure} |" for fact in facts),
        ]
    return "\n".join(lines) + "\n"


def version_of_ours() -> str:
    """Return the version of the work tree, installed or not."""
    text = (Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8")
    return text.partition('version = "')[2].partition('"')[0]


def _headings(result: Result) -> list[str]:
    contestants = [f"{name} ({word}), µs" for name, word in result.durabilities.items()]
    return ["operation", *contestants, result.heat.comparison.name, "quartiles", "limit"]


def _cells(row: Row) -> list[str]:
    low, high = row.quartiles
    return [
        row.operation.name,
        *("–" if micros is None else f"{micros:.1f}" for micros in row.micros.values()),
        f"{row.compared:.2f}",
        f"{low:.2f}–{high:.2f}",
        "" if row.operation.limit is None else f"{row.operation.limit:.2f}",
    ]


def _filesystem() -> str:
    place = os.path.realpath(tempfile.gettempdir())
    try:
        with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
            return filesystems.filesystem(place, mounts)
    except OSError:
        return "a file system unknown"


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
