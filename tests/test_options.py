"""Options: held against the signature of the function that takes them, and against its types."""

from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import pytest

from napixd_store import ConfigError, Counter, Store, connections
from napixd_store.backends.sqlite import SQLiteStore
from napixd_store.base import store_options
from napixd_store.options import bind, declared_options, nearest
from napixd_store.testing.cases import numbered
from tests.media import Medium


def opener(
    *,
    host: str = "localhost",
    port: int = 6379,
    ssl: bool = False,
    wait: float = 1.0,
    path: Path | str | None = None,
    folder: Path | None = None,
    level: Literal["power", "process"] = "power",
    password: str | None = None,
    limit: int | None = None,
    anything: Any = None,
) -> None:
    """Declare an option of each type."""


def taken(**options: Any) -> dict[str, Any]:
    (found,) = bind("Backend", options, opener)
    return found


COERCED: list[tuple[str, Any, Any]] = [
    ("port", "6380", 6380),
    ("port", " 6380 ", 6380),
    ("port", "-1", -1),
    ("port", 6380, 6380),
    *(("ssl", text, True) for text in ("yes", "Yes", "true", "TRUE", "on", "1", " on ")),
    *(("ssl", text, False) for text in ("no", "false", "False", "off", "0")),
    ("ssl", True, True),
    ("wait", "2.5", 2.5),
    ("wait", "3", 3.0),
    ("wait", 3, 3.0),
    ("wait", "1e3", 1000.0),
    ("path", "var/desk.sqlite", "var/desk.sqlite"),
    ("path", Path("/x"), Path("/x")),
    ("folder", "/srv/$HOME", Path("/srv/$HOME")),
    ("folder", "stores", Path("stores").absolute()),
    ("folder", Path("stores"), Path("stores").absolute()),
    ("folder", "~/stores", Path("~/stores").expanduser()),
    ("folder", None, None),
    ("path", None, None),
    ("level", "process", "process"),
    ("password", "0123", "0123"),
    ("password", "yes", "yes"),
    ("password", "None", "None"),
    ("password", "", ""),
    ("password", " s3cr$t ", " s3cr$t "),
    ("password", None, None),
    ("host", "1", "1"),
    ("limit", "5", 5),
    ("limit", None, None),
    ("anything", "5", "5"),
    ("anything", [1], [1]),
    ("anything", Path("stores"), Path("stores").absolute()),
    ("anything", PurePosixPath("stores"), PurePosixPath("stores")),
]


@pytest.mark.parametrize(("name", "given", "expected"), COERCED, ids=numbered(COERCED))
def test_a_text_becomes_the_declared_type_and_nothing_else(name: str, given: Any, expected: Any):
    found = taken(**{name: given})
    assert found == {name: expected}
    assert type(found[name]) is type(expected)


_TEXT = "not the text given"
_INI = f"{_TEXT} (';' and '#' begin no comment behind an INI value)"

REFUSED: list[tuple[str, Any, str]] = [
    ("port", "6380 ; the other one", f"must be int, {_INI}"),
    ("port", "6380#2", f"must be int, {_INI}"),
    ("port", "", "must be int, not an empty text"),
    ("port", "6380.0", f"must be int, {_TEXT}"),
    ("port", 6380.0, "must be int, not float"),
    ("port", True, "must be int, not bool"),
    ("port", None, "must be int, not NoneType"),
    ("ssl", "maybe", f"must be yes or no, {_TEXT}"),
    ("ssl", 1, "must be yes or no, not int"),
    ("ssl", "2", f"must be yes or no, {_TEXT}"),
    ("wait", "soon", f"must be float, {_TEXT}"),
    ("wait", True, "must be float, not bool"),
    ("level", "Power", f"must be 'power' or 'process', {_TEXT}"),
    ("level", 1, "must be 'power' or 'process', not int"),
    ("level", None, "must be 'power' or 'process', not NoneType"),
    ("level", ["power"], "must be 'power' or 'process', not list"),
    ("host", 1, "must be str, not int"),
    ("host", None, "must be str, not NoneType"),
    ("password", 123, "must be str or None, not int"),
    ("password", b"x", "must be str or None, not bytes"),
    ("path", 1, "must be a path or str or None, not int"),
    ("folder", b"/srv", "must be a path or None, not bytes"),
    ("folder", "", "must be a path or None, not an empty text"),
    ("folder", " ", "must be a path or None, not an empty text"),
    ("folder", "/srv/a\0b", "must not hold a NUL character"),
    ("folder", Path("/srv/a\0b"), "must not hold a NUL character"),
    ("folder", "/srv/\ud800", "holds a character that file names cannot have"),
    ("folder", "$HOME/x", "begins with '$', but variables are not filled in: write '~/…'"),
    ("limit", "many", f"must be int or None, {_TEXT}"),
]


