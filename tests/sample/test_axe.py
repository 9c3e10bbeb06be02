"""axe-core, the accessibility checker, finds nothing on any page of the Ticket desk.

npm fetches it, so this runs where both are: ``scripts/torture tests/sample/test_axe.py``.
"""

import base64
import hashlib
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from napixd_store import Store
from tests.labs import need
from tests.sample.service import Service
from tests.sample.test_browser import DESKTOP, PHONE, Browser, browsing

pytestmark = [pytest.mark.lab, pytest.mark.torture]

VERSION = "4.14.1"
SHA512 = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
RUN = """
const tell = arguments[0], kinds = {resultTypes: ['violations', 'incomplete']};
axe.run(document, kinds).then((said) => tell([said.passes.length,
  [...said.violations, ...said.incomplete].map((each) =>
    `${each.id}: ${each.help}: ${each.nodes.map((node) => node.html)}`)]));
"""
"""Returns how many rules were kept, and what was found or could not be decided."""


@pytest.fixture
def axe(tmp_path: Path) -> str:
    """The checker's program, to run in a page."""
    npm = shutil.which("npm")
    need(npm is not None, "there is no npm")
    command = [str(npm), "pack", "--silent", f"axe-core@{VERSION}"]
    fetched = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    need(fetched.returncode == 0, f"npm cannot fetch it: {fetched.stderr}")
    (archive,) = tmp_path.glob("*.tgz")
    digest = hashlib.sha512(archive.read_bytes()).digest()
    assert base64.b64encode(digest).decode() == SHA512
    with tarfile.open(archive) as packed:
        program = packed.extractfile("package/axe.min.js")
        assert program is not None
        return program.read().decode()


def walk(browser: Browser, folder: Path) -> Iterator[str]:
    """Go from page to page of the desk, and yield a name of each."""
    ask = browser.service.request
    browser.open("/")
    yield "the empty list"
    for number in range(45):
        status = "closed" if number % 3 else "open"
        ask("POST", "/tickets", {"title": f"No coffee in room {number}", "status": status})
    path = folder / "var" / "desk.sqlite"
    Store("tickets", backend="SQLite", path=path)[44] = {"title": 7}
    for page in (
        *(
            "/",
            "/?older=scp-020",
            "/?q=nothing",
            "/new",
            "/show/scp-001?done=created",
            "/edit/scp-001",
        ),
        *("/delete/scp-001", "/counters"),
        *("/show/scp-999", "/show/scp-044", "/?older=x", "/nowhere"),
    ):
        browser.open(page)
        yield page
    browser.open("/new")
    browser.fill("title", "  ")
    browser.press("Create ticket")
    browser.shows(".wrong", "Give it a title: 1 to 200 characters, and not only blanks.")
    yield "a form with an error"
    for page, button in [("edit", "Save changes"), ("delete", "Delete")]:
        browser.open(f"/{page}/scp-001")
        ask("PATCH", "/tickets/scp-001", {"title": page})
        browser.press(button)
        browser.shows("strong", page)
        yield f"{page}, overtaken"


def test_axe_finds_nothing_on_any_page(tmp_path: Path, axe: str):
    found = {}
    with Service(tmp_path) as service, browsing(tmp_path) as driver:
        browser = Browser(driver, service)
        for page in walk(browser, tmp_path):
            for size in (DESKTOP, PHONE):
                for scheme in ("light", "dark"):
                    browser.size(*size)
                    browser.scheme(scheme)
                    browser.run(axe)
                    kept, wrong = driver.execute_async_script(RUN)
                    assert kept > 20
                    found[page, size, scheme] = wrong
        browser.run("document.querySelector('h1').outerHTML = '<img src=x>'")
        assert driver.execute_async_script(RUN)[1]  # it does find what is there
    assert {where: wrong for where, wrong in found.items() if wrong} == {}
