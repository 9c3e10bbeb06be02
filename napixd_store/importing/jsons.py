"""JSON: an object of pairs, as many programs dump their dicts, and as ``pickledb`` keeps them."""

import json
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from napixd_store.errors import CorruptData
from napixd_store.importing import files
from napixd_store.importing.entries import Entry, Malformed, Pair, Source, shown
from napixd_store.stack import elsewhere


def json_object(path: str | Path) -> Source:
    """Return what reads a file that holds one JSON object: each of its members is a pair.

    >>> from pathlib import Path
    >>> _ = Path("users.json").write_text('{"ann": {"mail": "ann@example.com"}}')
    >>> [pair] = json_object("users.json")()
    >>> pair.key, pair.value
    ('ann', {'mail': 'ann@example.com'})

    Raises, when it is read:
        CorruptData: it is not JSON, or no object.
        NotThere, ReadOnly: it cannot be read.
    """
    return partial(_members, Path(path))


def parsed(text: str | bytes) -> Any:
    """Return what the JSON *text* says.

    Raises:
        Malformed: it is not JSON, or says what no two readers understand alike.
    """
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_number)
    except Malformed:
        raise
    except RecursionError:
        return elsewhere(Malformed("it is nested too deeply"), parsed, text)
    except ValueError as exc:
        raise Malformed(f"it is not JSON ({exc})") from exc


def _members(path: Path) -> Iterator[Entry]:
    data = files.read(path)
    try:
        found = parsed(data)
    except Malformed as exc:
        raise CorruptData(f"{path}: {exc}; it was left as it is") from exc
    if type(found) is not dict:
        raise CorruptData(f"{path}: it holds a {type(found).__name__}, not an object of pairs")
    for key, value in found.items():
        yield Pair(f"{path}, {shown(key)}", key, value)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        twin = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise Malformed(f"an object has two members {twin[:100]!r}")
    return made


def _no_number(name: str) -> Any:
    raise Malformed(f"{name} is no number of JSON")
