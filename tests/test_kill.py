"""kill -9 at any moment, again and again: nothing acknowledged is lost, no number comes twice."""

import os
import random
import struct

import pytest

from napixd_store import Counter
from tests.harness.writers import (
    CounterWriter,
    DirectoryWriter,
    FileWriter,
    Interrupted,
    LeaseWriter,
    SQLiteWriter,
    Writer,
    kill,
)
from tests.processes import fork
from tests.sizes import size

WRITERS = [FileWriter, DirectoryWriter, CounterWriter, LeaseWriter, SQLiteWriter]


def no_acknowledged_write_is_lost(folder, kind: type[Writer], kills: int) -> None:
    seed = random.randrange(2**32)
    print(f"{kind.__name__}: seed {seed}")  # noqa: T201 - pytest shows it if the test fails
    writer = Interrupted(kind, folder, random.Random(seed))
    for _ in range(kills):
        writer.once(kill)
    writer.look()
    print(writer.tally)  # noqa: T201 - pytest shows it if the test fails
    assert writer.tally.interruptions == kills
    assert writer.tally.acknowledged >= kills
    assert (writer.tally.lost, writer.tally.unreadable) == (0, 0)


@pytest.mark.parametrize("kind", WRITERS)
def test_no_kill_loses_an_acknowledged_write(kind, tmp_path):
    no_acknowledged_write_is_lost(tmp_path, kind, size(quick=12, full=50))


@pytest.mark.torture
@pytest.mark.parametrize("kind", WRITERS)
def test_none_of_two_thousand_kills_loses_an_acknowledged_write(kind, tmp_path):
    no_acknowledged_write_is_lost(tmp_path, kind, 2_000)


@pytest.mark.parametrize(
    ("options", "lease"),
    [
        ({"backend": "File", "root": "it"}, 1),
        ({"backend": "File", "root": "it"}, 5),
        ({"backend": "SQLite", "path": "it.sqlite"}, 1),
        ({"backend": "SQLite", "path": "it.sqlite"}, 5),
    ],
)
def test_no_number_comes_twice_while_others_who_count_are_killed(
    options, lease, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    read, write = os.pipe()

    def count() -> None:
        counter = Counter("ids", lease=lease, **options)
        while True:
            os.write(write, struct.pack("q", counter.increment()))

    chance = random.Random(0)
    numbers: list[int] = []
    with fork(count):
        for _ in range(20):
            with fork(count) as victim:
                for _ in range(chance.randrange(5, 25)):
                    numbers += struct.unpack("q", os.read(read, 8))
                victim.kill()
    os.close(write)
    while part := os.read(read, 8):
        numbers += struct.unpack("q", part)
    os.close(read)

    assert len(set(numbers)) == len(numbers)
    assert max(numbers) - len(numbers) <= 21 * lease  # of each who was killed, a lease at most
    assert Counter("ids", **options).value - max(numbers) <= 2 * lease
