"""Faults put into the code on purpose: quick tests find each of them.

A fault that passes shows a test that is too small, or missing. All of it is done in a copy of the
project.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.sizes import FULL

ROOT = Path(__file__).parents[1]
HUNG = 1_800.0
"""Seconds."""
TRIES = 3
"""Whether two threads meet depends on what else the machine does."""


class Fault(NamedTuple):
    """In *file*, *wrong* stands where *right* did; *tests* are to notice."""

    file: str
    right: str
    wrong: str
    tests: str

    def __str__(self) -> str:
        return f"{self.file}: {self.right.strip()}"


PAIRS = "test_names.py::test_no_two_keys_share_a_text"
MEDIUM = "test_names.py::test_what_differs_in_code_differs_in_the_medium"
VALUES = "test_values.py::test_every_generated_value_comes_back_or_is_refused"
STEPS = "test_state_machine.py::test_a_store_differs_from_a_dict_in_no_step"
VERSIONS = ONCE = ORDER = "test_contract.py::TestSQLiteStore"
SUMS = "test_atomicity.py::test_every_incr_of_a_key_counts_and_no_sum_is_given_twice"
EDITS = "test_atomicity.py::test_no_edit_is_lost_when_the_caller_repeats_it_on_conflict"
NUMBERS = "test_counters.py::test_the_increments_of_each_are_all_different_and_leave_no_gap"
SAVES = "test_files.py::test_of_saves_of_one_key_by_eight_processes_each_counts_or_is_a_conflict"
MEMORY = "test_large.py::test_iterating_over_a_million_records_takes_little_memory"
KILLS = "test_syscalls.py::test_whoever_is_killed_leaves_the_old_or_the_new_state_and_no_debris"
ERRORS = "test_syscalls.py::test_a_call_that_fails_once_is_one_error_and_changes_nothing"
ERASING = "test_sqlite_erasing.py"
SHORT = "test_syscalls.py::test_what_a_short_write_left_out_is_written_next"
CUTS = "test_power_cut.py::test_no_power_cut_loses_an_acknowledged_write"
REPLIES = "redis/test_lost_replies.py::test_a_lost_reply_is_never_a_silent_double"
FLEETS = (
    "redis/test_crowds.py::test_a_partition_duplicates_and_loses_no_number_that_replicas_confirmed"
)
CACHE = "redis/test_cache.py"
KEPT = f"{CACHE}::test_what_was_seen_or_written_here_is_never_contradicted"

FAULTS = [
    # Two keys, or two names, become one.
    Fault("names.py", "LENGTH:\n            return key if key[0] != _MARK else _MARK + key", "LENGTH:\n            return key", PAIRS),
    Fault("names.py", "        if key[0] == _MARK:\n            break\n", "", MEDIUM),
    Fault("backends/files/filenames.py", "[a-z0-9_=-][a-z0-9_", "[a-z0-9_=-][A-Za-z0-9_", "test_files.py"),
    Fault("backends/files/filenames.py", "for place in (0, -1):", "for place in (0,):", "test_files.py"),
    Fault("backends/redis/names.py", '"%": "%25", ', "", "redis/test_names.py"),
    # A value comes back as another one.
    Fault("serializers/tags.py", 'len(value) != 1 or not name.startswith("$")', "True", VALUES),
    Fault("serializers/scalars.py", "value.fold or zone is not None else", "zone is not None else", VALUES),
    Fault("serializers/scalars.py", "value.seconds, value.microseconds]", "value.seconds, 0]", VALUES),
    Fault("serializers/tags.py", '"$frozenset": frozenset,', '"$frozenset": set,', VALUES),
    Fault("serializers/tagged.py", "if not -inf < member < inf:", "if False:", VALUES),
    # The working copy loses a change, its own or another's.
    Fault("engine/tracker.py", "return changes, {text: base.get(text, ABSENT) for text in asked}", "return changes, {}", STEPS),
    Fault("engine/tracker.py", "self.base = self.base.changed(changes)\n        self.unsure", "self.unsure", STEPS),
    Fault("engine/working_copy.py", "self._apply({text: now}, {}, {text: value})", "pass", "test_write_back.py"),
    # SQLite counts the holes in a collection wrongly.
    Fault("backends/sqlite/layout.py", "holes + 1 - max(0,", "holes + 1 - min(0,", STEPS),
    Fault("backends/sqlite/sql.py", "name IS NOT NULL AND EXISTS", "EXISTS", ERASING),
    Fault("backends/sqlite/sql.py", "SET name = NULL WHERE name = ?", "SET holes = 0 WHERE name = ?", ERASING),
    Fault("backends/sqlite/erasing.py", "        if erased < _AT_ONCE:\n    ", "", ERASING),
    Fault("backends/sqlite/store.py", "if new and last - newest > new:", "if False:", STEPS),
    Fault("backends/sqlite/store.py", "(last - newest - new, id)", "(last - newest, id)", STEPS),
    # Two who change one thing at once meet; one who reads much needs much.
    Fault("backends/sqlite/sql.py", 'REPLACE_IF = f"{REPLACE} AND record = ?"', 'REPLACE_IF = f"{REPLACE} AND ? IS NOT NULL"', SUMS),
    Fault("backends/redis/scripts/conditions.lua", "(token == 'p' or token == '=' .. record)", "true", EDITS),
    Fault("backends/memory.py", "self._connection.exclusively(self._add, by)", "self._add(by)", NUMBERS),
    Fault("backends/files/root.py", "fcntl.LOCK_EX", "fcntl.LOCK_SH", SAVES),
    Fault("backends/sqlite/store.py", "_FEWEST, _MOST = 10, 1000", "_FEWEST, _MOST = 10, 1_000_000", MEMORY),
    # A crash, a power cut or an error leaves what is neither old nor new.
    Fault("backends/files/directory.py", "if present and self._view.has(journal.NAME):", "if False:", KILLS),
    Fault("backends/files/folder.py", "            raise\n        self.settle()\n", "            raise\n", ERRORS),
    Fault("disk.py", "while rest:", "if rest:", SHORT),
    Fault("disk.py", "    os.fsync(descriptor)\n\n\n# --- folders", "\n\n# --- folders", CUTS),
    Fault("backends/sqlite/session.py", '"power": "FULL"', '"power": "OFF"', CUTS),
    # Who has just written is served before those who wait.
    Fault("backends/sqlite/queue.py", "goes_on or _taken(descriptor, self._since, 0) is None", "True", "test_sqlite_queue.py"),
    # Who writes with others gets another's result, or waits for nobody's commit.
    Fault("backends/sqlite/group.py", "if not cursor.connection.in_transaction:", "if False:", "test_sqlite_group.py"),
    Fault("backends/sqlite/shared.py", "self._line.move_to(writes)", "pass", "test_sqlite_group.py"),
    Fault("backends/sqlite/shared.py", "            session.settle()\n            return False", "            session.settle()\n            return True", "test_sqlite_group.py"),
    Fault("backends/sqlite/shared.py", "with self.lock:  # of who makes it: until then it is neither done nor not", "if self.lock:", "test_sqlite_group.py"),
    # A command is sent twice, or a promise of replicas is not waited for.
    Fault("backends/redis/attempts.py", "return failed.stage is Stage.SENDING or not writing", "return True", REPLIES),
    Fault("backends/redis/exchanges.py", "driven(stage, connection.read_response)", "driven(min(stage, Stage.SENDING), connection.read_response)", REPLIES),
    Fault("backends/redis/durability.py", "if confirmed >= replicas:", "if confirmed >= 0:", FLEETS),
    # Another version is taken for the one that somebody saw.
    Fault("etags.py", '("", "W/") if weak else ("",)', '("", "W/")', "test_etags.py"),
    Fault("engine/versions.py", "etag(bare(record))", "etag(record)", VERSIONS),
    Fault("engine/versions.py", "            self._copy.encode(text)\n", "            pass\n", VERSIONS),
    Fault("engine/time.py", "self._put({text: value}, {text: found}, ends)", "self._put({text: value}, {}, ends)", VERSIONS),
    # What a block read is not looked at again, or two collections get their parts in two steps.
    Fault("engine/tracker.py", "asked = changes if self.whole else self.read", "asked = changes", ONCE),
    Fault("engine/draft.py", "            self.exclusively(self._note, {text: record})\n", "            self._loaded().records.setdefault(text, record)\n", ONCE),
    Fault("engine/commit.py", "        writes[0][0]._connection.write_all(writes)\n", "        for store, *change in writes:\n            store._write(*change)\n", ONCE),
    Fault("backends/redis/scripts/several.lua", "  if #refused > 0 then return", "  if i == 1 and #refused > 0 then return", "redis/test_contract.py"),
    # A page begins or ends at the wrong key.
    Fault("names.py", '"-" + _BELOW]', '"-" + _BELOW[::-1]]', ORDER),
    Fault("names.py", "digits.translate(_NINE_LESS)\n        raise", "digits\n        raise", ORDER),
    Fault("engine/order.py", 'return text + "\\0"', "return text", ORDER),
    Fault("engine/order.py", "high = min(high, encode_key(after))", "high = min(high, _behind(encode_key(after)))", ORDER),
    Fault("engine/order.py", "high = encode_key(before)", "high = _behind(encode_key(before))", ORDER),
    Fault("backends/sqlite/sql.py", "AND key >= ? AND key < ? ", "AND key >= ? AND key <= ? ", ORDER),
    Fault("backends/sqlite/sql.py", "dead.until <= ? ", "dead.until <= -? ", ORDER),
    Fault("backends/redis/scripts/key_page.lua", "'[' .. ARGV[2], '(' .. ARGV[3]", "'[' .. ARGV[2], '[' .. ARGV[3]", "redis/test_contract.py::TestRedisKeyStore"),
    # A record that is kept is given though it has changed.
    Fault("backends/redis/caching.py", "*command, footing=footing)\n        finally:\n            self.cache.doubt()", "*command, footing=footing)\n        finally:\n            pass", f"{CACHE}::test_what_was_seen_is_believed_though_the_word_of_its_change_is_late"),
    Fault("backends/redis/caching.py", "writing=writing, footing=footing)\n        finally:\n            self.cache.doubt()", "writing=writing, footing=footing)\n        finally:\n            pass", f"{CACHE}::test_what_was_seen_is_believed_though_the_word_of_its_change_is_late"),
    Fault("backends/redis/records.py", "entry is None or entry[0] is not self._marks.get(name)", "entry is None", KEPT),
    Fault("backends/redis/tracked.py", "sent + TRUSTED, doubt", "sent + 1_000, doubt", f"{CACHE}::test_a_network_that_fell_silent_hides_a_change_for_a_moment_only"),
    Fault("backends/redis/cache.py", " or tracked.way is not self._pool.way", "", "redis/test_fleets.py::test_a_demoted_master_is_left"),
    # A number that is held is given twice.
    Fault("leases.py", "begin_anew()\n        self._one_moment = threading.RLock()\n        self.forget()", "begin_anew()", "test_leases.py"),
    Fault("leases.py", "if owned(self._one_moment):", "if False:", "test_contract.py::TestSQLiteCounter"),
    Fault("leases.py", "self._held.pop(counter, None)", "pass", "test_contract.py::TestSQLiteCounter"),
    Fault("leases.py", "taken = max(by, size)", "taken = size", "test_contract.py::TestSQLiteCounter"),
    # What is given is taken for something else, or for less.
    Fault("engine/values.py", "if len(record) > self._max_bytes:", "if len(record) > self._max_bytes + 1:", "test_contract.py"),
    Fault("options.py", "return type(value) is int", "return isinstance(value, int)", "test_options.py"),
    Fault("options.py", '"off": False, "0": False', '"off": False, "0": True', "test_options.py"),
    Fault("integers.py", "<= LARGEST:", "<= LARGEST + 1:", "test_counters.py"),
    Fault("backends/sqlite/counter.py", "value + excluded.value", "value + max(excluded.value, 1)", "test_contract.py"),
]  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a copy."""
    folder = tmp_path_factory.mktemp("mutations") / "project"
    return Path(shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".*", "__pycache__")))


