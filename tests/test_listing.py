"""Names that are there: what the lists tell, and that what was dropped leaves nothing behind."""

import sqlite3
import time
import traceback
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from napixd_store import (
    ConfigError,
    CorruptData,
    CounterBackend,
    NoSuchStoreBackend,
    Store,
    StoreBackend,
    StoreError,
    collections,
    configure,
    counters,
)
from tests.crowds import CROWDS, gather
from tests.media import Medium
from tests.processes import fork
from tests.redis.servers import shared
from tests.sizes import size

NAMES = ["a", "B", "é", "../up", "=1", "x" * 1000]


# --- what the lists tell -------------------------------------------------------------------------


def test_the_lists_tell_the_names_that_were_given_in_order(backend: Medium):
    assert collections(backend.backend, **backend.options) == []
    assert counters(backend.backend, **backend.options) == []
    for name in NAMES:
        backend.store(name)["k"] = 1
        backend.counter(name[::-1]).increment()
    assert collections(backend.backend, **backend.options) == sorted(NAMES)
    assert counters(backend.backend, **backend.options) == sorted(name[::-1] for name in NAMES)


def test_stores_and_counters_of_one_name_are_listed_apart(backend: Medium):
    store, counter = backend.store("both"), backend.counter("both")
    store["k"] = counter.increment()
    store.drop()
    assert collections(backend.backend, **backend.options) == []
    assert counters(backend.backend, **backend.options) == ["both"]
    store["k"] = 2
    counter.drop()
    assert collections(backend.backend, **backend.options) == ["both"]
    assert counters(backend.backend, **backend.options) == []


def test_a_counter_that_another_process_dropped_is_listed_from_its_next_number_on(backend: Medium):
    if backend.backend == "Memory":
        return  # which no two processes share
    counter = backend.counter("c")
    for _ in range(3):
        assert counter.increment() == 1
        assert counters(backend.backend, **backend.options) == ["c"]
        fork(counter.drop).result()
    assert counters(backend.backend, **backend.options) == []


def test_a_counter_that_is_back_at_0_is_listed(backend: Medium):
    counter = backend.counter("gauge")
    with counter:
        pass
    assert (counter.value, counters(backend.backend, **backend.options)) == (0, ["gauge"])


def test_what_is_over_lives_nowhere(backend: Medium):
    for name, seconds in (("over", 0.001), ("ends", 60), ("stays", None)):
        backend.store(name).put("k", [1], expires_in=seconds)
    backend.store("partly").update({"a": 1, "b": 2})
    backend.store("partly").put("a", 1, expires_in=0.001)
    time.sleep(0.1)
    listed = set(collections(backend.backend, **backend.options))
    if "Redis" in backend.backend:  # which lists it until it is swept
        backend.store("over").sweep()
        listed = set(collections(backend.backend, **backend.options))
    assert listed == {"ends", "partly", "stays"}


def test_the_settings_say_where_to_look(tmp_path: Path):
    configure({"store.backend": "File", "store.root": tmp_path, "store.writeback": "no"})
    Medium("SQLite", tmp_path, writeback=False).store("elsewhere")["k"] = 1
    Store("here")["k"] = 1
    assert (collections(), counters()) == (["here"], [])
    assert collections("File", root=tmp_path / "other") == []
    assert collections("SQLite", path=tmp_path / "doc.sqlite") == ["elsewhere"]


class Bare(StoreBackend[Any]):
    """A store of somebody else, who wrote the verbs alone."""


class BareCounter(CounterBackend):
    """As Bare."""


class Stranger:
    """Any class that takes a name and options may be a backend."""

    def __init__(self, name: str, options: Any) -> None:
        raise AssertionError("to list names opens nothing")


class Listed(Bare):
    """One that has a list."""

    @classmethod
    def collections(cls, options: Any) -> list[str]:
        return ["b", *options.get("more", []), "a"]


@pytest.mark.parametrize(
    ("names", "cls", "missing"),
    [
        (collections, Bare, r"^Bare has no collections\(options\)$"),
        (collections, f"{__name__}.Bare", r"^Bare has no collections\(options\)$"),
        (collections, Stranger, r"^Stranger has no collections\(options\)$"),
        (counters, BareCounter, r"^BareCounter has no counters\(options\)$"),
        (counters, Stranger, r"^Stranger has no counters\(options\)$"),
    ],
)
def test_a_backend_without_a_list_says_what_is_missing(names, cls, missing):
    with pytest.raises(NotImplementedError, match=missing):
        names(cls)


def test_the_list_of_a_third_party_is_sorted_and_gets_the_options():
    assert collections(Listed) == ["a", "b"]
    assert collections(f"{__name__}.Listed", more=["aa"]) == ["a", "aa", "b"]


def test_a_counter_of_three_methods_says_that_it_has_no_fourth():
    with pytest.raises(NotImplementedError, match=r"^BareCounter has no _drop\(\)$"):
        BareCounter("c", {}).drop()


@pytest.mark.parametrize("names", [collections, counters])
def test_wrong_options_are_refused_as_by_whoever_opens(names: Callable[..., list[str]]):
    with pytest.raises(ConfigError, match=r"unknown option 'pth' \(did you mean 'path'\?\)"):
        names("SQLite", pth="x")
    with pytest.raises(NoSuchStoreBackend, match=r"did you mean 'Memory'"):
        names("Memry")
    with pytest.raises(ConfigError, match="unknown option 'collection'"):
        names("Memory", collection="a")


