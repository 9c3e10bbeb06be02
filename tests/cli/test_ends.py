"""How commands end, whatever they are given: with 0, 1 or 2, and one line that says why."""

import random
import signal
import string
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

import napixd_store.__main__ as program
from napixd_store import Counter, Store
from napixd_store.cli.commands import commands
from napixd_store.cli.process import Signals
from tests.cli.command import PROGRAM, Terminal, command, done, environment, process
from tests.sizes import size

MANY = size(quick=300, full=3_000)
SETTINGS = size(quick=200, full=3_000)


def test_the_program_runs_in_a_process_of_its_own():
    assert process("set", "users", "ann", "1").returncode == 0
    said = process("get", "users", "ann")
    assert (said.returncode, said.stdout, said.stderr) == (0, "1\n", "")
    said = process("gett")
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr == (
        "napixd-store: No such command 'gett'. Did you mean 'get'? (see napixd-store --help)\n"
    )


def test_without_the_extra_it_says_what_to_install():
    for missing in ("click", "rich"):
        script = f"import sys; sys.modules[{missing!r}] = None; import napixd_store.__main__ as m"
        ended = subprocess.run(
            [sys.executable, "-c", f"{script}; sys.exit(m.main())"],
            capture_output=True,
            text=True,
            check=False,
            env=environment(),
        )
        assert ended.returncode == 1
        assert ended.stderr == (
            f"napixd-store: needs {missing}, which is not installed: "
            f"pip install 'napixd-store[cli]'\n"
        )


def test_the_version_and_the_help():
    assert done("--version").startswith("napixd-store ")
    assert done() == done("--help") == done("-h")


def test_an_interrupt_is_130_and_quiet():
    Store("users")["ann"] = 1
    with Terminal("drop", "users") as terminal:
        terminal.until("[y/N] ")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.ends() == 130
    assert "Traceback" not in terminal.shown
    assert "napixd-store" not in terminal.shown
    assert len(Store("users")) == 1


def test_what_nobody_expected_is_one_line(monkeypatch: pytest.MonkeyPatch):
    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError("a\n\x1b[31mb")

    monkeypatch.setattr("napixd_store.cli.looking.installed", broken)
    said = command("backends")
    assert said.code == 1
    assert said.err.startswith("napixd-store: unexpected error, ZeroDivisionError: a \\x1b[31mb (")
    assert said.err.count("\n") == 1


def test_a_warning_is_one_line(monkeypatch: pytest.MonkeyPatch):
    import warnings

    def warns() -> list[object]:
        warnings.simplefilter("always")
        warnings.warn("it evicts", UserWarning, stacklevel=1)
        return []

    monkeypatch.setattr("napixd_store.cli.looking.installed", warns)
    assert command("backends").err == "napixd-store: warning: it evicts\n"


def test_a_shell_is_completed(monkeypatch: pytest.MonkeyPatch):
    Store("users")["ann"] = 1
    Store("us and them")["x"] = 1
    Counter("ids").increment()

    def completed(*words: str) -> list[str]:
        typed = {"COMP_WORDS": " ".join(("napixd-store", *words)), "COMP_CWORD": str(len(words))}
        said = process(_NAPIXD_STORE_COMPLETE="bash_complete", **typed)
        assert (said.returncode, said.stderr) == (0, "")
        return [line.partition(",")[2] for line in said.stdout.split("\n") if line]

    assert completed("dr") == ["drop"]
    assert completed("keys", "us") == ["us and them", "users"]
    assert completed("counter", "value", "") == ["ids"]
    assert completed("keys", "--url", "sqlite:typo.sqlite", "us") == []
    assert "complete -o" in process(_NAPIXD_STORE_COMPLETE="bash_source").stdout


# --- whatever is given ---------------------------------------------------------------------------


