"""What may befall files: full and read-only disks, planted and damaged files, foreign hands."""

import json
import os
import pickle
import signal
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from napixd_store import (
    ConfigError,
    CorruptData,
    Counter,
    ReadOnly,
    Store,
    StoreError,
    StoreFull,
    filesystems,
)
from napixd_store.backends.files import journal
from napixd_store.backends.files.filenames import encode
from napixd_store.backends.files.root import open_root
from napixd_store.connections import connect
from tests.files import PROMPT, tree
from tests.harness.crashes import hidden
from tests.harness.mounts import fuse, remount, tmpfs
from tests.labs import need
from tests.processes import fork


@dataclass(frozen=True)
class Kind:
    """One kind of file of ours, which holds 1 until something is written."""

    name: str
    file: str
    """The file in the root that holds it."""

    backend: str

    def __str__(self) -> str:
        return self.name

    def open(self, root: Path) -> Any:
        if self.name == "counter":
            return Counter("c", self.backend, root=root)
        return Store("c", self.backend, root=root, writeback=False)

    def read(self, handle: Any) -> object:
        return handle.value if self.name == "counter" else handle.snapshot()

    def write(self, handle: Any, value: Any = 2) -> None:
        if self.name == "counter":
            handle.reset(2)
        else:
            handle["a"] = value

    def made(self, root: Path) -> Path:
        """Make it in *root*, and return the path of its file."""
        handle = self.open(root)
        handle.reset(1) if self.name == "counter" else handle.update(a=1)
        return root / self.file


FILE = Kind("collection", "c.store.json", "File")
KEY = Kind("key", "c.store/a.json", "Directory")
COUNTER = Kind("counter", "c.counter.json", "File")
KINDS = [FILE, KEY, COUNTER]

each_kind = pytest.mark.parametrize("kind", KINDS, ids=str)


# --- full and read-only ---------------------------------------------------------------------------


def _fill(folder: Path, leave: int) -> Path:
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as stream, suppress(OSError):
        while stream.write(b"x" * 4096):
            pass
    os.truncate(filler, filler.stat().st_size - leave)
    return filler


@pytest.mark.lab
@pytest.mark.parametrize("kind", [FILE, KEY], ids=str)
@pytest.mark.parametrize("leave", [0, 8192], ids=["no-room", "some-room"])
@pytest.mark.parametrize("writeback", [False, True], ids=["through", "back"])
def test_a_full_disk_is_store_full_and_later_all_goes_on(kind, leave, writeback, tmp_path):
    with tmpfs(tmp_path / "disk", "2m") as folder:
        kind.made(folder / "root")
        store = Store("c", kind.backend, root=folder / "root", writeback=writeback)
        assert store["a"] == 1
        filler = _fill(folder, leave)

        def write() -> None:
            store["a"] = "y" * 100_000
            store["b"] = "y" * 100_000
            store.save()

        with pytest.raises(StoreFull, match="nothing was changed"):
            write()
        assert kind.read(kind.open(folder / "root")) == {"a": 1}
        assert hidden(folder / "root") == []

        filler.unlink()
        write()
        assert kind.read(kind.open(folder / "root")) == {"a": "y" * 100_000, "b": "y" * 100_000}


@pytest.mark.lab
def test_a_full_disk_stops_a_counter_which_then_goes_on_without_a_gap(tmp_path):
    with tmpfs(tmp_path / "disk", "2m") as folder:
        counter = Counter("c", "File", root=folder / "root")
        assert counter.increment() == 1
        filler = _fill(folder, 0)
        for _ in range(3):
            with pytest.raises(StoreFull):
                counter.increment()
        assert (counter.value, hidden(folder / "root")) == (1, [])
        filler.unlink()
        assert counter.increment() == 2


@pytest.mark.lab
def test_keys_of_a_directory_can_be_deleted_on_a_full_disk(tmp_path):
    with tmpfs(tmp_path / "disk", "2m") as folder:
        KEY.made(folder / "root")
        store = KEY.open(folder / "root")
        _fill(folder, 0)
        del store["a"]
        assert store.snapshot() == {}


