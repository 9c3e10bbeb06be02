"""How far work is that takes a while."""

from collections.abc import Callable, Iterable, Iterator

Progress = Callable[[int, int], None]
"""Called now and then with how much is done, and of how much."""


class Passed:
    """How many records have passed, of about *total*, told to *progress* if anybody asked.

    >>> passed = Passed(3, lambda done, total: print(done, "of", total))
    >>> for batch in passed.each([{"a": b"1", "b": b"2"}, {"c": b"3"}]):
    ...     pass
    2 of 3
    3 of 3
    """

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._done, self._total, self._progress = 0, total, progress

    def each(self, parts: Iterable[dict[str, bytes]]) -> Iterator[dict[str, bytes]]:
        """Yield *parts*, each of which has passed when the next one is asked for."""
        for part in parts:
            yield part
            self._done += len(part)
            if self._progress is not None:  # others may have written more meanwhile
                self._progress(self._done, max(self._done, self._total))
