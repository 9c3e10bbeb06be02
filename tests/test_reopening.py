"""Copies and pickles: another store or counter for the same data, or a refusal that says why."""

import copy
import dataclasses
import multiprocessing
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import redis

from napixd_store import Counter, CounterBackend, InvalidValue, Store, StoreBackend, StoreError
from napixd_store.backends.memory import MemoryStore
from tests.media import Medium
from tests.processes import TIMEOUT

COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "deepcopy inside of others": lambda handle: copy.deepcopy({"a": [handle]})["a"][0],
}


@dataclasses.dataclass
class Host:
    name: str


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_a_copy_is_another_store_of_the_same_collection(medium: Medium, copied: Any):
    store = medium.store(type=Host, max_value_bytes=50)
    store["a"] = Host("a")
    store.save()

    other = copied(store)

    assert (type(other), repr(other), other is store) == (type(store), repr(store), False)
    assert other == {"a": Host("a")}
    with pytest.raises(InvalidValue, match="max_value_bytes=50"):
        other["b"] = Host("b" * 50)
    other["b"] = Host("b")
    other.save()
    store.reload()
    assert store["b"] == Host("b")


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_a_copy_is_another_counter_of_the_same_name(backend: Medium, copied: Any):
    counter = backend.counter()
    other = copied(counter)
    assert (type(other), repr(other), other is counter) == (type(counter), repr(counter), False)
    assert [counter.increment(), other.increment(), counter.increment()] == [1, 2, 3]


@pytest.mark.parametrize("copied", [*COPIES.values(), pickle.dumps], ids=[*COPIES, "pickle"])
def test_what_is_not_saved_is_not_left_behind_in_silence(tmp_path: Path, copied: Any):
    store = Medium("SQLite", tmp_path, writeback=True).store()
    store["a"] = [1]
    with pytest.raises(InvalidValue, match="changes"):
        copied(store)
    store.save()
    copied(store)
    store["a"].append(2)
    with pytest.raises(InvalidValue, match="changes"):
        copied(store)
    store.reload()
    copied(store)


def _write(store: StoreBackend[Any], counter: CounterBackend) -> tuple[Any, ...]:
    with store:
        store["there"] = Host(store["here"].name)
    return counter.increment(), store.writeback, store, counter


@pytest.mark.parametrize("backend", ["SQLite", "File", "Directory"])
def test_a_spawned_process_opens_them_again(
    backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    place = {"path" if backend == "SQLite" else "root": "here"}
    store: StoreBackend[Any] = Store("a", backend, writeback=True, type=Host, **place)
    counter = Counter("a", backend, **place)
    with store:
        store["here"] = Host("h")
    counter.increment()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawning) as pool:
        result = pool.submit(_write, store, counter).result(TIMEOUT)

    number, writeback, returned, counted = result
    assert (number, writeback) == (2, True)
    assert (repr(returned), repr(counted)) == (repr(store), repr(counter))
    assert returned == {"here": Host("h"), "there": Host("h")}
    assert counted.increment() == 3


@dataclasses.dataclass
class Refused:
    opened: Callable[[], Any]
    why: str


OPTIONS = {"backend": "RedisHash", "host": "redis.example.com"}
REFUSED = {
    "the memory of a process": Refused(lambda: Store("a", "Memory"), "its data is in this process"),
    "a counter there": Refused(lambda: Counter("a", "Memory"), "its data is in this process"),
    "a password": Refused(
        lambda: Store("a", **OPTIONS, password="s3cret"), "its option 'password' is a secret"
    ),
    "a counter's": Refused(
        lambda: Counter("a", **OPTIONS, password="s3cret"), "its option 'password' is a secret"
    ),
    "a URL": Refused(
        lambda: Store("a", "Redis", url="redis://:s3cret@redis.example.com"),
        "its option 'url' is a secret",
    ),
    "what signs pickles": Refused(
        lambda: Store("a", **OPTIONS, serializer="pickle", secret="s3cret"),
        "its option 'secret' is a secret",
    ),
    "the same, in bytes": Refused(
        lambda: Store("a", **OPTIONS, serializer="pickle", secret=b"s3cret"),
        "its option 'secret' is a secret",
    ),
    "a client": Refused(
        lambda: Store("a", "Redis", client=redis.Redis()), "its option 'client' is a live object"
    ),
}


@pytest.mark.parametrize("refused", REFUSED.values(), ids=REFUSED)
def test_what_another_process_could_not_open_is_not_pickled(refused: Refused):
    opened = refused.opened()
    with pytest.raises(StoreError) as caught:
        pickle.dumps(opened)
    expected = f"{opened!r} cannot be pickled, for {refused.why}: open one there instead"
    assert str(caught.value) == expected
    assert isinstance(caught.value, TypeError)  # which those who pickle know
    assert repr(copy.deepcopy(opened)) == repr(opened)


def test_options_without_a_secret_travel():
    store: StoreBackend[Any] = Store("a", **OPTIONS, port="6390", ssl_ca_certs=None)
    assert repr(pickle.loads(pickle.dumps(store))) == repr(store)


def test_a_class_of_ones_own_is_opened_as_itself():
    store: StoreBackend[Any] = Own("a", {"writeback": True})
    assert type(copy.copy(store)) is Own
    assert copy.copy(store).writeback


class Own(MemoryStore[Any]):
    """A third party's."""
