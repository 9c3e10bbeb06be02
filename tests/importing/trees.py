"""What a folder holds, byte by byte: a source is as it was when it was read."""

from pathlib import Path


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return the rights and bytes of all files in *folder*."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mode, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }
