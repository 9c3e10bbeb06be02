"""Archives: an exact round trip, and a file that is not whole changes nothing."""

import gzip
import hashlib
import json
import os
import random
import resource
import signal
import stat
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from napixd_store import ConfigError, CorruptData, StoreError, StoreFull, archive
from napixd_store.connections import close_all
from napixd_store.operations import Place, twins
from tests.media import BACKENDS
from tests.operations.places import contents, empty, fill, hostile, place_on
from tests.sizes import size


@pytest.fixture
def desk(quick_path: Path) -> Place:
    return place_on("SQLite", quick_path)


@pytest.fixture
def other(quick_path: Path) -> Place:
    place = place_on("File", quick_path)
    place.records("old")["a"] = "stays"
    place.records("a")["k"] = "of the target"
    place.counter("n").reset(100)
    return place


def sealed(lines: list[bytes]) -> bytes:
    """Return *lines* as an archive with the right checksum and the right sums."""
    collections = sum(line.startswith(b'{"collection"') for line in lines)
    counters = sum(line.startswith(b'{"counter"') for line in lines)
    records = sum(line.startswith(b"[") for line in lines)
    text = b"".join(line + b"\n" for line in lines)
    end = {"collections": collections, "counters": counters, "records": records}
    end["sha256"] = hashlib.sha256(text).hexdigest()  # type: ignore[assignment]
    return text + json.dumps(end, separators=(",", ":")).encode() + b"\n"


# --- what comes back ---------------------------------------------------------------------------


@pytest.mark.parametrize("one", BACKENDS)
@pytest.mark.parametrize("name", ["a.archive", "a.archive.gz"])
def test_all_comes_back_byte_by_byte_in_every_backend(one: str, name: str, quick_path: Path):
    source, file = place_on(one, quick_path), quick_path / name
    fill(source, size(quick=10, full=50))
    time.sleep(0.01)
    before = contents(source)
    told: list[tuple[int, int]] = []
    found = archive.dump(source, file, progress=lambda *each: told.append(each))
    records = sum(found.collections.values())
    assert told[-1] == (records, records)
    assert found.collections == {name: len(records) for name, records in before[0].items()}
    assert found.counters == before[1]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert archive.verify(file) == found
    assert [each for each in os.listdir(quick_path) if each.endswith("aside")] == []
    empty(source)
    for backend in BACKENDS:
        target = place_on(backend, quick_path)
        assert archive.load(file, target) == found
        assert contents(target) == before
        empty(target)


def test_equal_places_have_equal_archives(desk: Place, other: Place, tmp_path: Path):
    fill(desk, 3)
    time.sleep(0.01)
    archive.dump(desk, tmp_path / "one.gz")
    archive.load(tmp_path / "one.gz", other, reset=True)
    text = gzip.decompress((tmp_path / "one.gz").read_bytes())
    assert b"".join(archive.lines(desk)) == text
    ours, theirs = (
        sealed(each.replace(b"SQLiteStore", b"FileStore").splitlines()[:-1])
        for each in (text, b"".join(archive.lines(other)))
    )
    assert ours == theirs


def test_what_is_no_json_of_one_line_comes_back_too(quick_path: Path, tmp_path: Path):
    desk, other = (Place("SQLite", path=quick_path / name) for name in ("a", "b"))
    records = {"a": b'{"a":\n1}', "b": b"\xff", "c": b"", "d": b"NaN", "e": b"1\r", "f": b" 1 "}
    desk.records("x")._write(records, {})
    archive.dump(desk, tmp_path / "a")
    assert b'["b",null,"/w=="]' in (tmp_path / "a").read_bytes()
    archive.load(tmp_path / "a", other)
    assert other.records("x")._load() == records


def test_only_what_is_named(desk: Place, tmp_path: Path):
    for name in "ab":
        desk.records(name)["k"] = desk.counter(name).increment()
    found = archive.dump(desk, tmp_path / "a", collections=["b"], counters=[])
    assert found == archive.Archived({"b": 1}, {})


def test_it_is_read_item_by_item(desk: Place, tmp_path: Path):
    desk.records("a")[17] = "x"
    desk.counter("n").increment()
    archive.dump(desk, tmp_path / "a")
    assert list(archive.read(tmp_path / "a")) == [
        archive.Collection("a", "SQLiteStore"),
        archive.Record("=b17", b'"x"'),
        archive.Number("n", 1),
    ]


# --- what load does ----------------------------------------------------------------------------