@pytest.mark.lab
@each_kind
def test_a_read_only_disk_is_read_and_refuses_every_write(kind, tmp_path):
    with tmpfs(tmp_path / "disk", "2m") as folder:
        kind.made(folder / "root")
        remount(folder, read_only=True)
        handle = kind.open(folder / "root")
        before = kind.read(handle)
        with pytest.raises(ReadOnly, match="nothing was changed"):
            kind.write(handle)
        if kind is not COUNTER:
            with pytest.raises(ReadOnly):
                handle.drop()
        assert kind.read(handle) == before


@pytest.mark.lab
def test_a_batch_that_cannot_be_finished_on_a_read_only_disk_is_told_and_finished_later(tmp_path):
    with tmpfs(tmp_path / "disk", "2m") as folder:
        KEY.made(folder / "root")
        store = KEY.open(folder / "root")
        path = folder / "root" / "c.store"
        fork(_die_when_decided, store).wait()
        assert (path / ".journal").exists()
        remount(folder, read_only=True)
        for read in (store.snapshot, lambda: len(store)):
            with pytest.raises(ReadOnly, match=r"interrupted cannot be finished: .*c\.store"):
                read()
        remount(folder, read_only=False)
        assert store.snapshot() == {"a": 2, "b": 2}


def _die_when_decided(store: Any) -> None:
    journal._carry_out = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    store.update(a=2, b=2)


@pytest.mark.lab
@each_kind
def test_who_has_no_right_to_write_reads_and_is_told(kind, open_folder):
    """A real user without rights, in folders of which it owns all and may change nothing."""
    need(os.geteuid() == 0, "only root may become another user")
    kind.made(open_folder / "root")
    for folder, folders, files in os.walk(open_folder / "root", topdown=False):
        for name in [*files, *folders, ""]:
            path = os.path.join(folder, name)
            os.chown(path, 65534, 65534)
            os.chmod(path, 0o400 if name in files else 0o500)

    def as_nobody() -> object:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        handle = kind.open(open_folder / "root")
        before = kind.read(handle)
        with pytest.raises(ReadOnly):
            kind.write(handle)
        return before

    assert fork(as_nobody).result(PROMPT) == (1 if kind is COUNTER else {"a": 1})


# --- rights ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
@each_kind
def test_files_are_their_owner_s_only_under_any_umask(kind, umask, tmp_path):
    root = tmp_path / "new" / "root"

    def write() -> None:
        os.umask(umask)
        kind.made(root)
        opened = connect(open_root, {"root": root})
        opened.alone(lambda folder: folder.stage("x", b"an aside"))  # type: ignore[attr-defined]

    fork(write).result()

    modes = {
        os.path.relpath(path, tmp_path): stat.S_IMODE(os.lstat(path).st_mode)
        for folder, folders, files in os.walk(root.parent)
        for path in (folder, *(os.path.join(folder, name) for name in files))
    }
    assert {"new", "new/root", f"new/root/{kind.file}"} <= set(modes)
    assert any(path.endswith(".aside") for path in modes)
    assert modes == {path: 0o700 if (tmp_path / path).is_dir() else 0o600 for path in modes}


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_a_root_that_others_may_write_draws_a_warning(mode, tmp_path):
    tmp_path.chmod(mode)
    with pytest.warns(UserWarning, match="may be written by others.*chmod go-w"):
        len(FILE.open(tmp_path))


# --- planted --------------------------------------------------------------------------------------


def _link(path: Path, victim: Path) -> None:
    path.symlink_to(victim)


def _dangling_link(path: Path, victim: Path) -> None:
    path.symlink_to(victim.parent / "to be made")


def _hard_link(path: Path, victim: Path) -> None:
    path.hardlink_to(victim)


def _folder(path: Path, victim: Path) -> None:
    path.mkdir()


