"""Compare this library with the medium it stands on: ``python -m benchmarks sqlite``."""

import argparse
import importlib
import random
import sys
from pathlib import Path

from benchmarks import report
from benchmarks.measure import Suite, race

DOCS = Path(__file__).parent.parent / "docs"


def main() -> int:
    """Measure, print, and write the page if asked; 1 if a limit was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("medium", choices=["sqlite", "files", "redis", "plugin", "leases"])
    parser.add_argument("--rounds", type=int, default=25, help="more are steadier (default 25)")
    parser.add_argument("--seed", type=int, default=1, help="of keys, values and turns")
    parser.add_argument("--write", action="store_true", help="write the medium's page in docs/")
    asked = parser.parse_args()
    # Each medium needs packages of its own.
    suite: Suite = importlib.import_module(f"benchmarks.{asked.medium}").SUITE
    results = []
    for heat in suite.heats():
        results.append(race(heat, asked.rounds, random.Random(asked.seed)))
        report.show(results[-1])
    facts = suite.facts(random.Random(asked.seed))
    report.show_facts(facts)
    if asked.write:
        command = f"python -m benchmarks {asked.medium} --rounds {asked.rounds} --write"
        page = report.page(suite, results, facts, asked.rounds, command)
        (DOCS / suite.page).write_text(page, encoding="utf-8")
    for line in report.missed(results):
        print(f"slower than promised: {line}", file=sys.stderr)
    return 1 if report.missed(results) else 0


if __name__ == "__main__":
    sys.exit(main())