@pytest.fixture
def file(desk: Place, tmp_path: Path) -> Path:
    desk.records("a").update({"k": "new", "l": "new"})
    desk.records("big").update(dict.fromkeys(range(5000), "x" * 100))
    desk.counter("n").reset(7)
    desk.counter("m").reset(-7)
    archive.dump(desk, tmp_path / "desk.archive")
    return tmp_path / "desk.archive"


def test_load_adds_and_never_lowers_a_counter(file: Path, other: Place, desk: Place):
    archive.load(file, other)
    expected, _ = contents(desk)
    found, numbers = contents(other)
    assert found == {**expected, "old": {"a": b'"stays"'}}
    assert numbers == {"n": 100, "m": -7}


def test_reset_leaves_what_the_archive_holds_alone(file: Path, other: Place, desk: Place):
    other.records("big").update(dict.fromkeys(range(7_000), "old"))
    other.counter("another").increment()
    told: list[tuple[int, int]] = []
    archive.load(file, other, reset=True, progress=lambda *each: told.append(each))
    assert contents(other) == contents(desk)
    assert told[-1] == (5_002, 5_002)


def test_a_dry_run_checks_and_changes_nothing(file: Path, other: Place):
    before = contents(other)
    found = archive.load(file, other, reset=True, dry_run=True)
    assert found == archive.Archived({"a": 2, "big": 5_000}, {"m": -7, "n": 7})
    assert contents(other) == before


def test_a_pickle_is_for_its_own_backend_alone(quick_path: Path, tmp_path: Path):
    signed = Place("SQLite", path=quick_path / "a.sqlite", serializer="pickle", secret="s")
    signed.store("a")["b"] = 1j
    archive.dump(signed, tmp_path / "a")
    target = place_on("File", quick_path)
    with pytest.raises(ConfigError, match="signed for SQLiteStore alone"):
        archive.load(tmp_path / "a", target)
    assert contents(target) == ({}, {})
    twin = Place("SQLite", path=quick_path / "b.sqlite", serializer="pickle", secret="s")
    archive.load(tmp_path / "a", twin)
    assert twin.store("a")["b"] == 1j


# --- what cannot be written, or read -----------------------------------------------------------


