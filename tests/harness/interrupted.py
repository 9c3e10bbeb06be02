"""What may be left of an operation that was interrupted: all of it or nothing.

A `Subject` is a process that is interrupted. It has a collection and a counter of its own, keys
of its own in a collection that another process (`neighbour`) writes to as well, and a counter
that both of them count with. After each operation another thread looks at what is there, which
must be what a plain dict or int allows, and writes, which shows that no lock was left.
"""

import copy
import gc
import random
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from napixd_store import Conflict, OutcomeUnknown, StoreError, transaction
from napixd_store.connections import close_all
from tests.descriptors import targets
from tests.harness.interrupts import Ended
from tests.media import Medium
from tests.processes import Signal

PATIENCE = 20.0
"""Seconds after which another thread, or process, is taken to wait for ever."""

Outcomes = list[tuple[Any, Any]]
"""What an operation may do: its answer (or the class of what it raises), and the state after it."""


@dataclass(frozen=True)
class Step:
    """An operation: how to do it, and what it may do in a *state*.

    An interrupt may also leave a state that lies *halfway*: those of two steps that are one call.
    """

    name: str
    act: Callable[[], Any]
    outcomes: Callable[[Any], Outcomes]
    halfway: Callable[[Any], list[Any]] = lambda _state: []


class Kept:
    """A store or counter that is interrupted, and the *state* that it must be in."""

    state: Any

    def look(self) -> Any:
        """Return the state that it is in; called by another thread."""
        raise NotImplementedError

    def steps(self, chance: random.Random) -> list[Step]:
        """Return one step of each kind."""
        raise NotImplementedError

    def check(self, step: Step, ended: Ended, now: Any) -> None:
        """Compare the state *now* with those that *step* may have left."""
        before, outcomes = self.state, step.outcomes(self.state)
        told = type(ended.error) if isinstance(ended.error, KeyError) else ended.answer
        if ended.error is None or isinstance(ended.error, KeyError):
            allowed = (told, now) in outcomes
        elif ended.error is ended.interrupt or isinstance(ended.error, OutcomeUnknown):
            allowed = now in [before, *(after for _, after in outcomes), *step.halfway(before)]
        elif ended.interrupt is not None and _refuses(ended.error):
            allowed = now == before  # as it says
        else:
            raise ended.error
        assert allowed, f"{ended.error or told!r}, and left {now} where {before} was"
        self.state = now


class KeptCounter(Kept):
    """A counter that nobody else uses."""

    def __init__(self, medium: Medium) -> None:
        self.counter = medium.counter("mine")
        self.state = self.look()

    def look(self) -> int:
        return self.counter.increment(0)  # a write, as that of `KeptStore.look`

    def steps(self, chance: random.Random) -> list[Step]:
        by, to = chance.randint(1, 9), chance.randint(-9, 9)
        return [
            Step("increment", lambda: self.counter.increment(by), lambda n: [(n + by, n + by)]),
            Step("reset", lambda: self.counter.reset(to), lambda n: [(n, to)]),
            Step("value", lambda: self.counter.value, lambda n: [(n, n)]),
        ]


class SharedCounter(Kept):
    """A counter that others count with: what it gave is given once."""

    state = None

    def __init__(self, medium: Medium, name: str, **options: Any) -> None:
        self.counter = medium.counter(name, **options)
        self.numbers: list[int] = []
        self.unknown = 0

    def look(self) -> None:
        self.numbers.append(self.counter.increment())

    def steps(self, chance: random.Random) -> list[Step]:
        return [Step("count", self.counter.increment, lambda _: [])]

    def check(self, step: Step, ended: Ended, now: Any) -> None:
        if ended.error is None:
            self.numbers.append(ended.answer)
        elif ended.error is ended.interrupt or isinstance(ended.error, OutcomeUnknown):
            self.unknown += 1
        elif ended.interrupt is None or not _refuses(ended.error):
            raise ended.error


def _refuses(error: BaseException) -> bool:
    """Whether *error* may come of an interrupt. A conflict may not: nobody else writes there."""
    return isinstance(error, StoreError) and not isinstance(error, Conflict)


DAY = 86_400.0
"""Seconds; nobody lives to see the end of it."""

LISTS, INTS, NEW = "abcdef", "xyz", "uvw"
BASE: dict[str, Any] = {**{key: [0] for key in "abcde"}, "x": 1, "y": 2}

Change = Callable[[dict[str, Any]], Any]


