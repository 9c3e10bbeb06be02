"""The command as a person types it: in this process, in one of its own, and in a terminal."""

import contextlib
import io
import os
import pty
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from napixd_store.cli import run

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = [sys.executable, "-m", "napixd_store"]


class Said(NamedTuple):
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str


class _Stream(io.TextIOWrapper):
    """A stream that says of itself whether it is a terminal."""

    def __init__(self, content: bytes = b"", *, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(content), encoding="utf-8")
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


def command(*words: str, stdin: bytes = b"", terminal: bool = False, asked: bool = False) -> Said:
    """Run the command with these *words* in this process.

    With *terminal*, it writes to one; when *asked*, *stdin* is typed.
    """
    out, err = _Stream(terminal=terminal), _Stream(terminal=terminal)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", _Stream(stdin, terminal=asked))
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(list(words))
    texts = []
    for stream in (out, err):
        stream.flush()
        assert isinstance(stream.buffer, io.BytesIO)
        texts.append(stream.buffer.getvalue().decode())
    return Said(code, *texts)


def done(*words: str, stdin: bytes = b"") -> str:
    """Run the command, which must succeed, and return what it wrote to stdout."""
    said = command(*words, stdin=stdin)
    assert (said.code, said.err) == (0, ""), said
    return said.out


def refused(code: int, *words: str, stdin: bytes = b"") -> str:
    """Run the command, which must fail with *code* and one line on stderr; return that line."""
    said = command(*words, stdin=stdin)
    assert said.code == code, said
    assert said.err.count("\n") == 1, said
    assert said.err.endswith("\n")
    assert said.err.startswith("napixd-store")
    assert "unexpected error" not in said.err
    return said.err


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment for a process of its own."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **(more or {})}


def process(*words: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """Run the command with these *words* in a process of its own."""
    return subprocess.run(
        [*PROGRAM, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=60,
        env=environment(more),
    )


class Terminal:
    """A process with a terminal of so many columns; `shown` is all that it has written."""

    def __init__(self, *words: str, columns: int = 80, **more: str) -> None:
        self._end, slave = pty.openpty()
        size = {"COLUMNS": str(columns), "LINES": "40", "TERM": "xterm-256color"}
        self.process = subprocess.Popen(
            [*PROGRAM, *words],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment(size | more),
            start_new_session=True,
        )
        os.close(slave)
        self.shown = ""

    def until(self, text: str) -> None:
        """Read until *text* is shown."""
        while text not in self.shown:
            part = self._read()
            assert part, self.shown
            self.shown += part

    def types(self, text: str) -> None:
        """Type *text*."""
        os.write(self._end, text.encode())

    def ends(self) -> int:
        """Read to the end, and return the exit code."""
        while part := self._read():
            self.shown += part
        return self.process.wait(60)

    def _read(self) -> str:
        try:
            return os.read(self._end, 2**16).decode(errors="replace")
        except OSError:  # on Linux the end of a terminal is an error
            return ""

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._end)


@contextlib.contextmanager
def a_folder(path: Path) -> Iterator[None]:
    """Stand in the folder *path*, which is the home of all stores."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        patch.setenv("NAPIXD_HOME", str(path / "home"))
        patch.delenv("NAPIXD_STORE_URL", raising=False)
        yield
