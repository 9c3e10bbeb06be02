"""Whether a text comes twice among any number of them, in constant memory.

Digests are sorted, some at a time, in a temporary file, and merged: equal ones then meet.
"""

import heapq
import tempfile
from collections.abc import Iterator
from hashlib import blake2b
from itertools import pairwise

_BYTES = 16
_AT_ONCE = 50_000


class Twins:
    """Texts that were seen.

    >>> with Twins() as twins:
    ...     for text in ("a", "b", "a"):
    ...         twins.see(text)
    ...     twins.found()
    True
    """

    def __init__(self) -> None:
        self._seen: list[bytes] = []
        self._runs: list[tuple[int, int]] = []
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - `__exit__` closes it

    def __enter__(self) -> "Twins":
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def see(self, text: str) -> None:
        """Take note of *text*."""
        self._seen.append(blake2b(text.encode(), digest_size=_BYTES).digest())
        if len(self._seen) >= _AT_ONCE:
            start = self._file.tell()
            self._file.write(b"".join(sorted(self._seen)))
            self._runs.append((start, self._file.tell()))
            self._seen.clear()

    def found(self) -> bool:
        """Return whether a text was seen twice; begin anew."""
        runs = [self._run(*run) for run in self._runs]
        found = any(one == other for one, other in pairwise(heapq.merge(sorted(self._seen), *runs)))
        self._seen.clear()
        self._runs.clear()
        self._file.seek(0)
        self._file.truncate()
        return found

    def _run(self, start: int, end: int) -> Iterator[bytes]:
        while start < end:
            self._file.seek(start)
            part = self._file.read(min(end - start, 1_000 * _BYTES))
            start += len(part)
            yield from (part[i : i + _BYTES] for i in range(0, len(part), _BYTES))
