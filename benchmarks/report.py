"""The results, as tables for the terminal and as pages for the docs."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from benchmarks.measure import COMPARISONS
from benchmarks.results import Crowd, Curves, Facts, Page, Quartiles, Section, Table
from benchmarks.waits import below

WIDTH = 200
"""Of what goes into a file, so that nothing is cut off."""


class Grid(NamedTuple):
    """A table as text: what its columns are called, and its cells."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    late: Collection[int] = ()
    """The places of rows that miss their limit."""


def show(section: Section) -> None:
    """Print a section on the terminal; what misses its limit is red."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    for title, (headings, rows, late) in grids(section):
        table = RichTable(title=escape(title))
        table.add_column(headings[0])
        for heading in headings[1:]:
            table.add_column(heading, justify="right")
        for place, cells in enumerate(rows):
            table.add_row(*map(escape, cells), style="red" if place in late else "")
        console.print(table)
    for line in getattr(section, "left_out", ()):
        print(f"left out: {line}")


def missed(sections: Sequence[Section]) -> list[str]:
    """Return what is slower than promised, in words."""
    return [
        f"{row.operation} ({table.title}): {row.compared[1]:.2f}, over {row.limit}"
        for table in sections
        if isinstance(table, Table)
        for row in table.rows
        if row.missed
    ]


def page(told: Page, plots: Mapping[str, str]) -> str:
    """Return the Markdown page; *plots* are the files by the title of their section."""
    versions = ", ".join(f"{name} {version}" for name, version in told.versions.items())
    lines = [
        f"# {told.title}",
        "",
        f"Written by `{told.command}`; no figure is typed by hand. Compare figures of one table "
        "with each other: absolute ones are those of one machine on one day. All of them, with "
        "their quartiles, are in [results.json](_static/benchmarks/results.json).",
        "",
        f"- Machine: {told.machine}; {told.day}",
        f"- {versions}",
        f"- Rounds: {told.rounds}. In each, all do the same work on the same keys and values, in "
        "random order.",
        *(f"- {line}" for line in _explanations(told.sections)),
        "",
        told.note,
    ]
    for section in told.sections:
        lines += ["", f"## {section.title}"]
        if note := getattr(section, "note", ""):
            lines += ["", note]
        if section.title in plots:
            lines += ["", f"![{section.title}]({plots[section.title]})"]
        for _title, (headings, rows, _late) in grids(section):
            lines += [
                "",
                "| " + " | ".join(headings) + " |",
                "|---" + "|--:" * (len(headings) - 1) + "|",
                *("| " + " | ".join(cells) + " |" for cells in rows),
            ]
        if left_out := getattr(section, "left_out", ()):
            lines += ["", "Left out: " + "; ".join(left_out) + "."]
    return "\n".join(lines) + "\n"


def _explanations(sections: Sequence[Section]) -> Iterator[str]:
    tables = [each for each in sections if isinstance(each, Table)]
    if tables:
        yield f"µs are medians. {COMPARISONS[tables[0].comparison].explained}"
    if any(table.size for table in tables) or len(tables) < len(sections):
        yield "Values are dicts of about 120 bytes of JSON, all different."


def grids(section: Section) -> Iterator[tuple[str, Grid]]:
    """Yield the tables of a section, each with its title."""
    if isinstance(section, Table):
        yield section.title, _of_table(section)
    elif isinstance(section, Crowd):
        yield section.title, _of_crowd(section)
    elif isinstance(section, Curves):
        for operation, lines in section.operations.items():
            yield f"{section.title}: {operation}", _of_curves(operation, lines)
    elif isinstance(section, Facts):
        rows = [(what, f"{figure:,.2f} {unit}") for what, figure, unit in section.rows]
        yield section.title, Grid(["what", "median"], rows)


def _of_table(table: Table) -> Grid:
    contestants = [f"{name} ({word}), µs" for name, word in table.durabilities.items()]
    headings = ["operation", *contestants, table.comparison, "quartiles", "limit"]
    rows = []
    for row in table.rows:
        low, compared, high = row.compared
        rows.append(
            [
                row.operation,
                *(_median(row.micros[name]) for name in table.durabilities),
                f"{compared:.2f}",
                f"{low:.2f}–{high:.2f}",
                "" if row.limit is None else f"{row.limit:.2f}",
            ]
        )
    late = [place for place, row in enumerate(table.rows) if row.missed]
    return Grid(headings, rows, late)


def _median(micros: Quartiles | None) -> str:
    return "–" if micros is None else f"{micros[1]:,.1f}"


def _of_crowd(crowd: Crowd) -> Grid:
    headings = [
        crowd.several, "contestant", "a second, together", "slowest / fastest",
        "half within, ms", "99 % within, ms", "longest, ms",
    ]  # fmt: skip
    rows = [
        [
            str(point.count),
            point.contestant,
            f"{point.per_second:,.0f}",
            f"{point.share:.2f}",
            f"{1e3 * below(point.waits, 0.5):,.2f}",
            f"{1e3 * below(point.waits, 0.99):,.2f}",
            f"{1e3 * point.longest:,.1f}",
        ]
        for point in crowd.points
    ]
    return Grid(headings, rows)


def _of_curves(operation: str, lines: Mapping[str, Sequence[tuple[int, float]]]) -> Grid:
    sizes = sorted({size for line in lines.values() for size, _ in line})
    found = {name: dict(line) for name, line in lines.items()}
    rows = [
        [f"{size:,}", *(f"{line[size]:,.1f}" if size in line else "–" for line in found.values())]
        for size in sizes
    ]
    return Grid([operation, *(f"{name}, µs" for name in lines)], rows)
