"""Writers to be interrupted: each makes the writes 1, 2, 3 … and can tell how far it had come.

`Interrupted` runs a writer in a process, again and again on the same data: it reads what the
last one left, says how many writes it found there, and goes on. Whoever interrupts it learns
which writes were acknowledged by then.
"""

import json
import os
import random
import shutil
import signal
import struct
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napixd_store import Counter, Store, transaction
from tests.processes import fork

_DAY = 86_400.0
_UNREADABLE = -1
_number = struct.Struct("q")


class Writer:
    """The writes to the data in a *folder*."""

    skips = 0
    """So many numbers may be passed over, once it was interrupted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def found(self) -> int:
        """Return after how many writes the data looks as it does; raise if after none at all."""
        raise NotImplementedError

    def write(self, number: int) -> None:
        """Make the write *number*; to return is to acknowledge it."""
        raise NotImplementedError


class StoreWriter(Writer):
    """Saves of one key and of several, with values of all sizes and deletions among them.

    Every other one has a deadline, which none of them lives to see.
    """

    backend: str
    options: Mapping[str, Any] = {}

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        place = {"path": folder / "it.sqlite"} if self.backend == "SQLite" else {"root": folder}
        self.store = Store("it", self.backend, writeback=True, **place)

    def found(self) -> int:
        seen = self.store.snapshot()
        number = max(seen.get("single", 0), seen.get("several", 0))
        assert seen == self._after(number), f"not what {number} writes leave: {seen}"
        return int(number)

    def write(self, number: int) -> None:
        for key, value in self._changes(number).items():
            if value is None:
                self.store.pop(key, None)
            else:
                self.store.put(key, value, expires_in=_DAY if number % 2 else None)
        self.store.save()

    @staticmethod
    def _changes(number: int) -> dict[str, Any]:
        if number % 3 == 0:
            return {"single": number}
        passing = number if number % 4 < 2 else None
        filler = "x" * (number % 50 * 20)
        return {"several": number, f"slot {number % 10}": [filler, number], "passing": passing}

    def _after(self, number: int) -> dict[str, Any]:
        state: dict[str, Any] = {}
        for each in range(max(1, number - 40), number + 1):  # by then, each key was written
            state.update(self._changes(each))
        return {key: value for key, value in state.items() if value is not None}


class FileWriter(StoreWriter):
    backend = "File"


class DirectoryWriter(StoreWriter):
    backend = "Directory"


class CounterWriter(Writer):
    """Increments; that a number comes twice would be noticed at once."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.counter = Counter("it", "File", root=folder)

    def found(self) -> int:
        return self.counter.value

    def write(self, number: int) -> None:
        assert self.counter.increment() == number


class LeaseWriter(CounterWriter):
    """Increments of which seven are one write, and those that were not made are a gap."""

    skips = 7

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.counter = Counter("it", "SQLite", path=folder / "it.sqlite", lease=self.skips)


class SQLiteWriter(StoreWriter):
    """Saves and increments."""

    backend = "SQLite"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.counter = Counter("it", "SQLite", path=folder / "it.sqlite")

    def found(self) -> int:
        number = super().found()
        assert self.counter.value in (number, number + 1)
        self.counter.reset(number)
        return number

    def write(self, number: int) -> None:
        assert self.counter.increment() == number
        super().write(number)


class TransferWriter(Writer):
    """Transactions over two collections: each has the same number, and one the entry of it."""

    backend: str

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        place = {"path": folder / "it.sqlite"} if self.backend == "SQLite" else {"root": folder}
        self.stores = [
            Store(name, self.backend, writeback=False, **place) for name in ("left", "right")
        ]

    def found(self) -> int:
        left, right = (store.snapshot() for store in self.stores)
        number = left.get("number", 0)
        assert right.pop("number", 0) == number, "half of a step"
        assert right == ({f"slot {number}": "x" * (number % 50 * 20)} if number else {})
        return int(number)

    def write(self, number: int) -> None:
        with transaction(*self.stores) as (left, right):
            assert left.get("number", 0) == right.get("number", 0) == number - 1
            left["number"] = right["number"] = number
            right.pop(f"slot {number - 1}", None)
            right[f"slot {number}"] = "x" * (number % 50 * 20)