class KeptStore(Kept):
    """A store. Its state is what its user sees and what the medium holds.

    *alone*: nobody else writes to its collection. Otherwise its keys are those that it wrote.
    """

    def __init__(self, medium: Medium, alone: bool) -> None:
        self.alone = alone
        self.store = medium.store("mine" if alone else "ours")
        self.medium = medium.store(self.store.collection, writeback=False)
        self.state = self.look()

    def look(self) -> tuple[dict[str, Any], dict[str, Any]]:
        seen = [self._read(each) for each in (self.store, self.medium)[: 1 + self.store.writeback]]
        return seen[0], seen[-1]

    def _read(self, store: Any) -> dict[str, Any]:
        with suppress(KeyError):
            del store["nobody's"]  # a write, which waits for every lock and changes nothing
        read = store.snapshot() if self.alone else store.get_many(LISTS + INTS + NEW)
        return copy.deepcopy(dict(read))

    def refill(self) -> None:
        """Have `BASE` in the medium, and a working copy with something to save."""
        unsaved = {"a": [1], "f": [1], "x": 7} if self.store.writeback else {}
        if self.state != ({**BASE, **unsaved}, BASE):
            self.medium.clear()
            self.medium.update(BASE)
            self.store.reload()
            self.store.update(unsaved)
            self.state = ({**BASE, **unsaved}, BASE)

    def steps(self, chance: random.Random) -> list[Step]:
        listed, number = chance.choice(LISTS), chance.choice(INTS)
        key, new, n = chance.choice(LISTS + INTS), chance.choice(NEW), chance.randrange(1000)
        gone = chance.choice(LISTS + INTS + NEW)
        value: Any = n if key in INTS else [n]
        several = {each: n if each in INTS else [n] for each in chance.sample(LISTS + INTS, 4)}
        s = self.store
        steps = [
            self._step("set", lambda: s.__setitem__(key, value), lambda d: d.update({key: value})),
            self._step("get", lambda: s[key], lambda d: d[key]),
            self._step("in", lambda: key in s, lambda d: key in d),
            self._step("update", lambda: s.update(several), lambda d: d.update(several)),
            self._step("del", lambda: s.__delitem__(gone), lambda d: d.__delitem__(gone)),
            self._step("pop", lambda: s.pop(gone), lambda d: d.pop(gone)),
            self._step("setdefault", lambda: s.setdefault(new, n), lambda d: d.setdefault(new, n)),
            self._step("incr", lambda: s.incr(number, n), lambda d: _incr(d, number, n)),
            self._step("edit", lambda: _edit(s, listed, n), lambda d: _edited(d, listed, n)),
            self._step("get_many", lambda: s.get_many(several), lambda d: _among(d, several)),
            self._step(
                "put", lambda: s.put(key, value, expires_in=DAY), lambda d: d.update({key: value})
            ),
            self._step("touch", lambda: s.touch(key, expires_in=DAY), lambda d: key in d),
            self._step("add", lambda: s.add(new, n, expires_in=DAY), lambda d: _added(d, new, n)),
            self._step(
                "compute", lambda: s.compute(number, _plus(n), 0), lambda d: _incr(d, number, n)
            ),
            self._step(
                "delete_many", lambda: s.delete_many(several), lambda d: _deleted(d, several)
            ),
            Step("save", s.save, lambda state: [(None, (state[0], state[0]))]),
            Step("reload", s.reload, lambda state: [(None, (state[1], state[1]))]),
        ]
        if not self.store.writeback:
            steps.append(
                self._step(
                    "transaction", lambda: _transact(s, new, gone), lambda d: _move(d, new, gone)
                )
            )
        if self.alone:
            steps += [
                self._step("len", lambda: len(s), len),
                self._step("iterate", lambda: dict(s.items()), dict),
                self._step("snapshot", s.snapshot, dict),
                self._step("clear", s.clear, dict.clear),
                Step("popitem", s.popitem, self._of_popitem),
                Step(
                    "drop",
                    s.drop,
                    lambda _: [(None, ({}, {}))],
                    lambda state: [(state[0], {})],  # it drops before it forgets
                ),
            ]
        return steps

    def _step(self, name: str, act: Callable[[], Any], change: Change) -> Step:
        return Step(name, act, lambda state: [self._changed(state, change)])

    def _of_popitem(self, state: Any) -> Outcomes:
        pairs = list(state[0].items())
        if not pairs:
            return [(KeyError, state)]
        return [(pair, self._changed(state, lambda d: d.pop(pair[0]))[1]) for pair in pairs]  # noqa: B023

    def _changed(self, state: Any, change: Change) -> tuple[Any, Any]:
        content = copy.deepcopy(state[0])
        try:
            answer = change(content)
        except KeyError:
            answer = KeyError
        return answer, (content, state[1] if self.store.writeback else content)


