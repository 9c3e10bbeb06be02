"""Transactions among processes and after crashes: sums hold, and two collections never part."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from napixd_store import ConfigError, Conflict, Store, Unavailable, transaction
from napixd_store.connections import Connection
from tests.harness.writers import FileTransferWriter, Interrupted, SQLiteTransferWriter, kill
from tests.media import BACKENDS, Medium
from tests.processes import run, run_threads
from tests.sizes import size

ACCOUNTS = "abcde"
START = 100
MEMBERS = 6
TURNS = size(quick=25, full=250)

HANG = 600.0
"""Seconds for what takes some; a folder that is synced takes longest."""


@pytest.fixture(params=BACKENDS)
def through(request, tmp_path) -> Medium:
    return Medium(request.param, tmp_path, writeback=False)


def test_the_sum_of_five_accounts_holds_while_six_move_money_between_them(through):
    bank = through.store("bank")
    bank.update(dict.fromkeys(ACCOUNTS, START))
    together: Callable[..., list[Any]] = run_threads if through.backend == "Memory" else run

    moved = together(_move, [(through, who) for who in range(MEMBERS)], timeout=HANG)

    assert sum(moved) == MEMBERS * TURNS
    assert bank.pop("moves") == MEMBERS * TURNS
    assert sum(bank.snapshot().values()) == START * len(ACCOUNTS)
    bank.drop()


def _move(medium: Medium, who: int) -> int:
    bank, chance, moved = medium.store("bank"), random.Random(who), 0
    while moved < TURNS:
        payer, payee = chance.sample(ACCOUNTS, 2)
        try:
            with transaction(bank) as inside:
                amount = chance.randrange(1 + inside[payer])
                inside[payer] -= amount
                inside[payee] += amount
                inside.incr("moves")
            moved += 1
        except (Conflict, Unavailable):
            pass
        if moved % 5 == 0:
            _check(bank)
    return moved


def _check(bank: Any) -> None:
    """See that no money is on its way, or nowhere."""
    if type(bank).__name__ != "DirectoryStore":  # its readers may see half of a write
        seen = bank.snapshot()
        assert sum(seen[account] for account in ACCOUNTS) == START * len(ACCOUNTS)
    try:
        with transaction(bank) as inside:
            seen = inside.get_many(ACCOUNTS)
        assert sum(seen.values()) == START * len(ACCOUNTS)
    except Conflict:
        pass


@pytest.mark.parametrize("kind", [FileTransferWriter, SQLiteTransferWriter])
def test_no_kill_parts_two_collections(kind, tmp_path):
    seed = random.randrange(2**32)
    print(f"{seed=}")  # noqa: T201 - pytest shows it if the test fails
    writer = Interrupted(kind, tmp_path, random.Random(seed))
    for _ in range(kills := size(quick=10, full=60)):
        writer.once(kill)
    writer.look()
    assert writer.tally.interruptions == kills
    assert writer.tally.acknowledged >= kills
    assert (writer.tally.lost, writer.tally.unreadable) == (0, 0)


def test_stores_that_do_not_share_a_connection_are_refused_with_both_places(tmp_path):
    first = Store("first", "SQLite", path=tmp_path / "first.sqlite")
    for second in (
        Store("second", "SQLite", path=tmp_path / "second.sqlite"),
        Store("second", "Memory"),
    ):
        with pytest.raises(ConfigError) as caught, transaction(first, second):
            raise AssertionError("the block is not entered")
        for store in (first, second):
            assert store._connection.place in str(caught.value)
    assert not (tmp_path / "first.sqlite").exists()


def test_a_file_and_a_folder_are_not_written_as_one(tmp_path):
    file = Store("file", "File", root=tmp_path, writeback=False)
    folder = Store("folder", "Directory", root=tmp_path)
    with pytest.raises(ConfigError, match="DirectoryStore"), transaction(file, folder):
        raise AssertionError("the block is not entered")


def test_a_backend_without_the_optional_verb_says_so():
    assert "one store at a time" in str(Connection().apart([]))
