"""The results as pictures: one SVG file a section, made from the JSON alone."""

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.results import Crowd, Curves, Page, Row, Section, Table
from benchmarks.waits import BOUNDS

OURS, RAW, WEAKER = "#2151c1", "#555555", "//"
OTHERS = ["#b3730f", "#2f8f5b", "#8a4fb0", "#b0413e", "#5b8fa8", "#8c8c2f"]
RANKS = {"memory": 0, "process": 1, "power": 2}
SUMMARY = (
    "`store[key]`",
    "`store[key] = value`, over",
    "`store.update()`",
    "`store.items()`",
    "`len(",
    "`counter",
)
"""How the operations begin that `summary.svg` shows."""
LONGEST = 5
"""A bar ends at so many times ours; its figure says how far it would go."""


def draw(name: str, told: Page, folder: Path) -> dict[str, str]:
    """Write the plots of the page *name* into *folder*; return the files by section."""
    try:
        import matplotlib
    except ImportError as exc:  # a page without them is a page too
        print(f"no plots: {exc}", file=sys.stderr)
        return {}

    matplotlib.use("svg")
    matplotlib.rcParams.update(
        {
            "svg.fonttype": "none",  # text stays text, in the reader's own font
            "svg.hashsalt": "napixd-store",  # the same figures make the same file
            "font.family": "sans-serif",
            "font.size": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "figure.facecolor": "white",
        }
    )
    folder.mkdir(parents=True, exist_ok=True)
    plots = {}
    for number, section in enumerate(told.sections, 1):
        figure = _figure(section)
        if figure is not None:
            path = folder / f"{name}-{number}.svg"
            figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")
            plots[section.title] = path.name
    return plots


def summarize(told: Page, folder: Path) -> None:
    """Write `summary.svg`, for the README: of the first table what everybody does."""
    table = told.sections[0]
    if isinstance(table, Table):
        rows = [row for row in table.rows if row.operation.startswith(SUMMARY)]
        short = msgspec.structs.replace(table, rows=rows)
        _bars(short).savefig(folder / "summary.svg", metadata={"Date": None}, bbox_inches="tight")


def _figure(section: Section) -> Any:
    if isinstance(section, Table):
        return _bars(section)
    if isinstance(section, Crowd):
        return _crowd(section)
    if isinstance(section, Curves):
        return _curves(section)
    return None


def _panels(count: int, *, columns: int, width: float, height: float) -> tuple[Any, list[Any]]:
    from matplotlib.figure import Figure

    rows = math.ceil(count / columns)
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for spare in axes[count:]:
        spare.axis("off")
    return figure, axes


def _colours(names: Sequence[str]) -> dict[str, str]:
    """Return the colours: of this library, what is by hand, others; in the order of *names*."""
    return dict(zip(names, [OURS, RAW, *OTHERS * len(names)], strict=False))


def _plain(text: str) -> str:
    return text.replace("`", "").replace("$", r"\$")


# --- a table: bars ---------------------------------------------------------------------------


def _bars(table: Table) -> Any:
    names = list(table.durabilities)
    figure, axes = _panels(len(table.rows), columns=3, width=4.2, height=0.55 + 0.21 * len(names))
    for place, (axis, row) in enumerate(zip(axes, table.rows, strict=False)):
        _bar_panel(axis, row, table)
        if place % 3:
            axis.set_yticklabels([])
    hatched = any(_is_weaker(table, name) for name in names)
    figure.suptitle(
        f"{_plain(table.title)}\nµs, less is better; whiskers are quartiles"
        + (f"; hatched: survives less than {names[0]}" if hatched else "")
    )
    return figure


def _bar_panel(axis: Any, row: Row, table: Table) -> None:
    names = list(table.durabilities)
    colours = _colours(names)
    ours = row.micros[names[0]]
    assert ours is not None
    limit = LONGEST * ours[1]
    gap = limit / 50
    for place, name in enumerate(names):
        micros = row.micros[name]
        if micros is None:
            axis.text(gap, place, "not offered", va="center", color="#777777", fontsize=8)
            continue
        low, median, high = micros
        hatch = WEAKER if _is_weaker(table, name) else None
        axis.barh(place, min(median, limit), color=colours[name], hatch=hatch, edgecolor="white")
        if median < limit:
            axis.plot([low, min(high, limit)], [place, place], color="black", linewidth=0.8)
        end = min(max(median, high), limit)
        text = f"{median:,.1f}" + (" →" if median > limit else "")
        axis.text(end + gap, place, text, va="center", fontsize=8)
    axis.set_xlim(0, limit * 1.3)
    axis.set_xticks([])
    axis.spines["bottom"].set_visible(False)
    axis.set_yticks(range(len(names)), [f"{n} ({table.durabilities[n]})" for n in names])
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.set_title(_plain(row.operation), fontsize=9, loc="left")