def _edit(store: Any, key: str, n: int) -> None:
    with store.edit(key, []) as draft:
        draft.append(n)


def _edited(content: dict[str, Any], key: str, n: int) -> None:
    content.setdefault(key, []).append(n)


def _transact(store: Any, new: str, gone: str) -> int:
    with transaction(store) as inside:
        return _move(inside, new, gone)


def _move(content: Any, new: str, gone: str) -> int:
    content[new] = content.pop(gone)
    for key in LISTS:
        if key in content:
            content[key].append(0)
    return sum(key in content for key in INTS)


def _plus(n: int) -> Callable[[int], int]:
    return lambda number: number + n


def _added(content: dict[str, Any], key: str, n: int) -> bool:
    return key not in content and content.setdefault(key, n) is n


def _deleted(content: dict[str, Any], keys: Any) -> int:
    return sum(content.pop(key, None) is not None for key in keys)


def _incr(content: dict[str, Any], key: str, by: int) -> Any:
    content[key] = content.get(key, 0) + by
    return content[key]


def _among(content: dict[str, Any], keys: Any) -> dict[str, Any]:
    return {key: content[key] for key in keys if key in content}


@dataclass
class Subject:
    """All that is interrupted in one process."""

    medium: Medium
    interrupts: int = 0
    kept: deque[Ended] = field(default_factory=lambda: deque(maxlen=1000))
    """The last tracebacks, as a REPL or a list of errors keeps them."""

    def __post_init__(self) -> None:
        gc.freeze()  # what the parent left is not collected here, and closes nothing
        self.mine, self.ours = KeptStore(self.medium, True), KeptStore(self.medium, False)
        self.counter, self.shared = KeptCounter(self.medium), SharedCounter(self.medium, "ours")
        self.leased = SharedCounter(self.medium, "leased", lease=3)
        self.another_thread = ThreadPoolExecutor(1)
        self._look(self.mine)
        self.descriptors = self._descriptors()

    @property
    def all(self) -> list[Kept]:
        return [self.mine, self.ours, self.counter, self.shared, self.leased]

    def check(self, kept: Kept, step: Step, ended: Ended) -> None:
        """See that what *step* left is right, and that others can go on."""
        self.interrupts += ended.interrupt is not None
        self.kept.append(ended)
        try:
            kept.check(step, ended, self._look(kept))
        except Exception as exc:
            trace = "".join(traceback.format_exception(ended.interrupt)) if ended.interrupt else ""
            raise AssertionError(
                f"{self.medium.backend}, interrupt {self.interrupts}: {step.name} of "
                f"{type(kept).__name__}: {type(exc).__name__}: {exc}\n{trace}"
            ) from exc

    def _look(self, kept: Kept) -> Any:
        return self.another_thread.submit(kept.look).result(PATIENCE)

    def check_descriptors(self) -> None:
        """See that none was left open."""
        left = self._descriptors() - self.descriptors
        assert not left, f"{self.medium.backend}: left open: {left}"

    @staticmethod
    def _descriptors() -> Counter[str]:
        close_all()
        gc.collect()  # a handle of SQLite's that was let go is a cycle, from Python 3.11 on
        return Counter(targets())


def neighbour(medium: Medium, stop: Signal) -> tuple[list[int], dict[str, Any]]:
    """Count and write in another process until *stop*, and a little longer.

    Returns the numbers it got and the keys it wrote, having read each of them back.
    """
    store, counter = medium.store("ours", writeback=False), medium.counter("ours")
    numbers: list[int] = []
    written: dict[str, Any] = {}
    left = 20
    while left:
        left -= stop.sent()
        n = counter.increment()
        numbers.append(n)
        for pairs in ({f"n-{n % 7}": n}, {f"n-{n % 5}": n, f"n-{n % 3}": n}):
            store.update(pairs)
            written |= pairs
            assert store.get_many(written) == written
        time.sleep(0.005)  # beside the one that is interrupted, not before it
    return numbers, written


def everything(medium: Medium) -> tuple[int, dict[Any, Any]]:
    """Return all that a subject and its neighbour share."""
    return medium.counter("ours").value, medium.store("ours", writeback=False).snapshot()
