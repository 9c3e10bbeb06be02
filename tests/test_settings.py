"""Settings: which backend and options stand behind ``Store('x')`` and ``Counter('y')``."""

from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from napixd_store import ConfigError, Counter, NoSuchStoreBackend, Store, configure, settings
from napixd_store.settings import Default, Settings, current, flattened, read
from napixd_store.urls import refuse_password


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Any:
    return lambda text: monkeypatch.setenv("NAPIXD_STORE_URL", text)


# --- without any -----------------------------------------------------------------------------


def test_without_settings_it_is_sqlite_in_the_home_folder(tmp_path: Path):
    assert current() == Settings(Default("SQLite", {}), Default("SQLite", {}))
    Store("users")["a"] = Counter("ids").increment()
    assert (tmp_path / "home" / "stores" / "store.sqlite").exists()
    assert Store("users", "SQLite", path=tmp_path / "home/stores/store.sqlite") == {"a": 1}
    assert (Store("users").durability, Counter("ids").durability) == ("power", "power")


# --- the environment -------------------------------------------------------------------------

URLS: list[tuple[str, str, dict[str, Any]]] = [
    ("", "SQLite", {}),
    ("sqlite:", "SQLite", {}),
    ("sqlite://", "SQLite", {}),
    ("sqlite:///var/desk.sqlite", "SQLite", {"path": "/var/desk.sqlite"}),
    ("sqlite:////var/desk.sqlite", "SQLite", {"path": "//var/desk.sqlite"}),
    ("sqlite:var/desk.sqlite", "SQLite", {"path": "var/desk.sqlite"}),
    ("SQLITE:///var/desk", "SQLite", {"path": "/var/desk"}),
    ("sqlite:///a%20b%3F", "SQLite", {"path": "/a b?"}),
    ("sqlite:///x?durability=process", "SQLite", {"path": "/x", "durability": "process"}),
    ("sqlite:?timeout=5&writeback=yes", "SQLite", {"timeout": "5", "writeback": "yes"}),
    ("memory://", "Memory", {}),
    ("memory:", "Memory", {}),
    ("memory:?writeback=on", "Memory", {"writeback": "on"}),
    ("directory:///var/stores", "Directory", {"root": "/var/stores"}),
    ("redis://h/1?prefix=p", "RedisHash", {"url": "redis://h/1", "prefix": "p"}),
    ("redis+hash://h/1", "RedisHash", {"url": "redis://h/1"}),
    ("rediss+blob://:p@h", "Redis", {"url": "rediss://:p@h"}),
    ("unix+key:///run/redis", "RedisKey", {"url": "unix:///run/redis"}),
]


@pytest.mark.parametrize(("text", "backend", "options"), URLS, ids=[repr(row[0]) for row in URLS])
def test_a_url_gives_backend_and_place(url: Any, text: str, backend: str, options: Any):
    url(text)
    assert current().store == Default(backend, options)


def test_the_url_holds_for_stores_and_counters(url: Any, tmp_path: Path):
    url(f"sqlite://{tmp_path}/a%20b.sqlite?durability=process&writeback=yes&timeout=5")
    store, counter = Store("users"), Counter("ids")
    assert (store.writeback, store.durability, counter.durability) == (True, "process", "process")
    with store:
        store["a"] = counter.increment()
    assert (tmp_path / "a b.sqlite").exists()


BAD_URLS = {
    "sqlit:///x": "the scheme 'sqlit' is not known (did you mean 'sqlite'?): begin with sqlite:,",
    "mongodb://x": "the scheme 'mongodb' is not known: begin with sqlite:, file:, directory:, ",
    "/var/desk.sqlite": "the scheme '' is not known: begin with sqlite:, file:, directory:, ",
    "redis+hsh://x": "the scheme 'redis+hsh' is not known (did you mean 'redis+hash'?)",
    "sqlite://var/desk.sqlite": "sqlite: has no host: write sqlite:///absolute/path",
    "memory://host": "memory: has no host",
    "sqlite:///~/desk.sqlite": "write sqlite:~/… for a place in the home folder",
    "file:///~ann/stores": "write file:~/… for a place in the home folder",
    "redis://:1?secret@host": "write %3F for '?' in a password",
}


@pytest.mark.parametrize("text", BAD_URLS)
def test_a_bad_url_is_refused(url: Any, text: str):
    url(text)
    for function in (Store, Counter):
        with pytest.raises(ConfigError) as caught:
            function("x")
        assert str(caught.value).startswith("$NAPIXD_STORE_URL: ")
        assert BAD_URLS[text] in str(caught.value)


