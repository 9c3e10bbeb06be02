"""Errors: one tree, each also a built-in exception, and messages that say what to do next."""

import inspect
import pickle
from pathlib import Path
from typing import Any

import pytest

import napixd_store
from napixd_store import (
    Conflict,
    CorruptData,
    CounterOverflow,
    InvalidKey,
    InvalidName,
    InvalidValue,
    LimitReached,
    NoSuchKey,
    OutcomeUnknown,
    StoreError,
    WrongType,
    errors,
)
from tests.media import Medium

TREE: dict[str, set[type]] = {
    "StoreError": {Exception},
    "NoSuchStoreBackend": {StoreError, LookupError},
    "ConfigError": {StoreError, ValueError},
    "InvalidName": {StoreError, ValueError, TypeError},
    "InvalidKey": {StoreError, ValueError, TypeError},
    "NoSuchKey": {InvalidKey, KeyError},
    "InvalidValue": {StoreError, ValueError, TypeError},
    "WrongType": {StoreError, TypeError},
    "CounterOverflow": {StoreError, OverflowError},
    "LimitReached": {StoreError},
    "CorruptData": {StoreError, ValueError},
    "ImportRefused": {StoreError, ValueError},
    "Conflict": {StoreError},
    "PreconditionFailed": {Conflict},
    "Unavailable": {StoreError, ConnectionError},
    "OutcomeUnknown": {StoreError, ConnectionError},
    "NotReplicated": {OutcomeUnknown},
    "StoreFull": {StoreError, OSError},
    "ReadOnly": {StoreError, PermissionError},
}
CLASSES = {name: found for name, found in vars(errors).items() if inspect.isclass(found)}
DEFINED = {name: found for name, found in CLASSES.items() if found.__module__ == errors.__name__}


def test_the_tree_is_whole():
    bases = {name: set(found.__bases__) for name, found in DEFINED.items()}
    assert bases == TREE | {"EvictingWarning": {UserWarning}}


def test_the_drawing_shows_every_error_with_its_built_in():
    lines = (errors.__doc__ or "").splitlines()
    for name, bases in TREE.items():
        (line,) = [line for line in lines if line.lstrip(" │├└─").split(" ", 1)[0] == name]
        beside = (base.__name__ for base in bases if not issubclass(base, StoreError))
        built_in = ", ".join(sorted(beside, reverse=True))
        assert name == "StoreError" or not built_in or f"({built_in})" in line


def test_the_door_offers_every_error():
    for name, found in DEFINED.items():
        assert getattr(napixd_store, name) is found
        assert name in napixd_store.__all__
        assert found.__doc__


def test_an_os_error_keeps_its_message():
    for kind in (errors.StoreFull, errors.ReadOnly, errors.Unavailable, errors.OutcomeUnknown):
        assert str(kind("SQLite store 'x' in /a: no room")) == "SQLite store 'x' in /a: no room"


def test_a_conflict_lists_its_keys_and_survives_a_process_border():
    error = Conflict("changed", ["a", 17])
    assert error.keys == ["a", 17]
    assert Conflict("changed").keys == []
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.keys) == (Conflict, "changed", ["a", 17])


def test_a_reached_limit_says_when_to_try_again_and_survives_a_process_border():
    assert LimitReached("too many").retry_after is None
    again = pickle.loads(pickle.dumps(LimitReached("too many", 2.5)))
    assert (type(again), str(again), again.retry_after) == (LimitReached, "too many", 2.5)


def test_a_key_that_none_can_be_is_told_as_a_sentence_although_it_is_a_key_error():
    assert str(NoSuchKey("a key must not be empty")) == "a key must not be empty"


# --- what is said, and what never is ---------------------------------------------------------

SECRET = "s3cret-value"


