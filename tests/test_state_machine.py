"""A store against a shadow dict: random operations by two handles, with reopening among them.

One model holds for both policies. What a handle sees is the medium's content under write-through
and its own working copy under write-back; the rest is the same.
"""

import copy
import itertools
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from napixd_store import (
    Conflict,
    CounterOverflow,
    InvalidKey,
    InvalidValue,
    StoreError,
    WrongType,
)
from napixd_store.connections import close_all
from napixd_store.testing.order import expected
from tests.machines import CountedMachine, run_steps
from tests.media import BACKENDS, POLICIES, Medium, remove_files, rename_all
from tests.sizes import size
from tests.strategies import form

_numbers = itertools.count()

handles = st.sampled_from([0, 1])
keys = st.sampled_from(["a", "b", "c", "=a1", "1", 1, -1, "é"])
bounds = st.none() | keys | st.sampled_from(["=", "b0", 0, 10])
values = st.one_of(
    st.integers(-5, 5),
    st.sampled_from([2**63 - 1, -(2**63), 2**70, None, True, 1.5, -0.0, "text", "\ud800", b"b"]),
    st.sampled_from([(), (1, "a"), {1, 2}, frozenset(), {1: "int", "1": "str"}, {"$tuple": []}]),
    st.lists(st.integers(0, 3), max_size=2),
    st.dictionaries(st.sampled_from("xy"), st.integers(0, 3) | st.just([1]), max_size=2),
)
steps = st.sampled_from([1, 1, 2, -3, 0, 2**62, -(2**63)])


def same(left: object, right: object) -> bool:
    """Whether both are equal and of the same types; a dict's order does not count here."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(form(left[k]) == form(right[k]) for k in left)
    return bool(form(left) == form(right))


def outcome(call: Callable[[], Any]) -> tuple[str, Any]:
    """Return what *call* returned, or which error of a caller's it raised."""
    try:
        return "returned", copy.deepcopy(call())
    except (KeyError, WrongType, CounterOverflow, Conflict) as exc:
        return "raised", type(exc)


class Handle:
    """One open store, and what it should see."""

    def __init__(self, open: Callable[[], Any]) -> None:
        self.open = open
        self.store = open()
        self.loaded: dict[Any, Any] | None = None  # write-back: the state that was loaded
        self.content: dict[Any, Any] = {}  # write-back: the working copy

    def reopen(self) -> None:
        self.store, self.loaded = self.open(), None