@pytest.mark.parametrize(("name", "given", "message"), REFUSED, ids=numbered(REFUSED))
def test_another_type_is_refused_and_never_guessed(name: str, given: Any, message: str):
    with pytest.raises(ConfigError) as caught:
        taken(**{name: given})
    assert str(caught.value) == f"Backend: the option {name!r} {message}"


def test_a_refused_value_is_not_shown():
    for name in ("port", "ssl", "wait", "level", "limit"):
        with pytest.raises(ConfigError) as caught:
            taken(**{name: "s3cret"})
        assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("prot", " (did you mean 'port'?)"),
        ("pasword", " (did you mean 'password'?)"),
        ("PORT", " (did you mean 'port'?)"),
        (
            "colour",
            " (known: anything, folder, host, level, limit, password, path, port, ssl, wait)",
        ),
        ("", " (known: anything, folder, host, level, limit, password, path, port, ssl, wait)"),
    ],
)
def test_an_unknown_option_is_refused_with_the_nearest_known(name: str, hint: str):
    with pytest.raises(ConfigError) as caught:
        taken(**{name: 1})
    assert str(caught.value) == f"Backend: unknown option {name!r}{hint}"


def test_nearest_has_nothing_to_say_where_nothing_is_known():
    assert nearest("x", set()) == ""
    with pytest.raises(ConfigError, match=r"^Backend: unknown option 'x'$"):
        bind("Backend", {"x": 1}, connections.Connection)


def test_a_missing_option_is_named():
    def needy(*, host: str, port: int = 1) -> None: ...

    assert bind("Backend", {"host": "a"}, needy) == [{"host": "a"}]
    with pytest.raises(ConfigError, match=r"^Backend: the option 'host' is missing$"):
        bind("Backend", {"port": 2}, needy)


def test_options_are_divided_among_functions_and_the_callers_mapping_is_kept():
    def other(*, timeout: float = 1, port: str = "") -> None: ...

    given = {"port": "1", "timeout": "2", "host": "a"}
    assert bind("Backend", given, opener, other) == [
        {"port": 1, "host": "a"},
        {"port": "1", "timeout": 2.0},
    ]
    assert given == {"port": "1", "timeout": "2", "host": "a"}


def test_only_keyword_arguments_are_options():
    def function(first: int, second: int = 2, *, option: int = 3, **rest: int) -> None: ...

    assert declared_options(function) == {"option": int}
    with pytest.raises(TypeError):
        declared_options(function)["option"] = str  # type: ignore[index]


# --- through the door ------------------------------------------------------------------------

KNOWN = sorted({*declared_options(SQLiteStore.opener), *declared_options(store_options)})


def test_what_a_sqlite_store_takes():
    expected = "durability expires_in max_value_bytes path secret serializer timeout type writeback"
    assert expected.split() == KNOWN


ALL: list[tuple[str, Any]] = [
    ("path", 5),
    ("durability", "replicated"),
    ("durability", "memory"),
    ("timeout", "long"),
    ("writeback", "maybe"),
    ("writeback", 1),
    ("serializer", "yaml"),
    ("secret", 5),
    ("max_value_bytes", "64 MiB"),
    ("max_value_bytes", 1.5),
    ("expires_in", "an hour"),
    ("expires_in", ""),
    ("expires_in", True),
    ("expires_in", "-1"),
    ("expires_in", 0),
    ("expires_in", "nan"),
    ("expires_in", "inf"),
    ("expires_in", timedelta(days=10_000 * 366)),
    ("expires_in", timedelta(0)),
    ("type", 5),
    ("type", "no.such.Type"),
    ("type", "Ticket"),
]


