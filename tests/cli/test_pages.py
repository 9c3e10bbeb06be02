"""What the docs show of the command line is what it does."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from napixd_store.cli.commands import commands
from tests.cli.command import ROOT, command, done
from tests.markdown import blocks
from tests.markdown import commands as typed

OPERATE = ROOT / "docs/how-to/operate.md"
REFERENCE = ROOT / "docs/reference/command-line.md"


def test_the_console_blocks_do_what_they_show(monkeypatch: pytest.MonkeyPatch):
    Path("users.json").write_text('{"ann": 1}')
    ran = 0
    for block in blocks(OPERATE, "console"):
        for line, shown in typed(block):
            program, *words = shlex.split(line)
            if program == "export":
                name, value = words[0].split("=", 1)
                monkeypatch.setenv(name, value)
                continue
            assert program == "napixd-store", line
            said = command(*words)
            assert (said.code, said.err) == (0, ""), line
            pattern = ".*".join(map(re.escape, shown.split("...")))
            assert re.fullmatch(pattern, said.out.rstrip("\n"), re.DOTALL), (line, said.out)
            ran += 1
    assert ran > 12


def each_command() -> Iterator[tuple[str, ...]]:
    yield ()
    for name, each in commands.commands.items():
        yield (name,)
        for below in each.commands if isinstance(each, click.Group) else ():
            yield (name, below)


def test_the_reference_shows_the_help_of_every_command():
    shown = dict(pair for block in blocks(REFERENCE, "console") for pair in typed(block))
    real = {
        " ".join(("napixd-store", *words, "--help")): done(*words, "--help").rstrip("\n")
        for words in each_command()
    }
    assert shown == real


def test_the_table_of_tasks_names_commands_that_there_are():
    text = OPERATE.read_text().partition("\n## ")[0]
    named = re.findall(r"`napixd-store (\w+)", text)
    assert len(set(named)) >= 12
    assert set(named) <= commands.commands.keys()


def test_the_shell_blocks_use_options_that_there_are():
    for page in (OPERATE, REFERENCE):
        for line in "\n".join(blocks(page, "sh")).splitlines():
            for words in re.findall(r"napixd-store ((?:[\w-]+ ?)+.*)", line):
                name, *rest = words.split()
                known = {option for each in commands.commands[name].params for option in each.opts}
                used = {word for word in rest if word.startswith("--")}
                assert used <= known, line
