"""README and docs are true: what conftest.py does not run of them is run, looked up or compared.

The root's conftest.py runs each Python block as a reader would. Here: the blocks for the shell,
the settings together with the handlers that they are for, the tables of stored forms, the links.
"""

import os
import re
import shlex
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary
from zoneinfo import ZoneInfo

import bottle
import pytest

import napixd_store
from napixd_store import Counter, CounterBackend, Store, StoreBackend, connections
from napixd_store.names import encode_key
from napixd_store.serializers import JSONSerializer
from napixd_store.serializers.scalars import READERS
from napixd_store.serializers.tags import CONTAINERS
from napixd_store_bottle import StorePlugin
from tests.labs import need
from tests.markdown import blocks, commands
from tests.sample.service import ADDRESS, Service
from tests.sample.wsgi import TestApp

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


# --- blocks ----------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_block_says_its_language_and_none_is_skipped(page: Path):
    text = page.read_text()
    fences = re.findall(r"^ *```(.*)$", text, re.MULTILINE)
    assert set(fences[::2]) <= {"python", "console", "ini", "sh", "sql", "{toctree}", "{eval-rst}"}
    assert set(fences[1::2]) <= {""}
    assert "skip:" not in text
    assert "doctest:" not in text


@pytest.mark.lab
def test_the_first_sixty_seconds_go_as_the_readme_says(tmp_path: Path):
    need(shutil.which("curl") is not None, "there is no curl")
    serve, talk = blocks(PAGES[0], "console")[:2]
    ((script, said),) = commands(serve)
    assert os.access(ROOT / script, os.X_OK)
    assert said == f"Ticket desk listens on {ADDRESS}"
    shown = list(commands(talk))
    assert len(shown) == 3
    with Service(tmp_path) as service:
        assert [(command, service.curl(command)) for command, _ in shown] == shown


def test_the_scripts_that_the_readme_names_are_there():
    for script in set(re.findall(r"`(scripts/\w+)", PAGES[0].read_text())):
        assert os.access(ROOT / script, os.X_OK)


# --- settings and handlers -------------------------------------------------------------------


@pytest.fixture
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NAPIXD_HOME", str(tmp_path / "home"))
    # Pages name files relative to where they stand; a connection to such a name is shared.
    monkeypatch.setattr(connections, "_live", WeakValueDictionary())
    yield tmp_path
    connections.close_all()


def app_of(page: Path) -> TestApp:
    """Return the app of the page's `desk.py`, with the page's `desk.ini` beside it."""
    (program,) = [block for block in blocks(page, "python") if "StorePlugin(config=" in block]
    Path("desk.ini").write_text(blocks(page, "ini")[0])
    names: dict[str, Any] = {"__name__": "desk"}
    exec(compile(program, "desk.py", "exec"), names)
    return TestApp(names["app"])


def answers(app: TestApp, block: str) -> list[tuple[str, str]]:
    """Return each curl command of *block* with what *app* answers to it."""
    found = []
    for command, _ in commands(block):
        _curl, *words = shlex.split(command)
        options = dict(zip(words[:-1:2], words[1:-1:2], strict=True))
        method = options.get("-X", "POST" if "-d" in options else "GET")
        headers = dict([options["-H"].split(": ")]) if "-H" in options else {}
        answer = app.request(
            words[-1].removeprefix(ADDRESS),
            method=method,
            headers=headers,
            body=options.get("-d", "").encode(),
        )
        found.append((command, answer.text))
    return found


def test_the_service_of_the_readme_answers_as_shown(in_a_folder: Path):
    block = blocks(PAGES[0], "console")[2]
    assert answers(app_of(PAGES[0]), block) == list(commands(block))
    assert (in_a_folder / "var" / "desk.sqlite").exists()


def test_the_test_of_the_readme_passes_and_leaves_nothing(in_a_folder: Path):
    app = app_of(PAGES[0])
    (test,) = [block for block in blocks(PAGES[0], "python") if "def test_" in block]
    names: dict[str, Any] = {"app": app.app}
    exec(test, names)
    names["test_a_ticket_gets_the_next_number"]()
    assert app.get("/tickets").json == {}


def test_the_service_of_the_tutorial_goes_on_where_its_python_left_off(in_a_folder: Path):
    page = ROOT / "docs" / "tutorial.md"
    desk = Store("tickets", backend="SQLite", path="desk.sqlite")
    desk["scp-002"] = {"title": "Lamp broken", "status": "open"}
    Counter("ticket-id", backend="SQLite", path="desk.sqlite").increment(2)
    app = app_of(page)
    (block,) = blocks(page, "console")
    assert answers(app, block) == list(commands(block))
    for id in ("scp-999", "=17", "x" * 1001, "%00", "%ff", "%ed%a0%80"):
        app.get(f"/tickets/{id}", status=404)
        app.post(f"/tickets/{id}/close", status=404)


