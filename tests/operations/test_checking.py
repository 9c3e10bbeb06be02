"""`check` lists what is wrong; `repair` sets aside what cannot be read, and loses nothing."""

import os
import sqlite3
from pathlib import Path

import pytest

from napixd_store import ConfigError, CorruptData, Store, archive
from napixd_store.connections import close_all
from napixd_store.operations import Finding, Place, check, checking, place_of, places_of, repair
from tests.media import BACKENDS, OPTIONS, Medium
from tests.operations.places import contents, fill, place_on


@pytest.mark.parametrize("backend", BACKENDS)
def test_nothing_is_wrong_with_what_we_wrote(backend: str, quick_path: Path):
    place = place_on(backend, quick_path)
    assert check(place) == []
    fill(place, 3)
    assert check(place) == []
    assert repair(place, quick_path / "aside") == []
    assert not (quick_path / "aside").exists()


@pytest.mark.parametrize("backend", BACKENDS)
def test_unreadable_records_are_listed_one_by_one_and_set_aside(backend: str, quick_path: Path):
    place, medium = place_on(backend, quick_path), Medium(backend, quick_path, False)
    good = {"a": 1, 17: "x"}
    bad = {"=a3": b'{"$tuple":1}', "b": b'{"$nobody":[]}', "c": b'{"$until":["x"]}', "d": b"{"}
    for name in ("one", "two"):
        place.records(name).update(good)
        for text, record in bad.items():
            if medium.isolates(record):
                place.records(name)._write({text: record}, {})
    before = contents(place)
    found = check(place)
    planted = {text for text, record in bad.items() if medium.isolates(record)}
    assert {(each.collection, each.text) for each in found} == {
        (name, text) for name in ("one", "two") for text in planted
    }
    assert all("it was left as it is" in each.what for each in found)
    assert sorted(repair(place, quick_path / "aside")) == sorted(found)
    assert check(place) == []
    assert place.records("one") == place.records("two") == good
    with pytest.raises(ConfigError, match="is there already"):
        repair(place, quick_path / "aside")
    archive.load(quick_path / "aside", place)
    assert contents(place) == before


def test_what_others_mend_meanwhile_is_not_set_aside(
    quick_path: Path, monkeypatch: pytest.MonkeyPatch
):
    place = place_on("SQLite", quick_path)
    store = place.records("a")
    store._write(dict.fromkeys("bcd", b'{"$nobody":[]}'), {})

    def check_and_then(place: Place) -> list[Finding]:
        found = check(place)
        store["b"] = "mended"
        del store["c"]
        return found

    monkeypatch.setattr(checking, "check", check_and_then)
    assert [each.text for each in repair(place, quick_path / "aside")] == ["d"]
    assert store == {"b": "mended"}
    assert archive.verify(quick_path / "aside").collections == {"a": 1}


def test_a_pickle_of_another_secret_is_told_and_stays(quick_path: Path):
    options = OPTIONS["SQLite"](quick_path)
    secrets = [letter * 32 for letter in (b"a", b"b")]
    store = Store("a", "SQLite", **options, serializer="pickle", secret=secrets[0])
    store["k"] = {1, 2}
    store.put("ends", 3, expires_in=60)
    places = [
        Place("SQLite", **options),
        Place("SQLite", **options, serializer="pickle", secret=secrets[1]),
    ]
    for place in places:
        assert [each.text for each in check(place)] == ["k", "ends"]
        assert repair(place, quick_path / "aside") == []
    assert store == {"k": {1, 2}, "ends": 3}


def test_what_is_no_record_is_told_and_stays(quick_path: Path):
    place = place_on("SQLite", quick_path)
    place.records("a")._write({"=x": b"1"}, {})
    (found,) = check(place)
    assert (found.collection, found.text) == ("a", "=x")
    assert repair(place, quick_path / "aside") == []
    files = place_on("File", quick_path)
    files.records("b")["k"] = files.counter("n").increment()
    root = Path(files.connection.place)
    (root / "b.store.json").write_text("{}")
    assert [each.text for each in check(files)] == [None]
    (root / "b.store.json").unlink()
    (root / "n.counter.json").write_text("{}")
    assert [each.counter for each in check(files)] == ["n"]