def test_an_older_archive_stands_when_a_new_one_fails(desk: Place, tmp_path: Path):
    desk.records("a")["k"] = 1
    archive.dump(desk, tmp_path / "a")
    before = (tmp_path / "a").read_bytes()
    desk.records("b")._write({"=x": b"1"}, {})
    with pytest.raises(CorruptData, match="a stored key begins with '='"):
        archive.dump(desk, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == before
    assert os.listdir(tmp_path) == ["a"]


def test_a_full_disk_leaves_nothing(desk: Place, tmp_path: Path):
    desk.records("a")["k"] = 1
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        with pytest.raises(StoreFull):
            archive.dump(desk, tmp_path / "a")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("backend", ["SQLite", "File", "Directory"])
def test_it_does_not_replace_what_is_no_archive(backend: str, quick_path: Path):
    """Least of all the place itself, were it open or not; nor what only looks like a file."""
    place = place_on(backend, quick_path)
    place.records("users").update(ann=1, bob=2)
    place.counter("ids").increment()
    for is_open in (True, False):
        if not is_open:
            close_all()
        for path in [path for path in quick_path.rglob("*") if path.is_file()]:
            # What is empty may be replaced, and the queue of writers is missed by nobody.
            if (is_open and not path.name.endswith("-queue")) or path.stat().st_size:
                with pytest.raises(ConfigError, match="is no archive, and was left as it is"):
                    archive.dump(place, path)
    with pytest.raises(ConfigError, match="is no archive"):
        archive.dump(place, "/dev/null")
    assert place.records("users") == {"ann": 1, "bob": 2}
    assert place.counter("ids").value == 1
    archives = [quick_path / name for name in ("plain", "zipped.gz", "empty")]
    archives[2].touch()
    for path in archives * 2:
        archive.dump(place, path)
        assert archive.verify(path).collections == {"users": 2}


def test_a_place_for_no_file(desk: Place, tmp_path: Path):
    for work in (archive.dump, lambda place, path: archive.load(path, place)):
        for path in (tmp_path, tmp_path / "no" / "a", tmp_path / "a\0b", tmp_path / ("x" * 300)):
            with pytest.raises(StoreError):
                work(desk, path)
    assert os.listdir(tmp_path) == []


BEGIN = b'{"napixd-store-archive":1}'
A = b'{"collection":"a","store":"S"}'
BAD: dict[str, tuple[list[bytes], str]] = {
    "twin keys": ([BEGIN, A, b'["k",1]', b'["k",2]', b'{"records":2}'], "line 5: .* a key twice"),
    "twins that are spelt otherwise": (
        [BEGIN, A, b'["k",1]', b'["\\u006b",2]', b'{"records":2}'],
        "line 5: .* a key twice",
    ),
    "twin collections": (
        [BEGIN, A, b'{"records":0}', A, b'{"records":0}'],
        "line 4: a collection or a counter comes twice",
    ),
    "twin counters": ([BEGIN, *[b'{"counter":"n","value":1}'] * 2], "line 3: .* comes twice"),
    "NaN": ([BEGIN, A, b'["k",NaN]', b'{"records":1}'], "line 3: the value is no JSON"),
    "depth": ([BEGIN, A, b'["k",%b]' % (b"[" * 10**5 + b"]" * 10**5)], "line 3: .* too deeply"),
    "depth elsewhere": ([BEGIN, b"[" * 10**5], "line 2: a record stands outside"),
    "depth of a header": ([b'{"a":' * 10**5 + b"1" + b"}" * 10**5], "line 1: it is no archive"),
    "depth of a name": ([BEGIN, b'{"collection":%b' % (b"[" * 10**5)], "line 2: it is neither"),
    "newer": ([b'{"napixd-store-archive":2}'], r"line 1: .* newer napixd-store \(format 2\)"),
    "nothing ours": ([b"{}"], "line 1: it is no archive of napixd-store"),
    "no header": ([A, b'{"records":0}'], "line 1: it is no archive"),
    "a wrong count": ([BEGIN, A, b'["k",1]', b'{"records":2}'], "line 4: there are more or fewer"),
    "an open collection": ([BEGIN, A, b'["k",1]'], "line 4: the last collection does not end"),
    "a collection in one": ([BEGIN, A, A], "line 3: it is neither"),
    "a record outside": ([BEGIN, b'["k",1]'], "line 2: a record stands outside"),
    "no key": ([BEGIN, A, b'["",1]'], "line 3: a key, or"),
    "a long key": ([BEGIN, A, b'["%b",1]' % (b"x" * 1001)], "line 3: a key, or"),
    "a float key": ([BEGIN, A, b"[1.0,1]"], "line 3: it is no record"),
    "an odd int key": ([BEGIN, A, b"[01,1]"], "line 3: a key, or"),
    "minus nothing": ([BEGIN, A, b"[-0,1]"], "line 3: a key, or"),
    "a lone surrogate": ([BEGIN, A, b'["\\ud800",1]'], "line 3: a key, or"),
    "no record": ([BEGIN, A, b'["k"]'], "line 3: it is no record"),
    "two records": ([BEGIN, A, b'["k",1,2]'], "line 3: the value is no JSON"),
    "no Base64": ([BEGIN, A, b'["k",null,"a"]'], "line 3: a key, or"),
    "bytes that are no text": ([BEGIN, A, b'["k","\xff"]'], "line 3: the value is no JSON"),
    "a bad name": ([BEGIN, b'{"collection":"","store":"S"}'], "line 2: it is neither"),
    "a number that does not fit": ([BEGIN, b'{"counter":"n","value":9223372036854775808}'], "64"),
    "a float counter": ([BEGIN, b'{"counter":"n","value":1.5}'], "line 2: it is neither"),
    "something else": ([BEGIN, b'{"collection":"a","store":"S","x":1}'], "line 2: it is neither"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_told_with_its_line_and_changes_nothing(
    case: str, other: Place, tmp_path: Path
):
    lines, said = BAD[case]
    before = contents(other)
    for name, pack in (("a", bytes), ("a.gz", gzip.compress)):
        (tmp_path / name).write_bytes(pack(sealed(lines)))
        with pytest.raises(CorruptData, match=said) as refused:
            archive.load(tmp_path / name, other, reset=True)
        assert "nothing was changed" in str(refused.value)
        assert contents(other) == before


def test_the_last_line_counts_and_nothing_follows(file: Path, other: Place):
    text = file.read_bytes()
    *lines, last = text.splitlines(keepends=True)
    for what, said in [
        (b"".join(lines[1:]) + last, "line 1: it is no archive"),
        (text.replace(b'"new"', b'"gnu"'), "checksum is wrong"),
        (text.replace(b'"sha256":"', b'"sha256":"0'), "checksum is wrong"),
        (text + b"\n", "something follows"),
        (text + text, "something follows"),
        (gzip.compress(text) + b"x", "gzip"),
        (gzip.compress(text) + gzip.compress(b"x"), "something follows"),
        (b"".join(lines) + last.replace(b'"counters":2', b'"counters":3'), "last line says"),
        (b"".join(lines) + b'{"collections":1}\n', "last line is damaged"),
        (b"".join(lines), "ends too early"),
        (b"", "line 1: it ends too early"),
    ]:
        file.write_bytes(what)
        with pytest.raises(CorruptData, match=said):
            archive.load(file, other)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_cut_off_at_every_byte(pack: Any, desk: Place, other: Place, tmp_path: Path):
    desk.records("a")["k"] = "v"
    desk.counter("n").increment()
    whole = pack(b"".join(archive.lines(desk)))
    before = contents(other)
    for length in range(len(whole)):
        (tmp_path / "a").write_bytes(whole[:length])
        with pytest.raises(CorruptData, match="nothing was changed"):
            archive.load(tmp_path / "a", other, reset=True)
    assert contents(other) == before


def test_a_bomb_fills_no_memory(other: Place, tmp_path: Path):
    with gzip.open(tmp_path / "a.gz", "wb", 9) as bomb:
        bomb.write(BEGIN + b"\n" + A + b'\n["k","')
        for _ in range(64):
            bomb.write(b"x" * 2**20)
    tracemalloc.start()
    with pytest.raises(CorruptData, match="line 3: it goes on after 1048576 bytes"):
        archive.load(tmp_path / "a.gz", other, max_line_bytes=2**20)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * 2**20


def test_twins_meet_however_many_are_between_them(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(twins, "_AT_ONCE", 100)
    texts = [f"key {number}" for number in range(2_550)]
    with twins.Twins() as seen:
        for repeated in (False, True, False):
            for text in [*texts, *texts[1_234:1_235] * repeated]:
                seen.see(text)
            assert seen.found() is repeated


def test_fuzz(desk: Place, quick_path: Path, tmp_path: Path):
    """What is mutated is refused, or it says something else that is whole; never anything else."""
    target = place_on("Memory", quick_path)
    for name in hostile(20):
        desk.records(name)[name] = {"$until": [1, name]}
        desk.counter(name).reset(len(name))
    desk.records("a").put(3, "x", expires_in=1000)
    text = b"".join(archive.lines(desk))
    target.records("kept")["k"] = target.counter("kept").increment()
    before = contents(target)
    chance = random.Random(1616)
    refused = 0
    for number in range(size(quick=300, full=3_000)):
        mutated = _mutated(text, chance)
        if number % 3 == 0:  # what a hand that knows the format would do
            lines = mutated.splitlines()[:-1]
            mutated = sealed(lines)
        packed = gzip.compress(mutated, 1) if number % 2 else mutated
        if number % 10 == 1:
            packed = _mutated(packed, chance)
        (tmp_path / "a").write_bytes(packed)
        try:
            found = archive.load(tmp_path / "a", target, dry_run=True)
            assert sum(found.collections.values()) <= text.count(b"\n[") + 3
        except StoreError:
            refused += 1
            with pytest.raises(StoreError, match=r"line \d+: |gzip: "):
                archive.load(tmp_path / "a", target, reset=True)
        assert contents(target) == before
    assert refused > number * 0.8


def _mutated(text: bytes, chance: random.Random) -> bytes:
    lines = text.splitlines(keepends=True)
    for _ in range(chance.randint(1, 3)):
        at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
        place = chance.randrange(len(lines[at]) + 1)
        junk = chance.choice(
            [b"\0", b"\xff", b'"', b"[", b"}", b"NaN", b"\n", b"9" * 30, b"\\ud800"]
        )
        how = chance.randrange(6)
        if how == 0:
            lines[at] = lines[at][:place] + junk + lines[at][place:]
        elif how == 1:
            lines[at] = lines[at][:place] + lines[at][place + 1 :]
        elif how == 2:
            lines[at], lines[other] = lines[other], lines[at]
        elif how == 3:
            lines.insert(at, lines[other])
        elif how == 4 and len(lines) > 1:
            del lines[at]
        else:
            bits = bytearray(lines[at])
            if bits:
                bits[place % len(bits)] ^= 1 << chance.randrange(8)
            lines[at] = bytes(bits)
    return b"".join(lines)
