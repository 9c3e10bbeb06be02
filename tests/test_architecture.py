"""The folders are the architecture: imports only go down, and there is one door."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import napixd_store
import napixd_store_bottle

ROOT = Path(__file__).parents[1]

FLOORS: list[list[str]] = [
    ["napixd_store.errors"],
    ["napixd_store.places", "napixd_store.stack", "napixd_store.integers", "napixd_store.progress"],
    [
        "napixd_store.names",
        "napixd_store.changes",
        "napixd_store.deadline",
        "napixd_store.etags",
        "napixd_store.options",
        "napixd_store.processes",
        "napixd_store.disk",
        "napixd_store.original",
    ],
    [
        "napixd_store.serializers",
        "napixd_store.exclusive",
        "napixd_store.reopening",
        "napixd_store.urls",
        "napixd_store.filesystems",
    ],
    ["napixd_store.leases"],
    ["napixd_store.connections"],
    ["napixd_store.counter", "napixd_store.engine"],
    ["napixd_store.base", "napixd_store.unit_of_work"],
    ["napixd_store.backends"],
    ["napixd_store.resolve"],
    ["napixd_store.importing"],
    ["napixd_store.settings", "napixd_store.signatures", "napixd_store.testing"],
    ["napixd_store.opening"],
    ["napixd_store.declarations", "napixd_store.listing"],
    ["napixd_store.ini"],
    ["napixd_store.app_stores"],
    ["napixd_store.scripts"],
    ["napixd_store.operations"],
    ["napixd_store.archive"],
    ["napixd_store.cli"],
    ["napixd_store.__main__"],
    ["napixd_store"],
    ["napixd_store_bottle"],
    ["sample_app"],
]
"""From the ground up; a module imports from below its own floor, or inside its own folder."""

DRIVERS = {
    "redis": {"backends"},
    "sqlite3": {"backends", "importing"},
    "bottle": {"napixd_store_bottle"},
}
"""Third module -> the only folders that may import it."""

MODULES = sorted(
    path
    for package in ("napixd_store", "napixd_store_bottle")
    for path in ROOT.glob(f"{package}/**/*.py")
)


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            assert node.module
            for alias in node.names:
                deeper = f"{node.module}.{alias.name}"
                yield (
                    deeper
                    if (ROOT / deeper.replace(".", "/")).with_suffix(".py").exists()
                    else node.module
                )


def floor(module: str) -> tuple[int, str]:
    """Return the floor of *module*, and the name on the list that puts it there."""
    if module == "napixd_store":
        return FLOORS.index(["napixd_store"]), module
    names = [
        (i, name) for i, names in enumerate(FLOORS) for name in names if name != "napixd_store"
    ]
    for i, name in names:
        if module == name or module.startswith(f"{name}."):
            return i, name
    raise AssertionError(f"{module} stands on no floor: give it one")


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_imports_only_go_down(path: Path):
    mine, room = floor(dotted(path))
    for module in imported(path):
        if module.split(".")[0] in ("napixd_store", "napixd_store_bottle", "sample_app"):
            theirs, other = floor(module)
            assert theirs < mine or other == room, f"{dotted(path)} imports {module}"


@pytest.mark.parametrize("path", sorted(ROOT.glob("napixd_store/backends/**/*.py")), ids=dotted)
def test_a_backend_knows_no_other_backend(path: Path):
    family = path.relative_to(ROOT / "napixd_store/backends").with_suffix("").parts[0]
    for module in imported(path):
        if module.startswith("napixd_store.backends."):
            assert module.split(".")[2] == family, f"{dotted(path)} imports {module}"


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_a_driver_is_imported_by_its_own_folders_alone(path: Path):
    for module in imported(path):
        folders = DRIVERS.get(module.split(".")[0])
        assert folders is None or folders.intersection(path.parts), (
            f"{dotted(path)} imports {module}"
        )


@pytest.mark.parametrize(
    "door", [napixd_store, napixd_store_bottle], ids=lambda door: door.__name__
)
def test_all_is_the_door(door):
    """What `__all__` lists is what the module imports for others, no more and no less."""
    (path,) = door.__path__
    tree = ast.parse((Path(path) / "__init__.py").read_text())
    offered = [
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    assert sorted(offered) == sorted(door.__all__)
    assert all(hasattr(door, name) for name in door.__all__)


def test_every_error_is_at_the_door():
    errors = ast.parse((ROOT / "napixd_store/errors.py").read_text())
    named = {node.name for node in errors.body if isinstance(node, ast.ClassDef)}
    assert named <= set(napixd_store.__all__)


def test_pickles_are_read_in_one_place():
    reads = re.compile(r"pickle\.loads?\(|Unpickler\(|marshal\.loads?\(|\beval\(|\bexec\(")
    found = [
        f"{dotted(path)}: {match.group()}"
        for path in MODULES
        for match in reads.finditer(path.read_text())
    ]
    assert found == ["napixd_store.serializers.pickled: pickle.loads("]