def _pipe(path: Path, victim: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path, victim: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        descriptor = os.open(path.parent, os.O_RDONLY)
        listener.bind(f"/proc/self/fd/{descriptor}/{path.name}")  # a path of over 108 bytes
        os.close(descriptor)


PLANTED = [_link, _dangling_link, _hard_link, _folder, _pipe, _socket]


def refused(tmp_path: Path, *operations: Callable[[], object]) -> None:
    """Assert that each of *operations* is refused, at once, and changes nothing at all."""
    before = tree(tmp_path)

    def try_all() -> list[str]:
        errors = []
        for operation in operations:
            try:
                operation()
                errors.append("none")
            except StoreError as exc:
                errors.append(type(exc).__name__)
        return errors

    assert fork(try_all).result(PROMPT) == ["CorruptData"] * len(operations)
    assert tree(tmp_path) == before


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    path = tmp_path / "victim"
    path.write_text("precious")
    return path


@pytest.mark.parametrize("plant", PLANTED)
@each_kind
def test_nothing_is_read_or_written_through_what_stands_for_a_file(kind, plant, victim, tmp_path):
    path = kind.made(tmp_path / "root")
    path.unlink()
    plant(path, victim)
    handle = kind.open(tmp_path / "root")
    several = {} if kind is COUNTER else {"a": 2, "z": 3}

    refused(
        tmp_path,
        lambda: kind.read(handle),
        lambda: kind.write(handle),
        lambda: handle.update(several) if several else handle.increment(),
    )
    if kind is FILE:
        refused(tmp_path, handle.drop)


@pytest.mark.parametrize("plant", [_link, _dangling_link, _hard_link, _pipe, _socket])
def test_nothing_is_read_or_written_through_what_stands_for_a_folder(plant, victim, tmp_path):
    store = KEY.open(tmp_path / "root")
    KEY.made(tmp_path / "root").unlink()
    (tmp_path / "root" / "c.store").rmdir()
    plant(tmp_path / "root" / "c.store", victim)

    refused(
        tmp_path,
        store.snapshot,
        lambda: len(store),
        lambda: store["a"],
        lambda: KEY.write(store),
        lambda: store.update(a=1, b=2),
        store.drop,
    )


def test_no_key_is_read_or_written_through_a_link_to_a_folder(tmp_path):
    """Neither one with nothing in it nor another collection of the same root."""
    root = tmp_path / "root"
    KEY.made(root)
    (tmp_path / "elsewhere").mkdir()
    for name, target in [("x.store", tmp_path / "elsewhere"), ("y.store", root / "c.store")]:
        (root / name).symlink_to(target)
    x, y = (Store(name, "Directory", root=root) for name in "xy")

    refused(
        tmp_path,
        x.snapshot,
        lambda: x.update(a=1),
        x.drop,
        y.snapshot,
        lambda: y.update(a=1, b=2),
        y.drop,
    )


@pytest.mark.parametrize("plant", PLANTED)
def test_nothing_is_carried_out_that_is_no_journal(plant, victim, tmp_path):
    KEY.made(tmp_path / "root")
    plant(tmp_path / "root" / "c.store" / ".journal", victim)
    store = KEY.open(tmp_path / "root")

    refused(tmp_path, store.snapshot, lambda: KEY.write(store), lambda: store.update(a=1, b=2))


def test_a_journal_cannot_name_files_of_another_folder(tmp_path):
    from napixd_store.backends.files import document

    KEY.made(tmp_path / "root")
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "root" / "c.store" / ".journal").write_bytes(
        document.write({"collection": "c"}, "changes", b'{"rename":{},"delete":["../../victim"]}')
    )
    store = KEY.open(tmp_path / "root")

    refused(tmp_path, store.snapshot, lambda: KEY.write(store))


# --- names ----------------------------------------------------------------------------------------

HOSTILE = [
    *("/", "..", ".", "../x", "../../etc/passwd", "/etc/passwd", "a/b", "a/../../b", "./a", "~"),
    *("~root", "a\0b", "\0", "\n", "\r\n", " ", "a ", "a.", ".a", ".lock", ".journal", "-rf", "*"),
    *("?", "[a]", "$HOME", "`id`", "a;b", "a\\b", "C:\\x", "con", "NUL", "aux.txt", "com1", "%2e"),
    *("%2e%2e%2fx", "+S", "a:b", "é", "e\u0301", "\ufb01", "K\u212a", "ß", "\u202etxt", "x" * 1000),
    *("€" * 86, "\U0001f600" * 250, "a.json", "a.store.json", "c.store", "x.counter.json"),
    *(".0123456789abcdef.aside", "Key", "key", "KEY"),
]


