"""Records on their way: some at a time, and whether they can go where they are to go."""

import re
from collections.abc import Iterable, Iterator

import msgspec

from napixd_store.stack import elsewhere

_BYTES = 2**20
_RECORDS = 2_000

_json = msgspec.json.Decoder(msgspec.Raw).decode
_SIGNED = re.compile(rb'(?:\{"\$until":\[(?:[0-9]+|null),)?\{"\$pickle":')


def batches(pairs: Iterable[tuple[str, bytes]]) -> Iterator[dict[str, bytes]]:
    """Yield *pairs* in dicts of some thousands, or of a megabyte and one record."""
    batch: dict[str, bytes] = {}
    size = 0
    for text, record in pairs:
        batch[text] = record
        size += len(text) + len(record)
        if size >= _BYTES or len(batch) >= _RECORDS:
            yield batch
            batch, size = {}, 0
    if batch:
        yield batch


def is_json(record: bytes) -> bool:
    """Return whether *record* is JSON text, which every backend can keep."""
    try:
        record.decode()
        _json(record)
    except RecursionError:
        try:
            return elsewhere(ValueError("nested too deeply"), is_json, record)
        except ValueError:
            return False
    except ValueError:
        return False
    return True


def is_signed(record: bytes) -> bool:
    """Return whether *record* is a signed pickle, which is readable under one backend alone."""
    return _SIGNED.match(record) is not None