BOTTLE = ROOT / "docs/how-to/use-with-bottle.md"


@pytest.fixture
def bottle_page(in_a_folder: Path) -> dict[str, Any]:
    """The names of the page's program, with the page's settings."""
    Path("desk.ini").write_text(blocks(BOTTLE, "ini")[0])
    names: dict[str, Any] = {"__name__": "desk"}
    exec(compile("\n".join(blocks(BOTTLE, "python")), "desk.py", "exec"), names)
    return names


def test_the_service_of_the_bottle_page_answers_as_shown(bottle_page: dict[str, Any]):
    (block,) = blocks(BOTTLE, "console")
    assert answers(TestApp(bottle_page["app"]), block) == list(commands(block))


def test_the_json_of_the_bottle_page_is_sent_as_shown(bottle_page: dict[str, Any]):
    (shown,) = re.findall(r"return typed  # (.+)", BOTTLE.read_text())
    assert TestApp(bottle_page["app"]).get("/typed/web-1").text == shown


def test_the_test_of_the_bottle_page_passes_and_leaves_nothing(bottle_page: dict[str, Any]):
    bottle_page["test_a_host_is_registered"]()
    assert TestApp(bottle_page["app"]).get("/hosts").json == {}


@pytest.mark.parametrize("id", ["nobody", "x" * 2_000, "%2e%2e", "=17", "%ff", "%00"])
def test_the_service_of_the_tutorial_answers_404_to_any_other_key(in_a_folder: Path, id):
    app = app_of(ROOT / "docs" / "tutorial.md")
    assert app.get(f"/tickets/{id}", status=404).status_code == 404
    assert app.post(f"/tickets/{id}/close", status=404).status_code == 404


def test_the_ini_of_the_settings_page_is_accepted(in_a_folder: Path):
    (ini,) = blocks(ROOT / "docs/how-to/settings.md", "ini")
    (in_a_folder / "desk.ini").write_text(ini)
    app = bottle.Bottle()
    app.config.load_config("desk.ini")
    app.install(StorePlugin())

    def facts(tickets: StoreBackend[Any], ticket_id: CounterBackend) -> dict[str, str]:
        return {"tickets": repr(tickets), "ticket_id": repr(ticket_id)}

    app.get("/", callback=facts)
    assert TestApp(app).get("/").json == {
        "tickets": f"<SQLiteStore 'tickets' (write-through) in {in_a_folder}/var/desk.sqlite>",
        "ticket_id": f"<SQLiteCounter 'ticket-id' in {in_a_folder}/var/desk.sqlite>",
    }


def test_a_route_of_the_settings_page_has_it_otherwise(in_a_folder: Path):
    page = ROOT / "docs/how-to/settings.md"
    (program,) = [block for block in blocks(page, "python") if "Bottle()" in block]
    names: dict[str, Any] = {}
    exec(compile(program, "desk.py", "exec"), names)
    app = TestApp(names["app"])
    assert app.get("/users").json == {"kept in": "power"}
    assert app.get("/try").json == {"kept in": "memory"}


# --- stored forms ----------------------------------------------------------------------------

GUARANTEES = ROOT / "docs/explanation/guarantees.md"
PYTHON = {
    "UUID": UUID, "Decimal": Decimal, "ZoneInfo": ZoneInfo, "date": date, "datetime": datetime,
    "time": time, "timedelta": timedelta, "timezone": timezone, "frozenset": frozenset,
    "float": float,
}  # fmt: skip


def rows(page: Path, heading: str) -> list[tuple[list[str], list[str]]]:
    """Return, for each row under the table's *heading*, the code of its first and second cell."""
    _, _, table = page.read_text().partition(heading)
    found = []
    for line in table.split("\n\n")[0].strip().splitlines()[1:]:
        left, right = line.strip("| ").split(" | ")
        found.append((re.findall("`([^`]+)`", left), re.findall("`([^`]+)`", right)))
    return found


def test_the_table_of_values_shows_the_very_records():
    table = rows(GUARANTEES, "| value | is stored as |")
    assert len(table) >= 20
    serializer = JSONSerializer()
    for values, records in table:
        for source, record in zip(values, records, strict=False):
            value = eval(source, dict(PYTHON))
            assert serializer.dumps("key", value).decode() == record, source
            assert serializer.loads("key", record.encode()) == value, source
    shown = {name for _, records in table for record in records for name in tags(record)}
    assert shown == {*CONTAINERS, *READERS}