class StoreMachine(CountedMachine):
    """The steps. Subclasses say where the data is."""

    medium: Medium

    def __init__(self) -> None:
        super().__init__()
        collection = f"machine-{next(_numbers)}"
        self.handles = [Handle(lambda: self.medium.store(collection)) for _ in range(2)]
        self.watcher = self.medium.store(collection, writeback=False)
        self.saved: dict[Any, Any] = {}

    def teardown(self) -> None:
        self.watcher.drop()

    def seen(self, handle: Handle) -> dict[Any, Any]:
        """Return the dict that *handle* works on; both are loaded if need be."""
        self.count[0] += 1
        if not self.medium.writeback:
            return self.saved
        if handle.loaded is None:
            assert len(handle.store) == len(self.saved)
            handle.loaded, handle.content = copy.deepcopy(self.saved), copy.deepcopy(self.saved)
        return handle.content

    def both(self, number: int, call: Callable[[Any], Any], shadow: Callable[[Any], Any]) -> None:
        """Do the same to the store and to the dict; the results must not differ."""
        handle = self.handles[number]
        content = self.seen(handle)
        expected, found = outcome(lambda: shadow(content)), outcome(lambda: call(handle.store))
        assert found[0] == expected[0], (found, expected)
        if found[0] == "raised":
            assert found[1] is expected[1]
        else:
            assert same(found[1], expected[1]), (found, expected)

    # --- a dict --------------------------------------------------------------------------

    @rule(n=handles, key=keys, value=values)
    def set(self, n, key, value):
        shadow = copy.deepcopy(value)
        self.both(n, lambda s: s.__setitem__(key, value), lambda d: d.__setitem__(key, shadow))

    @rule(n=handles, key=keys)
    def get(self, n, key):
        self.both(n, lambda s: s[key], lambda d: d[key])

    @rule(n=handles, key=keys, value=values)
    def get_with_a_default(self, n, key, value):
        self.both(n, lambda s: s.get(key, value), lambda d: d.get(key, value))

    @rule(n=handles, key=keys)
    def delete(self, n, key):
        self.both(n, lambda s: s.__delitem__(key), lambda d: d.__delitem__(key))

    @rule(n=handles, key=keys)
    def contains(self, n, key):
        self.both(n, lambda s: key in s, lambda d: key in d)

    @rule(n=handles, key=keys)
    def pop(self, n, key):
        self.both(n, lambda s: s.pop(key), lambda d: d.pop(key))

    @rule(n=handles, key=keys, value=values)
    def pop_with_a_default(self, n, key, value):
        self.both(n, lambda s: s.pop(key, value), lambda d: d.pop(key, value))

    @rule(n=handles)
    def popitem(self, n):
        """Which pair it is is the store's choice; that it was there is not."""
        handle = self.handles[n]
        content = self.seen(handle)
        if not content:
            with pytest.raises(KeyError):
                handle.store.popitem()
            return
        key, value = handle.store.popitem()
        assert same(value, content.pop(key))

    @rule(n=handles, key=keys, value=values)
    def setdefault(self, n, key, value):
        shadow = copy.deepcopy(value)
        self.both(n, lambda s: s.setdefault(key, value), lambda d: d.setdefault(key, shadow))

    @rule(n=handles, pairs=st.dictionaries(keys, values, max_size=4))
    def update(self, n, pairs):
        shadow = copy.deepcopy(pairs)
        self.both(n, lambda s: s.update(pairs), lambda d: d.update(shadow))

    @rule(n=handles, key=keys, value=values)
    def update_with_a_bad_pair(self, n, key, value):
        store = self.handles[n].store
        self.seen(self.handles[n])
        with pytest.raises(InvalidValue):
            store.update({key: value, "bad": object()})
        with pytest.raises(InvalidKey):
            store.update({key: value, 1.5: 1})

    @rule(n=handles)
    def clear(self, n):
        self.both(n, lambda s: s.clear(), lambda d: d.clear())

    @rule(n=handles)
    def iterate(self, n):
        handle = self.handles[n]
        content, store = self.seen(handle), handle.store
        for found in (dict(store.items()), store.snapshot(), dict(zip(store, store.values()))):  # noqa: B905
            assert same(found, content)
        assert store == content
        assert (len(store), bool(store)) == (len(content), bool(content))

    @rule(
        n=handles,
        bounds=st.tuples(bounds, bounds, bounds),
        prefix=st.none() | st.sampled_from(["", "=", "a", "é"]),
        reverse=st.booleans(),
        limit=st.none() | st.integers(0, 3),
    )
    def range(self, n, bounds, prefix, reverse, limit):
        start, after, before = bounds
        given: dict[str, Any] = {"prefix": prefix} if prefix is not None else {"start": start}
        given |= {"after": after, "before": before, "reverse": reverse, "limit": limit}
        handle = self.handles[n]
        content = self.seen(handle)
        fixed = [prefix, after, before] if prefix is not None else [start, before]
        if len({type(bound) for bound in fixed if bound is not None}) > 1:
            with pytest.raises(InvalidValue):
                handle.store.range(**given)
            return
        found = list(handle.store.range(**given))
        assert [key for key, _value in found] == expected(content, **given)
        assert same(dict(found), {key: content[key] for key, _value in found})

    @rule(n=handles)
    def rename_while_iterating(self, n):
        """Each key is seen at least once, and it ends; in the end all are what they were."""

        def renamed(content: dict[Any, Any]) -> None:
            pairs = dict(content)
            content.clear()
            content.update(pairs)

        self.both(n, rename_all, renamed)

    @rule(n=handles, wanted=st.lists(keys, max_size=4))
    def get_many(self, n, wanted):
        self.both(n, lambda s: s.get_many(wanted), lambda d: {k: d[k] for k in wanted if k in d})

    # --- one value -----------------------------------------------------------------------

    @rule(n=handles, key=keys, by=steps)
    def incr(self, n, key, by):
        self.both(n, lambda s: s.incr(key, by), lambda d: _incr(d, key, by))

    @rule(n=handles, key=keys)
    def change_in_place(self, n, key):
        """Kept by a working copy; under write-through what was read is a copy."""
        handle = self.handles[n]
        content = self.seen(handle)
        if type(content.get(key)) is list:
            handle.store[key].append(9)
            if self.medium.writeback:
                content[key].append(9)

    @rule(n=handles, key=keys, fails=st.booleans())
    def edit(self, n, key, fails):
        handle = self.handles[n]
        content = self.seen(handle)
        if type(content.get(key, [])) is not list:
            return
        with suppress(ZeroDivisionError), handle.store.edit(key, [0]) as draft:
            draft.append(7)
            _ = 1 / (not fails)
        if not fails:
            content.setdefault(key, [0]).append(7)

    @rule(n=handles, key=keys)
    def edit_what_is_missing(self, n, key):
        handle = self.handles[n]
        if key not in self.seen(handle):
            with pytest.raises(KeyError), handle.store.edit(key):
                raise AssertionError("the block is not entered")

    @rule(n=handles, key=keys, value=values)
    def edit_what_another_changes(self, n, key, value):
        """Through the same handle, since a working copy does not see what others do."""
        handle = self.handles[n]
        content = self.seen(handle)
        if type(content.get(key)) is list and form(content[key]) != form(value):
            with pytest.raises(Conflict) as caught, handle.store.edit(key) as draft:  # noqa: PT012
                content[key] = copy.deepcopy(value)
                handle.store[key] = value
                draft.append(8)
            assert caught.value.keys == [key]

    # --- the working copy ----------------------------------------------------------------

    @rule(n=handles)
    def save(self, n):
        self.count[0] += 1
        self._expect_a_save(self.handles[n], self.handles[n].store.save)

    @rule(n=handles, key=keys, value=values, fails=st.booleans())
    def with_block(self, n, key, value, fails):
        handle = self.handles[n]
        content = self.seen(handle)
        content[key] = copy.deepcopy(value)

        def block() -> None:
            with suppress(ZeroDivisionError), handle.store as store:
                store[key] = value
                _ = 1 / (not fails)

        if fails:
            block()
            handle.loaded = None
        else:
            self._expect_a_save(handle, block)

    def _expect_a_save(self, handle: Handle, save: Callable[[], None]) -> None:
        if handle.loaded is None:  # write-through, or nothing was touched
            save()
            return
        changed = set(_changed(handle.loaded, handle.content))
        refused = changed & set(_changed(handle.loaded, self.saved))
        if refused:
            with pytest.raises(Conflict) as caught:
                save()
            assert set(caught.value.keys) == refused
            return
        save()
        for key in changed:
            for state in (self.saved, handle.loaded):
                state.pop(key, None)
                if key in handle.content:
                    state[key] = copy.deepcopy(handle.content[key])

    @rule(n=handles)
    def reload(self, n):
        self.count[0] += 1
        self.handles[n].store.reload()
        self.handles[n].loaded = None

    @rule(n=handles, some=st.lists(keys, min_size=1, max_size=3))
    def reload_some_keys(self, n, some):
        self.count[0] += 1
        handle = self.handles[n]
        handle.store.reload(*some)
        for state in (handle.loaded, handle.content) if handle.loaded is not None else ():
            for key in some:
                state.pop(key, None)
                if key in self.saved:
                    state[key] = copy.deepcopy(self.saved[key])

    @rule(n=handles)
    def drop(self, n):
        self.count[0] += 1
        self.handles[n].store.drop()
        self.handles[n].loaded = None
        self.saved.clear()

    @rule()
    def reopen(self):
        self.count[0] += 1
        close_all()
        for handle in self.handles:
            handle.reopen()

    @rule()
    def close(self):
        """Open stores go on: only the connections are gone."""
        self.count[0] += 1
        close_all()

    @rule(closed=st.booleans())
    def remove_the_files(self, closed):
        """Whoever has the file open is told once; then all go on with an empty collection."""
        if closed:
            close_all()
        if remove_files(self.watcher):
            self.count[0] += 1
            if self.medium.backend == "SQLite" and not closed:
                with pytest.raises(StoreError):
                    self.watcher["a"] = "not to be lost in a file that is gone"
            self.saved.clear()

    # --- always --------------------------------------------------------------------------

    @invariant()
    def the_medium_holds_what_was_saved(self):
        found = self.watcher.snapshot()
        assert same(found, self.saved)
        assert len(self.watcher) == len(self.saved)
        if self.medium.ordered and not self.medium.writeback:
            assert list(found) == list(self.saved)


