"""The pages in a real browser: Chromium walks them, with JavaScript and without."""

import random
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from selenium import webdriver
from selenium.common.exceptions import TimeoutException, WebDriverException
from selenium.webdriver import ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from sample_app.editing import DELETED
from sample_app.web import HEADERS
from tests.labs import need
from tests.sample.hostile import TEXTS
from tests.sample.service import TIMEOUT, Service, kept_in, settings_shown
from tests.sizes import size

pytestmark = pytest.mark.lab

DESKTOP, PHONE = (1280, 800), (360, 740)


class Browser:
    """Chromium at one service."""

    def __init__(self, driver: webdriver.Chrome, service: Service) -> None:
        self.driver, self.service = driver, service

    def open(self, path: str) -> None:
        self.driver.get(f"http://127.0.0.1:{self.service.port}{path}")

    def find(self, css: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def texts(self, css: str) -> list[str]:
        return [each.text for each in self.driver.find_elements(By.CSS_SELECTOR, css)]

    def shows(self, css: str, *texts: str) -> None:
        """Wait until the page, which may be under way, has these elements of these texts."""
        # Of an element whose page is replaced at this moment the driver tells in several ways.
        waiting = WebDriverWait(self.driver, TIMEOUT, 0.05, ignored_exceptions=[WebDriverException])
        seen: list[str] = []

        def there(_: object) -> bool:
            seen[:] = self.texts(css)
            return seen == list(texts)

        with suppress(TimeoutException):
            waiting.until(there)
        assert seen == list(texts)

    def press(self, text: str) -> None:
        """Press the link or the button of that text."""
        path = f"//main//*[self::a or self::button][normalize-space()='{text}']"
        self.driver.find_element(By.XPATH, path).click()

    def fill(self, name: str, text: str) -> None:
        field = self.find(f"[name={name}]")
        field.clear()
        field.send_keys(text)

    def run(self, script: str) -> Any:
        return self.driver.execute_script(script)

    def tell(self, command: str, **arguments: Any) -> None:
        """Send a command of the DevTools protocol."""
        self.driver.execute_cdp_cmd(command, arguments)

    def size(self, width: int, height: int) -> None:
        mobile = width < 600
        self.tell(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=mobile,
        )

    def scheme(self, name: str) -> None:
        """Prefer light or dark colours."""
        feature = {"name": "prefers-color-scheme", "value": name}
        self.tell("Emulation.setEmulatedMedia", features=[feature])


@contextmanager
def browsing(folder: Path) -> Iterator[webdriver.Chrome]:
    """Start Debian's Chromium with a profile of its own."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    need(bool(chromium and driver), "there is no chromium with its chromedriver")
    assert chromium
    assert driver
    options = ChromeOptions()
    options.binary_location = chromium
    options.add_argument("--headless=new")
    options.add_argument("--no-sandbox")  # root has none; nothing but our own pages is loaded
    options.add_argument("--disable-dev-shm-usage")  # which is small in a container
    options.add_argument(f"--user-data-dir={folder / 'profile'}")
    chrome = webdriver.Chrome(options, ChromeService(driver))
    try:
        chrome.set_page_load_timeout(TIMEOUT)
        yield chrome
    finally:
        chrome.quit()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser and one service for the tests that can share them."""
    folder = tmp_path_factory.mktemp("browser")
    with Service(folder) as service, browsing(folder) as driver:
        yield Browser(driver, service)


@pytest.fixture
def browser(shared: Browser) -> Browser:
    """A browser that knows nothing, at a desk without tickets."""
    for ticket in shared.service.request("GET", "/tickets?per_page=100")[1]["tickets"]:
        shared.service.request("DELETE", f"/tickets/{ticket['id']}")
    shared.driver.delete_all_cookies()
    shared.size(*DESKTOP)
    shared.scheme("light")
    return shared


# --- the walk --------------------------------------------------------------------------------


@contextmanager
def scripts(browser: Browser, *, run: bool) -> Iterator[None]:
    """Have the programs of pages *run* in a ``with`` block, or not."""
    browser.tell("Emulation.setScriptExecutionDisabled", value=not run)
    try:
        yield
    finally:
        browser.tell("Emulation.setScriptExecutionDisabled", value=False)


@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "no javascript"])
def test_a_person_creates_edits_searches_pages_counts_and_deletes(
    browser: Browser, tmp_path: Path, javascript: bool
):
    driver = browser.driver
    with Service(tmp_path) as service, scripts(browser, run=javascript):
        browser = Browser(driver, service)
        driver.get("data:text/html,<title>off</title><script>document.title = 'on'</script>")
        assert driver.title == ("on" if javascript else "off")

        browser.open("/")
        browser.press("Write the first ticket")
        browser.fill("title", "No coffee")
        browser.fill("body", "The tin is empty.")
        browser.press("Create ticket")
        browser.shows(
            "h1, .text, [role=status]",
            "The ticket is on the desk.",
            "No coffee",
            "The tin is empty.",
        )

        browser.press("Edit")
        browser.fill("title", "No tea")
        browser.press("Save changes")
        browser.shows("h1, [role=status]", "Your changes are saved.", "No tea")
        browser.press("Close ticket")
        browser.shows(".facts .status, [role=status]", "The ticket is closed.", "closed")

        for number in range(2, 23):
            service.request("POST", "/tickets", {"title": f"Lamp {number}"})
        browser.open("/")
        newest = [f"Lamp {number}" for number in range(22, 2, -1)]
        browser.shows(".tickets a", *newest)
        browser.press("Older")
        browser.shows(".tickets a", "Lamp 2", "No tea")
        browser.press("Newer")
        browser.shows(".tickets a", *newest)

        browser.fill("q", "TIN is")
        browser.press("Search")
        browser.shows(".tickets a", "No tea")
        assert browser.find("[name=q]").get_attribute("value") == "TIN is"

        browser.open("/counters")
        browser.press("Let it move")
        browser.shows("dd", "21", "1", "22", "scp-023")
        service.request("POST", "/tickets", {"title": "Lamp 23"})
        browser.shows("dd", "22", "1", "23", "scp-024")  # it loads itself again

        browser.open("/show/scp-001")
        browser.press("Delete…")
        browser.press("Delete")
        browser.shows("[role=status]", "The ticket is deleted.")
        assert service.request("GET", "/tickets/scp-001")[0] == 404
        driver.back()
        browser.press("Delete")
        browser.shows("h1", "There is nothing here")


