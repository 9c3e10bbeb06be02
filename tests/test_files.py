"""What is peculiar to files: what they look like, their names, and who writes them at once."""

import json
import os
import signal
import time
import unicodedata
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napixd_store import (
    ConfigError,
    Conflict,
    CorruptData,
    Counter,
    Store,
    StoreError,
    configure,
    transaction,
)
from napixd_store.backends.files.filenames import decode, encode
from tests.files import PROMPT, hold
from tests.harness.crashes import hidden
from tests.processes import Signal, fork, run
from tests.sizes import size

# --- what the files look like ---------------------------------------------------------------------


def test_a_collection_is_one_readable_file_a_record_a_line(tmp_path):
    with Store("users", "File", root=tmp_path) as users:
        users.update({"bob": {"mail": "b@x.org"}, "alice": [1, 2], 17: "ß"})
    header, *lines = (tmp_path / "users.store.json").read_text().splitlines()
    assert header.startswith('{"napixd-store":1,"collection":"users","sha256":"')
    assert lines == ["{", '"bob":{"mail":"b@x.org"},', '"alice":[1,2],', '"=b17":"ß"', "}", "}"]


def test_a_key_is_there_whoever_wrote_its_file_and_a_foreign_file_is_none(tmp_path):
    store = Store("users", "Directory", root=tmp_path)
    store["ann"] = "x" * 100_000
    path = tmp_path / "users.store" / "ann.json"
    members = json.loads(path.read_text())
    path.write_text(json.dumps({**members, "sha256": None}, indent=1))
    assert "ann" in store
    assert list(store) == ["ann"]
    path.write_text('{"napixd-store":1}\n')
    with pytest.raises(CorruptData, match="it was left as it is"):
        _ = "ann" in store


def test_a_key_is_one_readable_file_in_the_folder_of_its_collection(tmp_path):
    Store("users", "Directory", root=tmp_path)["alice"] = {"mail": "a@x.org"}
    text = (tmp_path / "users.store" / "alice.json").read_text()
    assert text.startswith('{"napixd-store":1,"collection":"users","key":"alice","sha256":"')
    assert json.loads(text)["record"] == {"mail": "a@x.org"}
    assert os.listdir(tmp_path) == ["users.store"]


def test_a_counter_is_one_readable_file(tmp_path):
    Counter("ids", "File", root=tmp_path).increment(by=41)
    text = (tmp_path / "ids.counter.json").read_text()
    assert text.startswith('{"napixd-store":1,"counter":"ids","sha256":"')
    assert text.splitlines()[1:] == ["41", "}"]


def test_a_directory_counts_in_files_too(tmp_path):
    assert Counter("ids", "Directory", root=tmp_path).increment() == 1
    assert Counter("ids", "File", root=tmp_path).value == 1


@pytest.mark.parametrize("backend", ["File", "Directory"])
def test_opening_reading_and_dropping_nothing_make_no_file(backend, tmp_path):
    store = Store("users", backend, root=tmp_path / "root")
    assert (store.snapshot(), len(store), "x" in store) == ({}, 0, False)
    assert type(store).collections({"root": tmp_path / "root"}) == []
    store.save()
    store.drop()
    assert Counter("ids", backend, root=tmp_path / "root").value == 0
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("backend", ["File", "Directory"])
def test_a_transaction_that_changes_nothing_writes_no_file(backend, tmp_path):
    stores = [
        Store(name, backend, root=tmp_path, writeback=False) for name in ("there", "none", "new")
    ]
    there, *_ = stores
    there.update(a=1, b=2)
    before = _states(tmp_path)
    for chosen in [[each] for each in stores] + [stores] * (backend == "File"):
        with ExitStack() as stack:
            entered: Any = stack.enter_context(transaction(*chosen))
            for inside in entered if isinstance(entered, tuple) else (entered,):
                assert "missing" not in inside
                assert len(inside) == len(list(inside))
                inside["c"] = 1
                del inside["c"]
    assert _states(tmp_path) == before


def _states(folder: Path) -> dict[Path, tuple[int, int]]:
    found = {path: path.stat() for path in (folder, *folder.rglob("*"))}
    return {path: (facts.st_ino, facts.st_mtime_ns) for path, facts in found.items()}