def failures(medium: Medium) -> dict[str, Any]:
    """Return what fails at *medium*, each with a secret value in reach."""
    store = medium.store()
    store.update(text=SECRET, numbers=[SECRET], top=2**63 - 1)
    store.save()
    small = medium.store(store.collection, max_value_bytes=5)
    typed = medium.store(store.collection, type=dict[str, int])
    other = medium.store(store.collection, serializer="pickle", secret=SECRET)

    def conflict() -> None:
        with store.edit("numbers") as draft:
            store["numbers"] = [SECRET, 2]
            draft.append(SECRET)

    return {
        "WrongType": lambda: store.incr("text"),
        "CounterOverflow": lambda: store.incr("top"),
        "LimitReached": lambda: store.incr("top", 0, at_most=5),
        "InvalidValue": lambda: store.__setitem__("k", {"a": [SECRET, object()]}),
        "InvalidValue, too large": lambda: small.__setitem__("k", SECRET),
        "InvalidValue, of another type": lambda: typed.__setitem__("k", {"a": SECRET}),
        "InvalidValue, not an int": lambda: store.incr("top", SECRET),  # type: ignore[arg-type]
        "InvalidValue, no pickle": lambda: other.__setitem__("k", lambda: SECRET),
        "CorruptData, of another type": lambda: typed["text"],
        "CorruptData, no pickle": lambda: other["text"],
        "Conflict": conflict,
        "PreconditionFailed": lambda: store.put("text", SECRET, if_match='"other"'),
        "KeyError": lambda: store["missing"],
        "KeyError, empty": lambda: medium.store().popitem(),
    }


NAMED = ["WrongType", "CounterOverflow", "LimitReached", "InvalidValue", "Conflict"]
NAMED += ["PreconditionFailed"]
NAMED += ["InvalidValue, too large"]
NAMED += ["InvalidValue, of another type", "CorruptData, of another type", "CorruptData, no pickle"]


def test_a_message_never_shows_a_value_or_a_secret(medium: Medium):
    for name, fail in failures(medium).items():
        with pytest.raises((StoreError, KeyError)) as caught:
            fail()
        assert type(caught.value).__name__ == name.partition(",")[0]
        error: BaseException | None = caught.value
        while error is not None:
            assert SECRET not in str(error) + repr(error), name
            error = error.__cause__


def test_a_message_says_where_and_that_nothing_was_changed(medium: Medium):
    for name, fail in failures(medium).items():
        if name not in NAMED:
            continue
        with pytest.raises(StoreError) as caught:
            fail()
        message = str(caught.value)
        places = [medium.options.get(each) for each in ("path", "root", "unix_socket_path")]
        where = next((str(place) for place in places if place), "the memory of this process")
        assert f"{medium.backend}Store 'collection-" in message, name
        assert where in message, name
        assert any(
            said in message
            for said in ("nothing was changed", "unchanged", "left as it is", "nothing was written")
        ), name


def test_a_cause_is_kept(backend: Medium):
    store = backend.store()
    backend.plant(store, "k", b"{")
    with pytest.raises(CorruptData) as corrupt:
        store["k"]
    assert corrupt.value.__cause__ is not None


def test_a_missing_key_is_a_plain_key_error(medium: Medium):
    store = medium.store()
    for call in (
        lambda: store["k"],
        lambda: store.__delitem__("k"),
        lambda: store.pop("k"),
        lambda: store.edit("k").__enter__(),
    ):
        with pytest.raises(KeyError) as caught:
            call()
        assert type(caught.value) is KeyError
        assert caught.value.args == ("k",)
        assert caught.value.__cause__ is None


def test_code_that_knows_nothing_of_us_catches_them(tmp_path: Path):
    medium = Medium("Memory", tmp_path, writeback=False)
    store, counter = medium.store(), medium.counter()
    counter.reset(2**63 - 1)
    store["text"] = "x"
    for built_in, ours, call in (
        (OverflowError, CounterOverflow, counter.increment),
        (TypeError, WrongType, lambda: store.incr("text")),
        (TypeError, InvalidKey, lambda: store.incr(None)),  # type: ignore[arg-type]
        (ValueError, InvalidKey, lambda: store.incr("")),
        (KeyError, NoSuchKey, lambda: store[None]),  # type: ignore[index]
        (ValueError, NoSuchKey, lambda: store[""]),
        (ValueError, InvalidValue, lambda: store.__setitem__("k", object())),
        (TypeError, InvalidName, lambda: medium.store("")),
    ):
        with pytest.raises(built_in) as caught:
            call()
        assert type(caught.value) is ours