def test_who_is_overtaken_finds_what_was_typed(browser: Browser):
    id = browser.service.request("POST", "/tickets", {"title": "No coffee"})[1]["id"]
    browser.open(f"/edit/{id}")
    browser.fill("title", "No tea")
    browser.service.request("PATCH", f"/tickets/{id}", {"title": "No milk"})
    browser.press("Save changes")
    browser.shows("section strong", "No milk")
    assert browser.find("[name=title]").get_attribute("value") == "No tea"
    browser.press("Save changes")
    browser.shows("h1", "No tea")


def test_of_two_tabs_that_edit_and_delete_one_ticket_the_later_is_told(browser: Browser):
    id = browser.service.request("POST", "/tickets", {"title": "No coffee"})[1]["id"]
    driver = browser.driver
    browser.open(f"/delete/{id}")
    deleting = driver.current_window_handle
    driver.switch_to.new_window("tab")
    browser.open(f"/edit/{id}")
    browser.fill("title", "No tea")
    browser.press("Save changes")
    browser.shows("h1", "No tea")
    editing = driver.current_window_handle
    driver.switch_to.window(deleting)
    browser.press("Delete")
    browser.shows(".card strong", "No tea")  # asked once more, about what it is now
    driver.switch_to.window(editing)
    browser.open(f"/edit/{id}")
    browser.fill("title", "No milk")
    driver.switch_to.window(deleting)
    browser.press("Delete")
    browser.shows("[role=status]", "The ticket is deleted.")
    driver.switch_to.window(editing)
    browser.press("Save changes")
    browser.shows("[role=alert]", DELETED)
    assert browser.find("[name=title]").get_attribute("value") == "No milk"
    driver.close()
    driver.switch_to.window(deleting)


def test_who_types_a_title_of_blanks_is_taken_to_it_and_told(browser: Browser):
    browser.open("/new")
    browser.fill("title", "   ")
    browser.fill("body", "typed")
    browser.press("Create ticket")
    browser.shows(".wrong", "Give it a title: 1 to 200 characters, and not only blanks.")
    focused = browser.driver.switch_to.active_element
    assert focused.get_attribute("name") == "title"
    assert focused.value_of_css_property("outline-style") == "solid"
    assert browser.find("[name=body]").get_attribute("value") == "typed"
    focused.send_keys("No coffee", Keys.ENTER)
    browser.shows("h1", "No coffee")