def test_no_name_leads_out_of_the_root_or_to_another_one(tmp_path):
    root = tmp_path / "middle" / "root"
    root.mkdir(parents=True)
    (tmp_path / "x").write_text("precious")
    (tmp_path / "middle" / "x").write_text("precious")
    before = tree(tmp_path)
    files = {name: Store(name, "File", root=root, writeback=False) for name in HOSTILE}
    folders = {name: Store(name, "Directory", root=root) for name in HOSTILE}
    counters = {name: Counter(name, "File", root=root) for name in HOSTILE}
    keys = Store("keys", "Directory", root=root)

    for place, name in enumerate(HOSTILE):
        files[name]["k"] = folders[name]["k"] = keys[name] = place
        counters[name].reset(place)

    for place, name in enumerate(HOSTILE):
        assert files[name].snapshot() == folders[name].snapshot() == {"k": place}
        assert (keys[name], counters[name].value) == (place, place)
    assert keys.snapshot() == {name: place for place, name in enumerate(HOSTILE)}
    assert type(files[HOSTILE[0]]).collections({"root": root}) == sorted(HOSTILE)
    assert type(keys).collections({"root": root}) == sorted([*HOSTILE, "keys"])
    after = tree(tmp_path)
    assert {path: after[path] for path in before} == before
    assert all(path.startswith("middle/root/") for path in after.keys() - before.keys())

    for name in HOSTILE[::2]:
        files[name].drop()
        folders[name].drop()
    for place, name in enumerate(HOSTILE):
        expected = {} if place % 2 == 0 else {"k": place}
        assert files[name].snapshot() == folders[name].snapshot() == expected


# --- file systems that are no good ----------------------------------------------------------------

MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:21 / /srv rw - nfs4 server:/export rw
24 23 0:22 / /srv/local rw - xfs /dev/vdb rw
25 22 0:23 / /mnt/with\\040a\\011space rw - fuse.sshfs host: rw
26 22 0:24 / /mnt/caf\u00e9 rw - cifs //host/share rw
27 22 0:25 / /covered rw - nfs server:/ rw
28 27 0:26 / /covered rw - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("/", "ext4"),
        ("/var/lib", "ext4"),
        ("/srv", "nfs4"),
        ("/srv/a/b", "nfs4"),
        ("/srvx", "ext4"),
        ("/srv/local/x", "xfs"),
        ("/srv/locals", "nfs4"),
        ("/mnt/with a\tspace/x", "fuse.sshfs"),
        ("/mnt/café/x", "cifs"),
        ("/covered/x", "tmpfs"),
    ],
)
def test_the_deepest_and_latest_mount_tells_the_file_system(place, kind):
    assert filesystems.filesystem(place, MOUNTS.splitlines()) == kind


@pytest.mark.lab
@each_kind
def test_a_remote_file_system_is_refused_unless_asked_for(kind, tmp_path):
    with fuse(tmp_path / "source", tmp_path / "remote") as folder:
        assert filesystems.remote_filesystem(folder / "root") == "fuse"
        handle = kind.open(folder / "root")
        for operation in (kind.read, kind.write):
            with pytest.raises(ConfigError, match=r"is on fuse.*any_filesystem=True"):
                operation(handle)
        assert os.listdir(folder) == []

        if kind is COUNTER:
            Counter("c", "File", root=folder / "root", any_filesystem=True).reset(2)
        else:
            with Store("c", kind.backend, root=folder / "root", any_filesystem=True) as store:
                store["a"] = 2
        assert (tmp_path / "source" / "root" / kind.file).exists()


# --- damaged --------------------------------------------------------------------------------------


@contextmanager
def damaged(path: Path, data: bytes) -> Iterator[None]:
    """Let *path* hold *data* during the block, in which nothing may change it."""
    whole = path.read_bytes()
    path.write_bytes(data)
    yield
    assert path.read_bytes() == data
    path.write_bytes(whole)


def corrupt(kind: Kind, path: Path, data: bytes, match: str | None = None) -> None:
    """Assert that *data* is refused by whoever reads *path*, which is named, and left as it is."""
    handle = kind.open(path.parent if kind is not KEY else path.parent.parent)
    with damaged(path, data):
        with pytest.raises(CorruptData, match=match) as caught:
            kind.read(handle)
        assert str(path) in str(caught.value)
        assert "left as it is" in str(caught.value)
        with pytest.raises(CorruptData):
            kind.write(handle)


