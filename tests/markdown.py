"""The pages of the docs as the tests read them: their blocks, commands and tables."""

import re
from collections.abc import Iterator
from pathlib import Path


def blocks(page: Path, language: str) -> list[str]:
    """Return the blocks of *page* in *language*."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)


def commands(block: str) -> Iterator[tuple[str, str]]:
    """Yield each command of a console block, and what the page shows below it."""
    _, *each = re.split(r"^\$ ", block, flags=re.MULTILINE)
    for text in each:
        command, _, shown = text.partition("\n")
        yield command, shown.rstrip("\n")


def rows(page: Path, heading: str) -> dict[str, list[str]]:
    """Return the rows of the tables below *heading*, by their first cell."""
    _, below = page.read_text().split(f"\n## {heading}\n")
    lines = [line for line in below.split("\n## ")[0].splitlines() if line.startswith("| ")]
    cells = [line.strip("| ").split(" | ") for line in lines]
    return {first: rest for first, *rest in cells}