WORDS = [
    *("users", "ann", "ids", "17", "-5", "--int", "-1", "x" * 1_001, "", " ", "-", "--", "\x1b[3m"),
    *("é", "\udcff", "{}", "[1,", '{"$date":"x"}', '{"$until":[5,1]}', "1e999", "nan", "9" * 400),
    *("--url", "sqlite:desk.sqlite", "sqlite:", "sqlite:?a=b", "file:files", "memory:", "//", ":"),
    *("redis://127.0.0.1:1", "redis://:x@h", "redis://[", "x:y", "sqlite:typo", "sqlite:%00"),
    *("--config", "desk.ini", "desk.sqlite", "typo.ini", ".", "/dev/null", "/", "a.archive"),
    *("--backend", "SQLite", "File", "Nope", "a.b.C", "--option", "path=desk.sqlite", "=", "a=b"),
    *("--password-file", "--json", "--text", "--yes", "--prefix", "--start", "--before"),
    *("--expires-in", "0", "60", "--by", "--reset", "--dry-run", "--overwrite", "-c", "-n", "--to"),
    *("--repair", "--aside", "aside", "--table", "kv", "--key", "--value", "--encoding", "utf-16"),
    *("--layout", "RedisBackend", "--help", "--nonsense", "-z", "shelve", "json", "value", "set"),
    *("directory:folders", "a.gz", "--limit"),
]  # fmt: skip

STDIN = [
    *(b"", b"1", b"{", b"\xff", b'"x"', b"[" * 5_000, b'{"napixd-store-archive":1}\n', b"\x1f\x8b")
]


def each_command() -> list[tuple[list[str], click.Command]]:
    found: list[tuple[list[str], click.Command]] = []
    for name, each in commands.commands.items():
        below = each.commands if isinstance(each, click.Group) else {}
        found += [([name, other], it) for other, it in below.items()] or [([name], each)]
    return found


def any_words(chance: random.Random) -> list[str]:
    """Return a command with words of all kinds, or with those that it takes."""
    name, it = chance.choice(each_command())
    if chance.random() < 0.3:
        return [*name, *chance.choices(WORDS, k=chance.randrange(7))]
    words = list(name)
    for each in it.params:
        if isinstance(each, click.Argument):
            words += chance.choices(WORDS[:20] if chance.random() < 0.3 else USUAL, k=1)
            if each.nargs < 0:
                words += chance.choices(USUAL, k=chance.randrange(3))
        elif chance.random() < (0.3 if isinstance(each, click.Option) and each.is_flag else 0.15):
            words.append(each.opts[-1])
            if not (isinstance(each, click.Option) and each.is_flag):
                words.append(chance.choice(WORDS))
    if "--config" not in words and "--url" not in words and chance.random() < 0.5:
        words[len(name) : len(name)] = ["--url", "sqlite:desk.sqlite"]
    return words


USUAL = [
    *("users", "ann", "ids", "17", "{}", '{"$set":[1]}', "a.archive", "b.gz", "old.json", "kept"),
    *("sqlite:desk.sqlite", "sqlite:new.sqlite", "desk.ini", "file:files", "directory:folders"),
]


