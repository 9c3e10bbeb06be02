"""The layout of the SQLite file, to be read with any SQLite tool.

One file holds all collections and counters::

    SELECT key, record FROM records WHERE collection = 'tickets';
    SELECT name, value FROM counters;

An entry's ``seq`` is its collection's id * 2**40 + n, with n counting up from 1. So the entries of
a collection lie together in the order of insertion without an index for it, and its size is the
newest n less the ``holes``, the numbers below it that are free: a new entry, the commonest write
of all, touches no second table.

A collection's row outlives its drop, for other processes know its id.

The checks and triggers bind whoever writes with another tool: no row counts for two collections,
and no number is given twice. Files that were made before there were any are as good without them.
"""

import sqlite3
from contextlib import suppress
from pathlib import Path

APPLICATION_ID = 0x4E50_5844
"""``NPXD``, in the header of every file of ours."""

VERSION = 1
"""Looked for in the file alone: whoever raises it copies the log to the file before all else."""

COOKIES = 2**31
"""So many numbers the schema cookie takes, which `log` uses."""

ALONE = "mode=ro&immutable=1"
"""How SQLite opens a file without its log; by ``immutable=1`` alone it would create one."""

ALL = "SELECT 1 FROM collections, entries, counters LIMIT 0"
"""Fails unless all tables are there."""

SCHEMA = """
CREATE TABLE collections (
    id    INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND 8388607),
    name  TEXT NOT NULL UNIQUE,
    holes INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE entries (
    seq        INTEGER PRIMARY KEY,
    collection INTEGER NOT NULL REFERENCES collections,
    key        TEXT NOT NULL CHECK (key <> ''),
    record     BLOB NOT NULL,
    UNIQUE (collection, key),
    CHECK (collection > 0 AND collection = seq >> 40 AND seq & 1099511627775)
) STRICT;
CREATE TRIGGER holes AFTER DELETE ON entries BEGIN
    UPDATE collections SET holes = holes + 1 - max(0, old.seq - coalesce(
        (SELECT max(seq) FROM entries WHERE seq > id << 40 AND seq < (id + 1) << 40), id << 40
    )) WHERE id = old.collection;
END;
CREATE TRIGGER number_kept BEFORE DELETE ON collections BEGIN
    SELECT raise(ABORT, 'a collection keeps its number: processes hold it');
END;
CREATE TRIGGER name_kept BEFORE UPDATE OF id, name ON collections BEGIN
    SELECT raise(ABORT, 'a collection keeps its number and name: processes hold them');
END;
CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE VIEW records AS
    SELECT name AS collection, key, CAST(record AS TEXT) AS record
    FROM entries JOIN collections ON collections.id = entries.collection;
"""


def cookie_of(path: Path) -> int | None:
    """Return the cookie of the file alone, without the log; None if it is none of ours."""
    with suppress(sqlite3.Error):
        file = sqlite3.connect(f"{path.absolute().as_uri()}?{ALONE}", uri=True)
        try:
            (application,) = file.execute("PRAGMA application_id").fetchone()
            if application == APPLICATION_ID:
                return cookie_in(file)
        finally:
            file.close()
    return None


def cookie_in(file: sqlite3.Connection) -> int:
    """Return the cookie that *file* shows."""
    return int(file.execute("PRAGMA schema_version").fetchone()[0]) % COOKIES