def _is_weaker(table: Table, name: str) -> bool:
    ours = next(iter(table.durabilities.values()))
    return RANKS[table.durabilities[name]] < RANKS[ours]


# --- a crowd: throughput, fairness, waits ----------------------------------------------------


def _crowd(crowd: Crowd) -> Any:
    figure, (together, share, longest, waits) = _panels(4, columns=2, width=5.5, height=3.2)
    names = list(dict.fromkeys(point.contestant for point in crowd.points))
    counts = sorted({point.count for point in crowd.points})
    for name, colour in _colours(names).items():
        points = [point for point in crowd.points if point.contestant == name]
        xs = [point.count for point in points]
        style = {"color": colour, "label": name, "marker": "o", "markersize": 4}
        together.plot(xs, [point.per_second for point in points], **style)
        share.plot(xs, [point.share for point in points], **style)
        longest.plot(xs, [1e3 * point.longest for point in points], **style)
        most = points[-1]
        parts = [1e2 * each / max(1, sum(most.waits)) for each in most.waits]
        edges = [1e3 * bound for bound in (BOUNDS[0] / 10 ** (1 / 5), *BOUNDS)]
        waits.stairs(parts[:-1], edges, color=colour, label=name, linewidth=1.5)
    for axis in (together, share, longest):
        axis.set_xscale("log", base=2)
        axis.set_xticks(counts, counts)
        axis.set_xlabel(crowd.several)
    together.set_ylim(bottom=0)
    together.set_title("a second, all together (more is better)", loc="left", fontsize=9)
    together.legend(fontsize=8, frameon=False)
    share.set_ylim(0, 1.05)
    share.set_title("slowest to fastest (1 is fair)", loc="left", fontsize=9)
    _log_y(longest)
    longest.set_title("longest wait, ms (less is better)", loc="left", fontsize=9)
    waits.set_xscale("log")
    _log_y(waits)
    waits.xaxis.set_major_formatter("{x:,.6g}")
    waits.set_xlabel("ms")
    waits.set_title(
        f"% of calls by their wait, {counts[-1]} {crowd.several}", loc="left", fontsize=9
    )
    figure.suptitle(_plain(crowd.title))
    return figure


# --- curves: time over size ------------------------------------------------------------------


def _curves(curves: Curves) -> Any:
    figure, axes = _panels(len(curves.operations), columns=3, width=3.6, height=2.7)
    for axis, (operation, lines) in zip(axes, curves.operations.items(), strict=False):
        _curve_panel(axis, operation, lines)
    axes[0].legend(fontsize=8, frameon=False)
    figure.suptitle(f"{_plain(curves.title)}: µs over the number of pairs, less is better")
    return figure


def _curve_panel(
    axis: Any, operation: str, lines: Mapping[str, Sequence[tuple[int, float]]]
) -> None:
    for name, colour in _colours(list(lines)).items():
        sizes, micros = zip(*lines[name], strict=True)
        axis.plot(sizes, micros, color=colour, label=name, marker="o", markersize=4)
    axis.set_xscale("log")
    _log_y(axis)
    axis.set_title(_plain(operation), loc="left", fontsize=9)


def _log_y(axis: Any) -> None:
    """Give *axis* a logarithmic scale with numbers that are read at a glance."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.set_yscale("log")
    low, high = axis.get_ylim()
    axis.set_ylim(low / 2, high * 2)  # so that noise does not look like a curve
    subs = (1, 2, 5) if high < 1000 * low else (1,)
    axis.yaxis.set_major_locator(LogLocator(subs=subs, numticks=8))
    axis.yaxis.set_major_formatter(lambda x, _: f"{x:,.0f}" if x >= 1 else f"{x:g}")
    axis.yaxis.set_minor_formatter(NullFormatter())
