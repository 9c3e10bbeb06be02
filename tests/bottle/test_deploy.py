"""The servers of docs/how-to/deploy.md, each started with the very command that it shows."""

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

from tests.markdown import blocks
from tests.processes import TIMEOUT
from tests.redis.servers import free_ports

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
PAGE = ROOT / "docs/how-to/deploy.md"


def commands() -> list[str]:
    """Return the page's commands that start a server, in its order."""
    lines = "".join(blocks(PAGE, "sh")).splitlines()
    return [line for line in lines if line.endswith("desk:app") or "--module desk:app" in line]


def answer(request: Request) -> dict[str, str]:
    """Return what a server says that may not listen yet."""
    deadline = time.monotonic() + TIMEOUT
    while True:
        try:
            with urlopen(request) as response:
                said: dict[str, str] = json.load(response)
                return said
        except URLError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_each_server_goes_on_where_the_one_before_it_was_ended(tmp_path: Path):
    (program,) = [block for block in blocks(README, "python") if "desk.ini" in block]
    (tmp_path / "desk.py").write_text(program)
    (tmp_path / "desk.ini").write_text(blocks(README, "ini")[0])
    ids = []
    for command, port in zip(commands(), free_ports(3), strict=True):
        server, *arguments = shlex.split(command.replace("8080", str(port)))
        with (tmp_path / "log").open("a") as log:
            process = subprocess.Popen(
                [Path(sys.executable).with_name(server), *arguments],
                cwd=tmp_path,
                env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
                stdout=log,
                stderr=log,
            )
        try:
            ids.append(
                answer(
                    Request(
                        f"http://127.0.0.1:{port}/tickets",
                        b'{"title": "No coffee"}',
                        {"Content-Type": "application/json"},
                    )
                )["id"]
            )
        finally:
            process.terminate()
            process.wait(TIMEOUT)
    assert ids == ["scp-001", "scp-002", "scp-003"]
    assert "Traceback" not in (tmp_path / "log").read_text()