@pytest.mark.parametrize(
    ("text", "option"), [("file:?root=", "root"), ("sqlite:?path=", "path"), ("sqlite:%00", "path")]
)
def test_a_place_in_a_url_is_held_to_what_any_path_is(url: Any, text: str, option: str):
    url(text)
    for function in (Store, Counter):
        with pytest.raises(ConfigError, match=f"the option '{option}' must"):
            function("x")


def test_a_secret_in_a_url_is_not_shown(url: Any):
    url("sqlite://user:s3cret@host/x")
    with pytest.raises(ConfigError) as caught:
        Store("x")
    assert "s3cret" not in str(caught.value)
    url("redis://:s3cret@redis.example.com/0")
    assert "s3cret" not in repr(current()) + repr(Store("x")) + repr(Counter("x"))
    url("memory:?secret=s3cret")
    assert "s3cret" not in repr(current())


@pytest.mark.parametrize(
    "text",
    [
        "redis://:s3cret@h/0",
        "redis+key://u:s3cret@h",
        "redis://u:s3/cr@et@h",
        "redis://h?password=s3cret",
        "memory:?serializer=pickle&SECRET=s3cret",
    ],
)
def test_a_password_in_a_url_on_the_command_line_is_refused(text: str):
    with pytest.raises(ConfigError, match=r"\$NAPIXD_STORE_URL, or into an INI file") as caught:
        refuse_password(text)
    assert "s3" not in str(caught.value)


@pytest.mark.parametrize("text", ["redis://user@h/0", "sqlite:///a:b", "unix:///run/redis?db=1"])
def test_a_url_without_one_is_not(text: str):
    refuse_password(text)


def test_an_unknown_option_in_a_url_is_refused_at_opening(url: Any):
    url("sqlite:///x?durabilty=process")
    with pytest.raises(ConfigError, match=r"unknown option 'durabilty' \(did you mean"):
        Store("x")


# --- configure -------------------------------------------------------------------------------

FORMS: dict[str, Any] = {
    "flat": {"store.backend": "Memory", "store.writeback": "yes"},
    "nested": {"store": {"backend": "Memory", "writeback": "yes"}},
    "mixed": {"store": {"backend": "Memory"}, "store.writeback": "yes"},
    "upper case": {"STORE.BACKEND": "Memory", "Store.WriteBack": "yes"},
    "any mapping": MappingProxyType({"store": MappingProxyType({"backend": "Memory"})}),
}


@pytest.mark.parametrize("form", FORMS)
def test_configure_takes_flat_and_nested_settings(form: str):
    configure(FORMS[form])
    options = {} if form == "any mapping" else {"writeback": "yes"}
    assert current().store == Default("Memory", options)
    assert Store("x").writeback is bool(options)


def test_configure_takes_an_ini_section(tmp_path: Path):
    parser = ConfigParser()
    parser.read_string(f"[store]\nbackend = SQLite\npath = {tmp_path}/a.sqlite\ntimeout = 5\n")
    configure(dict(parser))
    Store("x")["a"] = 1
    assert (tmp_path / "a.sqlite").exists()


def test_counters_follow_the_stores_unless_told_otherwise(tmp_path: Path):
    configure({"store.backend": "Memory", "store.writeback": True})
    assert current().counter == Default("Memory", {})
    configure({"store.backend": "Memory", "counter.backend": "SQLite", "counter.timeout": 1})
    assert current() == Settings(Default("Memory", {}), Default("SQLite", {"timeout": 1}))
    configure({"counter.backend": "Memory"})
    assert current() == Settings(Default("SQLite", {}), Default("Memory", {}))
    configure({"store.path": "a", "counter.durability": "process"})
    assert current().counter == Default("SQLite", {"path": "a", "durability": "process"})


def test_each_layer_lies_over_the_next(url: Any, tmp_path: Path):
    url(f"sqlite://{tmp_path}/below.sqlite?durability=process")
    configure({"store.timeout": 5})
    expected = {"path": f"{tmp_path}/below.sqlite", "durability": "process", "timeout": 5}
    assert current().store == Default("SQLite", expected)
    configure({"store.backend": "SQLite"})  # a backend of its own takes no options from below
    assert current().store == Default("SQLite", {})
    configure({})
    assert current().store == Default("SQLite", {k: expected[k] for k in ("path", "durability")})