class FileTransferWriter(TransferWriter):
    backend = "File"


class SQLiteTransferWriter(TransferWriter):
    backend = "SQLite"


class RenameWriter(Writer):
    """What many programs do: a temporary file and a rename, but no ``fsync``."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        folder.mkdir(exist_ok=True)

    def found(self) -> int:
        path = self.folder / "it"
        return int(json.loads(path.read_text())) if path.exists() else 0

    def write(self, number: int) -> None:
        aside = self.folder / "it.tmp"
        aside.write_text(json.dumps(number))
        aside.rename(self.folder / "it")


@dataclass
class Tally:
    """What became of the acknowledged writes over all interruptions."""

    interruptions: int = 0
    acknowledged: int = 0
    lost: int = 0
    unreadable: int = 0


class Interrupted:
    """A writer that is interrupted again and again, always by ``interrupt(pid)``.

    That function must have ended the process, or at least stopped it, when it returns.
    """

    def __init__(self, kind: type[Writer], folder: Path, chance: random.Random) -> None:
        self.kind, self.folder, self.chance = kind, folder, chance
        self.tally = Tally()
        self._last = 0  # the last acknowledged write

    def once(self, interrupt: Callable[[int], object]) -> None:
        """Let a writer go on where the last one ended, and *interrupt* it at some moment."""
        read, write = os.pipe()
        try:
            with fork(_serve, self.kind, self.folder, write) as worker:
                os.close(write)
                write = -1
                self._account(_received(read))
                for _ in range(self.chance.randrange(1, 20)):
                    self._acknowledged(_received(read))
                time.sleep(self.chance.random() * 0.003)  # any moment, not only that of an answer
                interrupt(worker.pid)
                worker.kill()
                os.set_blocking(read, False)
                while (number := _received(read)) is not None:
                    self._acknowledged(number)
        finally:
            os.close(read)
            if write != -1:
                os.close(write)
        self.tally.interruptions += 1

    def look(self) -> None:
        """Look at what the last interruption left."""
        read, write = os.pipe()
        with fork(_tell, self.kind, self.folder, write) as worker:
            worker.wait()
            os.close(write)
            self._account(_received(read))
        os.close(read)

    def _account(self, found: int | None) -> None:
        assert found is not None, "the writer died before it looked"
        if found == _UNREADABLE:
            self.tally.unreadable += 1
            found = 0
        assert found <= self._last + 1 + self.kind.skips, f"{found} was never written"
        self.tally.lost += max(0, self._last - found)
        self._last = found

    def _acknowledged(self, number: int | None) -> None:
        assert number == self._last + 1, f"the writer died after {self._last}"
        self._last = number
        self.tally.acknowledged += 1


def kill(pid: int) -> None:
    """Interrupt as a crash does."""
    os.kill(pid, signal.SIGKILL)


def _serve(kind: type[Writer], folder: Path, acknowledge: int) -> None:
    writer, number = _tell(kind, folder, acknowledge)
    while True:
        number += 1
        writer.write(number)
        os.write(acknowledge, _number.pack(number))


def _tell(kind: type[Writer], folder: Path, tell: int) -> tuple[Writer, int]:
    try:
        writer = kind(folder)
        number = writer.found()
        os.write(tell, _number.pack(number))
    except Exception:  # noqa: BLE001 - whatever it is, the data cannot be read
        traceback.print_exc()  # pytest shows it if the test fails
        os.write(tell, _number.pack(_UNREADABLE))
        shutil.rmtree(folder)
        return kind(folder), 0
    return writer, number


def _received(read: int) -> int | None:
    try:
        data = os.read(read, _number.size)
    except BlockingIOError:
        return None
    return _number.unpack(data)[0] if data else None