@pytest.mark.parametrize(("name", "value"), ALL, ids=numbered(ALL))
def test_every_option_of_a_store_refuses_the_wrong_type_at_opening(
    tmp_path: Path, name: str, value: Any
):
    with pytest.raises(ConfigError) as caught:
        Store("x", "SQLite", **{"path": tmp_path / "never", name: value})
    assert name in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("given", [3600, 3600.0, "3600", " 3.6e3 ", timedelta(hours=1)], ids=repr)
def test_a_lifetime_is_seconds_in_code_and_in_a_text_or_a_timedelta(given: Any):
    store = Store("lifetimes", "Memory", expires_in=given)
    store["k"] = 1
    left = store.expires_in("k")
    assert left is not None
    assert 3590 < left <= 3600


def test_a_misspelt_option_never_opens_anything(tmp_path: Path):
    for name, hint in [("pth", "path"), ("time_out", "timeout"), ("durabilty", "durability")]:
        message = rf"^SQLite(Store|Counter): unknown option '{name}' \(did you mean '{hint}'\?\)$"
        for function in (Store, Counter):
            with pytest.raises(ConfigError, match=message):
                function("x", "SQLite", **{name: tmp_path / "never"})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("backend", ["Memory", "SQLite", "File", "RedisHash"])
@pytest.mark.parametrize(
    ("function", "name", "meant"),
    [
        (Store, "backned", "backend"),
        (Store, "Backend", "backend"),
        (Store, "colection", "collection"),
        (Counter, "bakend", "backend"),
        (Counter, "nmae", "name"),
    ],
)
def test_a_misspelt_argument_of_the_call_is_offered_too(
    backend: str, function: Any, name: str, meant: str
):
    with pytest.raises(
        ConfigError, match=rf"unknown option '{name}' \(did you mean '{meant}'\?\)$"
    ):
        function("x", backend, **{name: "y"})


def test_a_word_that_stands_elsewhere_is_not_offered_for_itself():
    with pytest.raises(ConfigError, match=r"unknown option 'backend' \(known: collection, "):
        SQLiteStore("x", {"backend": "Memory"})


def test_a_counter_takes_no_option_of_a_store():
    with pytest.raises(ConfigError, match=r"^SQLiteCounter: unknown option 'writeback' \(known: "):
        Counter("x", "SQLite", writeback=True)


def test_an_option_that_is_no_option_of_the_medium_is_refused():
    with pytest.raises(
        ConfigError, match=r"^MemoryStore: the option 'durability' must be 'memory'"
    ):
        Store("x", "Memory", durability="power")
    with pytest.raises(ConfigError, match=r"^MemoryStore: unknown option 'path'"):
        Store("x", "Memory", path="x")


def test_equal_options_share_a_connection_and_different_ones_do_not(tmp_path: Path):
    medium = Medium("SQLite", tmp_path, writeback=False)
    one, two = medium.store(), medium.store()
    assert one._connection is two._connection is medium.counter()._connection
    given = {"path": tmp_path / "doc.sqlite", "durability": "process"}
    said = Store("x", "SQLite", **given, timeout="30")
    assert said._connection is one._connection  # the default, said in words
    for other in ({"durability": "power"}, {"timeout": 1}, {"path": tmp_path / "other"}):
        assert Store("x", "SQLite", **{**given, **other})._connection is not one._connection


def test_an_option_that_cannot_be_compared_is_refused():
    def odd(*, hosts: Any = ()) -> connections.Connection:
        return connections.Connection()

    assert connections.connect(odd, {}) is connections.connect(odd, {"hosts": ()})
    with pytest.raises(ConfigError, match="odd: an option has an unhashable value"):
        connections.connect(odd, {"hosts": ["a"]})
