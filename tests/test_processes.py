"""A fork is noticed by whoever made it, told of it or not, and everything is renewed once."""

import mmap
import os
import signal
import threading
from contextlib import suppress

import pytest

from napixd_store import processes
from tests.processes import Hung, Signal, fork_in_c, run_threads


def in_untold_child(check):
    """Return whether *check* is true in a child of a fork that Python is not told of.

    Where another thread asked for the interpreter's lock at that very moment, such a child waits
    in CPython for that thread, which it does not have, before any line of it runs. It is killed,
    and there is another one.
    """
    for _ in range(5):
        begun = Signal()
        pid = fork_in_c()
        if pid == 0:
            begun.send()
            code = 1
            try:
                code = 0 if check() else 2
            finally:
                os._exit(code)
        try:
            begun.wait(10)
        except Hung:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            continue
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    raise AssertionError("no child of five began")


@pytest.fixture(params=["page", "process id"])
def renewals(request, monkeypatch):
    """Return a list to which each renewal adds the process's id."""
    told = []
    if request.param == "page":
        assert isinstance(processes._here, mmap.mmap), "Linux clears the byte"
    else:
        monkeypatch.setattr(processes, "_here", processes._ByProcessId())
    monkeypatch.setattr(processes, "_renewals", [lambda: told.append(os.getpid())])
    return told


def test_an_fork_in_c_is_noticed_once(renewals):
    def noticed_once():
        processes.notice()
        processes.notice()
        return renewals == [os.getpid()]

    processes.notice()
    assert renewals == []
    assert in_untold_child(noticed_once)
    assert renewals == []


def test_a_child_of_a_child_notices_too(renewals):
    def noticed():
        processes.notice()
        return renewals[-1:] == [os.getpid()]

    assert in_untold_child(lambda: in_untold_child(noticed))
    assert in_untold_child(lambda: noticed() and in_untold_child(noticed))


def test_all_threads_wait_until_one_has_renewed(renewals):
    def pause():
        threading.Event().wait(0.1)

    def seen():
        processes.notice()
        return len(renewals)

    def once():
        processes._renewals.append(pause)
        return run_threads(seen, [()] * 8) == [1] * 8

    assert in_untold_child(once)


def test_a_renewal_that_was_cut_short_is_made_again(renewals):
    interrupts = [KeyboardInterrupt()]

    def interrupt():
        if interrupts:
            raise interrupts.pop()

    def again():
        processes._renewals.append(interrupt)
        with suppress(KeyboardInterrupt):
            processes.notice()
        processes.notice()
        return len(renewals) == 2 and bool(processes._here[0])

    assert in_untold_child(again)
