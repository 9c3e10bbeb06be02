"""Where a command looks: --config, --url, --backend, the environment; and where passwords stand."""

import tempfile
from pathlib import Path

import pytest

from napixd_store import Store
from tests.cli.command import command, done, refused
from tests.redis.servers import chosen, running

PASSWORD = "s3cret-of-the-server"


def test_a_place_is_named_in_four_ways(monkeypatch: pytest.MonkeyPatch):
    Store("users", path="desk.sqlite")["ann"] = 1
    Path("desk.ini").write_text("[store]\nbackend = SQLite\npath = desk.sqlite\n")
    assert done("get", "users", "ann", "--url", "sqlite:desk.sqlite") == "1\n"
    assert done("get", "users", "ann", "--config", "desk.ini") == "1\n"
    option = ("--option", "path=desk.sqlite", "--option", "durability=process")
    assert done("get", "users", "ann", "--backend", "SQLite", *option) == "1\n"
    monkeypatch.setenv("NAPIXD_STORE_URL", "sqlite:desk.sqlite")
    assert done("get", "users", "ann") == "1\n"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--url", "memory:", "--backend", "Memory"], "give one of them"),
        (["--option", "a=b"], "--option is for --backend"),
        (["--backend", "SQLite", "--option", "path"], "--option key=value"),
        (["--backend", "SQLite", "--option", "=x"], "--option key=value"),
        (["--backend", "SQLite", "--option", "pth=x"], "did you mean 'path'"),
        (["--backend", "SQLite", "--option", "backend=x"], "unknown option 'backend'"),
        (["--backend", "Redis", "--option", "self=x"], "unknown option 'self'"),
        (["--backend", "Redi"], "did you mean 'Redis'"),
        (["--backend", "no.such.Module"], "there is no module 'no'"),
        (["--url", "sqlit:x"], "did you mean 'sqlite'"),
        (["--url", "sqlite:x?backend=y"], "unknown option 'backend'"),
        (["--url", "sqlite:x?self=y"], "unknown option 'self'"),
        (["--url", "redis://[x"], "URL"),
        (["--url", ""], "scheme"),
        (["--url", "sqlite:x", "--password-file", "password"], "unknown option 'password'"),
        (["--config", "desk.ini", "--password-file", "password"], "${NAME}"),
    ],
)
def test_what_leads_nowhere_is_a_wrong_command(words: list[str], why: str):
    Path("password").write_text(PASSWORD)
    assert why in refused(2, "ls", *words)


@pytest.mark.parametrize(
    ("ini", "why"),
    [
        (None, "No such file"),
        ("key = 1", "is not an INI file"),
        ("[store]\nbackend = Nope\n", "there is no backend 'Nope'"),
        ("[store]\npth = x\n", "did you mean 'path'"),
        ("[store]\nbackend = Redis\npassword = ${NOT_THERE}\n", "no variable $NOT_THERE"),
        ("[store]\npath = ${HOME}\n", "only a secret"),
        ("[store.a b]\nx = 1\n", "'a b' cannot be the name"),
    ],
)
def test_settings_that_are_wrong_fail(ini: str | None, why: str):
    if ini is not None:
        Path("desk.ini").write_text(ini)
    assert why in refused(1, "ls", "--config", "desk.ini")


@pytest.mark.parametrize(
    "words",
    [
        ["--url", f"redis://:{PASSWORD}@localhost"],
        ["--url", f"redis://ann:{PASSWORD}@localhost/0?prefix=x"],
        ["--url", f"redis://localhost?password={PASSWORD}"],
        ["--backend", "Redis", "--option", f"password={PASSWORD}"],
        ["--backend", "Redis", "--option", f"sentinel_password={PASSWORD}"],
        ["--backend", "Redis", "--option", f"url=redis://:{PASSWORD}@localhost"],
        ["--backend", "File", "--option", f"secret={PASSWORD}"],
    ],
)
def test_a_password_on_the_command_line_is_refused_and_not_shown(words: list[str]):
    said = refused(2, "ls", *words)
    assert "--password-file" in said
    assert PASSWORD not in said


def test_a_password_comes_from_a_file_or_the_environment(monkeypatch: pytest.MonkeyPatch):
    with (
        tempfile.TemporaryDirectory() as own,  # with a name that is short enough for a socket
        running(chosen(), Path(own), "--requirepass", PASSWORD) as there,
    ):
        monkeypatch.setenv("NAPIXD_STORE_URL", f"unix://:{PASSWORD}@{there.socket}")
        done("set", "users", "ann", "1")
        monkeypatch.delenv("NAPIXD_STORE_URL")
        Path("password").write_text(f"{PASSWORD}\nsecond line\n")
        by_file = ("--url", f"unix://{there.socket}", "--password-file", "password")
        assert done("get", "users", "ann", *by_file) == "1\n"
        Path("desk.ini").write_text(
            f"[store]\nbackend = RedisHash\nunix_socket_path = {there.socket}\n"
            f"password = ${{DESK_PASSWORD}}\n"
        )
        monkeypatch.setenv("DESK_PASSWORD", PASSWORD)
        assert done("get", "users", "ann", "--config", "desk.ini") == "1\n"
        monkeypatch.setenv("DESK_PASSWORD", "wrong")
        said = refused(1, "get", "users", "ann", "--config", "desk.ini")
        assert "refused the login" in said
        assert "wrong" not in said
        Path("password").write_bytes(b"\xff")
        assert "not UTF-8" in refused(1, "ls", *by_file)
        assert "No such file" in refused(1, "ls", *by_file[:3], "typo")
        monkeypatch.setenv("NAPIXD_STORE_URL", f"unix://{there.socket}")
        Path("password").write_text(PASSWORD)
        assert done("get", "users", "ann", "--password-file", "password") == "1\n"


def test_a_server_that_is_not_there_is_one_line():
    said = command("ls", "--url", "redis://127.0.0.1:1")
    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
    assert "127.0.0.1:1" in said.err
