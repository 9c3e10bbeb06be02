"""Connections: one for equal options, told of forks, closed together."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from napixd_store import ConfigError, Counter, Store, connections
from napixd_store.connections import Connection, Opener, close_all, connect
from tests.harness.interrupts import interruptions
from tests.processes import fork, run_threads


class Noted(Connection):
    """A connection that writes down what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def close(self) -> None:
        self.told.append("close")

    def before_fork(self) -> None:
        super().before_fork()
        self.told.append("before fork")

    def begin_anew(self) -> None:
        self.told.append("after fork in child")
        super().begin_anew()


def open_noted(*, name: str = "default", extra: Any = None) -> Noted:
    return Noted()


def test_equal_options_share_one_connection():
    one = connect(open_noted, {"name": "shared"})
    assert connect(open_noted, {"name": "shared"}) is one
    assert connect(open_noted, {"name": "another"}) is not one


def test_an_option_at_its_default_is_the_same_as_none():
    assert connect(open_noted, {}) is connect(open_noted, {"name": "default", "extra": None})


def test_other_openers_have_other_connections():
    def open_other(*, name: str = "default") -> Noted:
        return Noted()

    assert connect(open_noted, {"name": "opener"}) is not connect(open_other, {"name": "opener"})


def test_stores_and_counters_of_one_file_share_its_connection(tmp_path):
    options = {"backend": "SQLite", "path": tmp_path / "doc.sqlite"}
    store, counter = Store("a", **options), Counter("b", **options)
    assert store._connection is Store("c", **options)._connection is counter._connection


def test_an_opener_that_refuses_is_asked_again():
    calls = []

    def refuse_once(*, name: str = "x") -> Noted:
        calls.append(name)
        if len(calls) == 1:
            raise ConfigError("not yet")
        return Noted()

    with pytest.raises(ConfigError, match="not yet"):
        connect(refuse_once, {})
    assert connect(refuse_once, {}) is connect(refuse_once, {})


def test_an_option_that_cannot_be_compared_is_refused():
    with pytest.raises(ConfigError, match="unhashable"):
        connect(open_noted, {"extra": []})


def test_16_threads_that_ask_at_once_get_one_connection():
    made = []

    def open_slowly(*, name: str = "x") -> Noted:
        made.append(Noted())
        threading.Event().wait(0.05)  # as a real opener would take its time
        return made[-1]

    got = run_threads(lambda: connect(open_slowly, {}), [()] * 16)

    assert len({id(each) for each in got}) == 1


def test_close_all_closes_each_and_forgets_none():
    one, other = connect(open_noted, {"name": "c1"}), connect(open_noted, {"name": "c2"})
    assert isinstance(one, Noted)
    assert isinstance(other, Noted)
    one.told.clear()
    other.told.clear()

    close_all()

    assert one.told == other.told == ["close"]
    assert connect(open_noted, {"name": "c1"}) is one


def test_a_connection_is_told_before_a_fork_and_in_the_child():
    noted = connect(open_noted, {"name": "forked"})
    assert isinstance(noted, Noted)
    noted.told.clear()

    with fork(lambda: noted.told) as child:
        assert child.result() == ["before fork", "after fork in child"]

    assert noted.told == ["before fork"]


def test_nobody_holds_a_connections_lock_after_a_fork():
    noted = connect(open_noted, {"name": "released"})

    def take_and_release() -> bool:
        taken = noted.lock.acquire(timeout=5)
        noted.lock.release()
        return taken

    def is_free() -> bool:
        return run_threads(take_and_release, [()]) == [True]

    with fork(is_free) as child:
        assert child.result()
    assert is_free()


def test_a_fork_waits_for_whoever_holds_a_connections_lock():
    noted = connect(open_noted, {"name": "held"})
    holding, steps = threading.Event(), []

    def hold() -> None:
        with noted.lock:
            holding.set()
            threading.Event().wait(0.3)  # the length of its work
            steps.append("done")

    thread = threading.Thread(target=hold)
    thread.start()
    assert holding.wait(5)
    with fork(lambda: steps) as child:
        assert child.result() == ["done"]
    thread.join()


# --- forks that go wrong --------------------------------------------------------------------------

PROMPT = 20.0
"""Seconds after which a thread or process is taken to wait for ever."""