@pytest.mark.parametrize("backend", ["File", "Directory"])
def test_a_drop_leaves_nothing_but_the_others(backend, tmp_path):
    for name in ("mine", "other"):
        Store(name, backend, root=tmp_path, writeback=False).update(a=1, b=2)
    Counter("mine", backend, root=tmp_path).increment()
    others = set(os.listdir(tmp_path))
    Store("mine", backend, root=tmp_path).drop()
    gone = others - set(os.listdir(tmp_path))
    assert [name.partition(".")[0] for name in gone] == ["mine"]
    assert Store("other", backend, root=tmp_path).snapshot() == {"a": 1, "b": 2}
    assert Counter("mine", backend, root=tmp_path).value == 1


def test_the_root_is_the_folder_stores_of_the_home(tmp_path, monkeypatch):
    monkeypatch.setenv("NAPIXD_HOME", str(tmp_path))
    Store("users", "Directory")["a"] = 1
    assert (tmp_path / "stores" / "users.store" / "a.json").exists()


def test_a_url_names_the_root(tmp_path, monkeypatch):
    monkeypatch.setenv("NAPIXD_STORE_URL", f"file://{tmp_path}/there")
    configure({})
    with Store("users") as users:
        users["a"] = 1
    assert (tmp_path / "there" / "users.store.json").exists()


@pytest.mark.parametrize("durability", ["process", "memory"])
def test_less_than_power_is_not_to_be_had(durability, tmp_path):
    assert Store("users", "File", root=tmp_path).durability == "power"
    with pytest.raises(ConfigError, match="'durability' must be 'power'"):
        Store("users", "File", root=tmp_path, durability=durability)


def test_a_record_that_is_not_asked_for_is_not_decoded(tmp_path):
    """One of them has an unknown tag: only who touches it finds out."""
    with Store("users", "File", root=tmp_path) as users:
        users.update({f"user {number}": [number] for number in range(1_000)})
    path = tmp_path / "users.store.json"
    document = json.loads(path.read_text())
    document["records"]["user 7"] = {"$tuple": "no list"}
    path.write_text(json.dumps({**document, "sha256": None}))

    for writeback in (True, False):
        store = Store("users", "File", root=tmp_path, writeback=writeback)
        assert store["user 8"] == [8]
        store["user 9"] = "new"
        store.save()
        assert len(store) == 1_000
        assert store.get_many(["user 9", "user 999"]) == {"user 9": "new", "user 999": [999]}
        with pytest.raises(CorruptData, match="user 7"):
            store["user 7"]


# --- names ----------------------------------------------------------------------------------------

NASTY = st.sampled_from(
    [*'aAkK.+-=~%_/\\\0 "é\u212aß\u017f\ufb01中😀', "con", "NUL", "%2e", "+S", "e\u0301"]
)
TEXTS = st.one_of(
    st.text(min_size=1, max_size=1_000),
    st.lists(NASTY, min_size=1, max_size=300).map("".join),
).filter(lambda text: len(text) <= 1_000 and _is_unicode(text))


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def folded(name: str) -> str:
    """Return what *name* is to a file system that ignores case and composes accents."""
    return unicodedata.normalize("NFC", name).casefold()


def _check_name(text: str) -> None:
    name = encode(text)
    assert name.isascii()
    assert not name.startswith(".")
    assert not name.endswith((".", " "))
    assert not set(name) & set('/\\\0:*?"<>| ')
    assert len(name) <= 200
    assert name.partition(".")[0] not in ("con", "prn", "aux", "nul", "com1", "lpt1")
    assert decode(name) == (None if "~" in name else text)


def _check_pair(one: str, other: str) -> None:
    assert (folded(encode(one)) == folded(encode(other))) == (one == other)


PAIRS = size(quick=400, full=1_000)


@settings(max_examples=PAIRS, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(TEXTS, TEXTS)
def test_names_of_files_are_short_safe_distinct_and_tell_their_text(one, other):
    _check_name(one)
    _check_pair(one, other)


@settings(max_examples=PAIRS, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(TEXTS, st.sampled_from(["NFC", "NFD", "NFKC", "upper", "lower", "swapcase", "casefold"]))
def test_texts_that_look_alike_have_distinct_names(text, change):
    alike = unicodedata.normalize(change, text) if change[0] == "N" else getattr(text, change)()
    if 0 < len(alike) <= 1_000:
        _check_pair(text, alike)
    _check_pair(text, encode(text))


@pytest.mark.torture
@settings(max_examples=50_000, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(TEXTS, TEXTS)
def test_fifty_thousand_pairs_of_names_are_distinct(one, other):
    _check_name(one)
    _check_pair(one, other)


@settings(
    max_examples=size(quick=15, full=40),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(st.lists(TEXTS, min_size=1, max_size=8, unique=True))
def test_every_name_can_be_that_of_a_real_file(tmp_path, texts):
    store = Store("keys", "Directory", root=tmp_path)
    store.drop()
    store.update({text: text for text in texts})
    assert store.snapshot() == {text: text for text in texts}
    assert all(store[text] == text for text in texts)
    assert len(os.listdir(tmp_path / "keys.store")) == len(texts)


@pytest.mark.parametrize("text", ["users", "scp-001", "a_b", "2026-01-31", "v1.2", "k=v", "=b17"])
def test_a_plain_name_is_its_own_file_name(text):
    assert encode(text) == text


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Alice", "+Alice"),
        ("two words", "two%20words"),
        ("a/b", "a%2fb"),
        ("..", "%2e%2e"),
        (".hidden", "%2ehidden"),
        ("aux.txt", "%61ux.txt"),
        ("50%", "50%25"),
        ("a+b", "a%2bb"),
        ("x" * 200, "x" * 200),
    ],
)
def test_other_names_stay_readable(text, name):
    assert (encode(text), decode(name)) == (name, text)


def test_a_long_name_begins_readably_and_its_file_tells_the_rest(tmp_path):
    text = "Ü" * 300
    assert encode(text).startswith("%c3%9c%c3%9c")
    assert decode(encode(text)) is None
    for backend in ("File", "Directory"):
        Store(text, backend, root=tmp_path, writeback=False)[text] = 1
        assert type(Store("x", backend)).collections({"root": tmp_path}) == [text]
        assert list(Store(text, backend, root=tmp_path)) == [text]


@pytest.mark.parametrize("name", ["A", "+s", "%C3", "%zz", "a~b", "%61", "con", ".a", "%ff", ""])
def test_what_no_text_is_named_is_no_text_s_name(name):
    assert decode(name) is None


# --- many writers ---------------------------------------------------------------------------------


def _save_own_keys(root: Path, who: int) -> list[str]:
    saved = []
    store = Store("shared", "File", root=root)
    for number in range(50):
        store[f"{who}:{number}"] = who
        store.save()
        saved.append(f"{who}:{number}")
        if number % 10 == 0:
            store.reload()
    return saved


def test_saves_of_distinct_keys_by_eight_processes_are_all_kept(tmp_path):
    saved = run(_save_own_keys, [(tmp_path, who) for who in range(8)])
    expected = {key: int(key[0]) for keys in saved for key in keys}
    assert len(expected) == 400
    assert Store("shared", "File", root=tmp_path).snapshot() == expected


def _add_to_one_key(backend: str, root: Path) -> tuple[int, int]:
    store = Store("shared", backend, root=root, writeback=True)
    added, refused = 0, []
    while added < 25:
        store["sum"] = store.get("sum", 0) + 1
        try:
            store.save()
            added += 1
        except Conflict as exc:
            refused.append(exc.keys)
            store.reload()
    assert refused == [["sum"]] * len(refused)
    return added, len(refused)


@pytest.mark.parametrize("backend", ["File", "Directory"])
def test_of_saves_of_one_key_by_eight_processes_each_counts_or_is_a_conflict(backend, tmp_path):
    outcomes = run(_add_to_one_key, [(backend, tmp_path)] * 8)
    assert Store("shared", backend, root=tmp_path)["sum"] == sum(added for added, _ in outcomes)
    assert sum(refused for _, refused in outcomes) > 0


@pytest.mark.parametrize("backend", ["File", "Directory"])
def test_a_reader_never_sees_half_a_value(backend, tmp_path):
    """It reads as fast as it can while another process writes."""
    store = Store("shared", backend, root=tmp_path, writeback=False)
    store["a"] = ["x"] * 10

    def write() -> None:
        for number in range(100):
            store["a"] = [str(number)] * (number * 10 + 1)

    reads = 0
    with fork(write) as writer:
        while os.waitid(os.P_PID, writer.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            assert len(set(store["a"])) == 1
            reads += 1
        writer.result(PROMPT)
    assert reads > 10
    assert store["a"] == ["99"] * 991


# --- the lock -------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["File", "Directory"])
def test_readers_do_not_wait_for_the_lock_and_a_killed_holder_releases_it(backend, tmp_path):
    store = Store("shared", backend, root=tmp_path, writeback=False)
    counter = Counter("ids", backend, root=tmp_path)
    store["a"], _ = 1, counter.increment()
    held, release = Signal(), Signal()
    with fork(hold, tmp_path, held, release) as holder:
        held.wait(PROMPT)
        assert (store["a"], len(store), store.snapshot(), counter.value) == (1, 1, {"a": 1}, 1)
        with ThreadPoolExecutor(2) as pool:
            waiting: list[Future[Any]] = [
                pool.submit(store.__setitem__, "a", 2),
                pool.submit(counter.increment),
            ]
            assert (store["a"], counter.value) == (1, 1)
            assert not any(future.done() for future in waiting)
            os.kill(holder.pid, signal.SIGKILL)
            assert [future.result(PROMPT) for future in waiting] == [None, 2]
    assert store["a"] == 2


@pytest.mark.usefixtures("unmeasured")  # as all of test_fork.py
@pytest.mark.parametrize("backend", ["File", "Directory"])
def test_a_fork_beside_a_thread_that_writes_gives_a_child_that_can_write(backend, tmp_path):
    """And the child, by living on, does not hold the lock that the thread held."""
    store = Store("shared", backend, root=tmp_path, writeback=False)
    store["parent"] = 0

    def write_on(stop: list[None]) -> int:
        number = 0
        while not stop:
            number += 1
            store["parent"] = number
        return number

    def child(live: Signal) -> Any:
        store["child"] = 1
        seen = store["child"], Counter("ids", backend, root=tmp_path).increment()
        live.wait()
        return seen

    stop: list[None] = []
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write_on, stop)
        try:
            for number in range(1, 11):
                live = Signal()
                with fork(child, live) as forked:
                    before = store["parent"]
                    while store["parent"] < before + 2:  # the thread goes on beside the child
                        assert not writing.done()
                    live.send()
                    assert forked.result(PROMPT) == (1, number)
        finally:
            stop.append(None)
        assert writing.result(PROMPT) == store["parent"]


@pytest.mark.parametrize("backend", ["File", "Directory"])
def test_what_a_killed_writer_left_is_cleared_by_the_next_one_of_whoever_runs_on(backend, tmp_path):
    """Services run for months, and some other process of them dies now and then."""
    store = Store("shared", backend, root=tmp_path, writeback=False)
    store["a"] = 1

    def die() -> None:
        os.rename = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)
        store.update(b=2, c=3)

    for number in range(3):
        fork(die).wait()
        assert hidden(tmp_path)
        store["a"] = number
        assert hidden(tmp_path) == []
    assert store.snapshot() == {"a": 2}


def test_a_reader_of_single_keys_soon_finishes_what_a_crashed_writer_decided(tmp_path):
    pair = {"a": "old", "b": "old"}
    reader = Store("c", "Directory", root=tmp_path)
    reader.update(pair)
    assert reader["a"] == "old"  # it looked, and will not look again at once

    def crash_between_two_renames() -> None:
        def rename(source: str, target: str, **within: int) -> None:
            os.replace(source, target, **within)
            if target.endswith(".json"):
                os.kill(os.getpid(), signal.SIGKILL)

        os.rename = rename  # type: ignore[assignment]  # in this process alone
        Store("c", "Directory", root=tmp_path).update(dict.fromkeys(pair, "new"))

    fork(crash_between_two_renames).wait()

    deadline = time.monotonic() + 30
    while (reader["a"], reader["b"]) != ("new", "new"):
        assert time.monotonic() < deadline


def test_what_others_keep_beside_our_files_is_no_collection(tmp_path):
    for name in ("notes.txt", ".hidden.store", ".x.store.json", "store.sqlite"):
        (tmp_path / name).touch()
    for backend in ("File", "Directory"):
        cls = type(Store("x", backend))
        assert cls.collections({"root": tmp_path}) == []


def test_a_root_that_is_a_file_is_a_config_error(tmp_path):
    (tmp_path / "root").touch()
    for backend in ("File", "Directory"):
        store = Store("x", backend, root=tmp_path / "root", writeback=False)
        for operation in (store.snapshot, lambda store=store: store.update(a=1)):
            with pytest.raises(ConfigError, match="check the path"):
                operation()
    assert issubclass(ConfigError, StoreError)