@each_kind
def test_a_flipped_bit_is_noticed(kind, tmp_path):
    path = kind.made(tmp_path)
    whole, handle = path.read_bytes(), kind.open(tmp_path)
    for place in range(len(whole)):
        for bit in range(8):
            flipped = bytearray(whole)
            flipped[place] ^= 1 << bit
            with damaged(path, bytes(flipped)):
                with pytest.raises(CorruptData) as caught:
                    kind.read(handle)
                assert str(path) in str(caught.value)


@each_kind
def test_a_truncated_or_empty_file_is_noticed(kind, tmp_path):
    path = kind.made(tmp_path)
    whole = path.read_bytes()
    for length in range(len(whole)):
        corrupt(kind, path, whole[:length])
    corrupt(kind, path, b"", "the file is empty")
    corrupt(kind, path, whole + b" ", "checksum")


@each_kind
def test_a_careless_edit_is_noticed(kind, tmp_path):
    path = kind.made(tmp_path)
    whole = path.read_bytes()
    corrupt(kind, path, whole.replace(b"\n}\n", b",\n}\n"), "edited into invalid JSON")
    corrupt(kind, path, whole.replace(b"1\n", b"7\n"), 'checksum.*"sha256":null')


def edited(whole: bytes, **members: Any) -> bytes:
    """Return the document as a program would write it that keeps to JSON and nothing else."""
    document = json.loads(whole)
    return json.dumps({**document, "sha256": None, **members}, indent=4).encode()


@each_kind
def test_a_careful_edit_is_read_and_the_next_write_puts_a_checksum(kind, tmp_path):
    path = kind.made(tmp_path)
    member, value = {
        "collection": ("records", {"a": 7, "é": [7]}),
        "key": ("record", 7),
        "counter": ("value", 7),
    }[kind.name]
    path.write_bytes(edited(path.read_bytes(), **{member: value}))

    handle = kind.open(tmp_path)
    assert kind.read(handle) == {"collection": value, "key": {"a": 7}, "counter": 7}[kind.name]
    kind.write(handle)
    assert b'"sha256":"' in path.read_bytes()
    assert (
        kind.read(handle)
        == {"collection": {"a": 2, "é": [7]}, "key": {"a": 2}, "counter": 2}[kind.name]
    )


def test_a_careful_edit_is_read_under_a_name_that_json_may_escape(tmp_path):
    store = Store("café", "Directory", root=tmp_path)
    store["ключ"] = 1
    (path,) = (tmp_path / "caf%c3%a9.store").glob("*.json")
    path.write_bytes(edited(path.read_bytes(), record=7))
    assert b"\\u00e9" in path.read_bytes()
    assert store.snapshot() == {"ключ": 7}


@pytest.mark.parametrize("twins", [b'"a":1,"b":2,"a":3', b'"b":{"x":1,"x":2}'])
def test_a_key_that_an_edit_left_twice_is_noticed(twins, tmp_path):
    path = FILE.made(tmp_path)
    whole = edited(path.read_bytes(), records="TWINS")
    corrupt(FILE, path, whole.replace(b'"TWINS"', b"{" + twins + b"}"), "'[ax]' twice")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
@each_kind
def test_an_editor_s_byte_order_mark_is_named(kind, encoding, tmp_path):
    path = kind.made(tmp_path)
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    data = (mark + edited(path.read_bytes()).decode()).encode(encoding)
    corrupt(kind, path, data, "byte order mark: save it as UTF-8")


@each_kind
def test_a_missing_checksum_is_named(kind, tmp_path):
    path = kind.made(tmp_path)
    written = json.loads(path.read_bytes())
    del written["sha256"]
    corrupt(kind, path, json.dumps(written).encode(), 'no "sha256".*put "sha256":null')


NO_KEYS = {"": "must not be empty", "k" * 1_001: "at most 1000 characters", "=x": "begins with '='"}


@pytest.mark.parametrize("text", NO_KEYS)
def test_what_is_no_key_is_refused_with_its_place(text, tmp_path):
    path = FILE.made(tmp_path)
    corrupt(FILE, path, edited(path.read_bytes(), records={text: 1}), NO_KEYS[text])


