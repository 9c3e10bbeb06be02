"""Work that takes a while, as people see it."""

import sys
from collections.abc import Callable

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class Bar:
    """A bar with the rate and the time left on stderr, if that is a terminal; else nothing."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._progress: Progress | None = None

    def __enter__(self) -> Callable[[int, int], None] | None:
        if not sys.stderr.isatty():
            return None
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(None), TaskProgressColumn(), _Rate())
        self._progress = Progress(
            *columns, TimeRemainingColumn(compact=True), console=console, transient=True
        )
        self._task = self._progress.add_task(self._what, total=None)
        self._progress.start()
        return self._tell

    def __exit__(self, *exception: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def _tell(self, done: int, total: int) -> None:
        assert self._progress is not None
        self._progress.update(self._task, completed=done, total=total or None)


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        """Return how many are done, and how many a second."""
        speed = f"  {task.speed:,.0f}/s" if task.speed else ""
        return Text(f"{task.completed:,.0f}{speed}")
