"""What `import napixd_store` brings with it, and what it costs."""

import os
import resource
import subprocess
import sys
from pathlib import Path

NEVER = ["redis", "bottle", "sqlite3", "hashlib", "pickle", "inspect", "pytest", "click", "rich"]
"""Drivers, frameworks and what only errors and special requests need. (msgspec loads some.)"""


def modules_after(program: str) -> set[str]:
    script = f"{program}\nimport sys; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    return set(result.stdout.decode().split())


def test_the_import_brings_no_driver_and_no_framework():
    brought = modules_after("import napixd_store") - modules_after("import msgspec")
    assert not brought & set(NEVER)


def test_importing_a_backend_brings_only_its_own_driver():
    brought = modules_after("import napixd_store.backends.memory") - modules_after("import msgspec")
    assert not brought & {"redis", "bottle", "sqlite3"}


def test_the_plugin_without_bottle_says_what_to_install():
    program = "import sys; sys.modules['bottle'] = None; import napixd_store_bottle"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert result.stderr.decode().splitlines()[-1] == (
        "ImportError: napixd_store_bottle needs Bottle, which is not installed: "
        "pip install 'bottle>=0.13'"
    )


def environment_of_a_user(bytecode: Path) -> dict[str, str]:
    """Compiled modules, as pip leaves them."""
    compiled = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(bytecode)}
    return {**os.environ, **compiled}


def cpu_seconds(program: str, environment: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_the_import_costs_less_than_twice_that_of_msgspec(tmp_path):
    """The only test that times: a promise. Of many interleaved runs the cheapest of each counts,
    in seconds of the processor, so that a busy machine changes nothing."""
    environment = environment_of_a_user(tmp_path)
    programs = ["pass", "import msgspec", "import napixd_store"]
    costs: dict[str, list[float]] = {program: [] for program in programs}
    for _ in range(12):
        for program in programs:
            costs[program].append(cpu_seconds(program, environment))
    bare, msgspec, ours = (min(costs[program]) for program in programs)
    assert ours - bare < 2 * (msgspec - bare)