def tags(record: str) -> set[str]:
    """Return the names of the tags in *record*."""
    return set(re.findall(r'\{"(\$\w+)":', record)) - {"$a"}


def test_the_table_of_keys_shows_the_very_texts():
    table = rows(GUARANTEES, "| key | text in the medium |")
    assert len(table) == 5
    for (source,), (text,) in table:
        assert encode_key(eval(source)) == text


def test_the_table_of_errors_is_the_tree_of_errors():
    table = {}
    for line in GUARANTEES.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and re.match("`[A-Z]", cells[0]):
            unknown = cells[0] in ("`OutcomeUnknown`", "`NotReplicated`")
            assert cells[3].startswith("**maybe**") == unknown
            for name in re.findall(r"`(\w+)`", cells[0]):
                table[name] = set(re.findall(r"`(\w+)`", cells[1]))
    errors = {
        name: {base.__name__ for base in each.__bases__} - {"StoreError", "StoreBackend"}
        for name in napixd_store.__all__
        if isinstance(each := getattr(napixd_store, name), type)
        and issubclass(each, napixd_store.StoreError)
        and name != "StoreError"
    }
    assert table == errors


def test_the_sql_of_the_guarantees_is_the_layout_of_the_file(tmp_path: Path):
    Store("tickets", backend="SQLite", path=tmp_path / "ours.sqlite")["k"] = 1
    connections.close_all()
    (sql,) = blocks(GUARANTEES, "sql")
    with (
        closing(sqlite3.connect(tmp_path / "ours.sqlite")) as ours,
        closing(sqlite3.connect(":memory:")) as shown,
    ):
        shown.executescript(sql)
        assert layout(shown) == layout(ours)
        assert ours.execute("PRAGMA application_id").fetchone() == (0x4E505844,)
        assert ours.execute("PRAGMA user_version").fetchone() == (4,)


def layout(database: sqlite3.Connection) -> Any:
    """Return the tables of *database* with their columns, and what it has besides."""
    tables = database.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    columns = {
        name: database.execute(f"PRAGMA table_xinfo({name})").fetchall() for (name,) in tables
    }
    others = database.execute(
        "SELECT name, sql FROM sqlite_schema WHERE type IN ('index', 'view') AND sql IS NOT NULL"
    )
    return columns, {name: re.sub(r"--.*|\s+", " ", sql).split() for name, sql in others}


# --- the mapping protocol --------------------------------------------------------------------


def test_the_mapping_page_speaks_of_every_public_name_of_dict_and_store():
    text = (ROOT / "docs/explanation/mapping-protocol.md").read_text()
    spoken = set(re.findall(r"\w+", " ".join(re.findall("`([^`]+)`", text))))
    public = {name for name in {*dir(dict), *dir(StoreBackend)} if name[0] != "_"}
    internal = {"opener", "writes_back", "counter", "collections"}  # for those who write a backend
    assert public - internal - spoken == set()


# --- the reference ---------------------------------------------------------------------------


def test_the_reference_describes_every_name_of_the_door():
    pages = (ROOT / "docs/reference").glob("*.md")
    described = re.findall(r"^\.\. auto\w+:: (\w+)", "\n".join(map(Path.read_text, pages)), re.M)
    assert set(napixd_store.__all__) <= set(described)


# --- links -----------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page: Path):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)]+)\)", text) + re.findall(r"^\[[^]]+\]: (.+)$", text, re.M)
    for link in links:
        if link.startswith("https://"):
            continue
        target, _, anchor = link.partition("#")
        there = (page.parent / target).resolve() if target else page
        assert there.is_relative_to(ROOT), link
        assert there.exists(), link
        if anchor:
            assert anchor in anchors(there), link


def anchors(page: Path) -> set[str]:
    """Return the anchors of the headings of *page*."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def test_the_index_lists_every_page():
    index = (ROOT / "docs/index.md").read_text()
    names = {page.relative_to(ROOT / "docs").as_posix() for page in PAGES[1:]}
    for name in names - {"README.md", "index.md"}:
        assert f"({name})" in index


def test_on_a_package_index_the_readme_names_files_instead_of_linking_to_them():
    settings = (ROOT / "pyproject.toml").read_text()
    ((pattern, replacement),) = re.findall(
        r"substitutions = .*pattern = '(.+)', replacement = '(.+)' ", settings
    )
    shown = re.sub(pattern, replacement, PAGES[0].read_text())
    assert "docs/index.md" in shown
    assert not re.findall(r"\]\((?!https://)", shown)
