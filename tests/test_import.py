"""What `import napixd_store` brings with it, and what it costs."""

import os
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median

NEVER = [
    "redis",
    "bottle",
    "sqlite3",
    "hashlib",
    "pickle",
    "inspect",
    "pytest",
    "click",
    "rich",
    "pathlib",
    "random",
    "dataclasses",
    "urllib.parse",
]
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


def test_an_operation_loads_nothing_for_that_might_fail_when_all_is_written():
    program = """
import sys
from napixd_store import Store, transaction
store = Store("a", backend="Memory")
loaded = set(sys.modules)
store["x"] = {"n": [1]}
store.put("k", 1, expires_in=60), store.touch("k", expires_in=None), store.incr("n")
store.add("k", 2), store.compute("n", lambda n: n + 1), store.update(y=2), store.sweep()
with store.edit("x") as value:
    value["n"].append(2)
with transaction(store):
    store["z"] = store["x"]
list(store.range()), list(store.items()), store.snapshot(), store.pop("y")
assert len(store) == 4
store.drop()
assert set(sys.modules) == loaded, set(sys.modules) - loaded
"""
    subprocess.run([sys.executable, "-c", program], check=True)


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
    """The only test that times: a promise, in seconds of the processor. A machine changes its pace
    from one second to the next, so that each import is held against its neighbour; medians."""
    environment = environment_of_a_user(tmp_path)
    for program in ("import msgspec", "import napixd_store"):  # compiles
        cpu_seconds(program, environment)
    ratios = []
    for _ in range(15):
        bare = cpu_seconds("pass", environment)
        msgspec = cpu_seconds("import msgspec", environment) - bare
        ratios.append((cpu_seconds("import napixd_store", environment) - bare) / msgspec)
    assert median(ratios) < 2