@contextmanager
def faulty(project: Path, fault: Fault) -> Iterator[None]:
    """Have the *fault* in the copy during the block."""
    path = project / "napixd_store" / fault.file
    whole = path.read_text()
    path.write_text(whole.replace(fault.right, fault.wrong))
    try:
        yield
    finally:
        path.write_text(whole)


def run(project: Path, *tests: str) -> "subprocess.CompletedProcess[str]":
    """Run *tests* of the copy up to the first that fails; no smaller example is looked for."""
    quick = {name: value for name, value in os.environ.items() if name != FULL}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "--exitfirst", "--hypothesis-profile=hasty"]
        + [f"tests/{each}" for each in tests],
        cwd=project,
        env={**quick, "PYTHONPATH": str(project), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=HUNG,
    )


def test_what_each_fault_replaces_is_there_once():
    """Where the code has changed, put the fault elsewhere."""
    for fault in FAULTS:
        code = (ROOT / "napixd_store" / fault.file).read_text()
        assert code.count(fault.right) == 1, fault


@pytest.mark.torture
def test_without_a_fault_the_tests_pass(project: Path):
    done = run(project, *dict.fromkeys(fault.tests for fault in FAULTS))
    assert done.returncode == 0, done.stdout[-5_000:]


@pytest.mark.torture
@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_fault_is_found(project: Path, fault: Fault):
    with faulty(project, fault):
        tries = (run(project, fault.tests) for _ in range(TRIES))
        done = next((each for each in tries if each.returncode != 0), None)
    assert done is not None, "no test noticed"
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout[-5_000:]