def test_the_keyboard_skips_to_the_content_and_shows_where_it_is(browser: Browser):
    browser.open("/new")
    browser.find("body").send_keys(Keys.TAB)
    focused = browser.driver.switch_to.active_element
    assert focused.text == "Skip to the content"
    assert focused.rect["y"] >= 0
    assert focused.value_of_css_property("outline-style") == "solid"
    focused.send_keys(Keys.ENTER)
    assert browser.driver.switch_to.active_element.tag_name == "main"
    browser.driver.switch_to.active_element.send_keys(Keys.TAB)
    assert browser.driver.switch_to.active_element.get_attribute("name") == "title"
    browser.driver.switch_to.active_element.send_keys("No coffee", Keys.ENTER)
    browser.shows("h1", "No coffee")


@contextmanager
def another_site(folder: Path) -> Iterator[int]:
    """Serve *folder*, and yield the port."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"], ids=["with cookie", "without"])
def test_a_form_on_another_site_changes_nothing(browser: Browser, tmp_path: Path, host: str):
    """Although it has a token of this very browser, which no such page could read."""
    browser.open("/new")
    token = browser.find("[name=token]").get_attribute("value")
    action = f"http://127.0.0.1:{browser.service.port}/new"
    (tmp_path / "evil.html").write_text(
        f"<form method=post action={action}><input name=token value={token}>"
        "<input name=title value=Lies><button>Win</button></form>"
    )
    with another_site(tmp_path) as port:
        browser.driver.get(f"http://{host}:{port}/evil.html")
        browser.find("button").click()
        browser.shows("h1", "That is not allowed")
    assert browser.service.request("GET", "/tickets")[1]["total"] == 0


def test_who_hands_in_too_much_reads_how_long_to_wait_and_finds_what_was_typed(
    browser: Browser, tmp_path: Path
):
    section, limit = settings_shown()[0].split("\n\n", 1)[0], ("limit =", "limit = 1")
    arguments = kept_in(tmp_path, f"{section}\n")
    (tmp_path / "my.ini").write_text((tmp_path / "my.ini").read_text().replace(*limit))
    with Service(tmp_path, *arguments) as service:
        browser = Browser(browser.driver, service)
        service.request("POST", "/tickets", {"title": "No coffee"})
        browser.size(*PHONE)
        browser.open("/new")
        browser.fill("title", "No tea")
        browser.press("Create ticket")
        browser.shows(
            "[role=alert]",
            "Too many tickets came from your address lately: send the next in 60 minutes. "
            "What you typed is not saved yet; it waits here for a day.",
        )
        assert browser.run("return document.documentElement.scrollWidth") <= PHONE[0]
        assert browser.run(UNREADABLE)[1] == []
        browser.open("/")
        browser.open("/new")
        assert browser.find("[name=title]").get_attribute("value") == "No tea"


# --- how it looks ----------------------------------------------------------------------------

UNREADABLE = """
const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
const luminance = (colour) => {
  const [r, g, b] = parts(colour).map((c) => c / 255)
    .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const clear = (colour) => parts(colour)[3] === 0;
const found = [];
let seen = 0;
for (const each of document.querySelectorAll('body *')) {
  const own = [...each.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
  if (!own && !each.matches('input, textarea')) continue;
  seen += 1;
  let ground = each;
  while (ground && clear(getComputedStyle(ground).backgroundColor)) ground = ground.parentElement;
  const pair = [getComputedStyle(each).color, getComputedStyle(ground).backgroundColor];
  const [dark, light] = pair.map(luminance).sort((a, b) => a - b);
  const ratio = (light + 0.05) / (dark + 0.05);
  if (ratio < 4.5) found.push(`${each.outerHTML.slice(0, 80)}: ${ratio.toFixed(2)}`);
}
return [seen, found];
"""
"""Returns how many elements have a text, and those whose contrast is too low."""

LONG = "A lamp in room 7 that flickers whenever somebody says " + "supercalifragilistic" * 5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("window", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_each_page_fits_and_can_be_read(
    browser: Browser, window: tuple[int, int], scheme: str, tmp_path: Path
):
    """The screenshots stay in the test's folder, to be looked at."""
    ask = browser.service.request
    for number in range(22):
        status = "closed" if number % 3 else "open"
        ask("POST", "/tickets", {"title": f"No coffee in room {number}", "status": status})
    body = "It began on Monday.\n\n  - the switch was changed\n  - the bulb was not\n"
    id = ask("POST", "/tickets", {"title": LONG[:200], "body": body + "x" * 300})[1]["id"]
    browser.size(*window)
    browser.scheme(scheme)

    def look(name: str) -> None:
        browser.driver.save_screenshot(tmp_path / f"{name}.png")
        assert browser.run("return document.documentElement.scrollWidth") <= window[0], name
        seen, unreadable = browser.run(UNREADABLE)
        assert seen > 5
        assert unreadable == [], name

    for name, path in [
        ("list", "/"),
        ("second", "/?older=scp-020"),
        ("nothing", "/?q=nothing"),
        ("new", "/new"),
        ("show", f"/show/{id}?done=created"),
        ("edit", f"/edit/{id}"),
        ("delete", f"/delete/{id}"),
        ("counters", "/counters"),
        ("error", "/show/scp-9999"),
    ]:
        browser.open(path)
        look(name)
    browser.open(f"/edit/{id}")
    ask("PATCH", f"/tickets/{id}", {"title": "No milk"})
    browser.press("Save changes")
    look("overtaken")
    browser.open(f"/delete/{id}")
    ask("PATCH", f"/tickets/{id}", {"title": "No sugar"})
    browser.press("Delete")
    look("kept")


# --- hostile texts ---------------------------------------------------------------------------

CANARY = "window.ran = 0; window.alert = () => { window.top.ran += 1; };"


@pytest.fixture
def armed(browser: Browser) -> Iterator[Callable[[str], int]]:
    """Return what opens an address and counts the programs that ran; no policy stops them."""
    browser.driver.get("about:blank")
    armed = browser.driver.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument", {"source": CANARY}
    )
    browser.tell("Page.setBypassCSP", enabled=True)
    browser.tell("Network.enable")
    browser.tell("Network.setBlockedURLs", urls=["*icon.svg"])  # to draw it takes half the time

    def ran(path: str) -> int:
        if path.startswith("file:"):
            browser.driver.get(path)
        else:
            browser.open(path)
        count: int = browser.run("return window.ran")
        return count

    yield ran
    browser.driver.get("about:blank")
    browser.tell("Network.disable")
    browser.tell("Page.setBypassCSP", enabled=False)
    browser.tell("Page.removeScriptToEvaluateOnNewDocument", **armed)


def test_a_hostile_text_runs_on_no_page_even_without_the_policy(
    browser: Browser, armed: Callable[[str], int]
):
    ids = [
        browser.service.request("POST", "/tickets", {"title": text, "body": text})[1]["id"]
        for text in TEXTS
    ]
    paths = [*(f"/{page}/{id}" for page in ("show", "edit") for id in ids)]
    paths += [f"/?{urlencode({'q': text})}" for text in TEXTS]
    # The list shows each text; of the others, a quick run opens those that the lot falls on.
    paths = ["/?per_page=100", *random.sample(paths, size(quick=12, full=len(paths)))]
    assert {path: ran for path in paths if (ran := armed(path))} == {}
    browser.open("/?per_page=100")
    links = "return [...document.querySelectorAll('.tickets a')].map((each) => each.textContent)"
    assert browser.run(links) == TEXTS[::-1]


def test_the_canary_sings_where_the_same_texts_are_markup(
    armed: Callable[[str], int], tmp_path: Path
):
    """Most of them, in one context at least: else the test above would prove nothing."""
    sang, texts = [], TEXTS[:: size(quick=4, full=1)]
    for number, text in enumerate(texts):
        page = tmp_path / f"{number}.html"
        page.write_text(
            f'<!DOCTYPE html><title>{text}</title><h1>{text}</h1><input value="{text}">'
            f"<input value='{text}'><textarea>{text}</textarea><!-- {text} --><style>{text}</style>"
        )
        sang.append(armed(page.as_uri()) > 0)
    print(f"{sum(sang)} of {len(texts)} ran")  # noqa: T201 - shown when it fails
    silent = [text for text, ran in zip(texts, sang, strict=True) if not ran]
    assert sum(sang) >= size(quick=10, full=40), silent


def test_the_policy_alone_lets_no_hostile_text_run(browser: Browser, tmp_path: Path):
    """A second wall: a page of markup, under the policy of the desk."""
    script = {"source": CANARY}
    armed = browser.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", script)
    policy = HEADERS["Content-Security-Policy"]
    (tmp_path / "page.html").write_text(
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">' + "\n".join(TEXTS)
    )
    browser.driver.get((tmp_path / "page.html").as_uri())
    assert browser.run("return window.ran") == 0
    browser.tell("Page.removeScriptToEvaluateOnNewDocument", **armed)