SECRET = "canary-7f3a"
FAILING: dict[str, tuple[str, dict[str, Any]]] = {
    "a wrong option": ("RedisHash", {"password": SECRET, "prt": 1}),
    "nobody there": ("RedisHash", {"password": SECRET, "port": 1, "connect_timeout": 0.2}),
}


@pytest.mark.parametrize("names", [collections, counters])
@pytest.mark.parametrize("case", FAILING)
def test_an_error_leads_to_no_frame_with_a_secret(names: Callable[..., list[str]], case: str):
    backend, options = FAILING[case]
    with pytest.raises(StoreError) as caught:
        names(backend, **options)
    seen: BaseException | None = caught.value
    while seen is not None:
        for frame, _line in traceback.walk_tb(seen.__traceback__):
            if "napixd_store/" in frame.f_code.co_filename:
                assert SECRET not in repr(frame.f_locals)
        seen = seen.__cause__


# --- what a drop leaves --------------------------------------------------------------------------


def remains(medium: Medium) -> list[Any]:
    """Return what is in the medium, whoever looks: rows, files, or keys in a server."""
    if medium.backend == "Memory":
        memory: Any = medium.store()._connection
        return [*memory.collections, *memory.counters]
    if medium.backend == "SQLite":
        tables = ("collections", "entries", "counters")
        with closing(sqlite3.connect(medium.options["path"])) as file:
            return [row for each in tables for row in file.execute(f"SELECT * FROM {each}")]
    if "root" in medium.options:
        return list(medium.options["root"].rglob("*"))
    client = shared().client()
    with closing(client):
        return list(client.scan_iter(f"{medium.options['prefix']}:*"))


def in_process(medium: Medium) -> list[Any]:
    """Return what this process remembers of names in the medium."""
    connection: Any = medium.store()._connection
    listing = getattr(connection, "listing", None)
    known = [*connection.sweeps, *getattr(connection, "settled", ())]
    return known + (list(listing._entered) if listing else [])


@pytest.mark.parametrize("leave", ["drop", "clear"])
def test_what_was_dropped_leaves_nothing_behind(medium: Medium, leave: str):
    for name in NAMES:
        with medium.store(name) as store:
            store.update({"a": 1, "b": [2], "x" * 1000: 3})
            store.put("dead", 1, expires_in=0.001)
            store.put("ends", 1, expires_in=60)
        assert set(medium.store(name)) >= {"a", "b", "ends"}
        time.sleep(0.1)
        len(medium.store(name))  # which notes that there is something to sweep
        medium.counter(name).increment()
    assert remains(medium)
    for name in NAMES:
        if leave == "clear":
            with medium.store(name) as store:
                store.clear()
        medium.store(name).drop()
        medium.counter(name).drop()
        medium.store(name).drop()
        medium.counter(name).drop()
    assert remains(medium) == []
    assert in_process(medium) == []


def test_a_damaged_file_of_a_counter_is_not_dropped(tmp_path: Path):
    medium = Medium("File", tmp_path, writeback=False)
    counter = medium.counter("c")
    counter.increment()
    (file,) = medium.options["root"].iterdir()
    file.write_bytes(b"mine")
    with pytest.raises(CorruptData):
        counter.drop()
    assert file.read_bytes() == b"mine"


# --- beside others -------------------------------------------------------------------------------


@pytest.mark.parametrize("crowd", CROWDS)
def test_nobody_reads_anothers_collection_while_all_are_dropped_and_made_again(crowd, tmp_path):
    gathered = gather(crowd, tmp_path)
    gathered.run(_use_and_drop, size(quick=60, full=250))
    backend = gathered.options["backend"]
    assert remains(Medium(backend, tmp_path, writeback=False)) == []


def _use_and_drop(options: dict[str, Any], who: int, times: int) -> None:
    """Own one collection, and share another, which anybody may drop at any moment."""
    own, shared = (Store(name, **options) for name in (f"own {who}", "shared"))
    for turn in range(times):
        own.update({f"{who} {n}": who for n in range(3)})
        shared[f"{turn} {who}"] = "shared"
        assert own.snapshot() == dict(own.items()) == {f"{who} {n}": who for n in range(3)}
        assert len(own) == 3
        assert set(shared.values()) <= {"shared"}
        (own if turn % 2 else shared).drop()
    own.drop()
    shared.drop()


@pytest.mark.parametrize("crowd", CROWDS)
def test_a_counter_that_is_dropped_under_way_begins_again_and_skips_none(crowd, tmp_path):
    gathered = gather(crowd, tmp_path)
    numbers: list[int] = sum(gathered.run(_count_and_drop, 60), [])
    assert set(numbers) == set(range(1, max(numbers) + 1))
    assert numbers.count(1) <= gathered.size + 1  # as often as it was begun, at most


def _count_and_drop(options: dict[str, Any], who: int, times: int) -> list[int]:
    from napixd_store import Counter

    counter, numbers = Counter("shared", **options), []
    for turn in range(times):
        numbers.append(counter.increment())
        if turn == times // 2:
            counter.drop()
    return numbers