def test_whatever_words_are_given_it_ends_as_it_should(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    """What writes outside of its folder is not called; an editor that does nothing is."""
    monkeypatch.setenv("EDITOR", "true")
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    Path("desk.ini").write_text("[store]\npath = desk.sqlite\n[store.users]\ncollection = users\n")
    Store("users", path="desk.sqlite").update({"ann": 1, 17: 2})
    done("dump", "a.archive", "--url", "sqlite:desk.sqlite")
    Path("old.json").write_text('{"zoe": 1}')
    chance = random.Random(16)
    seen = set()
    for number in range(MANY):
        words = any_words(chance)
        if {"/dev/null", "/"} & {*words} and words[0] in ("backup", "dump", "check"):
            continue
        said = command(*words, stdin=chance.choice(STDIN))
        assert said.code in (0, 1, 2), (number, words, said)
        assert "unexpected error" not in said.err, (number, words, said)
        assert "Traceback" not in said.err + said.out, (number, words, said)
        lines = said.err.splitlines()
        assert len([line for line in lines if "warning" not in line]) <= 1, (number, words, said)
        assert said.code == 0 or said.err, (number, words, said)
        assert "\x1b" not in said.err, (number, words, said)
        seen.add(said.code)
    assert seen == {0, 1, 2}


SECTIONS = [
    *("store", "counter", "store.users", "counter.ids", "store.a b", "STORE", "x", "", "bottle")
]
KEYS = [
    *("backend", "path", "root", "pth", "password", "type", "expires_in", "collection", "name", "")
]
VALUES = [
    *("SQLite", "File", "Memory", "Redis", "Nope", "desk.sqlite", "", "${HOME}", "${NOPE}", "$"),
    *("${store:path}", "a.b", "json.loads", "60", "-1", "yes", "é", "\x1b[3m", "~x", "%(x)s"),
    *("$$", "\0"),
]  # fmt: skip


def settings(chance: random.Random) -> bytes:
    """Return an INI file that is mostly right."""
    lines = []
    for _ in range(chance.randrange(4)):
        lines.append(f"[{chance.choice(SECTIONS)}]")
        for _ in range(chance.randrange(4)):
            lines.append(f"{chance.choice(KEYS)} = {chance.choice(VALUES)}")
    content = bytearray("\n".join(lines).encode())
    for _ in range(chance.choice([0, 0, 1, 3])):
        at = chance.randrange(len(content) + 1)
        content[at : at + chance.randrange(3)] = chance.choice(string.printable).encode()
    if chance.random() < 0.05:
        content += b"\xff"
    return bytes(content)


def test_whatever_settings_are_given_it_ends_as_it_should(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    chance = random.Random(17)
    seen = set()
    for number in range(SETTINGS):
        content = settings(chance)
        Path("desk.ini").write_bytes(content)
        words = chance.choice([["ls"], ["get", "users", "ann"], ["set", "users", "ann", "1"]])
        said = command(*words, "--config", "desk.ini")
        assert said.code in (0, 1, 2), (number, content, said)
        assert "unexpected error" not in said.err, (number, content, said)
        assert said.err.count("\n") <= 1, (number, content, said)
        assert "\x1b" not in said.err, (number, content, said)
        seen.add(said.code)
    assert {0, 1} <= seen


def test_an_interrupt_while_it_starts_is_quiet(monkeypatch: pytest.MonkeyPatch):
    def interrupted(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "napixd_store.cli", None)
    monkeypatch.setattr("builtins.__import__", interrupted)
    assert program.main() == 130


def test_a_shell_is_completed_in_this_process():
    Store("users")["ann"] = 1
    keys = commands.commands["keys"]
    context = click.Context(keys)
    context.params = {"given": ()}
    (parameter,) = [each for each in keys.params if each.name == "collection"]
    assert [each.value for each in parameter.shell_complete(context, "u")] == ["users"]
    context.params["url"] = "sqlite:typo.sqlite"
    assert parameter.shell_complete(context, "u") == []


def test_the_program_runs_with_the_arguments_of_the_process(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "argv", ["napixd-store", "gett"])
    assert program.main() == 2


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-", "1>/dev/full 2>&1"])
@pytest.mark.parametrize(
    "words", ["ls", "dump -", "load -", "set users ann -", "drop users", "gett"]
)
def test_whatever_stream_is_closed_it_ends_as_it_should(closed: str, words: str):
    """And no file of ours takes the number of the stream."""
    codes = {"ls": 0, "dump -": 0, "load -": 1, "set users ann -": 2, "drop users": 2, "gett": 2}
    if "1>" in closed:
        codes |= {"ls": 1, "dump -": 1}
    if "0<" in closed:
        codes["set users ann -"] = 1
    Store("users")["ann"] = 1
    said = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", *PROGRAM, *words.split()],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
    )
    assert said.returncode == codes[words], said
    assert said.stderr.count("\n") == (said.returncode != 0 and "2>" not in closed), said
    assert "unexpected" not in said.stderr, said
    assert Store("users").snapshot() == {"ann": 1}


def test_what_it_writes_is_utf_8_whatever_the_locale():
    Store("users")["🦄"] = "é"
    for name in ("latin-1", "ascii", "utf-16"):
        said = process("show", "users", "--json", PYTHONIOENCODING=f"{name}:strict")
        assert said.stdout == '{"key":"🦄","value":"é","ends":null}\n'


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_who_is_ended_leaves_nothing_aside(number: signal.Signals, folder: Path):
    Store("users")["ann"] = 1
    done("dump", "old.archive")
    (folder / "spools").mkdir()
    standing = sorted(folder.rglob("*"))
    running = subprocess.Popen(
        [*PROGRAM, "load", "-"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment({"TMPDIR": str(folder / "spools")}),
    )
    assert running.stdin is not None
    while not list((folder / "spools").glob("napixd-store-*")):  # else it is Python's, trying out
        time.sleep(0.01)
    running.send_signal(number)
    _, said = running.communicate()
    assert running.returncode == 128 + number
    assert said.strip() == b""
    assert sorted(folder.rglob("*")) == standing


def test_a_signal_that_is_ignored_stays_so():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Signals():
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) != signal.SIG_DFL
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)
