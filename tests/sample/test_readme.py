"""The README of the Ticket desk shows what its service really answers."""

import shutil
from pathlib import Path

import pytest

from tests.labs import need
from tests.markdown import blocks, commands
from tests.sample.service import (
    README,
    ROOT,
    Gunicorn,
    Service,
    settings,
    settings_shown,
)


@pytest.mark.lab
@pytest.mark.parametrize("server", [Service, Gunicorn])
@pytest.mark.parametrize("backend", ["SQLite", "File", "Directory"])
def test_each_curl_line_of_the_readme_prints_what_is_shown(
    tmp_path: Path, server: type[Service], backend: str
):
    need(shutil.which("curl") is not None, "there is no curl")
    shown = [each for block in blocks(README, "console") for each in commands(block)]
    assert len(shown) >= 15
    with server(tmp_path, *settings(tmp_path, backend)) as service:
        printed = [(command, service.curl(command)) for command, _ in shown]
    assert printed == shown


def test_each_shell_line_of_the_readme_is_one_that_is_run_elsewhere():
    """By the tests of the scripts, by `Service` and by `Gunicorn`; pip needs the network."""
    shown = blocks(README, "sh")
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
