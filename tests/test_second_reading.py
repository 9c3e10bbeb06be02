"""Faults that a second reader found, each with the facts around it, by the module concerned."""

import dataclasses
import enum
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Literal

import msgspec
import pytest

from napixd_store import (
    ConfigError,
    CorruptData,
    Counter,
    InvalidValue,
    Store,
    StoreError,
    configure,
)
from napixd_store.options import bind
from napixd_store.settings import Default, Settings, current, read
from napixd_store.testing.cases import numbered
from tests.media import Medium


def fault(_reason: str, *case: Any) -> Any:
    """Return a case that once failed, for the reason given."""
    return pytest.param(*case)


# --- test_resolve.py -------------------------------------------------------------------------


@pytest.mark.parametrize("function", ["Store", "Counter"])
def test_a_named_backend_never_imports_the_default_one(function: str):
    """A Python that was built without sqlite3 runs Memory."""
    program = (
        "import sys; sys.modules['_sqlite3'] = None\n"
        f"from napixd_store import {function}\n"
        f"{function}('x', 'Memory')\n"
        "assert 'sqlite3' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("function", [Store, Counter])
def test_a_named_backend_does_not_need_the_default_one(function: Callable[..., Any]):
    configure({"store.backend": "no_such_driver.Store"})
    assert type(function("x", "Memory")).__name__.startswith("Memory")


def test_a_type_that_is_none_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "nothing_here.py").write_text("Ticket = None\n")
    monkeypatch.setitem(sys.modules, "nothing_here", None)  # so that it is gone afterwards
    del sys.modules["nothing_here"]
    with pytest.raises(ConfigError, match="type"):
        Store("x", "Memory", type="nothing_here.Ticket")


# --- test_options.py -------------------------------------------------------------------------


def generic(*, hosts: list[str] | None = None, nodes: Sequence[str] = (), wait: float = 1) -> None:
    """Declare options as the author of a backend may well write them."""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        fault("isinstance() takes no parametrised generic", "hosts", ["a"]),
        fault("isinstance() takes no parametrised generic", "nodes", ("a", "b")),
    ],
)
def test_an_option_may_be_declared_as_a_generic(name: str, value: Any):
    assert bind("Backend", {name: value}, generic) == [{name: value}]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        fault("isinstance() takes no parametrised generic", "hosts", "a,b"),
        fault("float() overflows", "wait", 10**400),
    ],
)
def test_a_refusal_is_always_a_config_error(name: str, value: Any):
    with pytest.raises(ConfigError, match=f"^Backend: the option '{name}' must be "):
        bind("Backend", {name: value}, generic)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        fault("sqlite3 or time says so at the first operation", "timeout", "nan"),
        fault("sqlite3 or time says so at the first operation", "timeout", "inf"),
        fault("sqlite3 or time says so at the first operation", "timeout", 1e300),
        fault("taken as it is", "timeout", -1),
        fault("os says so at the first operation", "path", "a\0b"),
        fault("taken as it is: every write is refused", "max_value_bytes", -1),
    ],
)
def test_a_value_that_cannot_work_is_refused_at_opening(tmp_path: Path, name: str, value: Any):
    with pytest.raises(ConfigError, match=name):
        Store("x", "SQLite", **{"path": tmp_path / "never", name: value})


# --- test_settings.py ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        fault("urlsplit() raises a ValueError", "sqlite://[x"),
        fault("urlsplit() raises a ValueError that shows the host", "sqlite://s3cret\uff03/x"),
        fault("a fragment is dropped: another file is used", "sqlite:///var/a#b.sqlite"),
        fault("the path is dropped", "memory:var/desk"),
        fault("one of two places is dropped", "sqlite:///a?path=/b"),
    ],
)
def test_no_part_of_a_url_is_passed_over(text: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NAPIXD_STORE_URL", text)
    with pytest.raises(ConfigError, match="NAPIXD_STORE_URL") as caught:
        current()
    assert "s3cret" not in str(caught.value)


def test_an_option_for_stores_moves_no_counter_to_another_backend():
    """The process keeps counters in Memory; an app that only sets a timeout leaves them there."""
    below = Settings(Default("SQLite", {}), Default("Memory", {}))
    assert read({"store.timeout": 5}, below).counter.backend == "Memory"


def test_the_type_of_the_settings_is_named_by_its_dotted_path(tmp_path: Path):
    configure({"store.backend": "Memory", "store.type": "decimal.Decimal"})
    store = Store("x")
    store["k"] = Decimal("1.10")
    with pytest.raises(InvalidValue, match="Expected `decimal`"):
        store["k"] = [1]
    assert Store("x")["k"] == Decimal("1.10")
    assert Counter("x").increment() == 1


def test_a_relative_path_of_the_settings_is_made_absolute_at_opening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "elsewhere").mkdir()
    for set_up in (
        lambda: configure({"store.path": "here.sqlite"}),
        lambda: monkeypatch.setenv("NAPIXD_STORE_URL", "sqlite:here.sqlite"),
    ):
        monkeypatch.chdir(tmp_path)
        set_up()
        store, counter = Store("x"), Counter("x")
        monkeypatch.chdir("elsewhere")
        store["k"] = counter.increment()
        assert Store("x", path=tmp_path / "here.sqlite") == store
        assert list(Path().iterdir()) == []
        configure({})