def test_what_is_given_wins_over_the_settings(tmp_path: Path):
    configure({"store.path": tmp_path / "a.sqlite", "store.writeback": True})
    assert Store("x").writeback
    assert not Store("x", writeback=False).writeback
    named = Store("x", "SQLite")
    assert named.writeback  # the settings' own backend, in words
    assert named._connection is Store("x")._connection
    assert not Store("x", "Memory").writeback  # another backend's settings are not its own


def test_configure_replaces_and_an_open_store_is_not_touched(tmp_path: Path):
    configure({"store.path": tmp_path / "a.sqlite"})
    store = Store("x")
    configure({"store.path": tmp_path / "b.sqlite"})
    store["a"] = 1
    assert Store("x") == {}
    configure({"store.path": tmp_path / "a.sqlite"})
    assert Store("x") == {"a": 1}


def test_configure_keeps_its_own_copy():
    given = {"store": {"backend": "Memory"}}
    configure(given)
    given["store"]["backend"] = "SQLite"
    assert current().store.backend == "Memory"


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("stor.backend", " (did you mean 'store.backend'?)"),
        ("Counters.backend", " (did you mean 'counter.backend'?)"),
        ("backend", ""),
        ("store", ""),
        ("x.store.y", ""),
    ],
)
def test_a_setting_that_is_nobodys_is_refused(key: str, hint: str):
    configure({"store.backend": "Memory"})
    with pytest.raises(ConfigError) as caught:
        configure({key: "SQLite"})
    assert str(caught.value) == (
        f"configure(): unknown setting {key!r}{hint}: settings are store.<option> and "
        f"counter.<option>"
    )
    assert current().store.backend == "Memory"


@pytest.mark.parametrize("key", ["store.backend", "store.path", "counter.timeout"])
def test_a_setting_without_a_value_is_refused(key: str):
    """As an INI file has it that was read with ``allow_no_value``."""
    with pytest.raises(ConfigError, match=rf"^the setting '{key}' has no value$"):
        configure({key: None})


def test_a_backend_of_the_settings_that_does_not_exist_is_said_at_opening():
    configure({"store.backend": "Memry"})
    for function in (Store, Counter):
        with pytest.raises(NoSuchStoreBackend, match=r"'Memry' \(did you mean 'Memory'\?\)"):
            function("x")


def test_a_class_may_be_a_setting():
    configure({"store.backend": type(Store("x", "Memory"))})
    assert type(Store("x")).__name__ == "MemoryStore"
    assert type(Counter("x")).__name__ == "MemoryCounter"


def test_an_empty_configuration_takes_back_what_was_said():
    configure({"store.backend": "Memory"})
    configure({})
    assert current().store == Default("SQLite", {})


# --- others ----------------------------------------------------------------------------------


@pytest.fixture
def provider() -> Iterator[list[Settings | None]]:
    """What is asked before the process's settings; it answers with the last item."""
    answers: list[Settings | None] = [None]

    def ask() -> Settings | None:
        return answers[-1]

    settings.ask_first(ask)
    settings.ask_first(ask)  # twice is once
    yield answers
    settings._asked_first.remove(ask)
    assert ask not in settings._asked_first


def test_whoever_is_running_is_asked_first(provider: list[Settings | None]):
    configure({"store.backend": "SQLite"})
    assert current().store.backend == "SQLite"
    provider.append(read({"store.backend": "Memory"}, settings.of_the_process()))
    assert current().store.backend == "Memory"
    assert type(Store("x")).__name__ == "MemoryStore"
    assert settings.of_the_process().store.backend == "SQLite"


def test_deeper_keys_and_other_namespaces_are_somebody_elses():
    below = Settings(Default("Memory", {"a": 1}), Default("SQLite", {"b": 2}))
    assert read({"store.users.backend": "SQLite", "debug": True, "store": 1}, below) == below


def test_flattened_yields_dotted_keys():
    pairs = {"a": 1, "b": {"c": 2, "d": {"e": 3}}, "f.g": 4, "h": {}}
    assert dict(flattened(pairs)) == {"a": 1, "b.c": 2, "b.d.e": 3, "f.g": 4}


def test_the_repr_of_settings_shows_no_value():
    assert (
        repr(Default("Redis", {"password": "s3cret"})) == "Default('Redis', options=['password'])"
    )