def test_what_is_damaged_hides_nothing_else(quick_path: Path):
    """Neither a key's file the other keys, nor a collection's file the other collections."""
    keys, files = place_on("Directory", quick_path), place_on("File", quick_path)
    for place in (keys, files):
        for name in ("one", "two", "ends"):
            place.records(name).update(dict.fromkeys("abcd", 1))
        place.records("ends").put("e", 1, expires_in=60)
        place.records("two")._write({"c": b'{"$nobody":[]}'}, {})
    root, folder = Path(files.connection.place), Path(keys.connection.place)
    for damaged in ("one.store/b.json", "one.store/d.json", "ends.store/a.json"):
        (folder / damaged).write_text("damaged")
    for damaged in ("one", "ends"):
        (root / f"{damaged}.store.json").write_text("damaged")

    for place in (keys, files):
        assert place.collections() == ["ends", "one", "two"]
    assert [(each.collection, each.text) for each in check(files)] == [
        ("ends", None),
        ("one", None),
        ("two", "c"),
    ]
    found = [
        each.text or each.what.split(":")[0].removeprefix(f"{folder}/") for each in check(keys)
    ]
    assert sorted(found) == ["c", "ends.store/a.json", "one.store/b.json", "one.store/d.json"]
    assert [each.text for each in repair(keys, quick_path / "aside")] == ["c"]
    assert (folder / "one.store" / "b.json").read_text() == "damaged"
    with pytest.raises(CorruptData):
        keys.records("one").snapshot()


def test_rights_and_integrity(quick_path: Path):
    desk, files = place_on("SQLite", quick_path), place_on("File", quick_path)
    for place in (desk, files):
        place.records("a").update(dict.fromkeys(range(100), "x" * 1000))
        os.chmod(place.connection.place, 0o744)
        (found,) = check(place)
        mode = "drwxr--r--" if place is files else "-rwxr--r--"
        said = f"is open to others than its owner ({mode}): chmod go= it"
        assert found == Finding(f"{place.connection.place} {said}")
        os.chmod(place.connection.place, 0o700)
    close_all()
    database = sqlite3.connect(desk.connection.place)
    database.execute("PRAGMA writable_schema=ON")
    database.execute("UPDATE sqlite_schema SET rootpage=2 WHERE name='deadlines'")
    database.commit()
    database.close()
    assert check(desk) != []


def test_a_server_that_evicts_is_told(quick_path: Path):
    from tests.redis.servers import shared

    place = Place("RedisHash", **OPTIONS["RedisHash"](quick_path))
    place.records("a")["k"] = 1
    shared().ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    try:
        (found,) = check(place)
    finally:
        shared().ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
    assert "drops data when it needs room (maxmemory-policy allkeys-lru)" in found.what


# --- places ------------------------------------------------------------------------------------


def test_places_by_url_ini_and_settings(tmp_path: Path):
    assert str(place_of("sqlite:///x/a.sqlite")) == "SQLiteStore in /x/a.sqlite"
    assert str(place_of("redis+key://h/1")) == "RedisKeyStore in redis://h:6379/1"
    place = place_of("memory:")
    assert place_of(place) is place
    file = tmp_path / "desk.ini"
    file.write_text(
        f"[store]\npath = {tmp_path}/a.sqlite\n[store.a]\ncollection = a\n"
        f"[store.b]\nbackend = File\nroot = {tmp_path}/b\n[store.c]\nbackend = Memory\n"
        f"[counter.d]\nbackend = File\nroot = {tmp_path}/b\n[counter.e]\nname = e\n"
        f"[store.f]\npath = {tmp_path}/f.sqlite\n"
    )
    assert list(map(str, places_of(file))) == [
        f"SQLiteStore in {tmp_path}/a.sqlite",
        f"FileStore in {tmp_path}/b",
        f"SQLiteStore in {tmp_path}/f.sqlite",
    ]
    with pytest.raises(ConfigError, match="lead to several places"):
        place_of(str(file))
    assert str(place_of({"store.backend": "Memory"})) == "MemoryStore in the memory of this process"
    mixed = place_of({"store.backend": "Memory", "counter.backend": "File"})
    assert not mixed.is_one_medium
    assert mixed.examine() == []
    mixed.refuse_others()


def test_what_is_no_place():
    for source in ("mongo://x", "nowhere.ini", 3):
        with pytest.raises(ConfigError):
            place_of(source)
    for backend in ("builtins.dict", dict):
        with pytest.raises(ConfigError, match="not derived from StoreBackend"):
            Place(backend)
    with pytest.raises(ConfigError, match="not in the file system"):
        Place("Memory").at(Path("/x"))