def _incr(content: dict[Any, Any], key: Any, by: int) -> int:
    value = content.get(key, 0)
    if type(value) is not int:
        raise WrongType
    if not -(2**63) <= value + by < 2**63:
        raise CounterOverflow
    total: int = value + by
    content[key] = total
    return total


def _changed(before: dict[Any, Any], after: dict[Any, Any]) -> Iterator[Any]:
    for key in {**before, **after}:
        if (key in before) != (key in after) or form(before.get(key)) != form(after.get(key)):
            yield key


@pytest.mark.parametrize(
    "steps",
    [size(quick=600, full=5_000), pytest.param(1_000_000, marks=pytest.mark.torture)],
    ids="{:,}".format,
)
@pytest.mark.parametrize("backend", BACKENDS)
# It would take twice as long, to measure lines that other tests run too.
@pytest.mark.usefixtures("unmeasured")
def test_a_store_differs_from_a_dict_in_no_step(quick_path: Path, backend: str, steps: int):
    """So many steps on each backend, half of them under each policy.

    A short run shows the failing steps as they came: to find fewer takes minutes, which only the
    long run has.
    """
    for writeback in POLICIES.values():

        class Machine(StoreMachine):
            medium = Medium(backend, quick_path, writeback)

        run_steps(Machine, steps // 2, search=steps > 20_000)