@pytest.mark.parametrize("text", ["k" * 1_001, "=x", "=b07"])
def test_a_file_that_is_named_for_no_key_is_refused_with_its_place(text, tmp_path):
    path = KEY.made(tmp_path)
    other = path.with_name(f"{encode(text)}.json")
    other.write_bytes(edited(path.read_bytes(), key=text))
    path.unlink()
    with pytest.raises(CorruptData, match="left as it is") as caught:
        KEY.open(tmp_path).snapshot()
    assert str(other) in str(caught.value)


@each_kind
def test_a_newer_format_is_refused_as_such(kind, tmp_path):
    path = kind.made(tmp_path)
    newer = path.read_bytes().replace(b'"napixd-store":1', b'"napixd-store":2')
    corrupt(kind, path, newer, r"newer napixd-store \(format 2\)")


@each_kind
def test_the_file_of_another_one_is_refused(kind, tmp_path):
    (tmp_path / "mine").mkdir()
    path = kind.made(tmp_path / "mine")
    if kind is COUNTER:
        Counter("other", "File", root=tmp_path).increment()
        other = tmp_path / "other.counter.json"
    else:
        Store("other", kind.backend, root=tmp_path, writeback=False)["a"] = 1
        other = tmp_path / kind.file.replace("c.", "other.", 1)
    corrupt(kind, path, other.read_bytes(), "does not belong to this (collection|counter)")


def test_the_file_of_another_key_is_refused(tmp_path):
    path = KEY.made(tmp_path)
    KEY.open(tmp_path)["b"] = 2
    corrupt(KEY, path, path.with_name("b.json").read_bytes(), "does not belong to this key")


@each_kind
def test_the_file_of_another_kind_is_refused(kind, tmp_path):
    path = kind.made(tmp_path)
    for other in KINDS:
        if other is not kind:
            corrupt(kind, path, other.made(tmp_path / other.name).read_bytes())


@pytest.mark.parametrize("body", [b"[]", b"7", b'"x"', b"null", b'{"a"}', b"{}x"])
def test_records_that_are_no_object_are_refused(body, tmp_path):
    path = FILE.made(tmp_path)
    whole = edited(path.read_bytes(), records="BODY").replace(b'"BODY"', body)
    corrupt(FILE, path, whole)


@pytest.mark.parametrize("value", [b"1.5", b"true", b'"1"', b"null", str(2**63).encode(), b"[1]"])
def test_a_counter_that_is_no_integer_of_64_bits_is_refused(value, tmp_path):
    path = COUNTER.made(tmp_path)
    whole = edited(path.read_bytes(), value="BODY").replace(b'"BODY"', value)
    corrupt(COUNTER, path, whole)


class Bomb:
    """A pickle that leaves a trace when it is loaded."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, int]]:
        return os.mkdir, ("loaded", 0o700)


@pytest.mark.parametrize("protocol", [0, 2])
@each_kind
def test_a_pickle_is_never_loaded(kind, protocol, tmp_path, monkeypatch):
    path = kind.made(tmp_path)
    monkeypatch.chdir(tmp_path)
    corrupt(kind, path, pickle.dumps({"a": Bomb()}, protocol), "pickle of the original")
    assert not Path("loaded").exists()


@pytest.mark.parametrize("protocol", [0, 2])
@pytest.mark.parametrize("kind", [FILE, KEY], ids=str)
@pytest.mark.parametrize("folder", [False, True], ids=["file", "folder"])
def test_a_collection_of_the_napix_server_is_never_taken_for_empty(
    kind, folder, protocol, tmp_path
):
    original = tmp_path / "c" / "key" if folder else tmp_path / "c"
    original.parent.mkdir(exist_ok=True)
    original.write_bytes(pickle.dumps({"a": 1}, protocol))
    before = tree(tmp_path / "c") if folder else original.read_bytes()
    store = kind.open(tmp_path)
    for operation in (store.snapshot, lambda: len(store), lambda: kind.write(store)):
        with pytest.raises(CorruptData, match=r"original Napix store.*move it away") as caught:
            operation()
        assert str(tmp_path / "c") in str(caught.value)
    assert (tree(tmp_path / "c") if folder else original.read_bytes()) == before
