"""Power cuts, made for real: of what was acknowledged nothing is lost, and all can be read."""

import functools
import random

import pytest

from tests.harness.power import Disk, disk, need_power_cuts
from tests.harness.writers import (
    CounterWriter,
    DirectoryWriter,
    FileTransferWriter,
    FileWriter,
    Interrupted,
    LeaseWriter,
    RenameWriter,
    SQLiteTransferWriter,
    SQLiteWriter,
    Tally,
    Writer,
)
from tests.sizes import size

pytestmark = pytest.mark.lab

WRITERS = [FileWriter, DirectoryWriter, CounterWriter, LeaseWriter, SQLiteWriter]
WRITERS += [FileTransferWriter, SQLiteTransferWriter]


def cut_again_and_again(disk: Disk, kind: type[Writer], cuts: int, seed: int) -> Tally:
    print(f"{kind.__name__}: seed {seed}")  # noqa: T201 - pytest shows it if the test fails
    chance = random.Random(seed)
    writer = Interrupted(kind, disk.folder / "data", chance)
    for _ in range(cuts):
        writer.once(functools.partial(disk.cut, flush_journal=chance.random() < 0.5))
        disk.unmount()
        disk.mount()
    writer.look()
    return writer.tally


def no_acknowledged_write_is_lost(tmp_path, kind: type[Writer], cuts: int) -> None:
    with disk(tmp_path) as mounted:
        tally = cut_again_and_again(mounted, kind, cuts, random.randrange(2**32))
    print(tally)  # noqa: T201 - pytest shows it if the test fails
    assert tally.interruptions == cuts
    assert tally.acknowledged >= cuts
    assert (tally.lost, tally.unreadable) == (0, 0)


@pytest.fixture(autouse=True)
def _power(tmp_path):
    (tmp_path / "probe").mkdir()
    need_power_cuts(tmp_path / "probe")


@pytest.mark.parametrize("kind", WRITERS)
def test_no_power_cut_loses_an_acknowledged_write(kind, tmp_path):
    no_acknowledged_write_is_lost(tmp_path, kind, size(quick=10, full=30))


@pytest.mark.torture
@pytest.mark.parametrize("kind", WRITERS)
def test_none_of_a_thousand_power_cuts_loses_an_acknowledged_write(kind, tmp_path):
    no_acknowledged_write_is_lost(tmp_path, kind, 1_000)


def test_the_same_power_cuts_ruin_a_rename_without_fsync(tmp_path):
    with disk(tmp_path) as mounted:
        tally = cut_again_and_again(mounted, RenameWriter, 20, seed=1)
    assert tally.lost > 0
    assert tally.unreadable > 0
