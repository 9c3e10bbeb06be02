"""Compare this library with the medium it stands on, and with what else a user would take."""

import argparse
import importlib
import random
import shlex
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from benchmarks import compare, plots, report, results
from benchmarks.measure import Plan, Suite

DOCS = Path(__file__).parent.parent / "docs"
LARGEST = 10**6
SUITES = (*compare.SUITES, "leases", "crowds", "sizes", "service")


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for; 1 if a limit was missed."""
    asked = _parser().parse_args(arguments)
    code: int = asked.run(asked)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="measure, print, and write the pages if asked")
    run.add_argument("suites", nargs="*", metavar="SUITE", help=f"of {', '.join(SUITES)}; else all")
    run.add_argument("--rounds", type=int, help="more are steadier; each suite has its own default")
    run.add_argument("--write", action="store_true", help="write results, plots and pages in docs/")
    run.add_argument(
        "--largest", type=int, default=LARGEST, help="pairs, in the suite sizes (%(default)s)"
    )
    run.add_argument("--before", help="a commit to show beside, in the suite service")
    run.set_defaults(run=_run)

    draw = commands.add_parser("draw", help="make plots and pages again of results.json")
    draw.set_defaults(run=_draw)

    two = commands.add_parser("compare", help="hold one commit against another; 1 if it is slower")
    two.add_argument("old", help="a commit, or a folder as it is, such as .")
    two.add_argument("new", help="the same")
    two.add_argument("--suites", nargs="+", default=["sqlite"], choices=compare.SUITES)
    two.add_argument("--rounds", type=int, default=25)
    two.add_argument("--limit", type=float, default=1.1, help="new to old (%(default)s)")
    two.set_defaults(run=_compare)

    for each in (run, two):
        each.add_argument("--seed", type=int, default=1, help="of keys, values and turns")
    return parser


def _run(asked: argparse.Namespace) -> int:
    late = []
    for name in asked.suites or SUITES:
        # Each suite needs packages of its own.
        suite: Suite = importlib.import_module(f"benchmarks.suites.{name}").SUITE
        plan = Plan(asked.rounds or suite.rounds, asked.seed, asked.largest, asked.before)
        sections = []
        for section in suite.measure(plan):
            report.show(section)
            sections.append(section)
        late += report.missed(sections)
        if asked.write:
            told = results.Page(
                suite.title,
                suite.note,
                _command(name, asked),
                plan.rounds,
                results.machine(),
                results.versions(suite.packages),
                date.today(),
                sections,
            )
            pages = {**results.load(_results()), name: told}
            results.save(_results(), pages)
            _write(name, told)
    for line in late:
        print(f"slower than promised: {line}", file=sys.stderr)
    return 1 if late else 0


def _command(name: str, asked: argparse.Namespace) -> str:
    words = ["scripts/bench", "run", name, "--write"]
    if asked.rounds:
        words += ["--rounds", str(asked.rounds)]
    if name == "sizes" and asked.largest != LARGEST:
        words += ["--largest", str(asked.largest)]
    if name == "service" and asked.before:
        words += ["--before", asked.before]
    return shlex.join(words)


def _draw(asked: argparse.Namespace) -> int:
    for name, told in results.load(_results()).items():
        _write(name, told)
    return 0


def _compare(asked: argparse.Namespace) -> int:
    late = False
    for name in asked.suites:
        found = compare.compare(
            name, asked.old, asked.new, asked.rounds, random.Random(asked.seed), asked.limit
        )
        report.show(found)
        late |= bool(report.missed([found]))
    return 1 if late else 0


def _results() -> Path:
    return DOCS / "_static/benchmarks/results.json"


def _write(name: str, told: results.Page) -> None:
    folder = _results().parent
    drawn = {
        title: f"_static/benchmarks/{file}"
        for title, file in plots.draw(name, told, folder).items()
    }
    if drawn and name == "sqlite":
        plots.summarize(told, folder)
    page = DOCS / ("benchmarks.md" if name == "sqlite" else f"benchmarks-{name}.md")
    page.write_text(report.page(told, drawn), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
