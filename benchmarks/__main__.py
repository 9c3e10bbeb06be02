"""Compare this library with the medium it stands on: ``python -m benchmarks sqlite``."""

import argparse
import random
import sys
from pathlib import Path

from benchmarks import beside, measure, report
from benchmarks.contestants import SYNCHRONOUS

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"


def main() -> int:
    """Measure, print, and write the page if asked; 1 if a limit was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("medium", choices=["sqlite"])
    parser.add_argument("--rounds", type=int, default=25, help="more are steadier (default 25)")
    parser.add_argument("--seed", type=int, default=1, help="of keys, values and turns")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    asked = parser.parse_args()
    results = {}
    for durability in SYNCHRONOUS:
        results[durability] = measure.measure(durability, asked.rounds, random.Random(asked.seed))
        report.show(durability, results[durability])
    facts = beside.measure(random.Random(asked.seed))
    report.show_beside(facts)
    if asked.write:
        command = f"python -m benchmarks sqlite --rounds {asked.rounds} --write"
        PAGE.write_text(report.page(results, facts, asked.rounds, command), encoding="utf-8")
    for line in report.missed(results):
        print(f"slower than promised: {line}", file=sys.stderr)
    return 1 if report.missed(results) else 0


if __name__ == "__main__":
    sys.exit(main())