def all_free(*connections: Connection) -> bool:
    """Whether another thread gets all that a fork takes, as it does where no fork is under way."""

    def take_all() -> bool:
        return all(
            connection.exclusively(lambda: True, timeout=PROMPT) for connection in connections
        ) and isinstance(connect(open_noted, {}), Noted)

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(take_all).result(PROMPT)


@pytest.fixture
def reported(monkeypatch) -> list[BaseException]:
    """What Python can only report, as it does with what is raised beside a fork."""
    errors: list[BaseException] = []
    monkeypatch.setattr("sys.unraisablehook", lambda report: errors.append(report.exc_value))
    return errors


def test_a_connection_that_raises_before_a_fork_leaves_no_lock_taken(reported):
    class Raising(Noted):
        def before_fork(self) -> None:
            raise LookupError

    def open_raising(*, name: str = "") -> Raising:
        return Raising()

    openers: list[Opener] = [open_noted, open_raising, open_noted]
    around = [connect(opener, {"name": str(place)}) for place, opener in enumerate(openers)]
    for _ in range(2):
        with fork(all_free, *around) as child:
            assert child.result(PROMPT)
        assert all_free(*around)
    assert [type(exc) for exc in reported] == [LookupError] * 2
    for noted in (around[0], around[2]):
        assert isinstance(noted, Noted)
        assert noted.told.count("before fork") == 2  # whatever the one between them did


@pytest.mark.usefixtures("unmeasured")
def be_forked(came: list[BaseException] | None = None) -> None:
    """Call what Python calls in a parent; what an interrupt raises there it reports, and goes on.

    No real fork: modules of Python's own have hooks that cannot be interrupted, nor nested.
    """
    for hook in (connections._before_fork, connections._release, connections._after_fork):
        try:
            hook()
        except KeyboardInterrupt as exc:
            if came is not None:
                came.append(exc)


@pytest.mark.usefixtures("unmeasured")
def test_an_interrupt_at_any_moment_of_a_fork_leaves_no_lock_taken(tmp_path):
    store = Store("a", "SQLite", path=tmp_path / "doc.sqlite", durability="process")
    noted = connect(open_noted, {"name": "interrupted"})
    came: list[BaseException] = []
    for moment, _ended in enumerate(interruptions(lambda: be_forked(came), KeyboardInterrupt)):
        store["a"] = moment
        assert all_free(noted, store._connection)
    assert len(came) > 50


def test_a_handler_may_fork_while_its_thread_is_about_to_fork():
    class Forking(Noted):
        def before_fork(self) -> None:
            super().before_fork()
            if len(self.told) == 1:
                be_forked()  # as a handler may that a signal calls here

    def open_forking() -> Forking:
        return Forking()

    around = [
        connect(open_noted, {"name": "first"}),
        connect(open_forking, {}),
        connect(open_noted, {"name": "last"}),
    ]
    be_forked()
    assert all_free(*around)


def test_of_two_threads_that_fork_at_once_one_may_be_in_the_middle_of_a_write():
    """As a handler is. The other one waits for that write, so it must not be waited for."""

    class Waited(Noted):
        def before_fork(self) -> None:
            others_turn.set()
            super().before_fork()

    def open_waited() -> Waited:
        return Waited()

    others_turn, writing = threading.Event(), threading.Event()
    waited = connect(open_waited, {})

    def write_and_fork() -> bool:
        writing.set()
        assert others_turn.wait(PROMPT)
        be_forked()
        return True

    with ThreadPoolExecutor(2) as pool:
        written = pool.submit(waited.exclusively, write_and_fork)
        assert writing.wait(PROMPT)
        forked = pool.submit(be_forked)
        assert written.result(PROMPT)
        forked.result(PROMPT)
    assert all_free(waited)


def test_opening_does_no_io(tmp_path):
    """A service starts while its medium is down; the first operation finds out."""
    path = tmp_path / "not yet" / "doc.sqlite"
    options = {"backend": "SQLite", "path": path}

    store, counter = Store("a", **options), Counter("b", **options)
    Store("a", writeback=True, **options)
    assert store.durability == counter.durability == "power"
    assert str(path) in repr(store)
    assert str(path) in repr(counter)

    assert os.listdir(tmp_path) == []
    store["a"] = 1
    assert os.listdir(path.parent)
