"""The journal of a batch: several files of a folder are replaced and removed, all or none.

All new files are staged aside, then ``.journal`` is written, which names the renames and removals
to be made: with it the batch is decided. Whoever finds a journal finishes it before anything
else. Nothing that may fail for want of space comes after it.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress

import msgspec

from napixd_store.backends.files import document
from napixd_store.backends.files.folder import Folder
from napixd_store.disk import NotThere
from napixd_store.errors import CorruptData, OutcomeUnknown, StoreError

NAME = ".journal"


class _Journal(msgspec.Struct):
    rename: dict[str, str]
    delete: list[str]


_NOTHING = _Journal({}, [])
_journal_of = msgspec.json.Decoder(_Journal).decode


def replace_all(
    folder: Folder, files: Iterable[tuple[str, bytes | None]], what: Mapping[str, str]
) -> None:
    """Let each of *files*, by name, hold its data, or be gone without; *what* is the folder's.

    Raises:
        OutcomeUnknown: it is decided, but not finished.
    """
    try:
        journal = _staged(folder, files)
        if journal == _NOTHING:
            return
        body = document.write(what, "changes", msgspec.json.encode(journal))
        folder.replace(NAME, body)
    except BaseException:
        if not folder.has(NAME):  # else it is decided, so what it names must stand
            folder.clear()
        raise
    try:
        _carry_out(folder, journal)
    except StoreError as exc:
        raise OutcomeUnknown(
            f"{folder.path}: a write of several files is decided but not finished: the next "
            f"read or write finishes it"
        ) from exc


def tidy(folder: Folder, what: Mapping[str, str]) -> None:
    """Finish or undo what a writer left that was killed or interrupted."""
    data, path = folder.read(NAME), folder.path_of(NAME)
    if data is not None:
        journal = _read(data, what, path)
        try:
            _carry_out(folder, journal)
        except StoreError as exc:
            raise type(exc)(f"a write that was interrupted cannot be finished: {exc}") from exc
    folder.clear()


def _staged(folder: Folder, files: Iterable[tuple[str, bytes | None]]) -> _Journal:
    journal = _Journal({}, [])
    for name, data in files:
        if data is None:
            journal.delete.append(name)
        else:
            journal.rename[folder.stage(name, data)] = name
    return journal


def _read(data: bytes, what: Mapping[str, str], path: str) -> _Journal:
    try:
        journal = _journal_of(document.read(data, what, "changes", path))
    except msgspec.MsgspecError as exc:
        raise CorruptData(f"{path}: it lists no changes; it was left as it is") from exc
    names = [*journal.rename, *journal.rename.values(), *journal.delete]
    if any("/" in name for name in names):
        raise CorruptData(f"{path}: it names another folder; it was left as it is")
    return journal


def _carry_out(folder: Folder, journal: _Journal) -> None:
    """Make the changes of *journal*, then remove it; to begin again does no harm."""
    for aside, name in journal.rename.items():
        with suppress(NotThere):  # renamed already, before the crash
            folder.rename(aside, name)
    for name in journal.delete:
        folder.unlink(name)
    folder.settle()
    folder.unlink(NAME)
    folder.settle()