# --- test_serializers.py: tags ---------------------------------------------------------------

NEVER_WRITTEN: dict[str, str] = {
    '{"$dict":["ab"]}': "a text of two characters is taken for a pair",
    '{"$dict":[{"x":1,"y":2}]}': "an object of two members is taken for a pair",
    '{"$dict":[[1,2],[1,3]]}': "the later of two equal keys wins",
    '{"$set":[1,1]}': "equal items become one",
    '{"$timedelta":[]}': "any number of parts will do",
    '{"$timedelta":[1,2,3,4,5,6,7]}': "any number of parts will do",
    '{"$timedelta":[true,0,0]}': "a bool is taken for a number",
    '{"$datetime":["2026-01-01T00:00:00",true,null]}': "a bool is taken for a fold",
    '{"$int":"1_0"}': "int() takes more than digits",
    '{"$int":" 5 "}': "int() takes more than digits",
    '{"$float":"1_0"}': "float() takes more than digits",
    '{"$decimal":"1_0"}': "Decimal() takes more than digits",
}


@pytest.mark.parametrize("record", [fault(NEVER_WRITTEN[r], r) for r in NEVER_WRITTEN])
def test_a_tag_that_no_value_is_written_as_is_corrupt_data(backend: Medium, record: str):
    store = backend.store()
    backend.plant(store, "k", record.encode())
    with pytest.raises(CorruptData):
        store["k"]


@pytest.mark.parametrize(
    "zone",
    [
        fault("Python < 3.14 raises IsADirectoryError", "Nowhere"),
        fault("the file system raises OSError", "a" * 300),
        "Nowhere/Else",
    ],
)
def test_a_zone_is_never_an_os_error(
    backend: Medium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zone: str
):
    """With the distribution tzdata installed, zones are looked up by importlib.resources."""
    for folder in ("tzdata", "tzdata/zoneinfo", "tzdata/zoneinfo/Nowhere"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").touch()
    before = {name for name in sys.modules if name.partition(".")[0] == "tzdata"}
    for name in before:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    store = backend.store()
    record = f'{{"$datetime":["2026-01-02T03:04:05",0,"{zone}"]}}'
    backend.plant(store, "k", record.encode())
    try:
        with pytest.raises(CorruptData):
            store["k"]
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "tzdata"]:
            del sys.modules[name]


# --- test_serializers.py: declared types -----------------------------------------------------


@dataclasses.dataclass
class Registered:
    registry: ClassVar[dict[str, int]]  # declared here, given a value by somebody later
    number: int = 1


@dataclasses.dataclass
class Positive:
    number: int

    def __post_init__(self) -> None:
        if self.number < 0:
            raise KeyError("negative")


@dataclasses.dataclass
class Unfinished:
    other: "NoSuchName"  # type: ignore[name-defined]  # noqa: F821


class Level(enum.Enum):
    LOW = "low"


class Cat(msgspec.Struct, tag=True):
    lives: int


class Dog(msgspec.Struct, tag=True):
    name: str


def deep(levels: int) -> Any:
    value: Any = []
    for _ in range(levels):
        value = {"a": value}
    return value


def test_a_dataclass_may_declare_a_class_variable_without_a_value(medium: Medium):
    store = medium.store(type=Registered)
    store["k"] = Registered(2)
    assert medium.reopened(store, type=Registered)["k"] == Registered(2)


ODD: list[Any] = [
    fault("_same() compares signalling NaNs outside the try", Decimal, Decimal("sNaN")),
    fault("a set's items are compared by value only", set[float], {1}),
    fault("a dict's keys are compared by value only", dict[float, int], {1: 1}),
]


@pytest.mark.parametrize(("declared", "value"), ODD, ids=numbered(ODD))
def test_what_would_not_come_back_the_same_is_an_invalid_value(
    medium: Medium, declared: Any, value: Any
):
    store = medium.store(type=declared)
    with pytest.raises(InvalidValue):
        store["k"] = value
    assert medium.reopened(store, type=declared).snapshot() == {}


@pytest.mark.parametrize("levels", [900])
def test_a_deep_value_comes_back_or_is_refused(medium: Medium, levels: int):
    store = medium.store(type=dict[str, Any])
    try:
        store["k"] = deep(levels)
    except InvalidValue:
        assert medium.reopened(store, type=dict[str, Any]).snapshot() == {}
    else:
        back, count = medium.reopened(store, type=dict[str, Any])["k"], 0
        while back:
            back, count = back["a"], count + 1
        assert count == levels


def test_an_exception_of_the_types_own_never_hides_a_record(medium: Medium):
    store = medium.store(type=Positive)
    medium.plant(store, "k", b'{"number":-1}')
    for read_one in (lambda: store["k"], lambda: store.get("k"), lambda: list(store.values())):
        with pytest.raises(CorruptData):
            read_one()


def test_a_type_whose_annotations_lead_nowhere_is_a_config_error(backend: Medium):
    with pytest.raises(ConfigError, match="type"):
        backend.store(type=Unfinished)


LEAKS: list[Any] = [
    fault("msgspec's message shows it", Level, "s3cret"),
    fault("msgspec's message shows it", Literal["low"], "s3cret"),
    fault("msgspec's message shows it", dict[str, Level], {"a": "s3cret"}),
    fault("msgspec's message shows it", Cat | Dog, {"type": "s3cret"}),
]


@pytest.mark.parametrize(("declared", "value"), LEAKS, ids=numbered(LEAKS))
def test_a_message_of_a_declared_type_shows_no_value(medium: Medium, declared: Any, value: Any):
    store = medium.store(type=declared)
    with pytest.raises(InvalidValue) as refused:
        store["k"] = value
    medium.plant(store, "k", msgspec.json.encode(value))
    store.reload()
    with pytest.raises(CorruptData) as corrupt:
        store["k"]
    for caught in (refused, corrupt):
        assert "s3cret" not in str(caught.value)


# --- test_errors.py --------------------------------------------------------------------------


def frames(error: BaseException) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the functions of ours that *error* passed, each with its locals."""
    each: BaseException | None = error
    while each is not None:
        for frame, _line in traceback.walk_tb(each.__traceback__):
            if frame.f_globals.get("__name__", "").partition(".")[0] == "napixd_store":
                yield (
                    frame.f_code.co_qualname
                    if hasattr(frame.f_code, "co_qualname")
                    else frame.f_code.co_name,
                    dict(frame.f_locals),
                )
        each = each.__cause__ or each.__context__


WRONG: list[dict[str, Any]] = [
    {"secret": "s3cret"},
    {"serializer": "pickle", "secret": "s3cret", "type": int},
    {"sercet": "s3cret"},
    {"secret": "s3cret", "max_value_bytes": "x"},
    {"max_value_bytes": "s3cret"},
    {"secret": ["s3cret"]},
]


@pytest.mark.parametrize("options", WRONG, ids=numbered(WRONG))
def test_an_option_error_shows_no_secret(options: dict[str, Any]):
    with pytest.raises(ConfigError) as caught:
        Store("x", "Memory", **options)
    shown = "".join(traceback.format_exception(caught.value))
    assert "s3cret" not in str(caught.value) + repr(caught.value) + shown


@pytest.mark.parametrize(
    "options", [fault("our frames hold the options", each) for each in WRONG], ids=numbered(WRONG)
)
def test_no_local_of_ours_shows_a_secret(options: dict[str, Any]):
    """As an error reporter would show it that captures locals."""
    with pytest.raises(ConfigError) as caught:
        Store("x", "Memory", **options)
    seen = list(frames(caught.value))
    assert seen
    for where, names in seen:
        for name, value in names.items():
            if name != "self":  # see the next test
                assert "s3cret" not in repr(value), (where, name)


@pytest.mark.parametrize("function", [Store, Counter])
def test_a_half_built_object_has_a_repr(function: Callable[..., Any]):
    """Until Python 3.12, capturing the locals of a traceback fails with it."""
    cls: Any = type(function("x", "Memory"))
    with pytest.raises(ConfigError) as caught:
        cls("x", {"no_such_option": 1})
    halves = [names["self"] for _where, names in frames(caught.value) if "self" in names]
    assert halves
    for half in halves:
        repr(half)


CAUSES: list[Any] = [
    fault("int() shows it", b'{"$int":"s3cret"}'),
    fault("float() shows it", b'{"$float":"s3cret"}'),
    fault("fromisoformat() shows it", b'{"$date":"s3cret"}'),
    fault("ZoneInfo() shows it", b'{"$datetime":["2026-01-01T00:00:00",0,"s3cret"]}'),
    b'{"$decimal":"s3cret"}',
    b'{"$uuid":"s3cret"}',
    b'{"$bytes":"s3cret!"}',
    b'"s3cret',
    b'["s3cret"',
]


@pytest.mark.parametrize("record", CAUSES, ids=numbered(CAUSES))
def test_a_traceback_of_corrupt_data_shows_no_value(backend: Medium, record: bytes):
    store = backend.store()
    backend.plant(store, "k", record)
    with pytest.raises(CorruptData) as caught:
        store["k"]
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


def test_a_counter_says_where_and_that_nothing_was_changed(backend: Medium):
    counter = backend.counter()
    counter.reset(2**63 - 1)
    for fail in (counter.increment, lambda: counter.increment(5), lambda: counter.reset(2**63)):
        with pytest.raises(StoreError) as caught:
            fail()
        assert f"{type(counter).__name__} {counter.name!r} in " in str(caught.value)
        assert "unchanged" in str(caught.value)
    assert counter.value == 2**63 - 1
