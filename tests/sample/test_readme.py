"""The README of the Ticket desk shows what its service really answers."""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.labs import need
from tests.sample.service import (
    README,
    ROOT,
    TIMEOUT,
    Gunicorn,
    Service,
    settings,
    settings_shown,
)

ADDRESS = "http://127.0.0.1:8080"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
ANY_TIME = "2026-01-02T03:04:05.678901Z"


def examples() -> Iterator[tuple[str, str]]:
    """Yield each command of the console blocks, and what the README shows below it."""
    for block in re.findall(r"```console\n(.*?)```", README.read_text(), re.DOTALL):
        _, *commands = re.split(r"^\$ ", block, flags=re.MULTILINE)
        for each in commands:
            command, _, shown = each.partition("\n")
            yield command, shown.rstrip("\n")


def run(command: str, service: Service, home: Path) -> str:
    """Run *command* with the real curl, at the port of *service*; return what it prints."""
    done = subprocess.run(
        shlex.split(command.replace(ADDRESS, f"http://127.0.0.1:{service.port}")),
        # No settings and no proxy of whoever runs the tests.
        env={"PATH": os.environ["PATH"], "HOME": str(home), "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=True,
    )
    return TIME.sub(ANY_TIME, done.stdout.rstrip("\n"))


@pytest.mark.lab
@pytest.mark.parametrize("server", [Service, Gunicorn])
@pytest.mark.parametrize("backend", ["SQLite", "File", "Directory"])
def test_each_curl_line_of_the_readme_prints_what_is_shown(
    tmp_path: Path, server: type[Service], backend: str
):
    need(shutil.which("curl") is not None, "there is no curl")
    commands = list(examples())
    assert len(commands) >= 15
    assert all(command.startswith("curl ") for command, _ in commands)
    with server(tmp_path, *settings(tmp_path, backend)) as service:
        printed = [(command, run(command, service, tmp_path)) for command, _ in commands]
    assert printed == commands


def test_each_shell_line_of_the_readme_is_one_that_is_run_elsewhere():
    """By the tests of the scripts, by `Service` and by `Gunicorn`; pip needs the network."""
    shown = re.findall(r"```sh\n(.*?)```", README.read_text(), re.DOTALL)
    assert [line.split()[:3] for block in shown for line in block.splitlines()] == [
        ["scripts/serve", "--port", "8080"],
        ["pip", "install", "'.[serve,redis]'"],
        ["python", "-m", "sample_app"],
        ["gunicorn", "--workers", "2"],
    ]


def test_the_readme_shows_every_setting_of_the_shipped_file():
    settings = (ROOT / "sample_app" / "app.ini").read_text().splitlines()
    shown = settings_shown()[0]
    assert shown.split() == " ".join(line for line in settings if line[:1] != ";").split()
