"""Files and SQLite databases of others, read without leaving a trace."""

import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from napixd_store.disk import PLAIN, attempt, opened
from napixd_store.errors import ConfigError, CorruptData, Unavailable

SQLITE_MAGIC = b"SQLite format 3\0"

_READING = os.O_RDONLY | PLAIN
_MOST = 2**30
_AT_ONCE = 2**20
_NOTES = ("-wal", "-journal")


def read(path: Path, most: int = _MOST) -> bytes:
    """Return the bytes of the file at *path*, which is no link.

    Raises:
        NotThere, ReadOnly, Unavailable: it cannot be read.
        CorruptData: it is no plain file, or of more than *most* bytes.
    """
    name = str(path)
    data: bytes = attempt(name, opened, name, _READING, _bounded, name, most)
    return data


def begins(path: Path, magic: bytes) -> bool:
    """Return whether a plain file stands at *path* and begins with *magic*."""
    if not path.is_file():
        return False
    found: bytes = attempt(str(path), opened, str(path), _READING, os.read, len(magic))
    return found == magic


def _bounded(descriptor: int, path: str, most: int) -> bytes:
    facts = os.fstat(descriptor)
    if facts.st_size > most:
        raise CorruptData(f"{path}: {facts.st_size} bytes are more than the {most} that are read")
    if not stat.S_ISREG(facts.st_mode):
        raise CorruptData(f"{path}: a folder, a pipe or the like stands where a file should")
    data = b"".join(iter(partial(os.read, descriptor, _AT_ONCE), b""))
    if len(data) != facts.st_size:
        raise Unavailable(f"{path} changes while it is read: stop the program that writes to it")
    return data


class TextThatIsNotUTF8(bytes):
    """A text of a database in another encoding: no store takes it, and says so with its place."""


def _text(raw: bytes) -> str | TextThatIsNotUTF8:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return TextThatIsNotUTF8(raw)


@contextmanager
def database(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the SQLite database at *path* for reading; no file appears or changes beside it.

    What its program has in the log, when it was killed or runs on, is read too, from a copy.

    Raises:
        ConfigError: it is no SQLite database.
        Unavailable: it changes while it is copied.
    """
    if not begins(path, SQLITE_MAGIC):
        raise ConfigError(f"{path} is no SQLite database: check the path")
    with ExitStack() as stack:
        way = "mode=ro&immutable=1"
        if any(_holds_something(path, note) for note in _NOTES):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="napixd-store-"))
            path, way = _copied(path, Path(folder)), "mode=rw"
        handle = sqlite3.connect(f"{path.absolute().as_uri()}?{way}", uri=True)
        stack.callback(handle.close)
        handle.text_factory = _text
        yield handle


_TABLES = """
SELECT name FROM sqlite_master
WHERE type IN ('table', 'view') AND substr(name, 1, 7) <> 'sqlite_'
"""


def tables(handle: sqlite3.Connection, path: Path) -> dict[str, list[str]]:
    """Return the names of the tables with those of their columns.

    Raises:
        CorruptData: the database is damaged.
    """
    try:
        names = handle.execute(_TABLES)
        return {
            name: [row[1] for row in handle.execute(f"PRAGMA table_info({quoted(name)})")]
            for (name,) in names.fetchall()
        }
    except sqlite3.Error as exc:
        raise damaged(path, exc) from exc


def damaged(path: Path, exc: sqlite3.Error) -> CorruptData:
    """Return the error for what SQLite says of the database at *path*."""
    return CorruptData(f"{path}: SQLite cannot read it ({exc}); it was left as it is")


def quoted(name: str) -> str:
    """Return *name* as SQL writes the name of a table or column."""
    return '"' + name.replace('"', '""') + '"'


def _holds_something(path: Path, note: str) -> bool:
    try:
        return os.stat(f"{path}{note}").st_size > 0
    except FileNotFoundError:
        return False


def _copied(path: Path, folder: Path) -> Path:
    names = ["", *(note for note in _NOTES if _holds_something(path, note))]
    before = [_facts(f"{path}{name}") for name in names]
    for name in names:
        attempt(f"{path}{name}", shutil.copyfile, f"{path}{name}", folder / f"copy{name}")
    if before != [_facts(f"{path}{name}") for name in names]:
        raise Unavailable(f"{path} changes while it is read: stop the program that writes to it")
    return folder / "copy"


def _facts(path: str) -> tuple[int, int, int]:
    facts = attempt(path, os.stat, path)
    return facts.st_ino, facts.st_size, facts.st_mtime_ns
